/**
 * Optimistic concurrency: which rows were committed since the transactions that are waiting somewhere began to read.
 *
 * I1: while a transaction is among the active, every commit since it became active is in the log. It becomes active in
 *     the same synchronous step in which it first waits, so nothing that could overtake it is missed.
 * I2: a transaction whose reads all still equal the newest committed state may be ordered now. A read is stale as soon
 *     as its key, or a key in its range, is committed with a sequence number above the one the read was made at.
 * I3: with nobody active the log is empty; otherwise it begins after the sequence number of the oldest active one.
 *
 * Source: Kung and Robinson, On Optimistic Methods for Concurrency Control (1981), backward validation.
 */

/** Keys from `low` to `high`; an undefined bound is open. */
export interface ReadRange {
  readonly low: string | undefined
  readonly lowIncluded: boolean
  readonly high: string | undefined
  readonly highIncluded: boolean
  /** The sequence number of the newest commit when the range was read. */
  readonly seq: number
}

/** What one run of a transaction's body has read. */
export interface ReadSet {
  readonly startSeq: number
  /** Keys read, and beside each the sequence number of the newest commit when it was read. */
  readonly keys: readonly string[]
  readonly keySeqs: readonly number[]
  readonly ranges: readonly ReadRange[]
}

export class ConflictSet {
  /** In the order in which they became active, which is the order of their sequence numbers. */
  readonly #active = new Map<ReadSet, number>()
  /** Committed keys with their sequence numbers, oldest first, from `#head` on. */
  #keys: string[] = []
  #seqs: number[] = []
  #head = 0
  readonly #newest = new Map<string, number>()

  /** From now on commits are recorded for this reader. `seq` is that of the newest commit. May be called again. */
  enter(reads: ReadSet, seq: number): void {
    if (!this.#active.has(reads)) this.#active.set(reads, seq)
  }

  leave(reads: ReadSet): void {
    if (this.#active.delete(reads)) this.#trim()
  }

  /** Whether anybody could be overtaken. */
  get isWatched(): boolean {
    return this.#active.size > 0
  }

  /** Records a commit. */
  record(keys: Iterable<string>, seq: number): void {
    if (this.#active.size === 0) return
    for (const key of keys) {
      this.#keys.push(key)
      this.#seqs.push(seq)
      this.#newest.set(key, seq)
    }
  }

  /** Whether a commit has overtaken one of these reads (I2). */
  stale(reads: ReadSet): boolean {
    if (this.#newest.size === 0) return false
    for (let i = 0; i < reads.keys.length; i++) {
      const seq = this.#newest.get(reads.keys[i]!)
      if (seq !== undefined && seq > reads.keySeqs[i]!) return true
    }
    return reads.ranges.some((range) => this.#writtenIn(range))
  }

  /** Rows in the log, for tests of its bound. */
  get size(): number {
    return this.#keys.length - this.#head
  }

  #writtenIn(range: ReadRange): boolean {
    for (let i = this.#after(range.seq); i < this.#keys.length; i++) {
      const key = this.#keys[i]!
      if (range.low !== undefined && (range.lowIncluded ? key < range.low : key <= range.low)) continue
      if (range.high !== undefined && (range.highIncluded ? key > range.high : key >= range.high)) continue
      return true
    }
    return false
  }

  /** The first entry of the log with a sequence number above this one. */
  #after(seq: number): number {
    let low = this.#head
    let high = this.#seqs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#seqs[middle]! > seq) high = middle
      else low = middle + 1
    }
    return low
  }

  #trim(): void {
    const oldest = this.#active.values().next()
    if (oldest.done) {
      if (this.#keys.length > 0) {
        this.#keys = []
        this.#seqs = []
        this.#head = 0
        this.#newest.clear()
      }
      return
    }
    const head = this.#after(oldest.value)
    for (let i = this.#head; i < head; i++) {
      const key = this.#keys[i]!
      if (this.#newest.get(key) === this.#seqs[i]) this.#newest.delete(key)
    }
    this.#head = head
    // Cutting an array's front costs its length: only when most of it is dead.
    if (head > 1024 && head > this.#keys.length / 2) {
      this.#keys.splice(0, head)
      this.#seqs.splice(0, head)
      this.#head = 0
    }
  }
}
