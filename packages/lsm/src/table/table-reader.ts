import { AT_END, Block, FAULT } from '../block/block.ts'
import { openFrame } from '../block/frame.ts'
import type { Bytes } from '../bytes.ts'
import type { BlockCache, Shelf } from '../cache/block-cache.ts'
import type { FrameMemory } from '../cache/frame-memory.ts'
import type { Cursor } from '../cursor.ts'
import { LevelError } from '../error.ts'
import type { Filter } from '../filter/bloom.ts'
import { hashKey } from '../filter/hash.ts'
import type { Lookup } from '../lookup.ts'
import type { Op } from '../op.ts'
import type { RangeTombstones } from '../range-tombstones.ts'
import type { TableMeta } from '../table-meta.ts'
import { openTable, type TableParts } from './open-table.ts'
import type { TableProperties } from './properties.ts'
import type { RandomReader } from './random-reader.ts'
import { TableCursor, type TableCursorOptions } from './table-cursor.ts'
import type { TableIndex } from './table-index.ts'
import { type TableFault, verifyTable } from './verify-table.ts'

/** What a reader keeps beside filters and index, about. */
const READER_BYTES = 2048
/** What a block takes of its shelf. */
const SLOT_BYTES = 16

/**
 * A table, open for reading. Index, filters and range tombstones stay in memory, charged to the cache until {@link close}; blocks come
 * through the cache. Cursors and lookups under way survive `close`: all memory is the garbage collector's.
 */
export class TableReader {
  readonly number: number
  readonly file: RandomReader
  readonly index: TableIndex
  readonly filter: Filter | undefined
  readonly prefixFilter: Filter | undefined
  readonly rangeTombstones: RangeTombstones
  readonly properties: TableProperties
  /** Its blocks in the cache. */
  readonly shelf: Shelf
  readonly #cache: BlockCache
  #charged: number

