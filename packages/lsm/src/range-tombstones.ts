import { type Bytes, compareBytes } from './bytes.ts'

/** Part of one or more range tombstones: `[from, to)`, deleted at these sequences, greatest first. */
export interface RangeFragment {
  readonly from: Buffer
  readonly to: Buffer
  readonly sequences: readonly number[]
}

interface Fragment {
  from: Buffer
  to: Buffer
  sequences: number[]
}

/** Above so many new fragments `splice` would need too many arguments. */
const SPLICE_MAX = 1000

/**
 * Range tombstones, cut where any of them starts or ends: sorted disjoint fragments (T4), each with the sequences of the tombstones
 * over it. Kept cut at every `add`, so that a read is one binary search. Idea: RocksDB's FragmentedRangeTombstoneList.
 */
export class RangeTombstones {
  #fragments: Fragment[] = []
  #bytes = 0

  /** Fragments of another, with neighbours of the same sequences not yet joined; 0: there are no tombstones. */
  get size(): number {
    return this.#fragments.length
  }

  /** Memory that it takes, about. */
  get bytes(): number {
    return this.#bytes
  }

  /** Deletes the keys of `[from, to)` that are older than `sequence`; an empty range is nothing. Copies the keys. */
  add(from: Bytes, to: Bytes, sequence: number): void {
    if (compareBytes(from, to) >= 0) return
    this.#bytes += from.length + to.length
    this.#insert(Buffer.from(from), Buffer.from(to), sequence)
  }

  #insert(from: Buffer, to: Buffer, sequence: number): void {
    const fragments = this.#fragments
    const start = this.#firstEndingAfter(from)
    const fresh: Fragment[] = []
    let at = from
    let end = start
    for (; end < fragments.length && compareBytes(fragments[end]!.from, to) < 0; end++) {
      const fragment = fragments[end]!
      let low = fragment.from
      if (compareBytes(low, at) < 0) {
        fresh.push({ from: low, to: at, sequences: [...fragment.sequences] })
        low = at
      } else if (compareBytes(at, low) < 0) fresh.push({ from: at, to: low, sequences: [sequence] })
      const cut = compareBytes(to, fragment.to) < 0
      at = cut ? to : fragment.to
      if (cut) fresh.push({ from: low, to, sequences: withSequence([...fragment.sequences], sequence) })
      if (cut) fresh.push({ from: to, to: fragment.to, sequences: fragment.sequences })
      else fresh.push({ from: low, to: at, sequences: withSequence(fragment.sequences, sequence) })
    }
    if (compareBytes(at, to) < 0) fresh.push({ from: at, to, sequences: [sequence] })
    this.#bytes += 72 * (fresh.length - (end - start)) + 8 * fresh.length
    if (fresh.length <= SPLICE_MAX) fragments.splice(start, end - start, ...fresh)
    else this.#fragments = fragments.slice(0, start).concat(fresh, fragments.slice(end))
  }

  #firstEndingAfter(key: Bytes): number {
    const fragments = this.#fragments
    let low = 0
    let high = fragments.length
    // Tombstones often come in order: the end is looked at first.
    if (high > 0 && compareBytes(fragments[high - 1]!.to, key) <= 0) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareBytes(fragments[middle]!.to, key) > 0) high = middle
      else low = middle + 1
    }
    return low
  }

  /** The greatest sequence at most `sequence` of the tombstones over `key`; 0 when there is none. */
  covering(key: Bytes, sequence: number): number {
    if (this.#fragments.length === 0) return 0
    const fragment = this.#fragments[this.#firstEndingAfter(key)]
    if (fragment === undefined || compareBytes(fragment.from, key) > 0) return 0
    for (const tombstone of fragment.sequences) if (tombstone <= sequence) return tombstone
    return 0
  }

  /** Sorted, disjoint, neighbours of the same sequences joined. The caller does not change them. */
  fragments(): readonly RangeFragment[] {
    const joined: Fragment[] = []
    let last: Fragment | undefined
    for (const { from, to, sequences } of this.#fragments) {
      if (last?.to.equals(from) && sameNumbers(last.sequences, sequences)) last.to = to
      else {
        last = { from, to, sequences: [...sequences] }
        joined.push(last)
      }
    }
    return joined
  }

  /** All tombstones of `list`. */
  static merge(list: readonly RangeTombstones[]): RangeTombstones {
    const merged = new RangeTombstones()
    for (const tombstones of list) {
      for (const { from, to, sequences } of tombstones.#fragments)
        for (const sequence of sequences) merged.add(from, to, sequence)
    }
    return merged
  }

  /** What of them lies in `[from, to)`; undefined = no limit on that side. */
  clip(from: Bytes | undefined, to: Bytes | undefined): RangeTombstones {
    const clipped = new RangeTombstones()
    for (const fragment of this.#fragments) {
      const low = from !== undefined && compareBytes(fragment.from, from) < 0 ? from : fragment.from
      const high = to !== undefined && compareBytes(to, fragment.to) < 0 ? to : fragment.to
      for (const sequence of fragment.sequences) clipped.add(low, high, sequence)
    }
    return clipped
  }

  /** Of fragments that are sorted, disjoint and have descending sequences. Keeps the keys. */
  static of(fragments: readonly RangeFragment[]): RangeTombstones {
    const tombstones = new RangeTombstones()
    for (const { from, to, sequences } of fragments) {
      tombstones.#fragments.push({ from, to, sequences: [...sequences] })
      tombstones.#bytes += from.length + to.length + 72 + 8 * sequences.length
    }
    return tombstones
  }
}

/** Inserts into a descending list, once. */
function withSequence(sequences: number[], sequence: number): number[] {
  let at = 0
  while (at < sequences.length && sequences[at]! > sequence) at++
  if (sequences[at] !== sequence) sequences.splice(at, 0, sequence)
  return sequences
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}
