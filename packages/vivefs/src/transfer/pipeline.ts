/**
 * Transactions on their way to the store, a bounded number at once. A later one sees what an earlier one did as soon as
 * that is ordered; waiting for it to land would leave the store idle between two batches.
 */
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import type { Credentials } from '../core/mode.ts'
import { type Op, runAsync } from '../op.ts'

export class Pipeline {
  readonly #core: Core
  readonly #who: Credentials
  readonly #max: number
  readonly #flying = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(core: Core, who: Credentials, max: number) {
    this.#core = core
    this.#who = who
    this.#max = max
  }

  /** Settles when the operation is ordered, or rejects with what it threw. Throws what an earlier one failed to land with. */
  async submit<T>(body: (call: Call) => Op<T>): Promise<T> {
    this.#assertSound()
    while (this.#flying.size >= this.#max) {
      await Promise.race(this.#flying)
      this.#assertSound()
    }
    return await new Promise<T>((resolve, reject) => {
      let isOrdered = false
      const operation = this.#core.run(this.#who, function* (call) {
        const result = yield* body(call)
        call.tx.onCommit(() => {
          isOrdered = true
          resolve(result)
        })
        return result
      })
      const landed = runAsync(operation).then(
        () => {},
        (error: unknown) => {
          // Ordered means promised: from there on a failure concerns everything that follows.
          if (isOrdered) this.#failure ??= { error }
          else reject(error)
        },
      )
      const flying = landed.finally(() => this.#flying.delete(flying))
      this.#flying.add(flying)
    })
  }

  /** Waits until everything has landed. */
  async drain(): Promise<void> {
    while (this.#flying.size > 0) await Promise.all(this.#flying)
    this.#assertSound()
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
