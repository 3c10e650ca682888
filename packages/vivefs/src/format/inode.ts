/**
 * The inode row, fixed layout (FORMAT.md, "Inode"). Offsets count from the end of the row frame.
 *
 *       0 mode32    4 uid32     8 gid32    12 nlink32
 *      16 size64              24 allocatedBytes64
 *      32 rdevMajor32 36 rdevMinor32
 *      40 atime  52 mtime  64 ctime  76 birthtime        each: seconds, signed 64; nanoseconds 32
 *      88 generation32  92 change64  100 parent64  108 projectId32  112 flags32  116 birth32
 *     120 extentBytes32  124 nextEpoch32  128 exclusiveVerifier64  136 keyId32
 *     140 baseIno64  148 baseEpoch32  152 entries32  156 xattrs32
 *     160 epochCount8  161 tailCount8  162 targetBytes16
 *     164 epochs: { epoch32, end48 } each, newest first
 *         tails:  { index48, smalls8, mids8, bytes32 } each
 *         target of a symbolic link
 *
 * Invariants:
 *   I1  epochs are sorted newest first, each below nextEpoch; at most EPOCHS_MAX
 *   I2  an extent of epoch e at index i is visible only when i < e.end
 *   I3  no data is allocated at or beyond `size`
 *   I4  allocatedBytes is the sum of the data bytes in all extents under the inode, those that wait for a trim included
 *   I5  a directory's nlink is 2 plus its subdirectories; `entries` is the number of its entries; its size is 0
 *   I6  partial rows exist only where a tail names them
 *   I7  page rows exist only where a cover names them, covers only in inodes with the flag
 */
import type { Acl } from '../acl/acl.ts'
import type { Bytes } from '../store/store.ts'
import { asBuffer, check, FRAME_BYTES, frame, RowKind, readU64, seal, type Verdict, writeU64 } from './row.ts'

export const INODE_VERSION = 1
export const EPOCHS_MAX = 16
export const TAILS_MAX = 4
/** The end of a data epoch that nothing was cut from. */
export const NO_CUT = 2 ** 48 - 1

/** What `flags` says of an inode. On disk: never renumber. */
export const InodeFlag = {
  /** An access control list is in its extended attributes (core/acl.ts). */
  accessAcl: 1 << 0,
  /** A directory with a default access control list. */
  defaultAcl: 1 << 1,
  /** Extents may have page rows (format/page.ts). */
  paged: 1 << 2,
  /** Extents may be shared with others (core/loans.ts). */
  shares: 1 << 3,
} as const

/** A point in time: whole seconds since 1970, rounded down, and nanoseconds 0..999,999,999 after it. */
export interface Timespec {
  readonly sec: number
  readonly nsec: number
}

/** A data epoch and the extent index from which a truncate hid its extents. */
export interface DataEpoch {
  readonly epoch: number
  readonly end: number
}

/** Partial rows on top of one extent of the newest epoch, and the bytes in them. */
export interface Tail {
  readonly index: number
  readonly smalls: number
  readonly mids: number
  readonly bytes: number
}

/** An inode in memory. What the store's caches hand out is shared: change a copy. */
export interface Inode {
  ino: number
  mode: number
  uid: number
  gid: number
  nlink: number
  size: number
  allocatedBytes: number
  rdevMajor: number
  rdevMinor: number
  atime: Timespec
  mtime: Timespec
  ctime: Timespec
  birthtime: Timespec
  generation: number
  /** Grows with every change of the inode or its content: NFS change attribute, ETag. */
  change: number
  /** Directories: the directory above. Otherwise 0. */
  parent: number
  projectId: number
  flags: number
  birth: number
  extentBytes: number
  nextEpoch: number
  exclusiveVerifier: number
  keyId: number
  baseIno: number
  baseEpoch: number
  entries: number
  xattrs: number
  epochs: readonly DataEpoch[]
  tails: readonly Tail[]
  target: Bytes
  /** Its access list, where `flags` says that there is one: put here by who loads the inode, not part of the row. */
  acl?: Acl | undefined
}

