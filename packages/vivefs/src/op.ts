/**
 * One core, two drivers. An operation is written once, as a generator that answers from memory when it can and yields
 * only what is pending; a synchronous caller drives it with `runSync`, an asynchronous one with `runAsync`.
 */

/** An operation. It yields promises only; what it is resumed with is the promise's value. */
// biome-ignore lint/suspicious/noExplicitAny: what a yield evaluates to depends on the promise that was yielded; `pending` types it
export type Op<T> = Generator<PromiseLike<unknown>, T, any>

/** Thrown by `runSync` when the operation has to wait for something. */
export class SyncUnavailableError extends Error {
  readonly code = 'ERR_VIVEFS_SYNC_UNAVAILABLE'

  constructor(what = 'this operation') {
    super(`${what} has to wait for the store, which answers only asynchronously: use the promise or callback form`)
    this.name = 'SyncUnavailableError'
  }
}

/** Waits for a promise inside an operation, with its type: `const rows = yield* pending(promise)`. */
export function* pending<T>(promise: PromiseLike<T>): Op<T> {
  return (yield promise) as T
}

/** An operation that is already done. */
// biome-ignore lint/correctness/useYield: an operation that never waits
export function* done<T>(value: T): Op<T> {
  return value
}

/**
 * Drives an operation to its end on the spot.
 * Throws ERR_VIVEFS_SYNC_UNAVAILABLE when it would have to wait; the operation sees that error at its yield, so its
 * `finally` blocks run, and nothing it did only in memory is published.
 */
export function runSync<T>(op: Op<T>, what?: string): T {
  let step = op.next()
  while (!step.done) {
    // The promise stays unobserved here: its failure belongs to whoever started it.
    Promise.resolve(step.value).catch(() => {})
    step = op.throw(new SyncUnavailableError(what))
  }
  return step.value
}

/** Drives an operation, waiting for what it yields. Never throws synchronously. */
export async function runAsync<T>(op: Op<T>): Promise<T> {
  let step = op.next()
  while (!step.done) {
    let value: unknown
    try {
      value = await step.value
    } catch (error) {
      step = op.throw(error)
      continue
    }
    step = op.next(value)
  }
  return step.value
}
