/**
 * The byte ranges that one owner has locked in one file: sorted, disjoint, and never two of one type side by side. Setting a
 * range replaces what it covers, so ranges split, merge, upgrade and downgrade as POSIX has it (fcntl, F_SETLK).
 */

/** [start, end) */
export interface Span {
  readonly start: number
  readonly end: number
  readonly exclusive: boolean
}

/** The end of a range "to the end of the file": behind the last offset that a file can have. */
export const LOCK_END: number = 2 ** 53

/** Index of the first span that ends at or behind `offset`. */
function firstEndingFrom(spans: readonly Span[], offset: number): number {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (spans[middle].end < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** Sets [start, end) to `exclusive`, shared (false) or unlocked (undefined), in place. */
export function setSpan(spans: Span[], start: number, end: number, exclusive: boolean | undefined): void {
  const from = firstEndingFrom(spans, start)
  let to = from
  let low = start
  let high = end
  let left: Span | undefined
  let right: Span | undefined
  for (; to < spans.length && spans[to].start <= end; to++) {
    const span = spans[to]
    if (span.exclusive === exclusive) {
      low = Math.min(low, span.start)
      high = Math.max(high, span.end)
      continue
    }
    if (span.start < start) left = { ...span, end: Math.min(span.end, start) }
    if (span.end > end) right = { ...span, start: Math.max(span.start, end) }
  }
  const pieces: Span[] = []
  if (left !== undefined) pieces.push(left)
  if (exclusive !== undefined) pieces.push({ start: low, end: high, exclusive })
  if (right !== undefined) pieces.push(right)
  spans.splice(from, to - from, ...pieces)
}

/** The first span that overlaps [start, end) and cannot be beside a lock of that type. */
export function findConflict(spans: readonly Span[], start: number, end: number, exclusive: boolean): Span | undefined {
  for (let at = firstEndingFrom(spans, start + 1); at < spans.length && spans[at].start < end; at++) {
    if (exclusive || spans[at].exclusive) return spans[at]
  }
  return undefined
}

/** Whether all of [start, end) is locked with that very type. */
export function covers(spans: readonly Span[], start: number, end: number, exclusive: boolean): boolean {
  const span = spans[firstEndingFrom(spans, start + 1)]
  return span !== undefined && span.exclusive === exclusive && span.start <= start && span.end >= end
}
