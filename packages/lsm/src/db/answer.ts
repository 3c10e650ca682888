import type { Op } from '../op.ts'

/** Drives an operation: what is ready is answered on the spot, without a promise. */
export function answer<T>(op: Op<T>): T | Promise<T> {
  const step = op.next()
  return step.done ? step.value : resume(op, step.value)
}

async function resume<T>(op: Op<T>, first: PromiseLike<unknown>): Promise<T> {
  let waited = first
  for (;;) {
    let value: unknown
    let failed = false
    try {
      value = await waited
    } catch (error) {
      value = error
      failed = true
    }
    const step = failed ? op.throw(value) : op.next(value)
    if (step.done) return step.value
    waited = step.value
  }
}
