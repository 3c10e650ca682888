/** Page rows: what a write of whole pages in the middle of a file costs (FORMAT.md, "Extent"; format/page.ts). */
import { encodeExtent, fold, inRow, type Segment, type Segments } from '../format/extent.ts'
import { type Inode, InodeFlag, type Tail } from '../format/inode.ts'
import { BASE_PART, COVER_PART, extentKey, pagePart } from '../format/keys.ts'
import { pageBytes } from '../format/page.ts'
import { Incompat } from '../format/superblock.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import { extentId } from './extent-cache.ts'
import { deleteTail, isPaged, readCover, readTail } from './extent-rows.ts'
import { changeFeatures } from './features.ts'
import { isSharer } from './loans.ts'

/** Pages that an extent's content has to have before some of them get rows of their own: less is simply written anew. */
const PAGES_MIN = 4

/** Pages `first` to `last` of an extent. */
interface PageRun {
  readonly first: number
  readonly last: number
}

/** An older data epoch would hide below its own base what a newer one has as pages; what others read must not change. */
const mayPage = (inode: Inode): boolean => inode.epochs.length === 1 && !isSharer(inode)

/**
 * The pages that a segment writes, if they are whole and few enough to be rows of their own; undefined otherwise. `end`: where in
 * the extent its content ends.
 */
export function pagesToWrite(inode: Inode, segment: Segment, end: number): PageRun | undefined {
  const { offset, length, data } = segment
  const bytes = pageBytes(inode.extentBytes)
  const to = offset + length
  if (data === undefined || !mayPage(inode) || end < PAGES_MIN * bytes || length * 2 > inode.extentBytes)
    return undefined
  if (offset >= end || offset % bytes !== 0 || (to < end && to % bytes !== 0)) return undefined
  return { first: offset / bytes, last: Math.ceil(to / bytes) - 1 }
}

/** Rows for a run of pages; `content` is what the extent holds, there at least. */
export function* putPages(call: Call, inode: Inode, index: number, run: PageRun, content: Segments): Op<void> {
  const { ino, extentBytes } = inode
  const { epoch } = inode.epochs[0]
  const bytes = pageBytes(extentBytes)
  const hole = { offset: run.first * bytes, length: (run.last - run.first + 1) * bytes, data: undefined }
  const cover = yield* readCover(call, inode, epoch, index)
  if (!isNamed(cover, hole)) {
    if (!isPaged(inode)) yield* markPaged(call, inode)
    const wider = fold(cover, [hole], false)
    const key = extentKey(ino, epoch, index, COVER_PART)
    call.tx.put(key, encodeExtent(key, wider))
    if (wider.reduce((sum, { length }) => sum + length, 0) === extentBytes) {
      call.tx.del(extentKey(ino, epoch, index, BASE_PART))
    }
  }
  const id = extentId(ino, index)
  for (let page = run.first; page <= run.last; page++) {
    const key = extentKey(ino, epoch, index, pagePart(page))
    const data = within(content, page * bytes, bytes)
    const row = encodeExtent(key, data)
    call.tx.put(key, row)
    call.markWritten(id, { segments: inRow(row, data), rowBytes: row.length, isWhole: false })
  }
}

/** Holes lie apart or touch: what the row merges is not merged in memory. */
function isNamed(cover: Segments, { offset, length }: Segment): boolean {
  let at = offset
  for (const hole of cover) {
    if (hole.offset <= at && at < hole.offset + hole.length) at = hole.offset + hole.length
  }
  return at >= offset + length
}

/** The data in a part of an extent. */
function within(content: Segments, offset: number, length: number): Segments {
  const segments: Segment[] = []
  for (const { offset: at, length: bytes, data } of content) {
    const from = Math.max(at, offset)
    const to = Math.min(at + bytes, offset + length)
    if (data === undefined || from >= to) continue
    segments.push({ offset: from, length: to - from, data: data.subarray(from - at, to - at) })
  }
  return segments
}

function* markPaged(call: Call, inode: Inode): Op<void> {
  inode.flags |= InodeFlag.paged
  if ((call.core.superblock.features.incompat & Incompat.pages) !== 0) return
  yield* changeFeatures(call, (features) => ({ ...features, incompat: features.incompat | Incompat.pages }))
}

/**
 * Makes page rows of what the partial rows of a tail changed, if that is at most half of the pages; answers whether it did. `content`
 * is the extent as it is. The tail stays in the inode's list: the caller takes it out.
 */
export function* foldIntoPages(call: Call, inode: Inode, tail: Tail, content: Segments, end: number): Op<boolean> {
  const bytes = pageBytes(inode.extentBytes)
  if (!mayPage(inode) || end < PAGES_MIN * bytes) return false
  const changed = new Set<number>()
  for (const { segments } of yield* readTail(call, inode, tail)) {
    for (const { offset, length } of segments) {
      for (let page = Math.floor(offset / bytes); page * bytes < offset + length; page++) changed.add(page)
    }
  }
  if (changed.size * 2 * bytes > end) return false
  for (const page of changed) yield* putPages(call, inode, tail.index, { first: page, last: page }, content)
  deleteTail(call, inode, tail)
  return true
}
