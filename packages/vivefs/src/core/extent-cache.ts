/**
 * Decoded, checked and folded extents that were read or written lately. It holds what is committed: a commit that writes an extent
 * changes it here, or drops it, in the same step.
 *
 * Who goes is drawn by lot among those that were not used since the last draw: whoever reads a file again and again that is a little
 * larger than the cache meets most of it here, of which the least recently used would leave nothing.
 */
import { allocatedBytes, fold, type Segments } from '../format/extent.ts'

interface Entry {
  readonly id: ExtentId
  segments: Segments
  bytes: number
  /** Since the last draw. */
  isUsed: boolean
  /** Where it stands among all. */
  slot: number
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
/** What the row cache of a store takes (store/row-cache.ts). */
const SMALL_BYTES_MAX = 4096
/** An entry of many pieces is read anew rather than cut further. */
const PIECES_MAX = 64
/** Draws that meet entries in use before one of them goes all the same. */
const DRAWS_MAX = 16

/** The memory that segments keep alive. */
function backingBytes(segments: Segments): number {
  const buffers = new Set<ArrayBufferLike>()
  for (const { data } of segments) if (data !== undefined) buffers.add(data.buffer)
  let bytes = 0
  for (const { byteLength } of buffers) bytes += byteLength
  return bytes
}

/** Names an extent of an inode; a number where that is enough, which is cheaper to look up. */
export type ExtentId = number | string

const INO_END = 2 ** 32
const INDEX_END = 2 ** 21

export const extentId = (ino: number, index: number): ExtentId =>
  ino < INO_END && index < INDEX_END ? ino * INDEX_END + index : `${ino}:${index}`

export class ExtentCache {
  readonly #bytesMax: number
  readonly #entries = new Map<ExtentId, Entry>()
  readonly #slots: Entry[] = []
  #bytes = 0
  #lot = 1

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(id: ExtentId): Segments | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    entry.isUsed = true
    return entry.segments
  }

  /** `rowBytes`: what the rows behind the segments keep alive. */
  set(id: ExtentId, segments: Segments, rowBytes: number): void {
    const bytes = rowBytes + ENTRY_OVERHEAD_BYTES
    const before = this.#entries.get(id)
    if (bytes > this.#bytesMax) {
      if (before !== undefined) this.#remove(before)
      return
    }
    if (before !== undefined) {
      this.#bytes += bytes - before.bytes
      before.segments = segments
      before.bytes = bytes
      before.isUsed = true
    } else {
      const entry = { id, segments, bytes, isUsed: false, slot: this.#slots.length }
      this.#entries.set(id, entry)
      this.#slots.push(entry)
      this.#bytes += bytes
    }
    while (this.#bytes > this.#bytesMax) this.#remove(this.#draw())
  }

  /**
   * Its rows were written; an extent that is not here is taken in only if it is known as a whole and nothing has to go for it. Small
   * ones are not: the store has their rows at hand.
   */
  change(id: ExtentId, { segments, rowBytes, isWhole }: ExtentChange): void {
    const before = this.#entries.get(id)
    if (before === undefined) {
      const hasRoom = this.#bytes + rowBytes + ENTRY_OVERHEAD_BYTES <= this.#bytesMax
      if (isWhole && hasRoom && rowBytes > SMALL_BYTES_MAX) this.set(id, segments, rowBytes)
      return
    }
    if (isWhole) {
      this.set(id, segments, rowBytes)
      return
    }
    const after = fold(before.segments, segments, true)
    let bytes = before.bytes - ENTRY_OVERHEAD_BYTES + rowBytes
    // What was overwritten may be gone, or kept alive by a byte beside it.
    if (bytes > 2 * allocatedBytes(after)) bytes = backingBytes(after)
    if (after.length > PIECES_MAX) this.#remove(before)
    else this.set(id, after, bytes)
  }

  /** Its rows were written. */
  forget(id: ExtentId): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) this.#remove(entry)
  }

  clear(): void {
    this.#entries.clear()
    this.#slots.length = 0
    this.#bytes = 0
  }

  /** Inode numbers are never reused, so what stays of a deleted inode is only space; small ones go at once. */
  forgetInode(ino: number): void {
    for (let index = 0; index < 4; index++) this.forget(extentId(ino, index))
  }

  /** Bytes held now, by this class's own reckoning. */
  get bytes(): number {
    return this.#bytes
  }

  #draw(): Entry {
    const slots = this.#slots
    for (let draws = 1; ; draws++) {
      // xorshift32 (Marsaglia).
      this.#lot ^= this.#lot << 13
      this.#lot ^= this.#lot >>> 17
      this.#lot ^= this.#lot << 5
      const entry = slots[(this.#lot >>> 0) % slots.length]
      if (!entry.isUsed || draws === DRAWS_MAX) return entry
      entry.isUsed = false
    }
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.id)
    this.#bytes -= entry.bytes
    const last = this.#slots.pop()
    if (last === undefined || last === entry) return
    this.#slots[entry.slot] = last
    last.slot = entry.slot
  }
}
