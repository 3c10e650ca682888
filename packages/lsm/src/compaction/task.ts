import { type Op, Wait } from '../op.ts'

/** A wait that a synchronous caller can look at before it blocks on it. */
export class PolledWait<T> extends Wait<T> {
  /** `now` would return at once, and the work is wanted now. */
  readonly ready: () => boolean

  constructor(later: () => PromiseLike<T>, now: () => T, ready: () => boolean) {
    super(later, now)
    this.ready = ready
  }
}

/**
 * An operation in the background. The event loop drives it; a synchronous caller, who holds the event loop up, can take over at any
 * wait that has a blocking form. The promise that was waited for may still come: it is nobody's then. This is sound because every wait
 * of the layers below that has a blocking form may be done twice: a read, a flush, a message.
 */
export class Task<T> {
  readonly #op: Op<T>
  #waited: PromiseLike<unknown> | undefined
  /** Counts the waits; an answer to an earlier one comes too late. */
  #turn = 0
  #running = false
  #settled = false
  readonly #ended: (error: unknown, value: T | undefined) => void

  /** `ended` is called once, at once, also inside `drainNow`: with what was thrown, or undefined and the value. */
  constructor(op: Op<T>, ended: (error: unknown, value: T | undefined) => void) {
    this.#op = op
    this.#ended = ended
  }

  get settled(): boolean {
    return this.#settled
  }

  /** Starts, or goes on after a value: up to the next wait. */
  start(): this {
    this.#advance(() => this.#op.next())
    this.#await()
    return this
  }

  /** Goes on without the event loop: to the end, to a wait without a blocking form, or to one that is not ready. True: it got further. */
  drainNow(): boolean {
    if (this.#running) return false
    let moved = false
    while (!this.#settled) {
      const waited = this.#waited
      if (!(waited instanceof Wait) || waited.now === undefined) break
      if (waited instanceof PolledWait && !waited.ready()) break
      moved = true
      this.#takeOver(waited.now)
    }
    if (moved) this.#await()
    return moved
  }

  #takeOver(now: () => unknown): void {
    let value: unknown
    try {
      value = now()
    } catch (error) {
      this.#advance(() => this.#op.throw(error))
      return
    }
    this.#advance(() => this.#op.next(value))
  }

  #advance(step: () => IteratorResult<PromiseLike<unknown>, T>): void {
    this.#turn++
    this.#running = true
    this.#waited = undefined
    let result: IteratorResult<PromiseLike<unknown>, T>
    try {
      result = step()
    } catch (error) {
      this.#settled = true
      this.#ended(error ?? new TypeError('something was thrown that is no error'), undefined)
      return
    } finally {
      this.#running = false
    }
    if (!result.done) this.#waited = result.value
    else {
      this.#settled = true
      this.#ended(undefined, result.value)
    }
  }

  #await(): void {
    if (this.#waited === undefined) return
    const turn = this.#turn
    const go = (step: () => IteratorResult<PromiseLike<unknown>, T>) => {
      if (turn !== this.#turn) return
      this.#advance(step)
      this.#await()
    }
    const failed = (error: unknown) => go(() => this.#op.throw(error))
    try {
      this.#waited.then((value) => go(() => this.#op.next(value)), failed)
    } catch (error) {
      queueMicrotask(() => failed(error))
    }
  }
}
