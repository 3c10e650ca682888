/** Seeded randomness of the tests. A failure prints its seed; VIVEFS_SEED replays it. */

export const isDeep = process.env.VIVEFS_DEEP === '1'

/** The seed of a run: VIVEFS_SEED when it is set, a fresh one otherwise. */
export const seedOf = (offset = 0): number =>
  process.env.VIVEFS_SEED === undefined
    ? Math.floor(Math.random() * 0x1_0000_0000)
    : (Number(process.env.VIVEFS_SEED) + offset) >>> 0

export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** 0 <= n < 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** An integer, 0 <= n < end. */
  upTo(end: number): number {
    return Math.floor(this.next() * end)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(from: readonly T[]): T {
    return from[this.upTo(from.length)]
  }

  /** Bytes of which no two runs are alike, and none is zero. */
  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    let word = this.upTo(0x1_0000_0000)
    for (let i = 0; i < length; i++) {
      word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0
      bytes[i] = (word >>> 24) | 1
    }
    return bytes
  }
}

/** Runs `body`; when it fails, says how to run it again. */
export async function withSeed<T>(seed: number, body: (random: Random) => Promise<T>): Promise<T> {
  try {
    return await body(new Random(seed))
  } catch (error) {
    if (error instanceof Error) error.message += `\n(replay with VIVEFS_SEED=${seed})`
    throw error
  }
}
