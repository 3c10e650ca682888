/** Which rows the content of a file is read from: its own, and those of the files that it shares extents with (FORMAT.md, "Shared extents"). */
import type { Inode } from '../format/inode.ts'
import { BASE_PART, COVER_PART, extentRange, parseExtentKey } from '../format/keys.ts'
import { type Place, placeOfKey, placeRange, referenceRange } from '../format/loan.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import { findReference, isSharer } from './loans.ts'

/** Extents looked at in one go. */
const EXTENTS_AT_ONCE = 256

export interface ContentRows {
  /** In the order of the content; of an extent the newest last, as they apply. */
  readonly keys: readonly Bytes[]
  /** The extent to go on with; undefined: there are no more. */
  readonly next: number | undefined
}

/** Rows that have the content of some extents from `from` on. What newer rows hide is not among them. No content is read. */
export function* contentRows(call: Call, inode: Inode, from: number): Op<ContentRows> {
  const first = yield* firstExtent(call, inode, from)
  if (first === undefined) return { keys: [], next: undefined }
  const end = first + EXTENTS_AT_ONCE
  const rows = new Map<number, Bytes[]>()
  const settled = new Set<number>()
  for (const { epoch, end: cut } of inode.epochs) {
    const last = Math.min(end, cut)
    if (last <= first) continue
    const own = yield* ownRows(call, { ino: inode.ino, epoch, index: first }, last)
    const lent = isSharer(inode) ? yield* lentRows(call, { ino: inode.ino, epoch, index: first }, last) : []
    for (const [index, { keys, isWhole }] of [...own, ...lent]) {
      if (settled.has(index)) continue
      rows.set(index, [...keys, ...(rows.get(index) ?? [])])
      if (isWhole) settled.add(index)
    }
  }
  const ascending = [...rows].sort(([a], [b]) => a - b)
  return { keys: ascending.flatMap(([, keys]) => keys), next: end }
}

/** The first extent at `from` or behind it that has rows. */
function* firstExtent(call: Call, inode: Inode, from: number): Op<number | undefined> {
  const { ino } = inode
  let first: number | undefined
  for (const { epoch, end } of inode.epochs) {
    const [own] = yield* call.tx.range({ ...extentRange(ino, epoch, from, 1), keysOnly: true })
    const references = referenceRange({ ino, epoch, index: from }, 1)
    const [lent] = isSharer(inode) ? yield* call.tx.range({ ...references, keysOnly: true }) : []
    for (const index of [own && parseExtentKey(own.key)?.index, lent && placeOfKey(lent.key)?.index])
      if (index !== undefined && index < end) first = Math.min(first ?? index, index)
  }
  return first
}

/** Rows of one extent in one data epoch. `isWhole`: nothing of an older epoch is seen through them. */
interface EpochRows {
  readonly keys: Bytes[]
  readonly isWhole: boolean
}

/** By index, from the place on and before `end`. */
function* ownRows(call: Call, { ino, epoch, index: from }: Place, end: number): Op<Map<number, EpochRows>> {
  const found = new Map<number, EpochRows>()
  const range = { gte: extentRange(ino, epoch, from).gte!, lt: extentRange(ino, epoch, end).gte!, keysOnly: true }
  for (const { key } of yield* call.tx.range(range)) {
    const { index, part } = parseExtentKey(key)!
    const known = found.get(index)
    const isWhole = known?.isWhole === true || part === BASE_PART || part === COVER_PART
    found.set(index, { keys: [...(known?.keys ?? []), key], isWhole })
  }
  return found
}

/** Of extents that are read from elsewhere. */
function* lentRows(call: Call, from: Place, end: number): Op<Map<number, EpochRows>> {
  const found = new Map<number, EpochRows>()
  for (const { key } of yield* call.tx.range({ ...referenceRange(from, end - from.index), keysOnly: true })) {
    const place = placeOfKey(key)!
    if (place.index >= end) break
    const origin = yield* findReference(call, place)
    if (origin === undefined) continue
    const keys: Bytes[] = []
    for (const row of yield* call.tx.range({ ...placeRange(origin), keysOnly: true })) keys.push(row.key)
    found.set(place.index, { keys, isWhole: true })
  }
  return found
}
