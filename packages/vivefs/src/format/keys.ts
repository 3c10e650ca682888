/**
 * Keys of all rows (FORMAT.md, "Keys"). Big-endian, a type byte first, metadata before data, so that a placement policy
 * can cut between them; inode, directory entries and extended attributes of one inode are contiguous.
 *
 *     00                                        the store's barrier marker (store/key.ts)
 *     01 what                                   superblock, counters, inode lease, snapshot, feed and quota state
 *     02 uid32 | 03 gid32                       users, groups
 *     04 name  | 05 name                        their names
 *     08 ino64                                  orphans: no name left, still open
 *     09 id64                                   jobs: work too big for one batch
 *     0a kind8 id32                            quotas of users, groups and projects
 *     0c tag32 | 0d tag32                       snapshots, forks
 *     0e seq64                                  entries of the change feed
 *     10 ino64 00                               inode
 *     10 ino64 01 hash48 name                   directory entry
 *     10 ino64 02 name                          extended attribute
 *     11 place | 12 place                       reference, loan (format/loan.ts)
 *     18 key 00 tag32 | 48 key 00 tag32         history of a metadata row, of an extent
 *     1c tag32 key    | 4c tag32 key            a fork's own row, its own extent
 *     40 ino64 epoch32 index48 part8            extent: part 0 is the base, 1-16 mids, 17-32 smalls, 127 the cover, 128-255 pages
 */
import type { Bytes, KeyRange } from '../store/store.ts'
import {
  DATA_FORK,
  DATA_HISTORY,
  EXTENT,
  FEED,
  FORK,
  GROUP,
  GROUP_NAME,
  JOB,
  LOAN,
  META_FORK,
  META_HISTORY,
  NODE,
  ORPHAN,
  QUOTA,
  REFERENCE,
  SNAPSHOT,
  SYSTEM,
  USER,
  USER_NAME,
} from './key-types.ts'
import { type QuotaKind, QuotaKinds } from './quota-kind.ts'
import { asBuffer, readU64, writeU32, writeU48, writeU64 } from './row.ts'

const INODE = 0x00
const DIRENT = 0x01
const XATTR = 0x02

const NODE_KEY_BYTES = 10
const DIRENT_HASH_BYTES = 6
export const DIRENT_PREFIX_BYTES = NODE_KEY_BYTES + DIRENT_HASH_BYTES
const EXTENT_KEY_BYTES = 20

export const superblockKey: Bytes = Buffer.of(SYSTEM, 0x00)
export const countersKey: Bytes = Buffer.of(SYSTEM, 0x01)
export const inodeLeaseKey: Bytes = Buffer.of(SYSTEM, 0x02)
export const snapshotStateKey: Bytes = Buffer.of(SYSTEM, 0x03)
export const feedStateKey: Bytes = Buffer.of(SYSTEM, 0x04)
export const quotaStateKey: Bytes = Buffer.of(SYSTEM, 0x05)

function withU32(type: number, value: number): Buffer {
  const key = Buffer.allocUnsafe(5)
  key[0] = type
  key.writeUInt32BE(value, 1)
  return key
}

function withU64(type: number, value: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = type
  writeU64(key, value, 1)
  return key
}

const withName = (type: number, name: string): Buffer => Buffer.concat([Buffer.of(type), Buffer.from(name, 'utf8')])

export type AccountKind = 'user' | 'group'

export const accountKey = (kind: AccountKind, id: number): Buffer => withU32(kind === 'user' ? USER : GROUP, id)
export const accountNameKey = (kind: AccountKind, name: string): Buffer =>
  withName(kind === 'user' ? USER_NAME : GROUP_NAME, name)
export const accountRange = (kind: AccountKind): KeyRange => {
  const type = kind === 'user' ? USER : GROUP
  return { gte: Buffer.of(type), lt: Buffer.of(type + 1) }
}
export const accountIdOfKey = (key: Bytes): number => asBuffer(key).readUInt32BE(1)

export const orphanKey = (ino: number): Buffer => withU64(ORPHAN, ino)
export const orphanRange: KeyRange = { gte: Buffer.of(ORPHAN), lt: Buffer.of(ORPHAN + 1) }
export const jobKey = (id: number): Buffer => withU64(JOB, id)
export const jobRange: KeyRange = { gte: Buffer.of(JOB), lt: Buffer.of(JOB + 1) }
export const feedKey = (seq: number): Buffer => withU64(FEED, seq)
/** Entries of the change feed with numbers above `after`. */
export const feedRange = (after: number, limit?: number): KeyRange => ({
  gt: feedKey(after),
  lt: Buffer.of(FEED + 1),
  ...(limit === undefined ? {} : { limit }),
})
/** The number behind the type byte of an orphan's, a job's or a feed entry's key. */
export const numberOfKey = (key: Bytes): number => readU64(asBuffer(key), 1)

