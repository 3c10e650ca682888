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
import { invariant } from '../errors.ts'
import type { Bytes } from '../store/store.ts'
import {
  asBuffer,
  check,
  FRAME_BYTES,
  frame,
  getU48,
  getU64,
  RowKind,
  readU64,
  seal,
  setU48,
  setU64,
  type Verdict,
  viewOf,
} from './row.ts'

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

function setTime(into: DataView, at: number, { sec, nsec }: Timespec): void {
  into.setInt32(at, Math.floor(sec / 0x1_0000_0000))
  into.setUint32(at + 4, sec >>> 0)
  into.setUint32(at + 8, nsec)
}

const getTime = (from: DataView, at: number): Timespec => ({
  sec: from.getInt32(at) * 0x1_0000_0000 + from.getUint32(at + 4),
  nsec: from.getUint32(at + 8),
})

export function encodeInode(key: Bytes, inode: Inode): Buffer {
  const { epochs, tails, target } = inode
  invariant(inode.nlink >= 0 && inode.entries >= 0 && inode.xattrs >= 0, 'counts of an inode are not below zero')
  const row = frame(
    RowKind.inode,
    INODE_VERSION,
    FIXED_BYTES + epochs.length * EPOCH_BYTES + tails.length * TAIL_BYTES + target.length,
  )
  const view = viewOf(row)
  const o = row.byteOffset + FRAME_BYTES
  view.setUint32(o, inode.mode)
  view.setUint32(o + 4, inode.uid)
  view.setUint32(o + 8, inode.gid)
  view.setUint32(o + 12, inode.nlink)
  setU64(view, o + 16, inode.size)
  setU64(view, o + 24, inode.allocatedBytes)
  view.setUint32(o + 32, inode.rdevMajor)
  view.setUint32(o + 36, inode.rdevMinor)
  setTime(view, o + 40, inode.atime)
  setTime(view, o + 52, inode.mtime)
  setTime(view, o + 64, inode.ctime)
  setTime(view, o + 76, inode.birthtime)
  view.setUint32(o + 88, inode.generation)
  setU64(view, o + 92, inode.change)
  setU64(view, o + 100, inode.parent)
  view.setUint32(o + 108, inode.projectId)
  view.setUint32(o + 112, inode.flags)
  view.setUint32(o + 116, inode.birth)
  view.setUint32(o + 120, inode.extentBytes)
  view.setUint32(o + 124, inode.nextEpoch)
  setU64(view, o + 128, inode.exclusiveVerifier)
  view.setUint32(o + 136, inode.keyId)
  setU64(view, o + 140, inode.baseIno)
  view.setUint32(o + 148, inode.baseEpoch)
  view.setUint32(o + 152, inode.entries)
  view.setUint32(o + 156, inode.xattrs)
  view.setUint8(o + 160, epochs.length)
  view.setUint8(o + 161, tails.length)
  view.setUint16(o + 162, target.length)
  let at = o + FIXED_BYTES
  for (const { epoch, end } of epochs) {
    view.setUint32(at, epoch)
    setU48(view, at + 4, end)
    at += EPOCH_BYTES
  }
  for (const { index, smalls, mids, bytes } of tails) {
    setU48(view, at, index)
    view.setUint8(at + 6, smalls)
    view.setUint8(at + 7, mids)
    view.setUint32(at + 8, bytes)
    at += TAIL_BYTES
  }
  if (target.length > 0) row.set(target, at - row.byteOffset)
  return seal(key, row)
}

/** The inode of a row, or why there is none. Never throws. The target is a view of the row. */
export function decodeInode(key: Bytes, bytes: Bytes): Verdict<Inode> {
  const fault = check(key, bytes, RowKind.inode, INODE_VERSION)
  if (fault !== undefined) return { ok: false, fault }
  if (key.length < 9 || bytes.length < FRAME_BYTES + FIXED_BYTES) return { ok: false, fault: 'short' }
  const ino = readU64(key, 1)
  const view = viewOf(bytes)
  const o = bytes.byteOffset + FRAME_BYTES
  const epochCount = view.getUint8(o + 160)
  const tailCount = view.getUint8(o + 161)
  const targetBytes = view.getUint16(o + 162)
  const whole = FRAME_BYTES + FIXED_BYTES + epochCount * EPOCH_BYTES + tailCount * TAIL_BYTES + targetBytes
  if (bytes.length !== whole || epochCount > EPOCHS_MAX || tailCount > TAILS_MAX) return { ok: false, fault: 'shape' }
  let at = o + FIXED_BYTES
  const epochs: DataEpoch[] = []
  for (let i = 0; i < epochCount; i++, at += EPOCH_BYTES) {
    epochs.push({ epoch: view.getUint32(at), end: getU48(view, at + 4) })
  }
  const tails: Tail[] = []
  for (let i = 0; i < tailCount; i++, at += TAIL_BYTES) {
    tails.push({
      index: getU48(view, at),
      smalls: view.getUint8(at + 6),
      mids: view.getUint8(at + 7),
      bytes: view.getUint32(at + 8),
    })
  }
  return {
    ok: true,
    value: {
      ino,
      mode: view.getUint32(o),
      uid: view.getUint32(o + 4),
      gid: view.getUint32(o + 8),
      nlink: view.getUint32(o + 12),
      size: getU64(view, o + 16),
      allocatedBytes: getU64(view, o + 24),
      rdevMajor: view.getUint32(o + 32),
      rdevMinor: view.getUint32(o + 36),
      atime: getTime(view, o + 40),
      mtime: getTime(view, o + 52),
      ctime: getTime(view, o + 64),
      birthtime: getTime(view, o + 76),
      generation: view.getUint32(o + 88),
      change: getU64(view, o + 92),
      parent: getU64(view, o + 100),
      projectId: view.getUint32(o + 108),
      flags: view.getUint32(o + 112),
      birth: view.getUint32(o + 116),
      extentBytes: view.getUint32(o + 120),
      nextEpoch: view.getUint32(o + 124),
      exclusiveVerifier: getU64(view, o + 128),
      keyId: view.getUint32(o + 136),
      baseIno: getU64(view, o + 140),
      baseEpoch: view.getUint32(o + 148),
      entries: view.getUint32(o + 152),
      xattrs: view.getUint32(o + 156),
      epochs,
      tails,
      target: targetBytes === 0 ? NO_BYTES : asBuffer(bytes).subarray(at - bytes.byteOffset),
      acl: undefined,
    },
  }
}
