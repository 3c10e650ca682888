/**
 * Decoded, checked and folded extents that were read lately, least recently used first out. It holds what is committed:
 * a commit that writes an extent drops it here in the same step.
 */
import type { Segments } from '../format/extent.ts'

interface Entry {
  readonly segments: Segments
  readonly bytes: number
}

const ENTRY_OVERHEAD_BYTES = 200

export const extentId = (ino: number, index: number): string => `${ino}:${index}`

export class ExtentCache {
  readonly #bytesMax: number
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(id: string): Segments | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    return entry.segments
  }

  /** `rowBytes`: what the rows behind the segments keep alive. */
  set(id: string, segments: Segments, rowBytes: number): void {
    this.#drop(id)
    const bytes = rowBytes + ENTRY_OVERHEAD_BYTES
    if (bytes > this.#bytesMax) return
    this.#entries.set(id, { segments, bytes })
    this.#bytes += bytes
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) break
      this.#entries.delete(oldest)
      this.#bytes -= entry.bytes
    }
  }

  /** Its rows were written. */
  forget(id: string): void {
    this.#drop(id)
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#bytes -= entry.bytes
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  /** Inode numbers are never reused, so what stays of a deleted inode is only space; small ones go at once. */
  forgetInode(ino: number): void {
    for (let index = 0; index < 4; index++) this.#drop(extentId(ino, index))
  }
}
