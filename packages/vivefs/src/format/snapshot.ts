/** The rows of snapshots and forks, and the row that stands for no row (FORMAT.md, "Snapshots"). */
import type { Bytes } from '../store/store.ts'
import { snapshotStateKey } from './keys.ts'
import { decodeRecord, encodeRecord, isCount, isMap } from './record.ts'
import { check, FRAME_BYTES, frame, RowKind, seal, type Verdict } from './row.ts'

/** A rollback under way: to which snapshot, and the last key it has dealt with. */
export interface Rollback {
  readonly tag: number
  readonly after?: Bytes
}

export interface SnapshotState {
  /** The tag of the next snapshot. */
  readonly next: number
  /** The tag of the next fork. */
  readonly nextFork: number
  readonly rollback?: Rollback
}

/** What a snapshot is. Its tag is in its key. */
export interface SnapshotRecord {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly createdMs: number
  /** Inodes from here on did not exist. */
  readonly nextIno: number
  readonly inodes: number
  readonly dataBytes: number
  /** The base of a fork, made for it. */
  readonly isHidden: boolean
}

/** What a fork is. Its tag is in its key. */
export interface ForkRecord {
  readonly name: string
  readonly createdMs: number
  /** The tag of the snapshot that it began from. */
  readonly base: number
}

export const TAG_MAX = 0xffff_fffe

const isTag = (value: unknown): value is number => isCount(value) && value > 0 && value <= TAG_MAX

const isRollback = (value: unknown): value is Rollback =>
  isMap(value) && isTag(value.tag) && (value.after === undefined || value.after instanceof Uint8Array)

const isState = (value: unknown): value is SnapshotState =>
  isMap(value) &&
  isTag(value.next) &&
  isTag(value.nextFork) &&
  (value.rollback === undefined || isRollback(value.rollback))

const isSnapshot = (value: unknown): value is SnapshotRecord =>
  isMap(value) &&
  typeof value.name === 'string' &&
  isCount(value.createdMs) &&
  isCount(value.nextIno) &&
  isCount(value.inodes) &&
  isCount(value.dataBytes) &&
  typeof value.isHidden === 'boolean'

const isFork = (value: unknown): value is ForkRecord =>
  isMap(value) && typeof value.name === 'string' && isCount(value.createdMs) && isTag(value.base)

export const encodeSnapshotState = (state: SnapshotState): Buffer =>
  encodeRecord(RowKind.snapshotState, 1, snapshotStateKey, state)
export const decodeSnapshotState = (bytes: Bytes): Verdict<SnapshotState> =>
  decodeRecord(RowKind.snapshotState, 1, snapshotStateKey, bytes, isState)

export const encodeSnapshot = (key: Bytes, record: SnapshotRecord): Buffer =>
  encodeRecord(RowKind.snapshot, 1, key, record)
export const decodeSnapshot = (key: Bytes, bytes: Bytes): Verdict<SnapshotRecord> =>
  decodeRecord(RowKind.snapshot, 1, key, bytes, isSnapshot)

export const encodeFork = (key: Bytes, record: ForkRecord): Buffer => encodeRecord(RowKind.fork, 1, key, record)
export const decodeFork = (key: Bytes, bytes: Bytes): Verdict<ForkRecord> =>
  decodeRecord(RowKind.fork, 1, key, bytes, isFork)

/** The row that says "there was no row" under `key`, which is the key that it is stored under. */
export const encodeAbsent = (key: Bytes): Buffer => seal(key, frame(RowKind.absent, 1, 0))

/** Whether a row says that there is none. Its checksum is not looked at (fsck does, with `checkAbsent`). */
export const isAbsent = (row: Bytes): boolean => row.length === FRAME_BYTES && row[0] === RowKind.absent

/** Whether an absent row is sound. */
export const checkAbsent = (key: Bytes, row: Bytes): boolean => check(key, row, RowKind.absent, 1) === undefined
