/**
 * Decoded, checked and folded extents that were read or written lately, least recently used first out. It holds what is committed:
 * a commit that writes an extent changes it here, or drops it, in the same step.
 */
import { allocatedBytes, fold, type Segments } from '../format/extent.ts'

interface Entry {
  readonly segments: Segments
  readonly bytes: number
}

/** What a commit does to an extent. */
export interface ExtentChange {
  readonly segments: Segments
  /** Of the rows that the segments are views of. */
  readonly rowBytes: number
  /** The segments are all that the extent holds now; otherwise they lie over what it held. */
  readonly isWhole: boolean
}

const ENTRY_OVERHEAD_BYTES = 200
/** An entry of many pieces is read anew rather than cut further. */
const PIECES_MAX = 64

/** The memory that segments keep alive. */
function backingBytes(segments: Segments): number {
  const buffers = new Set<ArrayBufferLike>()
  for (const { data } of segments) if (data !== undefined) buffers.add(data.buffer)
  let bytes = 0
  for (const { byteLength } of buffers) bytes += byteLength
  return bytes
}

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

  /** Its rows were written; an extent that is not here is taken in only if it is known as a whole. */
  change(id: string, { segments, rowBytes, isWhole }: ExtentChange): void {
    if (isWhole) {
      this.set(id, segments, rowBytes)
      return
    }
    const before = this.#entries.get(id)
    if (before === undefined) return
    const after = fold(before.segments, segments, true)
    let bytes = before.bytes - ENTRY_OVERHEAD_BYTES + rowBytes
    // What was overwritten may be gone, or kept alive by a byte beside it.
    if (bytes > 2 * allocatedBytes(after)) bytes = backingBytes(after)
    if (after.length > PIECES_MAX) this.#drop(id)
    else this.set(id, after, bytes)
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
