/**
 * Work too big for one batch: the intent is a row, the work goes on in bounded batches, and an open after a crash takes
 * it up where it stopped (FORMAT.md, "Jobs and orphans").
 */
import type { Bytes } from '../store/store.ts'
import { decodeRecord, encodeRecord, isCount, isMap } from './record.ts'
import { FRAME_BYTES, frame, RowKind, seal, type Verdict } from './row.ts'

/** How far a job has come, and what concerns those who may still see what it deletes (snapshots). */
interface Progress {
  /** The highest snapshot tag when it began: later snapshots never saw what it deletes. Missing: 0. */
  readonly since?: number
  /** The last key dealt with, when rows were left in place. */
  readonly after?: Bytes
}

/** Delete everything under an inode that is gone. `dataBytes` is what the volume's counter still has to give back. */
export interface PurgeJob extends Progress {
  readonly kind: 'purge'
  readonly ino: number
  readonly dataBytes: number
  /** Extents may be shared with others: they are let go of one by one. */
  readonly shares?: boolean
}

/**
 * Delete the extents of a data epoch from index `from` on, which a truncate hid. `dataBytes` as for a purge, or -1 when
 * nobody knew at the time of the truncate: then the bytes are still in the inode's own count, and the trim counts while
 * it deletes. Extents from `to` on an earlier cut hid and counted.
 */
export interface TrimJob extends Progress {
  readonly kind: 'trim'
  readonly ino: number
  readonly epoch: number
  readonly from: number
  readonly to?: number
  readonly dataBytes: number
  /** As for a purge. */
  readonly shares?: boolean
}

/** Delete history that no snapshot needs. `groom`: the last extent row looked at of the inode behind `after`. */
export interface SweepJob extends Progress {
  readonly kind: 'sweep'
  readonly groom?: Bytes
}

/** Delete the rows of a fork. */
export interface UnforkJob extends Progress {
  readonly kind: 'unfork'
  readonly fork: number
}

/** Delete extents of an inode that nobody sees: neither the volume nor a snapshot. */
export interface GroomJob extends Progress {
  readonly kind: 'groom'
  readonly ino: number
}

/** Jobs that delete content of one inode. */
export type ContentJob = PurgeJob | TrimJob

export type Job = ContentJob | SweepJob | GroomJob | UnforkJob

export const isContentJob = (job: Job): job is ContentJob => job.kind === 'purge' || job.kind === 'trim'

const isOptional = (value: unknown, is: (value: unknown) => boolean): boolean => value === undefined || is(value)
const isBytes = (value: unknown): boolean => value instanceof Uint8Array

const isJob = (value: unknown): value is Job =>
  isMap(value) &&
  isOptional(value.since, isCount) &&
  isOptional(value.after, isBytes) &&
  isOptional(value.shares, (shares) => shares === true) &&
  ((value.kind === 'purge' && isCount(value.ino) && isCount(value.dataBytes)) ||
    (value.kind === 'trim' &&
      isCount(value.ino) &&
      isCount(value.epoch) &&
      isCount(value.from) &&
      isOptional(value.to, isCount) &&
      (isCount(value.dataBytes) || value.dataBytes === -1)) ||
    (value.kind === 'sweep' && isOptional(value.groom, isBytes)) ||
    (value.kind === 'groom' && isCount(value.ino)) ||
    (value.kind === 'unfork' && isCount(value.fork)))

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
