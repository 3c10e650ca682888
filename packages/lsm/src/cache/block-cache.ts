import type { Block } from '../block/block.ts'

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
 * for whoever still holds them. 0 bytes: nothing is kept.
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

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes held, charges included. */
  get bytes(): number {
    return this.#blockBytes + this.#charged
  }

  get stats(): BlockCacheStats {
    return {
      bytes: this.bytes,
      bytesMax: this.#bytesMax,
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

  put(shelf: Shelf, slot: number, block: Block): void {
    const bytes = block.bytes.length + OVERHEAD_BYTES
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
    shelf.frames[slot] = frame
    shelf.blocks[slot] = block
    this.#blockBytes += bytes
    this.#blocks++
  }

  /** Makes room for `bytes` more. */
  #shrink(bytes: number): void {
    while (this.#hand !== undefined && this.#blockBytes + this.#charged + bytes > this.#bytesMax) {
      const frame = this.#hand
      if (frame.block.used) {
        frame.block.used = false
        this.#hand = frame.after
      } else {
        this.#remove(frame)
        this.#evictions++
      }
    }
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
