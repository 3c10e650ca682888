/**
 * The content of regular files: extents in data epochs, partial rows on top (format/inode.ts I1-I6, format/extent.ts).
 * Everything here works on an inode that the operation may change (`call.edit`), except reading.
 */
import { FilesystemError } from '../errors.ts'
import {
  allocatedBytes,
  applyExtent,
  copyOut,
  encodeExtent,
  fold,
  inRow,
  type Segment,
  type Segments,
} from '../format/extent.ts'
import { EPOCHS_MAX, type Inode, InodeFlag, NO_CUT, TAILS_MAX, type Tail } from '../format/inode.ts'
import { BASE_PART, extentKey, midPart, PARTS_PER_TIER, smallPart } from '../format/keys.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import { extentId } from './extent-cache.ts'
import { deleteBase, deletePages, deleteTail, isPaged, readBase, readPart, readTail } from './extent-rows.ts'
import { isSharer } from './loans.ts'
import { foldIntoPages, pagesToWrite, putPages } from './pages.ts'

export const FILE_BYTES_MAX = Number.MAX_SAFE_INTEGER

/** Content of at most this many extents is deleted in the operation itself; more becomes a job. */
const EXTENTS_INLINE_MAX = 64
const SHARED_INLINE_MAX = 1
/** An extent whose content ends below this is simply written anew. */
const REWRITE_BYTES_MAX = 2048

const extentCount = (inode: Inode): number => Math.ceil(inode.size / inode.extentBytes)

/**
 * Whether every byte below `size` is allocated and nothing waits for a trim: then what an overwrite replaces is known
 * without reading it.
 */
export const isDense = (inode: Inode): boolean => inode.nextEpoch <= 1 && inode.allocatedBytes === inode.size

/** Whether deleting the content needs a job: many extents, or rows that have to be looked for. */
export const isBigContent = (call: Call, inode: Inode): boolean =>
  inode.xattrs > 0 ||
  isPaged(inode) ||
  isSharer(inode) ||
  (inode.nextEpoch > 0 && (extentCount(inode) > inlineMax(call, inode) || inode.epochs.length > 1))

/** Of what a snapshot sees too, a copy would have to be kept; a job leaves it where it is. */
const inlineMax = (call: Call, inode: Inode): number =>
  call.core.options.shared?.shares(inode.ino) === true ? SHARED_INLINE_MAX : EXTENTS_INLINE_MAX

/** Deletes the rows of content that is not big. */
export function deleteContent(call: Call, inode: Inode): void {
  // However long it was made: what holds no data has no rows.
  if (inode.epochs.length === 0) return
  for (let index = 0; index < extentCount(inode); index++) {
    for (const { epoch } of inode.epochs) call.tx.del(extentKey(inode.ino, epoch, index, BASE_PART))
  }
  for (const tail of inode.tails) deleteTail(call, inode, tail)
}

/** What the extent holds now: base of the newest epoch that has one, partial rows on top. */
export function* readExtent(call: Call, inode: Inode, index: number): Op<Segments> {
  const id = extentId(inode.ino, index)
  const isShared = !call.hasWritten(id)
  if (isShared) {
    const cached = call.core.extents.get(id)
    if (cached !== undefined) return cached
  }
  let rowBytes = 0
  let base: Segments | undefined
  for (const { epoch, end } of inode.epochs) {
    if (index >= end) continue
    const row = yield* readBase(call, inode, epoch, index)
    if (row !== undefined) {
      base = row.segments
      rowBytes += row.rowBytes
      break
    }
  }
  const operands: Segments[] = []
  const tail = inode.tails.find((each) => each.index === index)
  if (tail !== undefined) {
    for (const row of yield* readTail(call, inode, tail)) {
      operands.push(row.segments)
      rowBytes += row.rowBytes
    }
  }
  const segments = applyExtent(base, operands)
  if (isShared) {
    // Published only if this read is proven consistent: a run that is thrown away never fills the cache.
    call.tx.onCommit(() => call.core.extents.set(id, segments, rowBytes))
  }
  return segments
}

/**
 * Fills `into` from `offset` on; answers how many bytes there were before the end of the file. `into` is not kept.
 */
