/** Repairs of content: extents written anew from what can be read, jobs for what nobody would delete. */
import { isSharer } from '../core/loans.ts'
import { applyExtent, decodeExtent, encodeExtent, fold, type Segments } from '../format/extent.ts'
import { BASE_PART, extentKey, midPart, smallPart } from '../format/keys.ts'
import {
  decodeLoan,
  decodeReference,
  encodeLoan,
  loanKey,
  type Place,
  placeRange,
  referenceKey,
} from '../format/loan.ts'
import type { Op } from '../op.ts'
import type { Tx } from '../store/store.ts'
import type { Fix } from './finding.ts'
import { readableBase } from './paged-extent.ts'

export const addPurge = (ino: number): Fix =>
  function* (call) {
    call.addJob({ kind: 'purge', ino, dataBytes: 0, shares: true })
  }

export const addTrim = (ino: number, epoch: number, from: number): Fix =>
  function* (call) {
    call.addJob({ kind: 'trim', ino, epoch, from, dataBytes: 0, shares: true })
  }

/** The part of an extent's segments that lies below the end of the file and inside the extent. */
export function clip(segments: Segments, fileBytesHere: number, extentBytes: number): Segments {
  const end = Math.max(0, Math.min(fileBytesHere, extentBytes))
  const last = segments[segments.length - 1]
  if (last === undefined || last.offset + last.length <= end) return segments
  const whole = last.offset + last.length
  return fold(segments, [{ offset: end, length: whole - end, data: undefined }], true)
}

/**
 * One base row in the newest data epoch instead of all visible rows of an extent: what can be read of them, without what
 * lies beyond the end of the file.
 */
export const rewriteExtent = (ino: number, index: number): Fix =>
  function* (call) {
    const inode = yield* call.find(ino)
    const newest = inode?.epochs[0]
    if (inode === undefined || newest === undefined) return false
    const { tx } = call
    let base: Segments | undefined
    for (const { epoch, end } of inode.epochs) {
      if (index >= end) continue
      const shared = isSharer(inode) ? yield* takeShared(tx, { ino, epoch, index }) : undefined
      const { content, keys } = yield* readableBase(tx, inode, epoch, index)
      base ??= shared?.content ?? content
      // What others read stays; the next pass counts them anew.
      if (shared?.isLent !== true) for (const key of keys) tx.del(key)
    }
    const parts: Segments[] = []
    const tail = inode.tails.find((each) => each.index === index)
    const numbers = [
      ...Array.from({ length: tail?.mids ?? 0 }, (_, n) => midPart(n + 1)),
      ...Array.from({ length: tail?.smalls ?? 0 }, (_, n) => smallPart(n + 1)),
    ]
    for (const part of numbers) {
      const key = extentKey(ino, newest.epoch, index, part)
      const row = yield* tx.get(key)
      if (row === undefined) continue
      const verdict = decodeExtent(key, row)
      if (verdict.ok) parts.push(verdict.value)
      tx.del(key)
    }
    // A hole in a base row says what no row says.
    const folded = applyExtent(undefined, [base ?? [], ...parts])
    const segments = clip(folded, inode.size - index * inode.extentBytes, inode.extentBytes)
    const key = extentKey(ino, newest.epoch, index, BASE_PART)
    if (segments.length > 0 || isSharer(inode)) tx.put(key, encodeExtent(key, segments))
    if (tail !== undefined) call.edit(inode).tails = inode.tails.filter((each) => each !== tail)
    return true
  }

/** What a reference at a place leads to; it goes. And whether others read what lies at the place itself: then its inode lets go. */
function* takeShared(tx: Tx, place: Place): Op<{ readonly content: Segments | undefined; readonly isLent: boolean }> {
  const at = loanKey(place)
  const lent = yield* tx.get(at)
  const isLent = lent !== undefined
  const loan = lent === undefined ? undefined : decodeLoan(at, lent)
  if (loan?.ok) tx.put(at, encodeLoan(at, { ...loan.value, isOwned: false }))
  const key = referenceKey(place)
  const row = yield* tx.get(key)
  if (row === undefined) return { content: undefined, isLent }
  tx.del(key)
  const reference = decodeReference(key, row)
  return { content: reference.ok ? yield* readablePlace(tx, reference.value) : undefined, isLent }
}

/** What can be read of the rows of a place; undefined when there are none. */
export function* readablePlace(tx: Pick<Tx, 'range'>, place: Place): Op<Segments | undefined> {
  const rows = yield* tx.range(placeRange(place))
  const parts: Segments[] = []
  for (const { key, value } of rows) {
    const verdict = decodeExtent(key, value)
    if (verdict.ok) parts.push(verdict.value)
  }
  return parts.length === 0 ? undefined : applyExtent(undefined, parts)
}
