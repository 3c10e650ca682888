import type { Batch } from '../batch/batch-decoder.ts'
import type { LogPlace } from '../batch/batch-encoder.ts'
import { BATCH_HEADER_BYTES } from '../batch/batch-header.ts'
import { copyBytes, EntryView } from '../batch/entry.ts'
import { BLOB, PUT } from '../kind.ts'
import { POINTER_BYTES, writePointer } from './blob-pointer.ts'
import type { Separation } from './separation.ts'

/** Where a batch that was read lies, and which of its values stay there. */
export interface SeparatedBatch {
  readonly separation: Separation
  readonly place: LogPlace
}

const view = new EntryView()

/**
 * Copies the entries of a batch to `into` from `at` on, those whose values are separated as entries of kind BLOB; returns where they end.
 * There is room for the entries and a pointer for each.
 */
export function copySeparated(batch: Batch, { separation, place }: SeparatedBatch, into: Buffer, at: number): number {
  const { bytes, start, end, count } = batch
  const { log, offset } = place
  const recordAt = start - BATCH_HEADER_BYTES
  let to = at
  let from = start
  for (let i = 0; i < count; i++) {
    view.read(bytes, from, end)
    const { kind, keyStart, keyEnd, valueStart, valueEnd } = view
    if (kind === PUT && separation.separates(bytes, keyStart, keyEnd, valueEnd - valueStart)) {
      into[to] = BLOB
      copyBytes(into, to + 1, bytes, from + 1, keyEnd)
      to += keyEnd - from
      into[to++] = POINTER_BYTES
      writePointer(into, to, 'log', log, offset + valueStart - recordAt, valueEnd - valueStart)
      to += POINTER_BYTES
    } else {
      copyBytes(into, to, bytes, from, valueEnd)
      to += valueEnd - from
    }
    from = valueEnd
  }
  return to
}

/** Bytes of the values of a batch that are separated. */
export function separatedBytesOf({ bytes, start, end, count }: Batch, separation: Separation): number {
  let sum = 0
  for (let i = 0, from = start; i < count; i++, from = view.valueEnd) {
    view.read(bytes, from, end)
    const { kind, keyStart, keyEnd, valueStart, valueEnd } = view
    if (kind === PUT && separation.separates(bytes, keyStart, keyEnd, valueEnd - valueStart))
      sum += valueEnd - valueStart
  }
  return sum
}
