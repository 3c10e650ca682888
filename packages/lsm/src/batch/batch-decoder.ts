import { DELETE, type Kind, RANGE_DELETE } from '../kind.ts'
import { BATCH_BYTES_MAX } from './batch-encoder.ts'
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from './batch-header.ts'
import { EntryView, KEY_BYTES_MAX } from './entry.ts'

/** A whole, sound batch where it lies: views of the bytes it was read from. */
export interface Batch extends BatchHeader {
  readonly bytes: Buffer
  /** Where the entries start. */
  readonly start: number
  /** Where the batch ends. */
  readonly end: number
}

export type BatchVerdict =
  | { readonly ok: true; readonly batch: Batch }
  /** Not all of it is there: it takes `bytes` from its start. */
  | { readonly ok: false; readonly needs: number }
  | { readonly ok: false; readonly fault: string }

const entry = new EntryView()

/** Looks at every byte of the batch that starts at `at`. Never throws on input. */
export function decodeBatch(bytes: Buffer, at = 0, limit: number = bytes.length): BatchVerdict {
  const start = at + BATCH_HEADER_BYTES
  if (start > limit) return { ok: false, needs: BATCH_HEADER_BYTES }
  const header = readBatchHeader(bytes, at)
  if (typeof header === 'string') return { ok: false, fault: header }
  const { entriesBytes, count } = header
  if (BATCH_HEADER_BYTES + entriesBytes > BATCH_BYTES_MAX)
    return { ok: false, fault: `a batch of ${BATCH_HEADER_BYTES + entriesBytes} bytes` }
  const end = start + entriesBytes
  if (end > limit) return { ok: false, needs: BATCH_HEADER_BYTES + entriesBytes }
  let to = start
  for (let i = 0; i < count; i++) {
    if (!entry.read(bytes, to, end)) return { ok: false, fault: `entry ${i} of ${count} at ${to - at} is damaged` }
    if (entry.kind === RANGE_DELETE && entry.valueEnd - entry.valueStart > KEY_BYTES_MAX)
      return { ok: false, fault: `entry ${i} of ${count} at ${to - at} is damaged` }
    to = entry.end
  }
  if (to !== end) return { ok: false, fault: `${end - to} bytes after entry ${count} of ${count}` }
  return { ok: true, batch: { ...header, bytes, start, end } }
}

/** An entry of a batch as copies, for dumps and tests. */
export interface BatchEntry {
  readonly sequence: number
  readonly kind: Kind
  readonly key: Buffer
  /** Undefined for a deletion. */
  readonly value: Buffer | undefined
}

/** The entries of a sound batch, in order. */
export function* batchEntries(batch: Batch): Generator<BatchEntry, void> {
  const view = new EntryView()
  let at = batch.start
  for (let i = 0; i < batch.count; i++) {
    view.read(batch.bytes, at, batch.end)
    at = view.end
    const key = Buffer.from(batch.bytes.subarray(view.keyStart, view.keyEnd))
    const value = view.kind === DELETE ? undefined : Buffer.from(batch.bytes.subarray(view.valueStart, view.valueEnd))
    yield { sequence: batch.firstSequence + i, kind: view.kind, key, value }
  }
}
