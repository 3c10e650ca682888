/**
 * Sharing extents instead of copying them: FICLONE, FICLONERANGE, and copy_file_range where it can (FORMAT.md, "Shared
 * extents"). What is written grows with the number of extents, not with their bytes. All of it is part of the caller's operation.
 *
 * Source of the idea: reflinks of Btrfs and XFS.
 */
import { FilesystemError } from '../errors.ts'
import { allocatedBytes, encodeExtent } from '../format/extent.ts'
import { EPOCHS_MAX, type Inode, InodeFlag, NO_CUT } from '../format/inode.ts'
import { BASE_PART, extentKey, extentRange } from '../format/keys.ts'
import { type Place, placeOfExtent, placeOfKey, type Reference, referenceRange } from '../format/loan.ts'
import { Incompat } from '../format/superblock.ts'
import type { Op } from '../op.ts'
import type { Bytes, KeyRange } from '../store/store.ts'
import type { Call } from './call.ts'
import { contentEnd, FILE_BYTES_MAX, foldTail, isDense, openEpoch, readExtent } from './content.ts'
import { extentId } from './extent-cache.ts'
import { deleteBase, deleteTail, readBase } from './extent-rows.ts'
import { changeFeatures } from './features.ts'
import { findLoan, findReference, isSharer, refer } from './loans.ts'
import { isOneTree } from './trees.ts'

/** The most extents that one operation shares. */
const CLONE_EXTENTS_MAX = 8192
/** The most bytes that one operation reads to learn how much data extents hold. */
const READ_BYTES_MAX = 64 << 20
const PAGE_ROWS = 1024

export interface CloneRange {
  readonly offset: number
  readonly toOffset: number
  readonly length: number
}

/**
 * How much of a range, from its start, one operation can share: whole extents, and what is behind the last of them where the end
 * of one file becomes the end of the other.
 */
export function shareable(from: Inode, into: Inode, { offset, toOffset, length }: CloneRange): number {
  const { extentBytes } = from
  if (!isOneTree(from, into)) return 0
  if (into.extentBytes !== extentBytes || offset % extentBytes !== 0 || toOffset % extentBytes !== 0) return 0
  const bytes = Math.max(0, Math.min(length, from.size - offset, CLONE_EXTENTS_MAX * extentBytes))
  const isEnd = offset + bytes === from.size && toOffset + bytes >= into.size
  return isEnd ? bytes : bytes - (bytes % extentBytes)
}

/**
 * Shares a range that `shareable` allows, and answers how many bytes of it: less when more would have to be read than one
 * operation may. `into` is edited by the operation; `from` is not, or is the same. Errors: EBUSY (the source's list of epochs
 * is full: core/consolidate.ts), EFBIG.
 */
export function* cloneExtents(call: Call, from: Inode, into: Inode, range: CloneRange): Op<number> {
  const { extentBytes } = from
  const { offset, toOffset, length } = range
  if (toOffset + length > FILE_BYTES_MAX) throw new FilesystemError('EFBIG')
  const first = offset / extentBytes
  const end = Math.ceil((offset + length) / extentBytes)
  const lender = from.ino === into.ino ? into : yield* openForLending(call, from, first, end)
  if (lender === into) yield* openForLending(call, into, first, end)
  openEpoch(into)
  yield* markSharer(call, into)
  const places = yield* basesOf(call, lender, first, end)
  let read = 0
  for (let index = first; index < end; index++) {
    const place = places.get(index)
    const source = place === undefined ? undefined : yield* referenceTo(call, lender, place, isDense(from))
    yield* replaceBy(call, into, toOffset / extentBytes + index - first, source?.reference)
    read += source?.read ?? 0
    const done = Math.min((index + 1) * extentBytes - offset, length)
    into.size = Math.max(into.size, toOffset + done)
    if (read >= READ_BYTES_MAX) return done
  }
  return length
}

function* markSharer(call: Call, inode: Inode): Op<void> {
  inode.flags |= InodeFlag.shares
  if ((call.core.superblock.features.incompat & Incompat.reflinks) !== 0) return
  yield* changeFeatures(call, (features) => ({ ...features, incompat: features.incompat | Incompat.reflinks }))
}

/**
 * Makes sure that what the inode has between two extents is never written in place again (R1): it lies in a data epoch that is not the
 * newest. Answers the inode as it is then. It is not a change of the file: nothing that others see of it changes.
 */
