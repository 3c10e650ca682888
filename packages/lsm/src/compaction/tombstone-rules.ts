import { type Bytes, compareRanges } from '../bytes.ts'
import { type RangeFragment, RangeTombstones } from '../range-tombstones.ts'
import type { DeeperTables } from './deeper-tables.ts'
import type { Stripes } from './stripes.ts'

/** The range tombstones over the entries of a job, asked with keys that ascend. */
export class CoveringTombstones {
  readonly #fragments: readonly RangeFragment[]
  #at = 0
  /** Those over the current key, greatest first. */
  #over: readonly number[] = []

  constructor(tombstones: RangeTombstones) {
    this.#fragments = tombstones.fragments()
  }

  /** Goes to the key `bytes[start, end)`. */
  enter(bytes: Bytes, start: number, end: number): void {
    const fragments = this.#fragments
    if (fragments.length === 0) return
    let at = this.#at
    while (at < fragments.length && compareTo(fragments[at]!.to, bytes, start, end) <= 0) at++
    this.#at = at
    const covers = at < fragments.length && compareTo(fragments[at]!.from, bytes, start, end) <= 0
    this.#over = covers ? fragments[at]!.sequences : []
  }

  /** A tombstone over the key lies above `sequence` and not above `last`: the entry is deleted for all who could see it. */
  deletes(sequence: number, last: number): boolean {
    for (const tombstone of this.#over) if (tombstone <= last) return tombstone > sequence
    return false
  }
}

function compareTo(bound: Bytes, bytes: Bytes, start: number, end: number): number {
  return compareRanges(bound, 0, bound.length, bytes, start, end)
}

/**
 * The range tombstones that the output of a job keeps: of each stripe the newest, and none of the oldest stripe where nothing
 * below could have a key of the range. `deeper` undefined: there may be older entries anywhere.
 */
export function keptTombstones(
  tombstones: RangeTombstones,
  stripes: Stripes,
  deeper: DeeperTables | undefined,
): RangeTombstones {
  const kept: RangeFragment[] = []
  for (const { from, to, sequences } of tombstones.fragments()) {
    const newest: number[] = []
    let before = -1
    for (const sequence of sequences) {
      const stripe = stripes.of(sequence)
      if (stripe === before) continue
      before = stripe
      if (stripe > 0 || deeper === undefined || deeper.mayHaveRange(from, to)) newest.push(sequence)
    }
    if (newest.length > 0) kept.push({ from, to, sequences: newest })
  }
  return RangeTombstones.of(kept)
}
