/** Where a sparse file has content. */
import type { Inode } from '../format/inode.ts'
import { extentRange, parseExtentKey } from '../format/keys.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'

/** The next extent at or after `index` that has any row. */
export function* nextExtent(call: Call, inode: Inode, index: number): Op<number | undefined> {
  let found: number | undefined
  for (const { epoch, end } of inode.epochs) {
    const [row] = yield* call.tx.range({ ...extentRange(inode.ino, epoch, index, 1), keysOnly: true })
    const at = row === undefined ? undefined : parseExtentKey(row.key)?.index
    if (at !== undefined && at < end && (found === undefined || at < found)) found = at
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
    const rows = yield* call.tx.range({ ...extentRange(inode.ino, epoch, from, PAGE_ROWS), keysOnly: true })
    for (const { key } of rows) {
      const index = parseExtentKey(key)?.index
      if (index !== undefined && index < end) found.add(index)
    }
    const last = rows.length < PAGE_ROWS ? undefined : parseExtentKey(rows[rows.length - 1].key)?.index
    // The parts of one extent are fewer than a page, so that every page gets on.
    if (last !== undefined) reached = Math.min(reached, last)
  }
  const indexes = [...found].filter((index) => index < reached).sort((a, b) => a - b)
  return { indexes, next: reached === Number.POSITIVE_INFINITY ? undefined : reached }
}
