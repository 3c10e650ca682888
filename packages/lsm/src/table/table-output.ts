import { ChunkMemory } from './chunk-memory.ts'

/**
 * The growing file of a builder, in chunks: a block is written in place and never straddles two. Each finished chunk has an
 * ArrayBuffer of its own, which can be transferred.
 */
export class TableOutput {
  buffer: Buffer
  /** Where the next byte goes in `buffer`. */
  at = 0
  /** Where the block under way starts in `buffer`. */
  blockStart = 0
  /** Offset in the file of `buffer`'s first byte. */
  #base = 0
  #finished: Buffer[] = []
  readonly #memory: ChunkMemory

  constructor(memory: ChunkMemory = new ChunkMemory()) {
    this.#memory = memory
    this.buffer = memory.take(0, true)
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#base + this.at
  }

  /** Offset in the file of the block under way. */
  get blockOffset(): number {
    return this.#base + this.blockStart
  }

  /** Makes room for so many bytes at `at`; `buffer`, `at` and `blockStart` may change. */
  room(bytes: number): void {
    if (this.at + bytes > this.buffer.length) this.#grow(bytes)
  }

  #grow(bytes: number): void {
    const { buffer, blockStart } = this
    const blockBytes = this.at - blockStart
    const next = this.#memory.take(Math.max(blockStart === 0 ? buffer.length * 2 : 0, blockBytes + bytes), false)
    buffer.copy(next, 0, blockStart, this.at)
    if (blockStart > 0) this.#finished.push(buffer.subarray(0, blockStart))
    this.#base += blockStart
    this.buffer = next
    this.blockStart = 0
    this.at = blockBytes
  }

  /** The block under way is complete. */
  endBlock(): void {
    this.blockStart = this.at
  }

  /** The last chunk is complete. */
  end(): void {
    if (this.at > 0) this.#finished.push(this.buffer.subarray(0, this.at))
    this.#base += this.at
    this.buffer = Buffer.alloc(0)
    this.at = 0
    this.blockStart = 0
  }

  take(): Buffer[] {
    const finished = this.#finished
    this.#finished = []
    return finished
  }
}