export function* readContent(call: Call, inode: Inode, offset: number, into: Bytes): Op<number> {
  const length = Math.min(into.length, Math.max(0, inode.size - offset))
  let done = 0
  while (done < length) {
    const at = offset + done
    const index = Math.floor(at / inode.extentBytes)
    const from = at - index * inode.extentBytes
    const bytes = Math.min(length - done, inode.extentBytes - from)
    const segments = yield* readExtent(call, inode, index)
    copyOut(segments, from, into.subarray(done, done + bytes))
    done += bytes
  }
  return length
}

/** Writes `data` at `offset`. The caller owns `data` again when this returns. EFBIG beyond the largest file. */
export function* writeContent(call: Call, inode: Inode, offset: number, data: Bytes): Op<void> {
  if (offset + data.length > FILE_BYTES_MAX) throw new FilesystemError('EFBIG')
  openEpoch(inode)
  let done = 0
  while (done < data.length) {
    const at = offset + done
    const index = Math.floor(at / inode.extentBytes)
    const from = at - index * inode.extentBytes
    const bytes = Math.min(data.length - done, inode.extentBytes - from)
    yield* writeExtent(call, inode, index, { offset: from, length: bytes, data: data.subarray(done, done + bytes) })
    done += bytes
    inode.size = Math.max(inode.size, at + bytes)
  }
}

/** The inode gets its first data epoch when it gets its first data. */
export function openEpoch(inode: Inode): void {
  if (inode.epochs.length > 0) return
  inode.epochs = [{ epoch: inode.nextEpoch, end: NO_CUT }]
  inode.nextEpoch++
}

/** Where in the extent the content that exists ends. */
export const contentEnd = (inode: Inode, index: number): number =>
  Math.min(Math.max(inode.size - index * inode.extentBytes, 0), inode.extentBytes)

/** Applies one segment (data, or a hole) to an extent, as a new base row or as a partial row, whichever writes less. */
function* writeExtent(call: Call, inode: Inode, index: number, segment: Segment): Op<void> {
  const end = contentEnd(inode, index)
  const tail = inode.tails.find((each) => each.index === index)
  const covers = segment.offset === 0 && segment.length >= end
  const added = segment.data === undefined ? 0 : segment.length

  if (end === 0) {
    call.allocate(inode, added)
    return yield* putBase(call, inode, index, [segment], tail)
  }
  const pages = covers || tail !== undefined ? undefined : pagesToWrite(inode, segment, end)
  // What sharing a base row saves is counted by all of its bytes (FORMAT.md R4): partial rows never take from it.
  const isPartial =
    !covers &&
    (segment.data !== undefined || !isSharer(inode)) &&
    end > REWRITE_BYTES_MAX &&
    segment.length * 4 < inode.extentBytes &&
    (tail?.bytes ?? 0) + segment.length < inode.extentBytes / 2
  if (isDense(inode) && segment.data !== undefined && (covers || isPartial || pages !== undefined)) {
    call.allocate(inode, added - Math.max(0, Math.min(end, segment.offset + segment.length) - segment.offset))
    if (covers) return yield* putBase(call, inode, index, [segment], tail)
    if (pages !== undefined) return yield* putPages(call, inode, index, pages, [segment])
    return yield* putPartial(call, inode, index, segment, tail)
  }
  const before = yield* readExtent(call, inode, index)
  const after = fold(before, [segment], true)
  call.allocate(inode, allocatedBytes(after) - allocatedBytes(before))
  if (pages !== undefined) return yield* putPages(call, inode, index, pages, [segment])
  if (isPartial) return yield* putPartial(call, inode, index, segment, tail)
  return yield* putBase(call, inode, index, after, tail)
}

const hasData = ({ data }: Segment): boolean => data !== undefined

