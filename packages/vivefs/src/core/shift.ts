/**
 * fallocate(2) with FALLOC_FL_COLLAPSE_RANGE and FALLOC_FL_INSERT_RANGE: whole extents go, or come, in the middle of a
 * file, and what is behind them moves. The old rows are hidden by a cut; what moves is written into the epoch that the cut
 * opens, in the same batch, so a crash leaves the file as before or as after.
 */
import { FilesystemError } from '../errors.ts'
import { allocatedBytes, type Segments } from '../format/extent.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import { cutExtents, FILE_BYTES_MAX, putBase, readExtent } from './content.ts'
import { type ExtentPage, nextExtents } from './next-extent.ts'

/** The most bytes of data that may have to move: they are written anew in one batch. */
export const SHIFT_BYTES_MAX = 32 << 20

/**
 * Takes [offset, offset + length) out of the file. Errors: EINVAL (not whole extents, or up to the end or beyond), EFBIG
 * (more than SHIFT_BYTES_MAX of data behind it), EBUSY (the list of epochs is full: core/consolidate.ts).
 */
export function* collapseRange(call: Call, inode: Inode, offset: number, length: number): Op<void> {
  assertWholeExtents(inode, offset, length)
  if (offset + length >= inode.size) throw new FilesystemError('EINVAL')
  yield* shift(call, inode, offset / inode.extentBytes, -length / inode.extentBytes)
  inode.size -= length
}

/** Puts a hole of `length` at `offset`. Errors: EINVAL (not whole extents, at the end or behind it), EFBIG, EBUSY. */
export function* insertRange(call: Call, inode: Inode, offset: number, length: number): Op<void> {
  assertWholeExtents(inode, offset, length)
  if (offset >= inode.size) throw new FilesystemError('EINVAL')
  if (inode.size + length > FILE_BYTES_MAX) throw new FilesystemError('EFBIG')
  yield* shift(call, inode, offset / inode.extentBytes, length / inode.extentBytes)
  inode.size += length
}

function assertWholeExtents({ extentBytes }: Inode, offset: number, length: number): void {
  if (offset % extentBytes !== 0 || length % extentBytes !== 0) throw new FilesystemError('EINVAL')
}

/** Moves the extents from `first` on by so many; those that would land before it are gone. */
function* shift(call: Call, inode: Inode, first: number, by: number): Op<void> {
  const moved: { readonly index: number; readonly segments: Segments }[] = []
  let hiddenBytes = 0
  let movedBytes = 0
  for (let from: number | undefined = first; from !== undefined; ) {
    const page: ExtentPage = yield* nextExtents(call, inode, from)
    for (const at of page.indexes) {
      const segments = yield* readExtent(call, inode, at)
      const bytes = allocatedBytes(segments)
      hiddenBytes += bytes
      if (bytes === 0 || at + by < first) continue
      movedBytes += bytes
      if (movedBytes > SHIFT_BYTES_MAX) throw new FilesystemError('EFBIG')
      moved.push({ index: at + by, segments })
    }
    from = page.next
  }
  if (inode.epochs.length === 0) return
  yield* cutExtents(call, inode, first, hiddenBytes)
  for (const { index, segments } of moved) yield* putBase(call, inode, index, segments, undefined)
  call.allocate(inode, movedBytes)
}
