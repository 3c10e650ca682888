import type { Bytes } from '../bytes.ts'

/**
 * Batches that are acknowledged and not yet in the log, in order: the `relaxed` durability. They leave together, as one append, when there
 * are too many of them, when the oldest is too old, when somebody asks, and when the process exits.
 */
export class RelaxedBuffer {
  readonly #bytesMax: number
  readonly #msMax: number
  readonly #append: (parts: readonly Bytes[]) => void
  #parts: Bytes[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  readonly #onExit = (): void => this.flush()

  /** @param append hands the parts to the log on the spot; it sees to its own failure */
  constructor(bytesMax: number, msMax: number, append: (parts: readonly Bytes[]) => void) {
    this.#bytesMax = bytesMax
    this.#msMax = msMax
    this.#append = append
    process.on('exit', this.#onExit)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes the parts of one batch; they are copied. */
  add(parts: readonly Bytes[]): void {
    for (const part of parts) {
      this.#parts.push(Buffer.from(part))
      this.#bytes += part.length
    }
    if (this.#bytes >= this.#bytesMax) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), this.#msMax).unref()
  }

  /** Everything goes to the log now. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#bytes === 0) return
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    this.#append(parts)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    process.removeListener('exit', this.#onExit)
  }
}
