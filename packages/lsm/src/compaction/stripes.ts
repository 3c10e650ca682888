/**
 * Live snapshots cut the sequence numbers into stripes: stripe i holds what snapshot i sees and snapshot i - 1 does not; the last
 * one is above every snapshot. Within a stripe nobody can tell an entry from a newer one of its key, so only the newest counts.
 */
export class Stripes {
  readonly #snapshots: readonly number[]

  /** `snapshots` ascending. */
  constructor(snapshots: readonly number[]) {
    this.#snapshots = snapshots
  }

  /** The stripe of a sequence number; 0 is the oldest. */
  of(sequence: number): number {
    const snapshots = this.#snapshots
    let low = 0
    let high = snapshots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (snapshots[middle]! < sequence) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The greatest sequence number in a stripe. */
  last(stripe: number): number {
    return stripe < this.#snapshots.length ? this.#snapshots[stripe]! : Number.MAX_SAFE_INTEGER
  }
}