function* openForLending(call: Call, from: Inode, first: number, end: number): Op<Inode> {
  const [newest] = from.epochs
  if (newest === undefined) return from
  const place = { ino: from.ino, epoch: newest.epoch, index: first }
  const [own] = yield* call.tx.range({ ...extentRange(place.ino, place.epoch, first, 1), keysOnly: true })
  const mustOpen = own !== undefined && placeOfExtent(own.key).index < end
  if (!mustOpen && isSharer(from)) return from
  if (mustOpen && from.epochs.length >= EPOCHS_MAX) throw new FilesystemError('EBUSY')
  const edited = call.edit(from)
  if (edited !== from) edited.change = from.change
  if (mustOpen) {
    // Partial rows lie in the newest data epoch.
    for (const tail of edited.tails) yield* foldTail(call, edited, tail)
    edited.epochs = [{ epoch: edited.nextEpoch, end: NO_CUT }, ...edited.epochs]
    edited.nextEpoch++
  }
  edited.flags |= InodeFlag.shares
  return edited
}

interface BasePlace extends Place {
  readonly isReference: boolean
}

/** Where an inode has the bases of its extents from `first` on and before `end`: in the newest epoch that has one. */
function* basesOf(call: Call, { ino, epochs }: Inode, first: number, end: number): Op<Map<number, BasePlace>> {
  const places = new Map<number, BasePlace>()
  for (const { epoch, end: cut } of epochs) {
    const last = Math.min(end, cut)
    const own = yield* placesIn(call, extentRange(ino, epoch, first, PAGE_ROWS), placeOfExtent, last)
    const others = yield* placesIn(
      call,
      referenceRange({ ino, epoch, index: first }, PAGE_ROWS),
      placeOfReference,
      last,
    )
    for (const place of own) if (!places.has(place.index)) places.set(place.index, { ...place, isReference: false })
    for (const place of others) if (!places.has(place.index)) places.set(place.index, { ...place, isReference: true })
  }
  return places
}

const placeOfReference = (key: Bytes): Place => placeOfKey(key) as Place

function* placesIn(call: Call, range: KeyRange, placeOf: (key: Bytes) => Place, end: number): Op<Place[]> {
  const places: Place[] = []
  let rest = range
  for (;;) {
    const rows = yield* call.tx.range({ ...rest, keysOnly: true })
    for (const { key } of rows) {
      const place = placeOf(key)
      if (place.index >= end) return places
      if (places[places.length - 1]?.index !== place.index) places.push(place)
    }
    if (rows.length < PAGE_ROWS) return places
    rest = { gt: rows[rows.length - 1].key, lt: range.lt, limit: PAGE_ROWS }
  }
}

/** What a reference to the base at a place says; none when there is no data. `read`: bytes that were read to know. */
function* referenceTo(
  call: Call,
  from: Inode,
  { isReference, ...place }: BasePlace,
  wasDense: boolean,
): Op<{ readonly reference: Reference | undefined; readonly read: number }> {
  if (isReference) return { reference: yield* findReference(call, place), read: 0 }
  const loan = yield* findLoan(call, place)
  if (loan !== undefined) return { reference: { ...place, bytes: loan.bytes }, read: 0 }
  if (wasDense) return { reference: { ...place, bytes: contentEnd(from, place.index) }, read: 0 }
  const base = yield* readBase(call, from, place.epoch, place.index)
  const bytes = allocatedBytes(base?.segments ?? [])
  return { reference: bytes === 0 ? undefined : { ...place, bytes }, read: base?.rowBytes ?? 0 }
}

/** An extent's content becomes what a reference leads to, or a hole. */
function* replaceBy(call: Call, into: Inode, index: number, reference: Reference | undefined): Op<void> {
  const { ino } = into
  const { epoch } = into.epochs[0]
  let mustHide = false
  if (index * into.extentBytes < into.size) {
    call.allocate(into, -allocatedBytes(yield* readExtent(call, into, index)))
    for (const each of into.epochs) {
      if (index < each.end && (yield* deleteBase(call, into, each.epoch, index))) mustHide = true
    }
    const tail = into.tails.find((each) => each.index === index)
    if (tail !== undefined) {
      deleteTail(call, into, tail)
      into.tails = into.tails.filter((each) => each !== tail)
    }
  }
  if (reference !== undefined) {
    yield* refer(call, { ino, epoch, index }, reference)
    call.allocate(into, reference.bytes)
  } else if (mustHide) {
    const key = extentKey(ino, epoch, index, BASE_PART)
    call.tx.put(key, encodeExtent(key, []))
  }
  call.markWritten(extentId(ino, index))
}
