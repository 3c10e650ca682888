/**
 * What a volume is: identity, format, features and the choices made at mkfs (FORMAT.md, "Superblock"), and the other
 * rows of the volume as a whole: counters and the inode lease.
 */
import type { Bytes } from '../store/store.ts'
import { EXTENT_BYTES_MAX, EXTENT_BYTES_MIN } from './extent.ts'
import { countersKey, inodeLeaseKey, superblockKey } from './keys.ts'
import { decodeRecord, encodeRecord, isCount, isMap } from './record.ts'
import { asBuffer, check, FRAME_BYTES, frame, RowKind, readU64, seal, type Verdict, writeU64 } from './row.ts'

/** The format that this version writes and the newest that it reads. */
export const FORMAT_VERSION = 1

/** Features that a version without them may read past, but not write past. On disk: never renumber. */
export const RoCompat = {
  /** Every change of names and files is in the change feed (feed/). */
  changeFeed: 1 << 0,
  /** What users, groups and projects use is counted (quota/). */
  quotas: 1 << 1,
} as const

/** Features that a version without them must not touch. On disk: never renumber. */
export const Incompat = {
  /** Whoever changes a row keeps what a snapshot needs of it (snapshot/). */
  snapshots: 1 << 0,
  /** Inodes may have access control lists, which decide who may (core/acl.ts). */
  acls: 1 << 1,
  /** Extents may have rows of single pages (format/page.ts). */
  pages: 1 << 2,
  /** Whoever deletes an extent asks who else reads it (core/loans.ts). */
  reflinks: 1 << 3,
} as const

/** What this version knows: `compat` may be ignored, `roCompat` allows reading only, `incompat` refuses. */
export const FEATURES_KNOWN: Features = {
  compat: 0,
  roCompat: RoCompat.changeFeed | RoCompat.quotas,
  incompat: Incompat.snapshots | Incompat.acls | Incompat.pages | Incompat.reflinks,
}

/** A new volume uses none: each bit is set in the batch in which its feature is first used. */
export const FEATURES_NONE: Features = { compat: 0, roCompat: 0, incompat: 0 }

export interface Features {
  readonly compat: number
  readonly roCompat: number
  readonly incompat: number
}

export interface Superblock {
  readonly format: number
  /** 32 lower-case hexadecimal digits. */
  readonly volumeId: string
  /** Milliseconds since 1970. */
  readonly createdMs: number
  /** Extent size of new files, bytes; a power of two. */
  readonly extentBytes: number
  readonly nameSeedHigh: number
  readonly nameSeedLow: number
  readonly rootIno: number
  readonly features: Features
  readonly label: string
}

const isFeatures = (value: unknown): value is Features =>
  isMap(value) && isCount(value.compat) && isCount(value.roCompat) && isCount(value.incompat)

const isSuperblock = (value: unknown): value is Superblock =>
  isMap(value) &&
  isCount(value.format) &&
  typeof value.volumeId === 'string' &&
  /^[0-9a-f]{32}$/.test(value.volumeId) &&
  typeof value.createdMs === 'number' &&
  isExtentBytes(value.extentBytes) &&
  Number.isInteger(value.nameSeedHigh) &&
  Number.isInteger(value.nameSeedLow) &&
  isCount(value.rootIno) &&
  isFeatures(value.features) &&
  typeof value.label === 'string'

export const isExtentBytes = (value: unknown): value is number =>
  isCount(value) && value >= EXTENT_BYTES_MIN && value <= EXTENT_BYTES_MAX && (value & (value - 1)) === 0

export const encodeSuperblock = (superblock: Superblock): Buffer =>
  encodeRecord(RowKind.superblock, 1, superblockKey, superblock)

export const decodeSuperblock = (bytes: Bytes): Verdict<Superblock> =>
  decodeRecord(RowKind.superblock, 1, superblockKey, bytes, isSuperblock)

/** What statfs answers from; kept in memory, written beside every commit that changes it. */
export interface Counters {
  readonly inodes: number
  readonly dataBytes: number
}

const COUNTERS_BYTES = 16
const LEASE_BYTES = 8

export function encodeCounters(counters: Counters): Buffer {
  const row = frame(RowKind.counters, 1, COUNTERS_BYTES)
  writeU64(row, counters.inodes, FRAME_BYTES)
  writeU64(row, counters.dataBytes, FRAME_BYTES + 8)
  return seal(countersKey, row)
}

export function decodeCounters(bytes: Bytes): Verdict<Counters> {
  const fault = check(countersKey, bytes, RowKind.counters, 1)
  if (fault !== undefined) return { ok: false, fault }
  if (bytes.length !== FRAME_BYTES + COUNTERS_BYTES) return { ok: false, fault: 'shape' }
  const row = asBuffer(bytes)
  return { ok: true, value: { inodes: readU64(row, FRAME_BYTES), dataBytes: readU64(row, FRAME_BYTES + 8) } }
}

/** Inode numbers below `next` have been handed out or leased; none is ever handed out again. */
export interface InodeLease {
  readonly next: number
}

export function encodeInodeLease(lease: InodeLease): Buffer {
  const row = frame(RowKind.inodeLease, 1, LEASE_BYTES)
  writeU64(row, lease.next, FRAME_BYTES)
  return seal(inodeLeaseKey, row)
}

export function decodeInodeLease(bytes: Bytes): Verdict<InodeLease> {
  const fault = check(inodeLeaseKey, bytes, RowKind.inodeLease, 1)
  if (fault !== undefined) return { ok: false, fault }
  if (bytes.length !== FRAME_BYTES + LEASE_BYTES) return { ok: false, fault: 'shape' }
  return { ok: true, value: { next: readU64(asBuffer(bytes), FRAME_BYTES) } }
}
