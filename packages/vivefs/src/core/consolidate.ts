/**
 * Makes room in an inode's list of data epochs: moves the visible extents of the oldest epoch into the next one, in
 * bounded transactions. Content is the same before, between and after them.
 *
 * It relies on I2 and on cuts applying to all epochs at once: an older epoch's `end` is never above a newer one's.
 */
import { FilesystemError } from '../errors.ts'
import { decodeExtent, encodeExtent } from '../format/extent.ts'
import { type DataEpoch, EPOCHS_MAX, type Inode } from '../format/inode.ts'
import { decodeJob } from '../format/job.ts'
import { extentKey, extentRange, jobRange, parseExtentKey } from '../format/keys.ts'
import {
  decodeReference,
  encodeReference,
  type Place,
  placeOfExtent,
  placeOfKey,
  placeRange,
  referenceKey,
  referenceRange,
} from '../format/loan.ts'
import { type Op, pending } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import type { Core } from './core.ts'
import { corruption } from './corruption.ts'
import { disown, findLoan, isSharer, refer } from './loans.ts'
import { superuser } from './mode.ts'

/** More than the rows of one extent. */
const ROWS_PER_STEP = 192
const BYTES_PER_STEP = 8 << 20
const REFERENCES_PER_STEP = 256
/** How often a merge waits for trims before it gives up. */
const WAITS_MAX = 16

export const needsConsolidation = (inode: Inode): boolean => inode.epochs.length >= EPOCHS_MAX

export function* consolidate(core: Core, ino: number): Op<void> {
  let from = 0
  let oldest = -1
  let waits = 0
  for (let isDone = false; !isDone; ) {
    const next = yield* core.run(
      superuser,
      function* (call) {
        const inode = yield* call.find(ino)
        if (inode === undefined || !needsConsolidation(inode)) return undefined
        const source = inode.epochs[inode.epochs.length - 1]
        const into = inode.epochs[inode.epochs.length - 2]
        const start = source.epoch === oldest ? from : 0
        if (isSharer(inode) && (yield* moveReferences(call, ino, source, into))) {
          return { epoch: source.epoch, from: start, isLast: false, mustWait: false }
        }
        const { reached, isEnd } = yield* moveExtents(call, inode, source, into, start)
        if (!isEnd) return { epoch: source.epoch, from: reached, isLast: false, mustWait: false }
        // A trim that counts takes its bytes from the inode only while the inode lists the epoch.
        const mustWait = yield* isBeingCounted(call, ino, source.epoch)
        if (!mustWait) call.edit(inode).epochs = inode.epochs.slice(0, -1)
        return { epoch: source.epoch, from: reached, isLast: !mustWait, mustWait }
      },
      { reclaims: true },
    )
    if (next?.mustWait) {
      // A volume whose jobs stand still (closing, or mounted for salvage) would never get there.
      if (++waits > WAITS_MAX) throw new FilesystemError('EBUSY')
      yield* pending(core.jobs.idle())
    }
    isDone = next === undefined || next.isLast
    oldest = next?.epoch ?? -1
    from = next?.from ?? 0
  }
}

/** Moves the references of a data epoch into the next one, a step of it; answers whether there may be more. */
function* moveReferences(call: Call, ino: number, source: DataEpoch, into: DataEpoch): Op<boolean> {
  const range = referenceRange({ ino, epoch: source.epoch, index: 0 }, REFERENCES_PER_STEP)
  let moved = 0
  for (const { key, value } of yield* call.tx.range(range)) {
    const place = placeOfKey(key)
    const verdict = decodeReference(key, value)
    if (place === undefined || !verdict.ok) throw corruption(`reference of inode ${ino}`, 'shape')
    // Those at or beyond the cut belong to a trim.
    if (place.index >= source.end) break
    const to = referenceKey({ ...place, epoch: into.epoch })
    call.tx.put(to, encodeReference(to, verdict.value))
    call.tx.del(key)
    moved++
  }
  return moved === REFERENCES_PER_STEP
}

/**
 * Moves extents of a data epoch from index `start` on into the next one, whole ones. Answers where to go on, and whether that
 * was all. What others read stays where it is, and a reference to it goes.
 */
function* moveExtents(
  call: Call,
  inode: Inode,
  source: DataEpoch,
  into: DataEpoch,
  start: number,
): Op<{ reached: number; isEnd: boolean }> {
  const { ino } = inode
  const range = { ...extentRange(ino, source.epoch, start, ROWS_PER_STEP), keysOnly: true }
  const keys = (yield* call.tx.range(range)).map(({ key }) => key)
  let bytes = 0
  let reached = start
  for (const place of placesOf(keys)) {
    // Rows at or beyond the cut belong to a trim.
    if (place.index >= source.end) return { reached, isEnd: true }
    reached = place.index
    const isCut = keys.length === ROWS_PER_STEP && place.index === placeOfExtent(keys[keys.length - 1]).index
    if (isCut || bytes > BYTES_PER_STEP) return { reached, isEnd: false }
    bytes += yield* moveExtent(call, inode, place, into.epoch)
    reached = place.index + 1
  }
  return { reached, isEnd: keys.length < ROWS_PER_STEP }
}

/** Answers the bytes of the rows that were written anew. */
function* moveExtent(call: Call, inode: Inode, place: Place, epoch: number): Op<number> {
  const loan = isSharer(inode) ? yield* findLoan(call, place) : undefined
  if (loan !== undefined) {
    if (loan.isOwned) {
      yield* refer(call, { ...place, epoch }, { ...place, bytes: loan.bytes })
      yield* disown(call, place)
    }
    return 0
  }
  let bytes = 0
  for (const { key, value } of yield* call.tx.range(placeRange(place))) {
    const parts = parseExtentKey(key)
    const verdict = decodeExtent(key, value)
    if (parts === undefined || !verdict.ok) throw corruption(`extent of inode ${inode.ino}`, 'shape')
    const moved = extentKey(inode.ino, epoch, parts.index, parts.part)
    call.tx.put(moved, encodeExtent(moved, verdict.value))
    call.tx.del(key)
    bytes += value.length
  }
  return bytes
}

function placesOf(keys: readonly Bytes[]): Place[] {
  const places: Place[] = []
  for (const key of keys) {
    const place = placeOfExtent(key)
    if (places[places.length - 1]?.index !== place.index) places.push(place)
  }
  return places
}

function* isBeingCounted(call: Call, ino: number, epoch: number): Op<boolean> {
  for (const { key, value } of yield* call.tx.range(jobRange)) {
    const job = decodeJob(key, value)
    if (!job.ok) throw corruption('job', job.fault)
    const { value: what } = job
    if (what.kind === 'trim' && what.ino === ino && what.epoch === epoch && what.dataBytes < 0) return true
  }
  return false
}
