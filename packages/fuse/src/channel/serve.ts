/**
 * The loop of a thread that owns a volume and reads the device itself. While requests follow each other it blocks in read(2), which is the
 * fastest way from a request to its answer; when they pause, or when one waits for the store, it reads through the thread
 * pool, so that the thread's own events run.
 *
 * A blocking read that meets a pause would hold the events of the thread (background work of the store, messages) until the next request.
 * {@link Pace} tells when the thread entered it; whoever watches that (the mounting thread) wakes it by a request of its own.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Session } from '../session.ts'
import { REQUEST_BYTES_MAX, readRequest, readRequestSync } from './device.ts'

/** Shared with the watching thread. */
export class Pace {
  readonly cells: Int32Array<SharedArrayBuffer>

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.cells = new Int32Array(buffer)
  }

  /** Counts blocking reads; odd while in one. */
  get count(): number {
    return Atomics.load(this.cells, 0)
  }

  enter(): void {
    Atomics.add(this.cells, 0, 1)
  }

  leave(): void {
    Atomics.add(this.cells, 0, 1)
  }
}

/** Requests in one go before the thread's events get their turn. */
const BURST_REQUESTS = 128
/** After a blocking read of this length the requests have paused. */
const PAUSE_MS = 2
const SPARE_BUFFERS_MAX = 4

/** Serves until the mount is gone. Errors of the thread carry no stack meanwhile: it goes to nobody, and a refusal would cost twice as much. */
export async function serve(session: Session, device: number, pace: Pace): Promise<void> {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    await serveAll(session, device, pace)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function serveAll(session: Session, device: number, pace: Pace): Promise<void> {
  const spares: Buffer[] = []
  const take = (): Buffer => spares.pop() ?? Buffer.allocUnsafeSlow(REQUEST_BYTES_MAX)
  let buffer = take()
  /** Serves what was read; a buffer that stays in use is not read into again. */
  const handle = (bytes: number): void => {
    const used = buffer
    const answered = session.serve(used, bytes)
    if (answered === undefined) return
    buffer = take()
    answered.then(() => {
      if (spares.length < SPARE_BUFFERS_MAX) spares.push(used)
    })
  }
  let hasPaused = true
  while (!session.ended) {
    if (hasPaused || session.pending > 0) {
      const first = await readRequest(device, buffer)
      if (first === 0) return
      handle(first)
      hasPaused = false
    }
    for (let burst = 0; burst < BURST_REQUESTS && session.pending === 0 && !session.ended; burst++) {
      const startMs = performance.now()
      pace.enter()
      const request = readRequestSync(device, buffer)
      pace.leave()
      if (request === 0) return
      handle(request)
      hasPaused = performance.now() - startMs > PAUSE_MS
      if (hasPaused) break
    }
    await turn()
  }
}
