import { type Bytes, compareBytes } from './bytes.ts'
import { firstEndingAfter, type RangeTombstone } from './tombstone-sweep.ts'

/** Runs that are joined at a time. */
const FAN_IN = 4

/** Consecutive tombstones, and the newest of them over each key. */
interface Run {
  /** Sorted and disjoint. */
  readonly newest: readonly RangeTombstone[]
  readonly smallestSequence: number
  readonly largestSequence: number
  /** How often it was joined of {@link FAN_IN} runs. */
  readonly height: number
  /** What it was joined of, oldest first; none: it is one tombstone. */
  readonly parts: readonly Run[]
}

/**
 * Range tombstones in the order of their sequences, for one that wide overlapping ones do not make slow: the newest over each key is kept
 * for runs of 1, 4, 16 ... of them, so n take n log n time and memory to add, and a question looks into a few runs of each length.
 * Idea: the logarithmic method of Bentley and Saxe, which is an LSM tree of ranges.
 */
export class TombstoneRuns {
  /** Oldest first, heights descending. */
  readonly #runs: Run[] = []
  /** Fragments of the runs, for a sense of their size. */
  size = 0

  get largestSequence(): number {
    return this.#runs[this.#runs.length - 1]?.largestSequence ?? 0
  }

  /** `tombstone.sequence` is at least {@link largestSequence}; its range is not empty. Keeps it. */
  add(tombstone: RangeTombstone): void {
    const runs = this.#runs
    const { sequence } = tombstone
    this.#push({ newest: [tombstone], smallestSequence: sequence, largestSequence: sequence, height: 0, parts: [] })
    for (let last = runs[runs.length - 1]!; runs.at(-FAN_IN)?.height === last.height; last = runs[runs.length - 1]!) {
      const parts = runs.splice(-FAN_IN)
      for (const { newest } of parts) this.size -= newest.length
      this.#push(joined(parts))
    }
  }

  #push(run: Run): void {
    this.#runs.push(run)
    this.size += run.newest.length
  }

  /** The greatest sequence at most `sequence` of the tombstones over `key`; 0 when there is none. */
  covering(key: Bytes, sequence: number): number {
    return coveringOf(this.#runs, key, sequence)
  }

  /** Over each key the newest of those up to `sequence`: sorted and disjoint. */
  newestUpTo(sequence: number): readonly RangeTombstone[] {
    return newestOf(this.#runs, sequence)
  }

  /** All of them, in the order of their sequences. */
  *[Symbol.iterator](): Generator<RangeTombstone, undefined> {
    yield* leaves(this.#runs)
    return undefined
  }
}

function* leaves(runs: readonly Run[]): Generator<RangeTombstone, undefined> {
  for (const { parts, newest } of runs) yield* parts.length === 0 ? newest : leaves(parts)
  return undefined
}

function joined(parts: readonly Run[]): Run {
  return {
    newest: parts.map(({ newest }) => newest).reduce(laidOver),
    smallestSequence: parts[0]!.smallestSequence,
    largestSequence: parts[parts.length - 1]!.largestSequence,
    height: parts[0]!.height + 1,
    parts,
  }
}

function coveringOf(runs: readonly Run[], key: Bytes, sequence: number): number {
  for (let i = runs.length - 1; i >= 0; i--) {
    const { newest, smallestSequence, largestSequence, parts } = runs[i]!
    if (sequence < smallestSequence) continue
    const found = sequence < largestSequence ? coveringOf(parts, key, sequence) : newestOver(newest, key)
    if (found > 0) return found
  }
  return 0
}

function newestOver(newest: readonly RangeTombstone[], key: Bytes): number {
  const one = newest[firstEndingAfter(newest, key)]
  return one === undefined || compareBytes(one.from, key) > 0 ? 0 : one.sequence
}

function newestOf(runs: readonly Run[], sequence: number): readonly RangeTombstone[] {
  let all: readonly RangeTombstone[] = []
  for (const { newest, smallestSequence, largestSequence, parts } of runs) {
    if (sequence < smallestSequence) break
    all = laidOver(all, sequence < largestSequence ? newestOf(parts, sequence) : newest)
  }
  return all
}

/** Both are sorted and disjoint; where they overlap the second counts. */
function laidOver(older: readonly RangeTombstone[], newer: readonly RangeTombstone[]): readonly RangeTombstone[] {
  if (older.length === 0) return newer
  const all: RangeTombstone[] = []
  let at = 0
  let from = older[0]!.from
  const forward = () => {
    at++
    if (at < older.length) from = older[at]!.from
  }
  for (const one of newer) {
    while (at < older.length && compareBytes(from, one.from) < 0) {
      const { to, sequence } = older[at]!
      if (compareBytes(to, one.from) > 0) {
        all.push({ from, to: one.from, sequence })
        break
      }
      all.push({ from, to, sequence })
      forward()
    }
    while (at < older.length && compareBytes(older[at]!.to, one.to) <= 0) forward()
    if (at < older.length && compareBytes(from, one.to) < 0) from = one.to
    all.push(one)
  }
  for (; at < older.length; forward()) all.push({ from, to: older[at]!.to, sequence: older[at]!.sequence })
  return all
}
