/** Holes and space: lseek(SEEK_DATA, SEEK_HOLE), fallocate(2), statfs. */
import { FilesystemError } from '../errors.ts'
import type { Segments } from '../format/extent.ts'
import type { Inode } from '../format/inode.ts'
import { extentRange, parseExtentKey } from '../format/keys.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import { FILE_BYTES_MAX, punch, readExtent } from './content.ts'
import type { Core } from './core.ts'

/** The first allocated byte at or after `offset`. ENXIO when there is none before the end of the file. */
export function* seekData(call: Call, inode: Inode, offset: number): Op<number> {
  if (offset >= inode.size || offset < 0) throw new FilesystemError('ENXIO')
  let index: number | undefined = Math.floor(offset / inode.extentBytes)
  while (index !== undefined) {
    const start: number = index * inode.extentBytes
    for (const segment of yield* readExtent(call, inode, index)) {
      if (start + segment.offset + segment.length > offset) return Math.max(offset, start + segment.offset)
    }
    index = yield* nextExtent(call, inode, index + 1)
  }
  throw new FilesystemError('ENXIO')
}

/** The first hole at or after `offset`; the end of the file is one. ENXIO at or behind the end. */
export function* seekHole(call: Call, inode: Inode, offset: number): Op<number> {
  if (offset >= inode.size || offset < 0) throw new FilesystemError('ENXIO')
  let at = offset
  while (at < inode.size) {
    const index = Math.floor(at / inode.extentBytes)
    const start = index * inode.extentBytes
    at = start + endOfData(yield* readExtent(call, inode, index), at - start)
    if (at < start + inode.extentBytes) break
  }
  return Math.min(at, inode.size)
}

function endOfData(segments: Segments, from: number): number {
  let at = from
  for (const { offset, length } of segments) {
    if (offset > at) break
    at = Math.max(at, offset + length)
  }
  return at
}

/** The next extent at or after `index` that has any row. */
function* nextExtent(call: Call, inode: Inode, index: number): Op<number | undefined> {
  let found: number | undefined
  for (const { epoch, end } of inode.epochs) {
    const [row] = yield* call.tx.range({ ...extentRange(inode.ino, epoch, index, 1), keysOnly: true })
    const at = row === undefined ? undefined : parseExtentKey(row.key)?.index
    if (at !== undefined && at < end && (found === undefined || at < found)) found = at
  }
  return found
}

/**
 * `allocate`: makes the file at least offset + length long (unless `keepSize`). Space is not set aside: the store writes
 * every version elsewhere, so a later write may still meet ENOSPC. `punch`: makes a hole, the size stays. `zero`: the
 * range reads as zeros, by a hole.
 */
export type FallocateMode = 'allocate' | 'punch' | 'zero'

/** Errors: EINVAL (an empty or negative range), EFBIG. */
export function* fallocate(
  call: Call,
  inode: Inode,
  mode: FallocateMode,
  offset: number,
  length: number,
  keepSize: boolean,
): Op<Inode> {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length <= 0) {
    throw new FilesystemError('EINVAL')
  }
  if (offset + length > FILE_BYTES_MAX) throw new FilesystemError('EFBIG')
  const edited = call.edit(inode, 'mtime')
  if (mode !== 'allocate') yield* punch(call, edited, offset, length)
  if (mode !== 'punch' && !keepSize) edited.size = Math.max(edited.size, offset + length)
  call.tellOf(inode, 'modify')
  return edited
}

/** What statfs shows. Bytes and counts; `freeBytes` is what the place below the volume can still take. */
export interface SpaceReport {
  readonly usedBytes: number
  /** Undefined when the store cannot tell. */
  readonly freeBytes: number | undefined
  readonly inodes: number
  readonly inodesMax: number
  readonly nameBytesMax: number
  readonly extentBytes: number
}

export function spaceReport(core: Core): SpaceReport {
  return {
    usedBytes: core.counters.dataBytes,
    freeBytes: core.options.freeBytes?.(),
    inodes: core.counters.inodes,
    inodesMax: Number.MAX_SAFE_INTEGER,
    nameBytesMax: 255,
    extentBytes: core.superblock.extentBytes,
  }
}
