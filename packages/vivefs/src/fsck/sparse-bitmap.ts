/** A set of extent indexes: one bit each where they lie close together, as those of one file mostly do. */
const CHUNK_BITS = 2048
const WORD_BITS = 32

export class SparseBitmap {
  readonly #chunks = new Map<number, Uint32Array>()

  /** Adds an index; answers whether it was new. */
  add(index: number): boolean {
    const chunkIndex = Math.floor(index / CHUNK_BITS)
    let chunk = this.#chunks.get(chunkIndex)
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_BITS / WORD_BITS)
      this.#chunks.set(chunkIndex, chunk)
    }
    const bit = index - chunkIndex * CHUNK_BITS
    const mask = 1 << (bit % WORD_BITS)
    const word = Math.floor(bit / WORD_BITS)
    const isNew = (chunk[word] & mask) === 0
    chunk[word] |= mask
    return isNew
  }

  has(index: number): boolean {
    const chunkIndex = Math.floor(index / CHUNK_BITS)
    const bit = index - chunkIndex * CHUNK_BITS
    const word = this.#chunks.get(chunkIndex)?.[Math.floor(bit / WORD_BITS)] ?? 0
    return (word & (1 << (bit % WORD_BITS))) !== 0
  }
}
