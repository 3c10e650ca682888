/** Holes and space: lseek(SEEK_DATA, SEEK_HOLE), fallocate(2), statfs. */
import { FilesystemError } from '../errors.ts'
import type { Segments } from '../format/extent.ts'
import type { Inode } from '../format/inode.ts'
import type { QuotaRow } from '../format/quota.ts'
import type { QuotaKind } from '../format/quota-kind.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import { FILE_BYTES_MAX, punch, readExtent } from './content.ts'
import type { Core } from './core.ts'
import type { Credentials } from './mode.ts'
import { nextExtent } from './next-extent.ts'
import { dropPowers } from './powers.ts'
import { collapseRange, insertRange } from './shift.ts'

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

/**
 * `allocate`: makes the file at least offset + length long (unless `keepSize`). Space is not set aside: the store writes
 * every version elsewhere, so a later write may still meet ENOSPC. `punch`: makes a hole, the size stays. `zero`: the
 * range reads as zeros, by a hole. `collapse` takes whole extents out, `insert` puts a hole of whole extents in; what is
 * behind moves (core/shift.ts), and `keepSize` means nothing.
 */
export type FallocateMode = (typeof FALLOCATE_MODES)[number]

export const FALLOCATE_MODES = ['allocate', 'punch', 'zero', 'collapse', 'insert'] as const

/** Whether it cuts the file, so that it is run by `truncateInode`. */
export const isShift = (mode: FallocateMode): boolean => mode === 'collapse' || mode === 'insert'

/** Errors: EINVAL (an empty or negative range; those of core/shift.ts), EFBIG, EBUSY. */
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
  if (mode === 'collapse') yield* collapseRange(call, edited, offset, length)
  else if (mode === 'insert') yield* insertRange(call, edited, offset, length)
  else {
    if (mode !== 'allocate') yield* punch(call, edited, offset, length)
    if (mode !== 'punch' && !keepSize) edited.size = Math.max(edited.size, offset + length)
  }
  yield* dropPowers(call, edited)
  call.tellOf(inode, 'modify')
  return edited
}

/** What statfs shows. Bytes and counts; `freeBytes` is what whoever asks can still write. */
export interface SpaceReport {
  readonly usedBytes: number
  /** Undefined when the store cannot tell. */
  readonly freeBytes: number | undefined
  readonly inodes: number
  readonly inodesMax: number
  readonly nameBytesMax: number
  readonly extentBytes: number
}

/**
 * Of the volume; or, where limits bind `who` at the inode, of what they leave: those of the project that it is in, of the user and of the
 * group, the one that leaves least. A soft limit counts before a hard one, as on XFS.
 */
export function spaceReport(core: Core, inode?: Inode, who?: Credentials): SpaceReport {
  let report = wholeSpace(core)
  if (!core.quotas.isOn) return report
  const owners: (readonly [QuotaKind, number])[] = inode?.projectId ? [['project', inode.projectId]] : []
  if (who !== undefined && who.uid !== 0) owners.push(['user', who.uid], ['group', who.gid])
  for (const [kind, id] of owners) report = within(report, core.quotas.of(kind, id))
  return report
}

/** A report under a limit; that under the tighter one of two stays. */
function within(report: SpaceReport, quota: QuotaRow): SpaceReport {
  const { bytes, inodes, bytesSoft, bytesHard, inodesSoft, inodesHard } = quota
  const bytesMax = bytesSoft || bytesHard
  const inodesMax = inodesSoft || inodesHard
  const left = Math.max(0, bytesMax - bytes)
  const isTighter = bytesMax > 0 && left < (report.freeBytes ?? Number.POSITIVE_INFINITY)
  const isFewer = inodesMax > 0 && inodesMax - inodes < report.inodesMax - report.inodes
  return {
    ...report,
    ...(isTighter && { usedBytes: bytes, freeBytes: left }),
    ...(isFewer && { inodes, inodesMax: Math.max(inodesMax, inodes) }),
  }
}

function wholeSpace(core: Core): SpaceReport {
  return {
    usedBytes: core.counters.dataBytes,
    freeBytes: core.options.freeBytes?.(),
    inodes: core.counters.inodes,
    inodesMax: Number.MAX_SAFE_INTEGER,
    nameBytesMax: 255,
    extentBytes: core.superblock.extentBytes,
  }
}