const QUOTA_KEY_BYTES = 6

export function quotaKey(kind: QuotaKind, id: number): Buffer {
  const key = Buffer.allocUnsafe(QUOTA_KEY_BYTES)
  key[0] = QUOTA
  key[1] = QuotaKinds[kind]
  key.writeUInt32BE(id, 2)
  return key
}

export const quotaRange: KeyRange = { gte: Buffer.of(QUOTA), lt: Buffer.of(QUOTA + 1) }

const quotaKinds = Object.keys(QuotaKinds) as QuotaKind[]

/** Whose quota lies under a key; undefined for a kind that there is not. */
export function quotaOwnerOfKey(key: Bytes): { readonly kind: QuotaKind; readonly id: number } | undefined {
  const kind = quotaKinds.find((each) => QuotaKinds[each] === key[1])
  if (kind === undefined || key.length !== QUOTA_KEY_BYTES) return undefined
  return { kind, id: asBuffer(key).readUInt32BE(2) }
}

function nodeKey(ino: number, sub: number, tailBytes: number): Buffer {
  const key = Buffer.allocUnsafe(NODE_KEY_BYTES + tailBytes)
  key[0] = NODE
  writeU64(key, ino, 1)
  key[9] = sub
  return key
}

export const inodeKey = (ino: number): Buffer => nodeKey(ino, INODE, 0)

/** `hash` is below 2^48. */
export function direntKey(parent: number, hash: number, name: Bytes): Buffer {
  const key = nodeKey(parent, DIRENT, DIRENT_HASH_BYTES + name.length)
  writeU48(key, hash, NODE_KEY_BYTES)
  key.set(name, DIRENT_PREFIX_BYTES)
  return key
}

/** Entries of a directory whose name hash is `fromHash` or above. */
export function direntRange(parent: number, fromHash = 0, limit?: number): KeyRange {
  const gte = nodeKey(parent, DIRENT, DIRENT_HASH_BYTES)
  gte.writeUIntBE(fromHash, NODE_KEY_BYTES, DIRENT_HASH_BYTES)
  return { gte, lt: nodeKey(parent, DIRENT + 1, 0), ...(limit === undefined ? {} : { limit }) }
}

export const hashOfDirentKey = (key: Bytes): number => asBuffer(key).readUIntBE(NODE_KEY_BYTES, DIRENT_HASH_BYTES)
export const nameOfDirentKey = (key: Bytes): Buffer => asBuffer(key).subarray(DIRENT_PREFIX_BYTES)

export function xattrKey(ino: number, name: Bytes): Buffer {
  const key = nodeKey(ino, XATTR, name.length)
  key.set(name, NODE_KEY_BYTES)
  return key
}

export const xattrRange = (ino: number): KeyRange => ({ gte: nodeKey(ino, XATTR, 0), lt: nodeKey(ino, XATTR + 1, 0) })
export const nameOfXattrKey = (key: Bytes): Buffer => asBuffer(key).subarray(NODE_KEY_BYTES)

/** Everything under one inode: the inode row, its entries, its attributes. */
export const nodeRange = (ino: number): KeyRange => ({ gte: nodeKey(ino, INODE, 0), lt: nodeKey(ino, 0xff, 0) })
/** All inodes with entries and attributes, in the order of inode numbers. */
export const allNodesRange: KeyRange = { gte: Buffer.of(NODE), lt: Buffer.of(NODE + 1) }

/** What a key below `allNodesRange` names. */
export interface NodeKeyParts {
  readonly ino: number
  readonly sub: 'inode' | 'dirent' | 'xattr'
}

export function parseNodeKey(key: Bytes): NodeKeyParts | undefined {
  if (key.length < NODE_KEY_BYTES || key[0] !== NODE) return undefined
  const ino = readU64(asBuffer(key), 1)
  switch (key[9]) {
    case INODE:
      return key.length === NODE_KEY_BYTES ? { ino, sub: 'inode' } : undefined
    case DIRENT:
      return key.length > DIRENT_PREFIX_BYTES ? { ino, sub: 'dirent' } : undefined
    case XATTR:
      return key.length > NODE_KEY_BYTES ? { ino, sub: 'xattr' } : undefined
    default:
      return undefined
  }
}

