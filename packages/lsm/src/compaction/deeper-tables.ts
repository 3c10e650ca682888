import { type Bytes, compareRanges } from '../bytes.ts'
import type { KeyRange } from '../version/table-range.ts'

/** A table below the output level, as a job knows it. Structured-clonable. */
export interface DeeperTable extends KeyRange {
  readonly bytes: number
}

/** What lies below the output of a job, asked with keys that ascend. */
export class DeeperTables {
  readonly #levels: readonly (readonly DeeperTable[])[]
  /** The first table of each level that does not end before the keys asked for. */
  readonly #at: number[]
  #grandparent = 0

  /** Levels from the one right below the output on, each sorted and disjoint. */
  constructor(levels: readonly (readonly DeeperTable[])[]) {
    this.#levels = levels
    this.#at = levels.map(() => 0)
  }

  /** A table of a deeper level may have the key `bytes[start, end)`. Keys must not descend from call to call. */
  mayHave(bytes: Bytes, start: number, end: number): boolean {
    for (let level = 0; level < this.#levels.length; level++) {
      const tables = this.#levels[level]!
      let at = this.#at[level]!
      while (at < tables.length && endsBefore(tables[at]!, bytes, start, end)) at++
      this.#at[level] = at
      if (at < tables.length && startsAtOrBefore(tables[at]!, bytes, start, end)) return true
    }
    return false
  }

  /** A table of a deeper level may have keys of `[from, to)`. */
  mayHaveRange(from: Bytes, to: Bytes): boolean {
    return this.#levels.some((tables) =>
      tables.some((table) => !endsBefore(table, from, 0, from.length) && startsBefore(table, to)),
    )
  }

  /** Bytes of the tables right below the output that end before the key and were not answered by an earlier call. */
  passed(bytes: Bytes, start: number, end: number): number {
    const tables = this.#levels[0]
    if (tables === undefined) return 0
    let passed = 0
    while (this.#grandparent < tables.length && endsBefore(tables[this.#grandparent]!, bytes, start, end)) {
      passed += tables[this.#grandparent++]!.bytes
    }
    return passed
  }
}

function endsBefore(table: KeyRange, bytes: Bytes, start: number, end: number): boolean {
  const order = compareRanges(table.largest, 0, table.largest.length, bytes, start, end)
  return table.largestIncluded ? order < 0 : order <= 0
}

function startsAtOrBefore(table: KeyRange, bytes: Bytes, start: number, end: number): boolean {
  return compareRanges(table.smallest, 0, table.smallest.length, bytes, start, end) <= 0
}

function startsBefore(table: KeyRange, to: Bytes): boolean {
  return compareRanges(table.smallest, 0, table.smallest.length, to, 0, to.length) < 0
}
