/** The sequence numbers that somebody reads at: compaction keeps what they see. */
export class Snapshots {
  readonly #counts: Map<number, number> = new Map()
  #sorted: readonly number[] | undefined

  get size(): number {
    return this.#counts.size
  }

  /** Ascending, each once. */
  get list(): readonly number[] {
    this.#sorted ??= [...this.#counts.keys()].sort((a, b) => a - b)
    return this.#sorted
  }

  take(sequence: number): void {
    const count = this.#counts.get(sequence) ?? 0
    this.#counts.set(sequence, count + 1)
    if (count === 0) this.#sorted = undefined
  }

  release(sequence: number): void {
    const count = this.#counts.get(sequence)
    if (count === undefined) throw new RangeError(`no snapshot at ${sequence}`)
    if (count > 1) {
      this.#counts.set(sequence, count - 1)
      return
    }
    this.#counts.delete(sequence)
    this.#sorted = undefined
  }
}
