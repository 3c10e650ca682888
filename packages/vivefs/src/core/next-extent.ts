/** Where a sparse file has content. */
import type { Inode } from '../format/inode.ts'
import { extentRange, parseExtentKey } from '../format/keys.ts'
import { placeOfKey, referenceRange } from '../format/loan.ts'
import type { Op } from '../op.ts'
import type { KeyRange } from '../store/store.ts'
import type { Call } from './call.ts'
import { isSharer } from './loans.ts'

/** The rows of a data epoch that say where it has content, from an index on. */
function rangesOf(inode: Inode, epoch: number, index: number, limit: number): KeyRange[] {
  const extents = extentRange(inode.ino, epoch, index, limit)
  return isSharer(inode) ? [extents, referenceRange({ ino: inode.ino, epoch, index }, limit)] : [extents]
}

/** The next extent at or after `index` that has any row. */
export function* nextExtent(call: Call, inode: Inode, index: number): Op<number | undefined> {
  let found: number | undefined
  for (const { epoch, end } of inode.epochs) {
    for (const range of rangesOf(inode, epoch, index, 1)) {
      const [row] = yield* call.tx.range({ ...range, keysOnly: true })
      const at = row === undefined ? undefined : (parseExtentKey(row.key) ?? placeOfKey(row.key))?.index
      if (at !== undefined && at < end && (found === undefined || at < found)) found = at
    }
  }
  return found
}

/** Some extents that have rows, ascending, and where to go on behind them. */
export interface ExtentPage {
  readonly indexes: readonly number[]
  readonly next: number | undefined
}

/** Rows of one epoch that are read at once. */
const PAGE_ROWS = 512

/** The extents at or after `from` that have any row, a page of them. */
export function* nextExtents(call: Call, inode: Inode, from: number): Op<ExtentPage> {
  const found = new Set<number>()
  let reached = Number.POSITIVE_INFINITY
  for (const { epoch, end } of inode.epochs) {
    for (const range of rangesOf(inode, epoch, from, PAGE_ROWS)) {
      const rows = yield* call.tx.range({ ...range, keysOnly: true })
      let last = from
      for (const { key } of rows) {
        const index = (parseExtentKey(key) ?? placeOfKey(key))?.index
        if (index === undefined) continue
        last = index
        if (index < end) found.add(index)
      }
      // The parts of one extent are fewer than a page, so that every page gets on.
      if (rows.length === PAGE_ROWS) reached = Math.min(reached, last)
    }
  }
  const indexes = [...found].filter((index) => index < reached).sort((a, b) => a - b)
  return { indexes, next: reached === Number.POSITIVE_INFINITY ? undefined : reached }
}
