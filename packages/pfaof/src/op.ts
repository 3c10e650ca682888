/**
 * One core, two drivers. An operation is written once, as a generator that answers from memory when it can and yields
 * only what is pending. `runSync` drives it on the spot, `runAsync` waits for what it yields.
 *
 * A yielded {@link Wait} has two forms of the same work, and the driver chooses: a flush is a blocking call for the
 * synchronous driver and a promise for the other. Any other promise makes the synchronous driver refuse.
 */

/** An operation. It yields promises only; what it is resumed with is the promise's value. */
export type Op<T> = Generator<PromiseLike<unknown>, T, unknown>

/** Thrown by `runSync` into the operation when it has to wait for something. */
export class SyncUnavailableError extends Error {
  readonly code = 'PFAOF_SYNC_UNAVAILABLE'

  constructor(what = 'this operation') {
    super(`${what} has to wait for a medium that answers only asynchronously: drive it with runAsync`)
    this.name = 'SyncUnavailableError'
  }
}

/** Work that starts when a driver asks for it: `now` on the spot where that exists, `later` as a promise. */
export class Wait<T> implements PromiseLike<T> {
  readonly #later: () => PromiseLike<T>
  readonly now: (() => T) | undefined

  constructor(later: () => PromiseLike<T>, now?: () => T) {
    this.#later = later
    this.now = now
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is its purpose
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    return this.#later().then(fulfilled, rejected)
  }
}

/** Waits for a promise inside an operation, with its type: `const rows = yield* pending(promise)`. */
export function* pending<T>(promise: PromiseLike<T>): Op<T> {
  return (yield promise) as T
}

/** Waits for work that the driver starts, in the form that suits it. */
export function* wait<T>(later: () => PromiseLike<T>, now?: () => T): Op<T> {
  return (yield new Wait(later, now)) as T
}

/**
 * Drives an operation to its end on the spot.
 * Throws PFAOF_SYNC_UNAVAILABLE when it would have to wait; the operation sees that error at its yield, so its `finally`
 * blocks run.
 */
export function runSync<T>(op: Op<T>, what?: string): T {
  let step = op.next()
  while (!step.done) {
    const waited = step.value
    if (waited instanceof Wait && waited.now !== undefined) {
      let value: unknown
      try {
        value = waited.now()
      } catch (error) {
        step = op.throw(error)
        continue
      }
      step = op.next(value)
      continue
    }
    // A promise already under way stays unobserved here: its failure belongs to whoever started it.
    if (!(waited instanceof Wait)) Promise.resolve(waited).catch(() => {})
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
