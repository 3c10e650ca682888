/**
 * Work too big for one batch: the intent is a row, the work goes on in bounded batches, and an open after a crash takes
 * it up where it stopped (FORMAT.md, "Jobs and orphans").
 */
import type { Bytes } from '../store/store.ts'
import { decodeRecord, encodeRecord, isCount, isMap } from './record.ts'
import { FRAME_BYTES, frame, RowKind, seal, type Verdict } from './row.ts'

/**
 * `purge`: delete everything under an inode that is gone. `trim`: delete the extents of a data epoch from index `from`
 * on, which a truncate hid. `dataBytes` is what the volume's counter still has to give back, or -1 when nobody knew at
 * the time of the truncate: then the bytes are still in the inode's own count, and the trim counts while it deletes.
 */
export type Job =
  | { readonly kind: 'purge'; readonly ino: number; readonly dataBytes: number }
  | {
      readonly kind: 'trim'
      readonly ino: number
      readonly epoch: number
      readonly from: number
      readonly dataBytes: number
    }

const isJob = (value: unknown): value is Job =>
  isMap(value) &&
  isCount(value.ino) &&
  ((value.kind === 'purge' && isCount(value.dataBytes)) ||
    (value.kind === 'trim' &&
      isCount(value.epoch) &&
      isCount(value.from) &&
      (isCount(value.dataBytes) || value.dataBytes === -1)))

export const encodeJob = (key: Bytes, job: Job): Buffer => encodeRecord(RowKind.job, 1, key, job)
export const decodeJob = (key: Bytes, bytes: Bytes): Verdict<Job> => decodeRecord(RowKind.job, 1, key, bytes, isJob)

/** An orphan's row has no body: its key says all. */
export const encodeOrphan = (key: Bytes): Buffer => seal(key, frame(RowKind.orphan, 1, 0))

/** An extended attribute's row: the value as it is. */
export function encodeXattr(key: Bytes, value: Bytes): Buffer {
  const row = frame(RowKind.xattr, 1, value.length)
  row.set(value, FRAME_BYTES)
  return seal(key, row)
}
