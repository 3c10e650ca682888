import { type Bytes, compareBytes } from '../bytes.ts'
import type { TableMeta } from '../table-meta.ts'

/** Ranges of user keys: of tables, of jobs, of what a caller asks for. */

/** From `smallest` to `largest`; `largest` is excluded where `largestIncluded` is false. A table's meta is one. */
export type KeyRange = Pick<TableMeta, 'smallest' | 'largest' | 'largestIncluded'>

/** The whole of `a` lies before `b`. */
export function isBefore(a: KeyRange, b: KeyRange): boolean {
  const order = compareBytes(a.largest, b.smallest)
  return a.largestIncluded ? order < 0 : order <= 0
}

export function overlaps(a: KeyRange, b: KeyRange): boolean {
  return !isBefore(a, b) && !isBefore(b, a)
}

/** The whole range lies before the key. */
export function endsBefore(range: KeyRange, key: Bytes): boolean {
  const order = compareBytes(range.largest, key)
  return range.largestIncluded ? order < 0 : order <= 0
}

export function covers(range: KeyRange, key: Bytes): boolean {
  return compareBytes(range.smallest, key) <= 0 && !endsBefore(range, key)
}

/** The smallest range that holds all of `ranges`; undefined for none. */
export function hull(ranges: readonly KeyRange[]): KeyRange | undefined {
  let all: KeyRange | undefined
  for (const range of ranges) all = all === undefined ? range : joined(all, range)
  return all
}

function joined(a: KeyRange, b: KeyRange): KeyRange {
  const smallest = compareBytes(a.smallest, b.smallest) <= 0 ? a.smallest : b.smallest
  const order = compareBytes(a.largest, b.largest)
  const later = order > 0 || (order === 0 && a.largestIncluded) ? a : b
  return { smallest, largest: later.largest, largestIncluded: later.largestIncluded }
}

/** Index of the first of the sorted, disjoint `tables` that does not end before the key; their number for none. */
export function findTable(tables: readonly TableMeta[], key: Bytes): number {
  let low = 0
  let high = tables.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (endsBefore(tables[middle]!, key)) low = middle + 1
    else high = middle
  }
  return low
}

/** Those of the sorted, disjoint `tables` that overlap the range. */
export function overlapping(tables: readonly TableMeta[], range: KeyRange): TableMeta[] {
  let at = findTable(tables, range.smallest)
  const found: TableMeta[] = []
  for (; at < tables.length && !isBefore(range, tables[at]!); at++) found.push(tables[at]!)
  return found
}

export function sumBytes(tables: readonly TableMeta[]): number {
  let bytes = 0
  for (const table of tables) bytes += table.bytes
  return bytes
}
