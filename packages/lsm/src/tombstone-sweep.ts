import { type Bytes, compareBytes } from './bytes.ts'

/** Part of one or more range tombstones: `[from, to)`, deleted at these sequences, greatest first. */
export interface RangeFragment {
  readonly from: Buffer
  readonly to: Buffer
  readonly sequences: readonly number[]
}

/** A range tombstone by itself: deletes the keys of `[from, to)` that are older than `sequence`. */
export interface RangeTombstone {
  readonly from: Buffer
  readonly to: Buffer
  readonly sequence: number
}

interface Edge {
  readonly key: Buffer
  readonly sequence: number
  readonly starts: boolean
}

/**
 * Cuts tombstones where any of them starts or ends: sorted disjoint fragments (T4), each with the sequences of all over it, neighbours of
 * the same sequences joined. Takes n log n for the sorting and as long as the result is. Idea: RocksDB's FragmentedRangeTombstoneList.
 */
export function sweep(tombstones: readonly RangeTombstone[]): RangeFragment[] {
  const edges: Edge[] = []
  for (const { from, to, sequence } of tombstones) {
    edges.push({ key: from, sequence, starts: true }, { key: to, sequence, starts: false })
  }
  edges.sort((a, b) => compareBytes(a.key, b.key))
  const fragments: RangeFragment[] = []
  const over = new Covering()
  let from: Buffer | undefined
  for (const { key, sequence, starts } of edges) {
    if (from !== undefined && over.sequences.length > 0 && compareBytes(from, key) < 0)
      append(fragments, from, key, over)
    from = key
    if (starts) over.enter(sequence)
    else over.leave(sequence)
  }
  return fragments
}

function append(fragments: RangeFragment[], from: Buffer, to: Buffer, { sequences }: Covering): void {
  const last = fragments[fragments.length - 1]
  if (last !== undefined && compareBytes(last.to, from) === 0 && sameNumbers(last.sequences, sequences))
    fragments[fragments.length - 1] = { from: last.from, to, sequences: last.sequences }
  else fragments.push({ from, to, sequences: [...sequences] })
}

/** The sequences over the place where a sweep is; one may be there several times. */
class Covering {
  /** Descending, each once. */
  readonly sequences: number[] = []
  readonly #times = new Map<number, number>()

  enter(sequence: number): void {
    const times = this.#times.get(sequence) ?? 0
    this.#times.set(sequence, times + 1)
    if (times === 0) this.sequences.splice(this.#placeOf(sequence), 0, sequence)
  }

  leave(sequence: number): void {
    const times = this.#times.get(sequence)!
    if (times > 1) {
      this.#times.set(sequence, times - 1)
      return
    }
    this.#times.delete(sequence)
    this.sequences.splice(this.#placeOf(sequence), 1)
  }

  #placeOf(sequence: number): number {
    let low = 0
    let high = this.sequences.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.sequences[middle]! > sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

/** Index of the first of sorted disjoint ranges that ends after `key`. */
export function firstEndingAfter(ranges: readonly { readonly to: Bytes }[], key: Bytes): number {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes(ranges[middle]!.to, key) > 0) high = middle
    else low = middle + 1
  }
  return low
}
