/**
 * One core, two drivers. An operation is written once, as a generator that answers from memory when it can and yields
 * only what is pending; a synchronous caller drives it with `runSync`, an asynchronous one with `runAsync`.
 *
 * On hot paths a generator function is declared once, at module or class level, and closed over by an arrow:
 * `core.read(who, (call) => statBody(call, path))`. A generator function EXPRESSION that is created for each call costs
 * 3 us (V8 builds a new map for its generator objects); the arrow costs nothing, a level of `yield*` 70 ns.
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

/** What a generator without a yield would be, for less than half of its price; the drivers below know it. */
class Done<T> {
  readonly value: T

  constructor(value: T) {
    this.value = value
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorReturnResult<T> {
    return { done: true, value: this.value }
  }

  return(value: T): IteratorReturnResult<T> {
    return { done: true, value }
  }

  throw(error: unknown): never {
    throw error
  }
}

/** An operation that is already done. */
export const done = <T>(value: T): Op<T> => new Done(value) as unknown as Op<T>

/**
 * Which driver is at work. Operations ask before they do what a synchronous caller could not see the end of. It lives
 * on the global object because two copies of this module (ESM beside CJS) may drive each other's operations.
 */
interface Driver {
  sync: boolean
}

const driverKey = Symbol.for('vivefs.driver')
const shared = globalThis as { [driverKey]?: Driver }
if (shared[driverKey] === undefined) shared[driverKey] = { sync: false }
const driver: Driver = shared[driverKey]

/**
 * Whether the operation that is running now is driven by `runSync`, so that any yield of it throws
 * ERR_VIVEFS_SYNC_UNAVAILABLE. Only meaningful inside an operation.
 */
export const drivenSync = (): boolean => driver.sync

/**
 * Drives an operation to its end on the spot.
 * Throws ERR_VIVEFS_SYNC_UNAVAILABLE when it would have to wait; the operation sees that error at its yield, so its
 * `finally` blocks run, and nothing it did only in memory is published.
 */
export function runSync<T>(op: Op<T>, what?: string): T {
  if (op instanceof Done) return op.value
  const outer = driver.sync
  driver.sync = true
  try {
    let step = op.next()
    while (!step.done) {
      // The promise stays unobserved here: its failure belongs to whoever started it.
      Promise.resolve(step.value).catch(() => {})
      step = op.throw(new SyncUnavailableError(what))
    }
    return step.value
  } finally {
    driver.sync = outer
  }
}

/** Drives an operation, waiting for what it yields. Never throws synchronously. */
export function runAsync<T>(op: Op<T>): Promise<T> {
  if (op instanceof Done) return Promise.resolve(op.value)
  try {
    // Only the first step can run inside a synchronous operation (started by one of its effects); later ones are jobs.
    const step = driver.sync ? firstStep(op) : op.next()
    return step.done ? Promise.resolve(step.value) : goOn(op, step)
  } catch (error) {
    return Promise.reject(error)
  }
}

async function goOn<T>(op: Op<T>, first: IteratorResult<PromiseLike<unknown>, T>): Promise<T> {
  let step = first
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

function firstStep<T>(op: Op<T>): IteratorResult<PromiseLike<unknown>, T> {
  driver.sync = false
  try {
    return op.next()
  } finally {
    driver.sync = true
  }
}