/** Parts of an extent: the base row, then partial rows in the order they apply (mids before smalls); the cover and pages (format/page.ts). */
export const PARTS_PER_TIER = 16
export const BASE_PART = 0
export const midPart = (n: number): number => n
export const smallPart = (n: number): number => PARTS_PER_TIER + n
export const COVER_PART = 127
/** `n`: 0 to 127. */
export const pagePart = (n: number): number => COVER_PART + 1 + n

export function extentKey(ino: number, epoch: number, index: number, part: number): Buffer {
  const key = Buffer.allocUnsafe(EXTENT_KEY_BYTES)
  key[0] = EXTENT
  writeU64(key, ino, 1)
  writeU32(key, epoch, 9)
  writeU48(key, index, 13)
  key[19] = part
  return key
}

export interface ExtentKeyParts {
  readonly ino: number
  readonly epoch: number
  readonly index: number
  readonly part: number
}

export function parseExtentKey(key: Bytes): ExtentKeyParts | undefined {
  if (key.length !== EXTENT_KEY_BYTES || key[0] !== EXTENT) return undefined
  const bytes = asBuffer(key)
  return { ino: readU64(bytes, 1), epoch: bytes.readUInt32BE(9), index: bytes.readUIntBE(13, 6), part: bytes[19] }
}

/** Extents of one data epoch from `fromIndex` on; `limit` rows at most. */
export const extentRange = (ino: number, epoch: number, fromIndex: number, limit?: number): KeyRange => ({
  gte: extentKey(ino, epoch, fromIndex, 0),
  lt: extentKey(ino, epoch + 1, 0, 0),
  ...(limit === undefined ? {} : { limit }),
})

/** All extents of an inode, in all its data epochs. */
export const extentsOfInodeRange = (ino: number, limit?: number): KeyRange => ({
  gte: extentKey(ino, 0, 0, 0),
  lt: extentKey(ino + 1, 0, 0, 0),
  ...(limit === undefined ? {} : { limit }),
})
export const allExtentsRange: KeyRange = { gte: Buffer.of(EXTENT), lt: Buffer.of(EXTENT + 1) }

export type KeyKind =
  | 'marker'
  | 'superblock'
  | 'counters'
  | 'inodeLease'
  | 'snapshotState'
  | 'snapshot'
  | 'fork'
  | 'feedState'
  | 'quotaState'
  | 'quota'
  | 'feedEntry'
  | 'history'
  | 'forked'
  | 'user'
  | 'group'
  | 'userName'
  | 'groupName'
  | 'orphan'
  | 'job'
  | 'node'
  | 'reference'
  | 'loan'
  | 'extent'

const kinds: Partial<Record<number, { kind: KeyKind; bytes?: number }>> = {
  0: { kind: 'marker', bytes: 1 },
  [USER]: { kind: 'user', bytes: 5 },
  [GROUP]: { kind: 'group', bytes: 5 },
  [USER_NAME]: { kind: 'userName' },
  [GROUP_NAME]: { kind: 'groupName' },
  [ORPHAN]: { kind: 'orphan', bytes: 9 },
  [JOB]: { kind: 'job', bytes: 9 },
  [SNAPSHOT]: { kind: 'snapshot', bytes: 5 },
  [FORK]: { kind: 'fork', bytes: 5 },
  [QUOTA]: { kind: 'quota', bytes: QUOTA_KEY_BYTES },
  [FEED]: { kind: 'feedEntry', bytes: 9 },
  [NODE]: { kind: 'node' },
  [REFERENCE]: { kind: 'reference', bytes: 19 },
  [LOAN]: { kind: 'loan', bytes: 19 },
  [META_HISTORY]: { kind: 'history' },
  [DATA_HISTORY]: { kind: 'history' },
  [META_FORK]: { kind: 'forked' },
  [DATA_FORK]: { kind: 'forked' },
  [EXTENT]: { kind: 'extent', bytes: EXTENT_KEY_BYTES },
}

const systemKinds: readonly KeyKind[] = [
  'superblock',
  'counters',
  'inodeLease',
  'snapshotState',
  'feedState',
  'quotaState',
]

/** What a key names, or undefined for a key of no kind of ours. */
export function kindOfKey(key: Bytes): KeyKind | undefined {
  if (key[0] === SYSTEM) return key.length === 2 ? systemKinds[key[1]] : undefined
  const found = kinds[key[0]]
  return found === undefined || (found.bytes !== undefined && key.length !== found.bytes) ? undefined : found.kind
}

/** The name in an account name's key. */
export const accountNameOfKey = (key: Bytes): string => asBuffer(key).toString('utf8', 1)
