/** Bytes of a chunk that is used again. */
export const CHUNK_BYTES: number = 128 * 1024
/** Of the first chunk of a table where none waits: most tables of a small database are no longer. */
const FIRST_BYTES = 64 * 1024
/** Chunks that wait for their next use. */
const SPARES_MAX = 16

/**
 * Memory for the chunks of tables that are built. Who has written a chunk gives its memory back: what a table is built in serves the next
 * one, and the garbage collector has nothing to do with it.
 */
export class ChunkMemory {
  #spares: ArrayBuffer[] = []

  /** A chunk for at least `bytes`; `first`: of a table. It starts its ArrayBuffer, which is its own and may be transferred. */
  take(bytes: number, first: boolean): Buffer {
    const spare = bytes <= CHUNK_BYTES ? this.#spares.pop() : undefined
    return Buffer.from(spare ?? new ArrayBuffer(Math.max(bytes, first ? FIRST_BYTES : CHUNK_BYTES)))
  }

  /** Takes the memory of chunks, or of parts of them, that were written. */
  give(parts: readonly Uint8Array[]): void {
    for (const { buffer } of parts) {
      if (buffer.byteLength === CHUNK_BYTES && this.#spares.length < SPARES_MAX)
        this.#spares.push(buffer as ArrayBuffer)
    }
  }
}