/** A new base row instead of all visible rows of the extent; none when there is nothing to hold. */
export function* putBase(
  call: Call,
  inode: Inode,
  index: number,
  segments: Segments,
  tail: Tail | undefined,
): Op<void> {
  const key = extentKey(inode.ino, inode.epochs[0].epoch, index, BASE_PART)
  const data = segments.every(hasData) ? segments : segments.filter(hasData)
  // Rows that others read stay in place: then a base row hides them, an empty one if need be.
  let mustHide = false
  for (let older = 1; older < inode.epochs.length; older++) {
    const { epoch, end } = inode.epochs[older]
    if (index < end && (yield* deleteBase(call, inode, epoch, index))) mustHide = true
  }
  if (isSharer(inode)) yield* deleteBase(call, inode, inode.epochs[0].epoch, index)
  else if (isPaged(inode)) yield* deletePages(call, inode, inode.epochs[0].epoch, index)
  if (tail !== undefined) {
    deleteTail(call, inode, tail)
    inode.tails = inode.tails.filter((each) => each !== tail)
  }
  if (data.length === 0 && !mustHide) {
    call.tx.del(key)
    call.markWritten(extentId(inode.ino, index))
  } else {
    const row = encodeExtent(key, data)
    call.tx.put(key, row)
    call.markWritten(extentId(inode.ino, index), { segments: inRow(row, data), rowBytes: row.length, isWhole: true })
  }
}

/** One more partial row; a full tier of them is folded into one row of the tier above. */
function* putPartial(call: Call, inode: Inode, index: number, segment: Segment, tail: Tail | undefined): Op<void> {
  const { ino } = inode
  const { epoch } = inode.epochs[0]
  let { smalls, mids, bytes } = tail ?? { smalls: 0, mids: 0, bytes: 0 }
  if (tail === undefined && inode.tails.length >= TAILS_MAX) yield* foldTail(call, inode, inode.tails[0])
  let key: Buffer
  let written: Segments
  if (smalls < PARTS_PER_TIER) {
    smalls++
    key = extentKey(ino, epoch, index, smallPart(smalls))
    written = [segment]
  } else if (mids < PARTS_PER_TIER) {
    written = []
    for (let n = 1; n <= smalls; n++) {
      written = fold(written, (yield* readPart(call, inode, epoch, index, smallPart(n))).segments, false)
      call.tx.del(extentKey(ino, epoch, index, smallPart(n)))
    }
    written = fold(written, [segment], false)
    mids++
    smalls = 0
    bytes += FOLD_COST_BYTES
    key = extentKey(ino, epoch, index, midPart(mids))
  } else {
    const before = yield* readExtent(call, inode, index)
    return yield* putBase(call, inode, index, fold(before, [segment], true), tail)
  }
  const grown: Tail = { index, smalls, mids, bytes: bytes + segment.length }
  inode.tails = [...inode.tails.filter((each) => each.index !== index), grown]
  const row = encodeExtent(key, written)
  call.tx.put(key, row)
  call.markWritten(extentId(ino, index), { segments: inRow(row, written), rowBytes: row.length, isWhole: false })
}

const FOLD_COST_BYTES = 64

/** Writes an extent's partial rows into rows of pages or, when many changed, its base row. */
export function* foldTail(call: Call, inode: Inode, tail: Tail): Op<void> {
  const segments = yield* readExtent(call, inode, tail.index)
  const end = contentEnd(inode, tail.index)
  if (yield* foldIntoPages(call, inode, tail, segments, end)) {
    inode.tails = inode.tails.filter((each) => each !== tail)
  } else yield* putBase(call, inode, tail.index, segments, tail)
}

/**
 * Sets the size. Growing leaves a hole. Shrinking deletes at most EXTENTS_INLINE_MAX extents at once; beyond that the
 * extents are hidden by a cut and a job deletes them. `EPOCHS_MAX` cuts at once are possible; the caller consolidates
 * before (core/consolidate.ts).
 */
export function* resize(call: Call, inode: Inode, size: number): Op<void> {
  if (size > FILE_BYTES_MAX) throw new FilesystemError('EFBIG')
  if (size < inode.size) yield* shrink(call, inode, size)
  inode.size = size
}

