/** Frames are as long as a multiple of this. */
const STEP_BYTES = 512

/**
 * Memory of blocks that nobody reads any more, by its length: the next blocks are read into it. Without it a cache that turns over leaves
 * all its memory to the garbage collector, which counts memory outside of its heap late and may let it grow beyond the cache itself.
 */
export class FrameMemory {
  readonly #free: Map<number, ArrayBuffer[]> = new Map()
  #bytes = 0

  /** Bytes that wait for their next use. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes that a frame of `bytes` takes. */
  static room(bytes: number): number {
    return Math.ceil(bytes / STEP_BYTES) * STEP_BYTES
  }

  /** A frame of `bytes` over free memory of the right length, or undefined. It starts its ArrayBuffer, which is its own. */
  take(bytes: number): Buffer | undefined {
    const room = FrameMemory.room(bytes)
    const memory = this.#free.get(room)?.pop()
    if (memory === undefined) return undefined
    this.#bytes -= room
    return Buffer.from(memory, 0, bytes)
  }

  /** A frame of `bytes` over new memory. */
  static make(bytes: number): Buffer {
    return Buffer.from(new ArrayBuffer(FrameMemory.room(bytes)), 0, bytes)
  }

  /** Nobody reads this memory, which was a frame's, any more. */
  give(memory: ArrayBuffer): void {
    const list = this.#free.get(memory.byteLength)
    if (list === undefined) this.#free.set(memory.byteLength, [memory])
    else list.push(memory)
    this.#bytes += memory.byteLength
  }

  /** Leaves one piece of memory to the garbage collector; there is one. */
  drop(): void {
    for (const [room, list] of this.#free) {
      if (list.pop() === undefined) {
        this.#free.delete(room)
        continue
      }
      this.#bytes -= room
      return
    }
  }
}
