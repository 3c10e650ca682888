/** The rows of one extent, one by one: reading and deleting them (FORMAT.md, "Extent"). */
import { applyExtent, decodeExtent, type Segments } from '../format/extent.ts'
import { type Inode, InodeFlag, type Tail } from '../format/inode.ts'
import { BASE_PART, COVER_PART, extentKey, midPart, pagePart, smallPart } from '../format/keys.ts'
import { pagesOf } from '../format/page.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import { corruption } from './corruption.ts'
import { findReference, isSharer, letGo, readOrigin } from './loans.ts'

/** Segments, and the bytes of the rows that they keep alive. */
export interface ExtentRow {
  readonly segments: Segments
  readonly rowBytes: number
}

export const isPaged = (inode: Inode): boolean => (inode.flags & InodeFlag.paged) !== 0

function* readRow(call: Call, key: Bytes): Op<ExtentRow | undefined> {
  const row = yield* call.tx.get(key)
  if (row === undefined) return undefined
  const verdict = decodeExtent(key, row)
  if (!verdict.ok) throw corruption(`extent ${Buffer.from(key).toString('hex')}`, verdict.fault)
  return { segments: verdict.value, rowBytes: row.length }
}

/** A row that another one names; without it the volume is damaged. */
export function* readPart(call: Call, inode: Inode, epoch: number, index: number, part: number): Op<ExtentRow> {
  const key = extentKey(inode.ino, epoch, index, part)
  const row = yield* readRow(call, key)
  if (row === undefined) throw corruption(`extent row ${key.toString('hex')}`, 'missing')
  return row
}

/** The pages of an extent that have rows, as holes. */
export function* readCover(call: Call, inode: Inode, epoch: number, index: number): Op<Segments> {
  if (!isPaged(inode)) return []
  return (yield* readRow(call, extentKey(inode.ino, epoch, index, COVER_PART)))?.segments ?? []
}

/** What a data epoch has of an extent, without partial rows: the base, pages in front of it. Undefined: nothing. */
export function* readBase(call: Call, inode: Inode, epoch: number, index: number): Op<ExtentRow | undefined> {
  if (isSharer(inode)) {
    const origin = yield* findReference(call, { ino: inode.ino, epoch, index })
    if (origin !== undefined) return yield* readOrigin(call, origin)
  }
  const base = yield* readRow(call, extentKey(inode.ino, epoch, index, BASE_PART))
  const cover = yield* readCover(call, inode, epoch, index)
  if (cover.length === 0) return base
  const parts: Segments[] = [cover]
  let rowBytes = base?.rowBytes ?? 0
  for (const page of pagesOf(cover, inode.extentBytes)) {
    const row = yield* readPart(call, inode, epoch, index, pagePart(page))
    parts.push(row.segments)
    rowBytes += row.rowBytes
  }
  return { segments: applyExtent(base?.segments, parts), rowBytes }
}

/**
 * Deletes the base row of an extent in a data epoch and the pages in front of it; answers whether they stay, for others who
 * read them.
 */
export function* deleteBase(call: Call, inode: Inode, epoch: number, index: number): Op<boolean> {
  if (isSharer(inode)) return yield* letGo(call, { ino: inode.ino, epoch, index })
  call.tx.del(extentKey(inode.ino, epoch, index, BASE_PART))
  yield* deletePages(call, inode, epoch, index)
  return false
}

/** Deletes cover and pages of an extent in a data epoch. */
export function* deletePages(call: Call, inode: Inode, epoch: number, index: number): Op<void> {
  const cover = yield* readCover(call, inode, epoch, index)
  if (cover.length === 0) return
  call.tx.del(extentKey(inode.ino, epoch, index, COVER_PART))
  for (const page of pagesOf(cover, inode.extentBytes)) {
    call.tx.del(extentKey(inode.ino, epoch, index, pagePart(page)))
  }
}

/** The partial rows that a tail names, in the order in which they apply. */
export function* readTail(call: Call, inode: Inode, { index, mids, smalls }: Tail): Op<ExtentRow[]> {
  const { epoch } = inode.epochs[0]
  const rows: ExtentRow[] = []
  for (let n = 1; n <= mids; n++) rows.push(yield* readPart(call, inode, epoch, index, midPart(n)))
  for (let n = 1; n <= smalls; n++) rows.push(yield* readPart(call, inode, epoch, index, smallPart(n)))
  return rows
}

export function deleteTail(call: Call, inode: Inode, { index, mids, smalls }: Tail): void {
  const { epoch } = inode.epochs[0]
  for (let n = 1; n <= mids; n++) call.tx.del(extentKey(inode.ino, epoch, index, midPart(n)))
  for (let n = 1; n <= smalls; n++) call.tx.del(extentKey(inode.ino, epoch, index, smallPart(n)))
}