function* shrink(call: Call, inode: Inode, size: number): Op<void> {
  if (inode.epochs.length === 0) return
  const { extentBytes } = inode
  const boundary = Math.floor(size / extentBytes)
  const within = size - boundary * extentBytes
  const wasDense = isDense(inode)
  const denseHidden = inode.size - Math.max(size, (within > 0 ? boundary + 1 : boundary) * extentBytes)
  if (within > 0) {
    const tail = inode.tails.find((each) => each.index === boundary)
    const before = yield* readExtent(call, inode, boundary)
    const after = fold(before, [{ offset: within, length: extentBytes - within, data: undefined }], true)
    const lost = allocatedBytes(before) - allocatedBytes(after)
    if (lost > 0) {
      call.allocate(inode, -lost)
      yield* putBase(call, inode, boundary, after, tail)
    }
  }
  const first = within > 0 ? boundary + 1 : boundary
  const last = extentCount(inode) - 1
  if (first > last) return
  if (last - first < inlineMax(call, inode) && inode.epochs.length === 1) {
    yield* deleteExtents(call, inode, first, last)
  } else {
    yield* cutExtents(call, inode, first, wasDense ? Math.max(0, denseHidden) : first === 0 ? inode.allocatedBytes : -1)
  }
}

/** Deletes extents [first, last] of a file with one data epoch. */
function* deleteExtents(call: Call, inode: Inode, first: number, last: number): Op<void> {
  const dense = isDense(inode)
  let lost = 0
  for (let index = first; index <= last; index++) {
    lost += dense ? contentEnd(inode, index) : allocatedBytes(yield* readExtent(call, inode, index))
    yield* deleteBase(call, inode, inode.epochs[0].epoch, index)
    call.markWritten(extentId(inode.ino, index))
  }
  for (const tail of inode.tails) if (tail.index >= first) deleteTail(call, inode, tail)
  inode.tails = inode.tails.filter((tail) => tail.index < first)
  call.allocate(inode, -lost)
  if (first === 0) inode.flags &= ~InodeFlag.paged
}

/** For jobs: what they delete may be shared. */
export const sharing = (inode: Inode): { shares?: true } => (isSharer(inode) ? { shares: true } : {})

/**
 * Hides extents from `first` on in all data epochs and opens a new epoch for what comes. `hiddenBytes` is what they
 * hold, or -1 when nobody knows; then the trims count.
 */
export function* cutExtents(call: Call, inode: Inode, first: number, hiddenBytes: number): Op<void> {
  // Epochs go from the list with the last byte in them. A trim that still counts takes its bytes from the inode only while its epoch is listed.
  const isAll = first === 0 && hiddenBytes === inode.allocatedBytes
  if (inode.epochs.length >= EPOCHS_MAX && !isAll) throw new FilesystemError('EBUSY')
  // A trim that counts meets each hidden extent as one row: partial rows on an older epoch's base would count twice.
  for (const tail of inode.tails) if (tail.index < first || hiddenBytes < 0) yield* foldTail(call, inode, tail)
  let dataBytes = hiddenBytes
  for (const { epoch, end } of inode.epochs) {
    const to = end === NO_CUT ? {} : { to: end }
    call.addJob({ kind: 'trim', ino: inode.ino, epoch, from: first, ...to, dataBytes, ...sharing(inode) })
    if (dataBytes > 0) dataBytes = 0
  }
  // The bytes leave the inode now; the volume's counter gives them back while the jobs delete.
  if (hiddenBytes > 0) inode.allocatedBytes -= hiddenBytes
  const kept = isAll ? [] : inode.epochs.map(({ epoch, end }) => ({ epoch, end: Math.min(end, first) }))
  inode.epochs = [{ epoch: inode.nextEpoch, end: NO_CUT }, ...kept]
  inode.nextEpoch++
  inode.tails = []
  if (isAll) inode.flags &= ~InodeFlag.paged
  call.tx.onCommit(() => call.core.extents.clear())
}

/** Makes [offset, offset + length) a hole; the size stays. */
export function* punch(call: Call, inode: Inode, offset: number, length: number): Op<void> {
  const end = Math.min(offset + length, inode.size)
  if (inode.epochs.length === 0) return
  let at = offset
  while (at < end) {
    const index = Math.floor(at / inode.extentBytes)
    const from = at - index * inode.extentBytes
    const bytes = Math.min(end - at, inode.extentBytes - from)
    yield* writeExtent(call, inode, index, { offset: from, length: bytes, data: undefined })
    at += bytes
  }
}
