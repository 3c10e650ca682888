import { type Bytes, compareBytes } from './bytes.ts'
import { TombstoneRuns } from './tombstone-runs.ts'
import { firstEndingAfter, type RangeFragment, type RangeTombstone, sweep } from './tombstone-sweep.ts'

export type { RangeFragment } from './tombstone-sweep.ts'

/** Memory of one that was added, about: the object, its keys and its share of the runs. */
const ADDED_BYTES = 400
const FRAGMENT_BYTES = 72

/**
 * Range tombstones, asked what they delete. Those of a table come as fragments, sorted, disjoint and with all their sequences (T4); those of
 * a memtable are added one by one, in the order of their sequences.
 */
export class RangeTombstones {
  /** As they came from a table. */
  #fragments: readonly RangeFragment[] = []
  readonly #runs = new TombstoneRuns()
  #bytes = 0

  /** Of the fragments that a question goes through; 0: there are no tombstones. */
  get size(): number {
    return this.#fragments.length + this.#runs.size
  }

  /** Memory that it takes, about. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Deletes the keys of `[from, to)` that are older than `sequence`, which is not below that of any added before; an empty range is
   * nothing. Copies the keys.
   */
  add(from: Bytes, to: Bytes, sequence: number): void {
    if (compareBytes(from, to) >= 0) return
    if (sequence < this.#runs.largestSequence)
      throw new RangeError(`sequence ${sequence} after ${this.#runs.largestSequence}`)
    this.#bytes += from.length + to.length + ADDED_BYTES
    this.#runs.add({ from: Buffer.from(from), to: Buffer.from(to), sequence })
  }

  /** The greatest sequence at most `sequence` of the tombstones over `key`; 0 when there is none. */
  covering(key: Bytes, sequence: number): number {
    const added = this.#runs.size === 0 ? 0 : this.#runs.covering(key, sequence)
    if (this.#fragments.length === 0) return added
    const fragment = this.#fragments[firstEndingAfter(this.#fragments, key)]
    if (fragment === undefined || compareBytes(fragment.from, key) > 0) return added
    for (const tombstone of fragment.sequences) if (tombstone <= sequence) return Math.max(added, tombstone)
    return added
  }

  /** Sorted, disjoint, each with all sequences over it: as much as all pairs that overlap, in the worst case. The caller does not change them. */
  fragments(): readonly RangeFragment[] {
    return this.#runs.size === 0 ? this.#fragments : sweep([...this.#all()])
  }

  *#all(): Generator<RangeTombstone, undefined> {
    for (const { from, to, sequences } of this.#fragments)
      for (const sequence of sequences) yield { from, to, sequence }
    yield* this.#runs
    return undefined
  }

  /** All tombstones of `list`. */
  static merge(list: readonly RangeTombstones[]): RangeTombstones {
    const all: RangeTombstone[] = []
    for (const one of list) for (const tombstone of one.#all()) all.push(tombstone)
    return RangeTombstones.of(sweep(all))
  }

  /**
   * What of `list` readers can tell apart who see everything, or everything up to one of `bounds` (ascending): between two bounds only the
   * newest over a key counts. However much they overlap, the result is not longer than their number times that of the bounds.
   */
  static visible(list: readonly RangeTombstones[], bounds: readonly number[]): RangeTombstones {
    const all: RangeTombstone[] = []
    let before = 0
    for (const bound of [...bounds, Number.MAX_SAFE_INTEGER]) {
      for (const one of list) {
        for (const tombstone of one.#newestUpTo(bound)) if (tombstone.sequence > before) all.push(tombstone)
      }
      before = bound
    }
    const newest = sweep(all).map(({ from, to, sequences }) => ({
      from,
      to,
      sequences: newestOfEach(sequences, bounds),
    }))
    return RangeTombstones.of(newest)
  }

  *#newestUpTo(bound: number): Generator<RangeTombstone, undefined> {
    for (const { from, to, sequences } of this.#fragments) {
      const sequence = sequences.find((one) => one <= bound)
      if (sequence !== undefined) yield { from, to, sequence }
    }
    yield* this.#runs.newestUpTo(bound)
    return undefined
  }

  /** What of them lies in `[from, to)`; undefined = no limit on that side. */
  clip(from: Bytes | undefined, to: Bytes | undefined): RangeTombstones {
    const fragments = this.fragments()
    const clipped: RangeFragment[] = []
    for (let i = from === undefined ? 0 : firstEndingAfter(fragments, from); i < fragments.length; i++) {
      const fragment = fragments[i]!
      if (to !== undefined && compareBytes(to, fragment.from) <= 0) break
      const low = from !== undefined && compareBytes(fragment.from, from) < 0 ? Buffer.from(from) : fragment.from
      const high = to !== undefined && compareBytes(to, fragment.to) < 0 ? Buffer.from(to) : fragment.to
      if (compareBytes(low, high) < 0) clipped.push({ from: low, to: high, sequences: fragment.sequences })
    }
    return RangeTombstones.of(clipped)
  }

  /** Of fragments that are sorted, disjoint and have descending sequences. Keeps them. */
  static of(fragments: readonly RangeFragment[]): RangeTombstones {
    const tombstones = new RangeTombstones()
    tombstones.#fragments = fragments
    for (const { from, to, sequences } of fragments)
      tombstones.#bytes += from.length + to.length + FRAGMENT_BYTES + 8 * sequences.length
    return tombstones
  }
}

/** Of descending sequences the newest up to each of the bounds, and of those above. */
function newestOfEach(sequences: readonly number[], bounds: readonly number[]): readonly number[] {
  const kept: number[] = []
  let above = bounds.length
  for (const sequence of sequences) {
    let stripe = above
    while (stripe > 0 && bounds[stripe - 1]! >= sequence) stripe--
    if (kept.length > 0 && stripe === above) continue
    above = stripe
    kept.push(sequence)
  }
  return kept
}