/** A new inode without names, links or content. */
export function freshInode(
  what: Pick<Inode, 'ino' | 'mode' | 'uid' | 'gid' | 'extentBytes'> & { readonly now: Timespec },
): Inode {
  const { ino, mode, uid, gid, extentBytes, now } = what
  return {
    ino,
    mode,
    uid,
    gid,
    nlink: 0,
    size: 0,
    allocatedBytes: 0,
    rdevMajor: 0,
    rdevMinor: 0,
    atime: now,
    mtime: now,
    ctime: now,
    birthtime: now,
    generation: 1,
    change: 1,
    parent: 0,
    projectId: 0,
    flags: 0,
    birth: 0,
    extentBytes,
    nextEpoch: 0,
    exclusiveVerifier: 0,
    keyId: 0,
    baseIno: 0,
    baseEpoch: 0,
    entries: 0,
    xattrs: 0,
    epochs: [],
    tails: [],
    target: NO_BYTES,
    acl: undefined,
  }
}

/**
 * A copy to change. Field by field, in the order in which they are made above and decoded below: so all inodes have one shape for the
 * engine of JavaScript, and a copy costs a tenth of what a spread costs.
 */
export const copyInode = (inode: Inode): Inode => ({
  ino: inode.ino,
  mode: inode.mode,
  uid: inode.uid,
  gid: inode.gid,
  nlink: inode.nlink,
  size: inode.size,
  allocatedBytes: inode.allocatedBytes,
  rdevMajor: inode.rdevMajor,
  rdevMinor: inode.rdevMinor,
  atime: inode.atime,
  mtime: inode.mtime,
  ctime: inode.ctime,
  birthtime: inode.birthtime,
  generation: inode.generation,
  change: inode.change,
  parent: inode.parent,
  projectId: inode.projectId,
  flags: inode.flags,
  birth: inode.birth,
  extentBytes: inode.extentBytes,
  nextEpoch: inode.nextEpoch,
  exclusiveVerifier: inode.exclusiveVerifier,
  keyId: inode.keyId,
  baseIno: inode.baseIno,
  baseEpoch: inode.baseEpoch,
  entries: inode.entries,
  xattrs: inode.xattrs,
  epochs: inode.epochs,
  tails: inode.tails,
  target: inode.target,
  acl: inode.acl,
})

const FIXED_BYTES = 164
const EPOCH_BYTES = 10
const TAIL_BYTES = 12
const NO_BYTES = Buffer.alloc(0)

function writeTime(row: Buffer, time: Timespec, offset: number): void {
  row.writeInt32BE(Math.floor(time.sec / 0x1_0000_0000), offset)
  row.writeUInt32BE(time.sec >>> 0, offset + 4)
  row.writeUInt32BE(time.nsec, offset + 8)
}

const readTime = (row: Buffer, offset: number): Timespec => ({
  sec: row.readInt32BE(offset) * 0x1_0000_0000 + row.readUInt32BE(offset + 4),
  nsec: row.readUInt32BE(offset + 8),
})

export function encodeInode(key: Bytes, inode: Inode): Buffer {
  const { epochs, tails, target } = inode
  const row = frame(
    RowKind.inode,
    INODE_VERSION,
    FIXED_BYTES + epochs.length * EPOCH_BYTES + tails.length * TAIL_BYTES + target.length,
  )
  const o = FRAME_BYTES
  row.writeUInt32BE(inode.mode, o)
  row.writeUInt32BE(inode.uid, o + 4)
  row.writeUInt32BE(inode.gid, o + 8)
  row.writeUInt32BE(inode.nlink, o + 12)
  writeU64(row, inode.size, o + 16)
  writeU64(row, inode.allocatedBytes, o + 24)
  row.writeUInt32BE(inode.rdevMajor, o + 32)
  row.writeUInt32BE(inode.rdevMinor, o + 36)
  writeTime(row, inode.atime, o + 40)
  writeTime(row, inode.mtime, o + 52)
  writeTime(row, inode.ctime, o + 64)
  writeTime(row, inode.birthtime, o + 76)
  row.writeUInt32BE(inode.generation, o + 88)
  writeU64(row, inode.change, o + 92)
  writeU64(row, inode.parent, o + 100)
  row.writeUInt32BE(inode.projectId, o + 108)
  row.writeUInt32BE(inode.flags, o + 112)
  row.writeUInt32BE(inode.birth, o + 116)
  row.writeUInt32BE(inode.extentBytes, o + 120)
  row.writeUInt32BE(inode.nextEpoch, o + 124)
  writeU64(row, inode.exclusiveVerifier, o + 128)
  row.writeUInt32BE(inode.keyId, o + 136)
  writeU64(row, inode.baseIno, o + 140)
  row.writeUInt32BE(inode.baseEpoch, o + 148)
  row.writeUInt32BE(inode.entries, o + 152)
  row.writeUInt32BE(inode.xattrs, o + 156)
  row[o + 160] = epochs.length
  row[o + 161] = tails.length
  row.writeUInt16BE(target.length, o + 162)
  let at = o + FIXED_BYTES
  for (const { epoch, end } of epochs) {
    row.writeUInt32BE(epoch, at)
    row.writeUIntBE(end, at + 4, 6)
    at += EPOCH_BYTES
  }
  for (const { index, smalls, mids, bytes } of tails) {
    row.writeUIntBE(index, at, 6)
    row[at + 6] = smalls
    row[at + 7] = mids
    row.writeUInt32BE(bytes, at + 8)
    at += TAIL_BYTES
  }
  row.set(target, at)
  return seal(key, row)
}

