/**
 * Sends notices by the thread pool, one after the other. The kernel may hold a notice until a request is answered, so the thread that
 * answers requests must not wait for one.
 */
import { write } from 'node:fs'

/** More wait for the kernel than this: the oldest go, and the times that the kernel trusts its caches bound what it misses. */
const WAITING_MAX = 16_384

export class Notifier {
  readonly #device: number
  #waiting = new Map<string, Buffer>()
  #sending = false
  #closed: (() => void) | undefined

  constructor(device: number) {
    this.#device = device
  }

  /** The same notice waits once. */
  send(message: Buffer): void {
    if (this.#closed !== undefined) return
    this.#waiting.set(message.toString('latin1'), message)
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!)
    if (!this.#sending) this.#next()
  }

  /** Nothing is written to the device after this. */
  close(): Promise<void> {
    this.#waiting.clear()
    return new Promise((resolve) => {
      this.#closed = resolve
      if (!this.#sending) resolve()
    })
  }

  #next(): void {
    const first = this.#waiting.entries().next().value
    this.#sending = first !== undefined
    if (first === undefined) {
      this.#closed?.()
      return
    }
    const [key, message] = first
    this.#waiting.delete(key)
    // ENOENT: the kernel has nothing of it. ENODEV: the mount is gone. A notice that is lost costs the trusted time.
    write(this.#device, message, 0, message.length, null, () => this.#next())
  }
}
