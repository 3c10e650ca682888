/**
 * Keys of snapshots, of what rows were before (history), and of what forks changed (FORMAT.md, "Snapshots").
 *
 *     0c tag32 | 0d tag32                       snapshots, forks
 *     18 key 00 tag32 | 48 key 00 tag32         history of a metadata row, of an extent
 *     1c tag32 key    | 4c tag32 key            a fork's own row, its own extent
 *
 * The 00 keeps all tags of one key before those of any longer key: names have no NUL.
 */
import type { Bytes, KeyRange } from '../store/store.ts'
import {
  DATA_FORK,
  DATA_HISTORY,
  EXTENT,
  FORK,
  LOAN,
  META_FORK,
  META_HISTORY,
  NODE,
  ORPHAN,
  REFERENCE,
  SNAPSHOT,
} from './key-types.ts'
import { asBuffer, readU64 } from './row.ts'

function tagged(type: number, tag: number): Buffer {
  const key = Buffer.allocUnsafe(5)
  key[0] = type
  key.writeUInt32BE(tag, 1)
  return key
}

export const snapshotKey = (tag: number): Buffer => tagged(SNAPSHOT, tag)
export const snapshotRange: KeyRange = { gte: Buffer.of(SNAPSHOT), lt: Buffer.of(SNAPSHOT + 1) }
export const forkKey = (tag: number): Buffer => tagged(FORK, tag)
export const forkRange: KeyRange = { gte: Buffer.of(FORK), lt: Buffer.of(FORK + 1) }
/** The tag in a snapshot's or a fork's key. */
export const tagOfKey = (key: Bytes): number => asBuffer(key).readUInt32BE(1)

/** Whether snapshots see old versions of the row: orphans, inodes with entries and attributes, references, loans, extents. */
export const isVersioned = (type: number): boolean =>
  type === NODE || type === EXTENT || type === ORPHAN || type === REFERENCE || type === LOAN

const TAG_BYTES = 5

/** The key of what row `key` was until snapshot `tag` and no longer. */
export function historyKey(key: Bytes, tag: number): Buffer {
  const out = Buffer.allocUnsafe(1 + key.length + TAG_BYTES)
  out[0] = key[0] === EXTENT ? DATA_HISTORY : META_HISTORY
  out.set(key, 1)
  out[1 + key.length] = 0
  out.writeUInt32BE(tag, 2 + key.length)
  return out
}

/** History rows of one row with a tag from `fromTag` on, in the order of tags. */
export const historyRange = (key: Bytes, fromTag: number): KeyRange => {
  const lt = historyKey(key, 0)
  lt[1 + key.length] = 1
  return { gte: historyKey(key, fromTag), lt }
}

/** Where the history of the rows from `key` on begins. */
export const historyFrom = (key: Bytes): Buffer =>
  Buffer.concat([Buffer.of((key[0] ?? 0) >= EXTENT ? DATA_HISTORY : META_HISTORY), key])

export const metaHistoryRange: KeyRange = { gte: Buffer.of(META_HISTORY), lt: Buffer.of(META_HISTORY + 1) }
export const dataHistoryRange: KeyRange = { gte: Buffer.of(DATA_HISTORY), lt: Buffer.of(DATA_HISTORY + 1) }

/** What a history row's key names; undefined when it is none. The key is a view. */
export function parseHistoryKey(key: Bytes): { readonly key: Buffer; readonly tag: number } | undefined {
  const bytes = asBuffer(key)
  const end = bytes.length - TAG_BYTES
  if (end <= 1 || bytes[end] !== 0) return undefined
  const type = bytes[1]
  if (bytes[0] !== (type === EXTENT ? DATA_HISTORY : META_HISTORY) || !isVersioned(type)) return undefined
  return { key: bytes.subarray(1, end), tag: bytes.readUInt32BE(end + 1) }
}

/** The inode number in the key of a versioned row. */
export const inoOfVersioned = (key: Bytes): number => readU64(asBuffer(key), 1)

export const FORK_PREFIX_BYTES = 5

/** The key under which a fork keeps its own row `key`. */
export function forkedKey(tag: number, key: Bytes): Buffer {
  const out = Buffer.allocUnsafe(FORK_PREFIX_BYTES + key.length)
  out[0] = key[0] === EXTENT ? DATA_FORK : META_FORK
  out.writeUInt32BE(tag, 1)
  out.set(key, FORK_PREFIX_BYTES)
  return out
}

/** The bound of a range of a fork's own rows whose keys begin with `type`. */
export function forkedBound(tag: number, type: number, bound: Bytes): Buffer {
  const out = forkedKey(tag, bound)
  out[0] = type === EXTENT ? DATA_FORK : META_FORK
  return out
}

/** All own rows of a fork but its extents, and its extents. */
export const forkedRanges = (tag: number): readonly KeyRange[] =>
  [META_FORK, DATA_FORK].map((type) => ({ gte: tagged(type, tag), lt: tagged(type, tag + 1) }))

/** The fork and the key in the key of a fork's own row; undefined when it is none. The key is a view. */
export function parseForkedKey(key: Bytes): { readonly tag: number; readonly key: Buffer } | undefined {
  const bytes = asBuffer(key)
  if (bytes.length <= FORK_PREFIX_BYTES) return undefined
  if (bytes[0] !== (bytes[FORK_PREFIX_BYTES] === EXTENT ? DATA_FORK : META_FORK)) return undefined
  return { tag: bytes.readUInt32BE(1), key: bytes.subarray(FORK_PREFIX_BYTES) }
}
