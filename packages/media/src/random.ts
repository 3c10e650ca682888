/** Seeded randomness for faults, crash images and tests: the same seed gives the same run on every machine. */
export class SeededRandom {
  readonly seed: number
  #state: number

  /** @param seed any 32-bit integer. */
  constructor(seed: number) {
    this.seed = seed >>> 0
    this.#state = this.seed
  }

  /** A number in [0, 1). The generator is Mulberry32 (T. Ettinger, public domain). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  /** An integer in [0, below); 0 when `below` is 0. */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const item = items[i]!
      items[i] = items[j]!
      items[j] = item
    }
    return items
  }

  /** `bytes` filled with noise. */
  fill<T extends Uint8Array>(bytes: T): T {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.below(256)
    return bytes
  }
}
