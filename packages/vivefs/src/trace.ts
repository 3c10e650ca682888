/**
 * Tracing of every operation through `node:diagnostics_channel` (docs/tracing.md): the five channels of
 * `tracingChannel('vivefs:operation')`. While nobody subscribes an operation pays for looking whether anybody does, a few
 * nanoseconds.
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import type { Core } from './core/core.ts'
import type { Credentials } from './core/mode.ts'
import type { Op } from './op.ts'

/** What the messages of one operation carry: the same object in all of them. */
export interface OperationTrace {
  /** As the function is called: `writeFile`, `lookup` ... Of the synchronous face with its `Sync`. */
  readonly operation: string
  /** Where it came in: a face of `fs`, a FileHandle, the inner face, or the volume itself (`transaction`). */
  readonly face: 'promises' | 'callback' | 'sync' | 'handle' | 'fsal' | 'volume'
  readonly volumeId: string
  readonly uid: number
  readonly gid: number
  /** The arguments as they were given (without a callback): not copied, not to be changed. */
  readonly args: readonly unknown[]
  /** From the last message on: what it answered. */
  result?: unknown
  /** From `error` on: what it threw. */
  error?: unknown
}

const named = (event: string): Channel => channel(`tracing:vivefs:operation:${event}`)

const start = named('start')
const end = named('end')
const asyncStart = named('asyncStart')
const asyncEnd = named('asyncEnd')
const failed = named('error')

/** Whether anybody listens. */
export const isTraced = (): boolean =>
  start.hasSubscribers ||
  asyncEnd.hasSubscribers ||
  end.hasSubscribers ||
  failed.hasSubscribers ||
  asyncStart.hasSubscribers

/** The operation, if anybody listens with its messages. */
export function traced<T>(
  op: Op<T>,
  core: Core,
  who: Credentials,
  face: OperationTrace['face'],
  operation: string,
  args: readonly unknown[],
): Op<T> {
  if (!isTraced()) return op
  const { uid, gid } = who
  return trace({ operation, face, volumeId: core.superblock.volumeId, uid, gid, args }, op)
}

/** `start` and `end` around what runs on the spot; `asyncStart` and `asyncEnd` when what had to wait is over. */
function* trace<T>(context: OperationTrace, op: Op<T>): Op<T> {
  let isWaiting = false
  start.publish(context)
  try {
    let step = op.next()
    while (!step.done) {
      if (!isWaiting) end.publish(context)
      isWaiting = true
      let answer: unknown
      try {
        answer = yield step.value
      } catch (error) {
        step = op.throw(error)
        continue
      }
      step = op.next(answer)
    }
    context.result = step.value
    return step.value
  } catch (error) {
    context.error = error
    failed.publish(context)
    throw error
  } finally {
    if (isWaiting) {
      asyncStart.publish(context)
      asyncEnd.publish(context)
    } else end.publish(context)
  }
}