  private constructor(file: RandomReader, parts: TableParts, cache: BlockCache) {
    this.file = file
    this.number = parts.properties.number
    this.index = parts.index
    this.filter = parts.filter
    this.prefixFilter = parts.prefixFilter
    this.rangeTombstones = parts.rangeTombstones
    this.properties = parts.properties
    this.#cache = cache
    this.shelf = cache.shelf(this.number, parts.index.blocks)
    this.#charged =
      READER_BYTES +
      SLOT_BYTES * parts.index.blocks +
      parts.filterBytes +
      parts.index.bytes +
      parts.rangeTombstones.bytes
    cache.charge(this.#charged)
  }

  /** LEVEL_CORRUPTION, LEVEL_FORMAT: the file is not the table that `meta` says. */
  static *open(file: RandomReader, meta: Pick<TableMeta, 'number' | 'bytes'>, cache: BlockCache): Op<TableReader> {
    return new TableReader(file, yield* openTable(file, meta), cache)
  }

  /** What the manifest should say of this table: for a manifest that was lost. */
  get meta(): TableMeta {
    const { number, smallest, largest, largestIncluded, smallestSequence, largestSequence } = this.properties
    const { entries, deletions, rangeDeletions, rawBytes, createdMs } = this.properties
    const sequences = { smallestSequence, largestSequence }
    const counts = { entries, deletions, rangeDeletions, rawBytes, createdMs }
    return { number, bytes: this.file.size, smallest, largest, largestIncluded, ...sequences, ...counts }
  }

  /**
   * Asks the table for `key`, the whole of `key`. True: done, `lookup` says what was found (it may be SEARCHING still). False: a block
   * is not in memory and `lookup` is as it was; drive {@link lookup}. LEVEL_CORRUPTION.
   */
  lookupNow(key: Bytes, lookup: Lookup): boolean {
    if (!this.#begin(key, lookup)) return true
    const operands = lookup.operands?.length ?? 0
    const { index } = this
    for (let i = index.find(key, lookup.sequence); i < index.blocks; i++) {
      const block = this.shelf.get(i) ?? this.readNow(i, true)
      if (block === undefined) {
        if (operands === 0) lookup.operands = undefined
        else lookup.operands!.length = operands
        return false
      }
      if (!this.#ask(block, i, key, lookup)) return true
    }
    return true
  }

  /** As {@link lookupNow}, reading what is not in memory. */
  *lookup(key: Bytes, lookup: Lookup): Op<void> {
    if (!this.#begin(key, lookup)) return
    const { index } = this
    for (let i = index.find(key, lookup.sequence); i < index.blocks; i++) {
      const block = this.shelf.get(i) ?? (yield* this.read(i, true, false))
      if (!this.#ask(block, i, key, lookup)) return
    }
  }

  /** Range tombstones and filter; false: no block can have the key. */
  #begin(key: Bytes, lookup: Lookup): boolean {
    if (this.rangeTombstones.size > 0) lookup.cover(this.rangeTombstones.covering(key, lookup.sequence))
    if (lookup.hash < 0) lookup.hash = hashKey(key, 0, key.length)
    return this.filter === undefined || this.filter.mayContain(lookup.hash)
  }

  /** True: ask the next block too. */
  #ask(block: Block, i: number, key: Bytes, lookup: Lookup): boolean {
    const verdict = block.lookup(key, lookup.hash, lookup)
    if (verdict === FAULT) throw this.corruption(i, 'its entries make no sense')
    return verdict === AT_END && this.index.splitAfter(i)
  }

  /** False: no key starts with `prefix`. True when it cannot tell. Says nothing of range tombstones. */
  mayHavePrefix(prefix: Bytes): boolean {
    const { prefixBytes } = this.properties
    if (this.prefixFilter === undefined || prefix.length < prefixBytes) return true
    return this.prefixFilter.mayContain(hashKey(prefix, 0, prefixBytes))
  }

  /** A cursor over the entries, not positioned. */
  cursor(options?: TableCursorOptions): Cursor {
    return new TableCursor(this, options)
  }

  /** Offset in the file of the block where `key` would be: the distance of two is about the bytes between them. Reads nothing. */
  approximateOffset(key: Bytes): number {
    return this.index.offsets[this.index.find(key, Number.MAX_SAFE_INTEGER)]!
  }

  /** Reads and checks everything in the file; the first fault, or undefined. */
  verify(): Op<TableFault | undefined> {
    return verifyTable(this)
  }

  /** Block `i` from the file when that does not wait. */
  readNow(i: number, fillCache: boolean, verify = false): Block | undefined {
    if (this.file.readNow === undefined) return undefined
    const frame = this.#frameFor(i)
    const bytes = this.file.readNow(this.index.offsets[i]!, frame)
    if (bytes !== undefined) return this.#accept(i, frame, bytes, fillCache, verify, this.#cache.memory)
    this.#cache.memory.give(frame.buffer as ArrayBuffer)
    return undefined
  }

  /** Block `i` from the file. LEVEL_CORRUPTION, LEVEL_FORMAT, errors of the file. */
  *read(i: number, fillCache: boolean, verify: boolean): Op<Block> {
    const now = this.readNow(i, fillCache, verify)
    if (now !== undefined) return now
    // See `BlockSource.get`: what does not fill the cache may be taken over.
    const home = fillCache ? this.#cache.memory : undefined
    const frame = fillCache ? this.#frameFor(i) : Buffer.allocUnsafeSlow(this.#frameBytes(i))
    const bytes = yield* this.file.read(this.index.offsets[i]!, frame)
    return this.#accept(i, frame, bytes, fillCache, verify, home)
  }

  #frameFor(i: number): Buffer {
    return this.#cache.frame(this.#frameBytes(i))
  }

  #frameBytes(i: number): number {
    return this.index.offsets[i + 1]! - this.index.offsets[i]!
  }

  #accept(
    i: number,
    frame: Buffer,
    bytes: number,
    fillCache: boolean,
    verify: boolean,
    home: FrameMemory | undefined,
  ): Block {
    if (bytes !== frame.length) throw this.corruption(i, `it ends after ${bytes} of ${frame.length} bytes`)
    return this.#decode(i, frame, fillCache, verify, home)
  }

  /** The block in a part of `span`, which it keeps or copies: a cached block must not pin the whole span. */
  decodeSpan(i: number, span: Buffer, start: number, end: number, fillCache: boolean, verify: boolean): Block {
    if (!fillCache) return this.#decode(i, span.subarray(start, end), false, verify, undefined)
    const frame = this.#frameFor(i)
    span.copy(frame, 0, start, end)
    return this.#decode(i, frame, true, verify, this.#cache.memory)
  }

  #decode(i: number, frame: Buffer, fillCache: boolean, verify: boolean, home: FrameMemory | undefined): Block {
    const payload = openFrame(frame, verify)
    if (payload === 'unavailable compression')
      throw new LevelError(
        'LEVEL_FORMAT',
        `${this.#place(i)}: this runtime cannot read its compression ${frame.at(-5)}`,
      )
    if (typeof payload === 'string') throw this.corruption(i, payload)
    const isRaw = payload.buffer === frame.buffer
    if (!isRaw) home?.give(frame.buffer as ArrayBuffer)
    const block = Block.decode(payload, isRaw ? home : undefined)
    if (block === undefined) throw this.corruption(i, 'it is no block')
    if (fillCache) this.shelf.put(i, block)
    return block
  }

  #place(i: number): string {
    return `table-${this.number}: block ${i} at ${this.index.offsets[i]}`
  }

  corruption(i: number, what: string): LevelError {
    return new LevelError('LEVEL_CORRUPTION', `${this.#place(i)}: ${what}`)
  }

  /** Takes its memory out of the cache's account. Idempotent. */
  close(): void {
    this.#cache.release(this.#charged)
    this.#charged = 0
  }
}
