/**
 * The keys of a growing map of rows in order, so that ranges need not look at every row that waits to land. It costs
 * nothing until the first range asks, and takes in only then what was written since: as sorted runs, the small ones
 * merged into the large ones (the logarithmic method of Bentley and Saxe), plus a short unsorted tail.
 *
 * I1: rows are added to the map and replaced, never taken out; a replaced row keeps its place in the map's order.
 */
import type { WriteRow } from './database.ts'
import type { TextRange } from './range.ts'

/** Keys that are looked through one by one rather than sorted. */
const tailKeysMax = 128

/** Sorted keys, of which those from `from` to before `to` are meant, and the rows they belong to. */
export interface KeySlice {
  readonly keys: readonly string[]
  from: number
  to: number
  readonly rows: ReadonlyMap<string, WriteRow>
}

export class KeyIndex {
  readonly #rows: ReadonlyMap<string, WriteRow>
  /** Stays behind the last key taken in; asked for no more keys than there are, it never ends. */
  readonly #unread: Iterator<string>
  #readCount = 0
  #tail: string[] = []
  /** Sorted, longest first. */
  readonly #runs: string[][] = []

  constructor(rows: ReadonlyMap<string, WriteRow>) {
    this.#rows = rows
    this.#unread = rows.keys()
  }

  /** Adds the keys of a range to `slices`; no key is in two of them. Valid until the map changes. */
  slices(range: TextRange, slices: KeySlice[]): void {
    this.#takeIn()
    const rows = this.#rows
    const { low, lowIncluded, high } = range
    for (const keys of this.#runs) {
      const from = low === undefined ? 0 : firstFrom(keys, low, lowIncluded)
      const to = firstFrom(keys, high, true)
      if (from < to) slices.push({ keys, from, to, rows })
    }
    const keys = this.#tail.filter((key) => key < high && (low === undefined || (lowIncluded ? key >= low : key > low)))
    if (keys.length > 0) slices.push({ keys: keys.sort(), from: 0, to: keys.length, rows })
  }

  #takeIn(): void {
    for (; this.#readCount < this.#rows.size; this.#readCount++) this.#tail.push(this.#unread.next().value as string)
    if (this.#tail.length <= tailKeysMax) return
    let run = this.#tail.sort()
    this.#tail = []
    for (let last = this.#runs.at(-1); last !== undefined && last.length < 2 * run.length; last = this.#runs.at(-1)) {
      this.#runs.pop()
      // Two sorted runs: the engine's sort finds them and merges in one pass.
      run = last.concat(run).sort()
    }
    this.#runs.push(run)
  }
}

/** The first key at (`included`) or above the bound. */
function firstFrom(keys: readonly string[], bound: string, included: boolean): number {
  let from = 0
  let to = keys.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (included ? keys[middle]! >= bound : keys[middle]! > bound) to = middle
    else from = middle + 1
  }
  return from
}

/** Rows in the order of a range, with the text of their keys; tombstones included. */
export type OverRow = readonly [text: string, row: WriteRow]

/**
 * The rows of the slices in order, the last slice winning where a key is in several, up to the `limit`th that is not a
 * tombstone: a range that ends after `limit` rows never looks beyond that one. Uses the slices up.
 */
export function orderSlices(slices: readonly KeySlice[], limit: number, reverse: boolean): OverRow[] {
  const ordered: OverRow[] = []
  const headOf = ({ keys, from, to }: KeySlice): string | undefined =>
    from < to ? keys[reverse ? to - 1 : from] : undefined
  for (let live = 0; live < limit; ) {
    let next: string | undefined
    let owner: KeySlice | undefined
    for (const slice of slices) {
      const head = headOf(slice)
      if (head === undefined) continue
      if (next === undefined || head === next || (reverse ? head > next : head < next)) {
        next = head
        owner = slice
      }
    }
    if (next === undefined || owner === undefined) break
    for (const slice of slices) {
      if (headOf(slice) !== next) continue
      if (reverse) slice.to--
      else slice.from++
    }
    const row = owner.rows.get(next)!
    ordered.push([next, row])
    if (row.value !== undefined) live++
  }
  return ordered
}
