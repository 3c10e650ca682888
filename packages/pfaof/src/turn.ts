import { PfaofError } from './error.ts'
import { type Op, wait } from './op.ts'

const WAITERS_MAX = 65_536

/** First come, first served: one holder at a time, for operations that may suspend. */
export class Turn {
  #held = false
  readonly #waiting: (() => void)[] = []

  get held(): boolean {
    return this.#held
  }

  /** PFAOF_BUSY when too many wait; PFAOF_SYNC_UNAVAILABLE for a synchronous driver when it is taken. */
  *take(): Op<void> {
    if (!this.#held) {
      this.#held = true
      return
    }
    if (this.#waiting.length >= WAITERS_MAX) throw new PfaofError('PFAOF_BUSY', `${WAITERS_MAX} operations wait`)
    // The driver asks later than this line: by then the turn may be free. It is handed over while it stays held.
    yield* wait(() => {
      if (this.#held) return new Promise<void>((granted) => this.#waiting.push(granted))
      this.#held = true
      return Promise.resolve()
    })
  }

  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#held = false
    else next()
  }
}
