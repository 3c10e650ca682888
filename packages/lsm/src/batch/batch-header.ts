/**
 * The header of a batch (FORMAT.md, "Batch"), little-endian:
 *
 *     0  u32  bytes of the entries that follow
 *     4  u32  count of entries, at least 1
 *     8  u64  sequence number of the first entry; the others count on
 */

export const BATCH_HEADER_BYTES = 16
/** The shortest entry: a deletion of the empty key. */
const ENTRY_BYTES_MIN = 2

export interface BatchHeader {
  readonly entriesBytes: number
  readonly count: number
  readonly firstSequence: number
}

export function writeBatchHeader(into: Buffer, entriesBytes: number, count: number, firstSequence: number): void {
  into.writeUInt32LE(entriesBytes, 0)
  into.writeUInt32LE(count, 4)
  into.writeUInt32LE(firstSequence % 2 ** 32, 8)
  into.writeUInt32LE(Math.floor(firstSequence / 2 ** 32), 12)
}

/** Reads a header of which all bytes are there; a string says what is wrong with it. */
export function readBatchHeader(bytes: Buffer, at: number): BatchHeader | string {
  const entriesBytes = bytes.readUInt32LE(at)
  const count = bytes.readUInt32LE(at + 4)
  const firstSequence = bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * 2 ** 32
  if (count === 0 || count * ENTRY_BYTES_MIN > entriesBytes) return `${count} entries in ${entriesBytes} bytes`
  if (firstSequence === 0 || firstSequence + count - 1 > Number.MAX_SAFE_INTEGER)
    return `sequence numbers from ${firstSequence} on`
  return { entriesBytes, count, firstSequence }
}
