import { EntryView } from '../batch/entry.ts'
import { PUT } from '../kind.ts'
import type { LogSource } from '../log/log-reader.ts'
import type { Op } from '../op.ts'
import { BLOB_HEADER_BYTES, checkBlobHeader } from './blob-format.ts'

/** An entry of a blob file; key and value are views that hold for the call. */
export interface BlobEntry {
  /** Of the entry in the file. */
  readonly offset: number
  readonly key: Buffer
  readonly value: Buffer
}

const WINDOW_BYTES = 1 << 20

/** Reads a blob file from its start, for people: as far as it can be read. */
export function* readBlobFile(
  file: LogSource,
  number: number,
  apply: (entry: BlobEntry) => void,
): Op<{ entries: number; fault: string | undefined }> {
  const view = new EntryView()
  let window: Buffer = Buffer.alloc(Math.min(file.size, BLOB_HEADER_BYTES))
  yield* file.read(0, window)
  const verdict = checkBlobHeader(window, number)
  if (!verdict.ok) return { entries: 0, fault: verdict.fault }
  let entries = 0
  let bytes = WINDOW_BYTES
  for (let offset = BLOB_HEADER_BYTES; offset < file.size; ) {
    window = Buffer.alloc(Math.min(bytes, file.size - offset))
    yield* file.read(offset, window)
    let at = 0
    while (view.read(window, at, window.length) && view.kind === PUT) {
      const key = window.subarray(view.keyStart, view.keyEnd)
      apply({ offset: offset + at, key, value: window.subarray(view.valueStart, view.valueEnd) })
      entries++
      at = view.end
    }
    const whole = window.length === file.size - offset
    if (at === 0 && whole) return { entries, fault: `no entry at ${offset}` }
    // An entry that is longer than the window needs a longer one.
    bytes = at === 0 ? 4 * bytes : WINDOW_BYTES
    offset += at
  }
  return { entries, fault: undefined }
}
