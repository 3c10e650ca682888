import type { Medium } from '@vivefs/media'
import { fromMedium, PfaofError } from './error.ts'
import { type Op, wait } from './op.ts'

/**
 * Group commit on one medium: everybody who waits while a flush runs shares the next one. A flush covers what was appended
 * before it started (law L4), so two flushes serve any number of writers. A failed flush fails everything after it (I12).
 */
export class FlushGate {
  readonly #medium: Medium
  /** Serial number of the last append. */
  written = 0
  /** Appends up to this serial number are durable. */
  flushed = 0
  /** Flushes started, for tests and status. */
  flushes = 0
  failure: Error | undefined
  #running: Promise<void> | undefined
  #begun = 0
  #ended = 0
  #drained: { target: number; resolve: () => void }[] = []

  readonly #name: string

  constructor(medium: Medium, name: string) {
    this.#medium = medium
    this.#name = name
  }

  /** An append is on its way; it waits for no flush. `end` follows, whatever becomes of it. */
  begin(): void {
    this.#begun++
  }

  end(): void {
    this.#ended++
    while (this.#drained[0] !== undefined && this.#drained[0].target <= this.#ended) this.#drained.shift()!.resolve()
  }

  /** Waits for the appends that are on their way now, so that one flush serves them all. */
  async #settled(): Promise<void> {
    const target = this.#begun
    if (this.#ended >= target) return
    await new Promise<void>((resolve) => this.#drained.push({ target, resolve }))
  }

  /** Waits until the append with serial number `target` is durable. */
  *through(target: number): Op<void> {
    while (this.flushed < target) {
      if (this.failure !== undefined) {
        throw new PfaofError(
          'PFAOF_POISONED',
          `a flush of ${this.#name} failed: open the volume anew (I12)`,
          this.failure,
          this.#name,
        )
      }
      const now = this.#medium.flushSync === undefined ? undefined : () => this.#flushNow()
      try {
        yield* wait(() => this.#running ?? this.#start(), now)
      } catch (error) {
        if (this.failure === undefined) throw error
        throw fromMedium(this.failure, `flush of ${this.#name}`, this.#name)
      }
    }
  }

  #start(): Promise<void> {
    const flush = this.#flush()
    flush.catch(() => {}) // every waiter sees it too, and `failure` stays
    this.#running = flush
    return flush
  }

  async #flush(): Promise<void> {
    await this.#settled()
    const covers = this.written
    this.flushes++
    try {
      await this.#medium.flush()
      this.flushed = Math.max(this.flushed, covers)
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error))
      throw error
    } finally {
      this.#running = undefined
    }
  }

  #flushNow(): void {
    const covers = this.written
    this.flushes++
    try {
      this.#medium.flushSync!()
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error))
      throw error
    }
    this.flushed = Math.max(this.flushed, covers)
  }
}