/** The inode of a row, or why there is none. Never throws. The target is a view of the row. */
export function decodeInode(key: Bytes, bytes: Bytes): Verdict<Inode> {
  const fault = check(key, bytes, RowKind.inode, INODE_VERSION)
  if (fault !== undefined) return { ok: false, fault }
  const row = asBuffer(bytes)
  const o = FRAME_BYTES
  if (key.length < 9 || row.length < o + FIXED_BYTES) return { ok: false, fault: 'short' }
  const epochCount = row[o + 160]
  const tailCount = row[o + 161]
  const targetBytes = row.readUInt16BE(o + 162)
  const whole = o + FIXED_BYTES + epochCount * EPOCH_BYTES + tailCount * TAIL_BYTES + targetBytes
  if (row.length !== whole || epochCount > EPOCHS_MAX || tailCount > TAILS_MAX) return { ok: false, fault: 'shape' }
  let at = o + FIXED_BYTES
  const epochs: DataEpoch[] = []
  for (let i = 0; i < epochCount; i++, at += EPOCH_BYTES) {
    epochs.push({ epoch: row.readUInt32BE(at), end: row.readUIntBE(at + 4, 6) })
  }
  const tails: Tail[] = []
  for (let i = 0; i < tailCount; i++, at += TAIL_BYTES) {
    tails.push({
      index: row.readUIntBE(at, 6),
      smalls: row[at + 6],
      mids: row[at + 7],
      bytes: row.readUInt32BE(at + 8),
    })
  }
  return {
    ok: true,
    value: {
      ino: readU64(asBuffer(key), 1),
      mode: row.readUInt32BE(o),
      uid: row.readUInt32BE(o + 4),
      gid: row.readUInt32BE(o + 8),
      nlink: row.readUInt32BE(o + 12),
      size: readU64(row, o + 16),
      allocatedBytes: readU64(row, o + 24),
      rdevMajor: row.readUInt32BE(o + 32),
      rdevMinor: row.readUInt32BE(o + 36),
      atime: readTime(row, o + 40),
      mtime: readTime(row, o + 52),
      ctime: readTime(row, o + 64),
      birthtime: readTime(row, o + 76),
      generation: row.readUInt32BE(o + 88),
      change: readU64(row, o + 92),
      parent: readU64(row, o + 100),
      projectId: row.readUInt32BE(o + 108),
      flags: row.readUInt32BE(o + 112),
      birth: row.readUInt32BE(o + 116),
      extentBytes: row.readUInt32BE(o + 120),
      nextEpoch: row.readUInt32BE(o + 124),
      exclusiveVerifier: readU64(row, o + 128),
      keyId: row.readUInt32BE(o + 136),
      baseIno: readU64(row, o + 140),
      baseEpoch: row.readUInt32BE(o + 148),
      entries: row.readUInt32BE(o + 152),
      xattrs: row.readUInt32BE(o + 156),
      epochs,
      tails,
      target: targetBytes === 0 ? NO_BYTES : row.subarray(at),
      acl: undefined,
    },
  }
}
