/** What an operation that was given up ends with, as abstract-level names it. `cause`: the reason of the signal. */
export class AbortError extends Error {
  readonly code = 'LEVEL_ABORTED'

  constructor(cause?: unknown) {
    super('Operation has been aborted', cause === undefined ? undefined : { cause })
    this.name = 'AbortError'
  }
}

/** Throws LEVEL_ABORTED where the signal says so. */
export function checkAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted === true) throw new AbortError(signal.reason)
}

/** Calls back when the signal says so; answers with how to listen no more. */
export function onAbort(signal: AbortSignal, aborted: (error: AbortError) => void): () => void {
  const listener = () => aborted(new AbortError(signal.reason))
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}

/** As the promise, until the signal says so: then LEVEL_ABORTED, and what was begun goes on without anybody waiting for it. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = onAbort(signal, reject)
    if (signal.aborted) reject(new AbortError(signal.reason))
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    stop()
  }
}
