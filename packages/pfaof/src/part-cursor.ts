/** Takes bytes off a list of buffers without copying them. */
export class PartCursor {
  readonly #parts: readonly Uint8Array[]
  readonly bytes: number
  left: number
  #part = 0
  #at = 0

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts
    let bytes = 0
    for (const part of parts) bytes += part.length
    this.bytes = bytes
    this.left = bytes
  }

  /** Views of the next `bytes` bytes. */
  take(bytes: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    let rest = bytes
    while (rest > 0) {
      const part = this.#parts[this.#part]!
      const from = this.#at
      const take = Math.min(rest, part.length - from)
      if (take > 0) taken.push(take === part.length ? part : part.subarray(from, from + take))
      rest -= take
      this.#at += take
      if (this.#at === part.length) {
        this.#part++
        this.#at = 0
      }
    }
    this.left -= bytes
    return taken
  }
}
