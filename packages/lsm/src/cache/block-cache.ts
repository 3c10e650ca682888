import type { Block } from '../block/block.ts'
import { FrameMemory } from './frame-memory.ts'

/** Free memory of the wrong length that is kept for blocks to come while others are evicted. */
const FREE_BYTES_KEPT = 64 << 10
/** What a cached block takes beside its bytes, about. */
const OVERHEAD_BYTES = 256

class Frame {
  readonly block: Block
  readonly shelf: Shelf
  readonly slot: number
  readonly bytes: number
  before: Frame
  after: Frame

  constructor(block: Block, shelf: Shelf, slot: number, bytes: number) {
    this.block = block
    this.shelf = shelf
    this.slot = slot
    this.bytes = bytes
    this.before = this
    this.after = this
  }
}

/** The cached blocks of one file, by their number: a hit is an array access. */
export class Shelf {
  readonly file: number
  readonly blocks: (Block | undefined)[]
  /** Of `blocks`, where each stands in the ring. */
  readonly frames: (Frame | undefined)[]
  readonly #cache: BlockCache

  constructor(file: number, blocks: number, cache: BlockCache) {
    this.file = file
    this.blocks = new Array<Block | undefined>(blocks).fill(undefined)
    this.frames = new Array<Frame | undefined>(blocks).fill(undefined)
    this.#cache = cache
  }

  get(slot: number): Block | undefined {
    const block = this.blocks[slot]
    if (block === undefined) {
      this.#cache.misses++
      return undefined
    }
    this.#cache.hits++
    block.used = true
    return block
  }

  /** Keeps a block until the cache needs its room. */
  put(slot: number, block: Block): void {
    this.#cache.put(this, slot, block)
  }
}

export interface BlockCacheStats {
  readonly bytes: number
  readonly bytesMax: number
  /** Of `bytes`: memory of evicted blocks that waits for others. */
  readonly freeBytes: number
  /** Of `bytes`: filters, indexes and whatever else was charged. */
  readonly chargedBytes: number
  readonly blocks: number
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

/**
 * Blocks of all tables in one bounded memory. CLOCK: a ring with a hand that passes over what was used since its last turn; a
 * block starts unused, so one long scan does not drive out what is read again and again. Evicted blocks stay alive
 * for whoever still holds them; the memory of the others serves the next blocks. 0 bytes: nothing is kept.
 */
export class BlockCache {
  #bytesMax: number
  #blockBytes = 0
  #charged = 0
  #blocks = 0
  #hand: Frame | undefined
  readonly #shelves: Map<number, Shelf> = new Map()
  hits = 0
  misses = 0
  #evictions = 0
  /** Where blocks that are read from files get their memory. */
  readonly memory: FrameMemory = new FrameMemory()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes held, charges included. */
  get bytes(): number {
    return this.#blockBytes + this.#charged + this.memory.bytes
  }

  get stats(): BlockCacheStats {
    return {
      bytes: this.bytes,
      bytesMax: this.#bytesMax,
      freeBytes: this.memory.bytes,
      chargedBytes: this.#charged,
      blocks: this.#blocks,
      hits: this.hits,
      misses: this.misses,
      evictions: this.#evictions,
    }
  }

  /** Another limit, at once. */
  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#shrink(0)
  }

  /** The place of a file's blocks, the same one until {@link evictFile}. */
  shelf(file: number, blocks: number): Shelf {
    let shelf = this.#shelves.get(file)
    if (shelf === undefined || shelf.frames.length !== blocks) {
      if (shelf !== undefined) this.evictFile(file)
      shelf = new Shelf(file, blocks, this)
      this.#shelves.set(file, shelf)
    }
    return shelf
  }

  /** Memory for a block of `bytes`: of those that went, where the budget is used up. */
  frame(bytes: number): Buffer {
    const room = FrameMemory.room(bytes)
    for (;;) {
      const frame = this.memory.take(bytes)
      if (frame !== undefined) return frame
      if (this.bytes + room <= this.#bytesMax) break
      if (this.memory.bytes > FREE_BYTES_KEPT) this.memory.drop()
      else if (!this.#evict()) break
    }
    return FrameMemory.make(bytes)
  }

  put(shelf: Shelf, slot: number, block: Block): void {
    const bytes = block.bytes.buffer.byteLength + OVERHEAD_BYTES
    if (bytes + this.#charged > this.#bytesMax || this.#shelves.get(shelf.file) !== shelf) return
    if (shelf.frames[slot] !== undefined) return
    this.#shrink(bytes)
    const frame = new Frame(block, shelf, slot, bytes)
    const hand = this.#hand
    if (hand === undefined) this.#hand = frame
    else {
      frame.before = hand.before
      frame.after = hand
      hand.before.after = frame
      hand.before = frame
    }
    block.used = false
    block.cached = true
    shelf.frames[slot] = frame
    shelf.blocks[slot] = block
    this.#blockBytes += bytes
    this.#blocks++
  }

  /** Makes room for `bytes` more. */
  #shrink(bytes: number): void {
    while (this.bytes + bytes > this.#bytesMax) {
      if (this.memory.bytes > 0) this.memory.drop()
      else if (!this.#evict()) return
    }
  }

  /** One block goes; false: there is none. */
  #evict(): boolean {
    for (let frame = this.#hand; frame !== undefined; frame = frame.after) {
      if (!frame.block.used) {
        this.#hand = frame
        this.#remove(frame)
        this.#evictions++
        return true
      }
      frame.block.used = false
    }
    return false
  }

  #remove(frame: Frame): void {
    if (frame.after === frame) this.#hand = undefined
    else {
      frame.before.after = frame.after
      frame.after.before = frame.before
      if (this.#hand === frame) this.#hand = frame.after
    }
    frame.shelf.frames[frame.slot] = undefined
    frame.shelf.blocks[frame.slot] = undefined
    this.#blockBytes -= frame.bytes
    this.#blocks--
    frame.block.cached = false
  }

  /** Forgets the blocks of a deleted file. */
  evictFile(file: number): void {
    const shelf = this.#shelves.get(file)
    if (shelf === undefined) return
    this.#shelves.delete(file)
    for (const frame of shelf.frames) if (frame !== undefined) this.#remove(frame)
  }

  /** Counts memory that is pinned elsewhere (filters, indexes) in the same budget. */
  charge(bytes: number): void {
    this.#charged += bytes
    this.#shrink(0)
  }

  release(bytes: number): void {
    this.#charged -= bytes
  }
}
