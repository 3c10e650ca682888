import {
  AT_END,
  type Block,
  decodeHead,
  type EntryHead,
  FAULT,
  noPlace,
  type Place,
  sequenceAt,
  TAG_BYTES,
} from '../block/block.ts'
import type { Bytes } from '../bytes.ts'
import type { Cursor } from '../cursor.ts'
import { type Kind, PUT } from '../kind.ts'
import type { Op } from '../op.ts'
import { BlockSource, type TableCursorOptions } from './block-source.ts'
import { RestartInterval } from './restart-interval.ts'
import type { TableReader } from './table-reader.ts'

export type { TableCursorOptions } from './block-source.ts'

const LOOP_BYTES_MAX = 24
const NOTHING: Buffer = Buffer.alloc(0)
/** Cursors take turns: one of each is enough. */
const head: EntryHead = { shared: 0, unshared: 0, valueBytes: 0 }
const place: Place = noPlace()

/**
 * A position in a table. Forward, keys are rebuilt one after the other in scratch memory; backward, one restart
 * interval at a time is unpacked and walked from its end.
 */
export class TableCursor implements Cursor {
  valid = false
  keyBytes: Buffer
  keyStart = 0
  keyEnd = 0
  sequence = 0
  kind: Kind = PUT
  valueBytes: Buffer = NOTHING
  valueStart = 0
  valueEnd = 0
  readonly #reader: TableReader
  readonly #source: BlockSource
  #block: Block | undefined
  /** Number of the block in the table. */
  blockNumber = -1
  /** Where the entry starts in its block, and where the next one does. Forward only. */
  #at = 0
  #next = 0
  /** The key being rebuilt. */
  #scratch: Buffer = Buffer.allocUnsafe(64)
  #interval: RestartInterval | undefined
  #backward = false

  constructor(reader: TableReader, options: TableCursorOptions = {}) {
    this.#reader = reader
    this.#source = new BlockSource(reader, options)
    this.keyBytes = this.#scratch
  }

  /** The block of the entry. */
  get block(): Block {
    return this.#block!
  }

  *first(): Op<void> {
    this.valid = false
    if (this.#reader.index.blocks === 0) return
    this.#enter(0, yield* this.#source.get(0), 0)
    this.#step()
  }

  *last(): Op<void> {
    this.valid = false
    const { blocks } = this.#reader.index
    if (blocks === 0) return
    const block = yield* this.#source.get(blocks - 1)
    this.#enter(blocks - 1, block, 0)
    this.#back(block.restarts - 1, block.entriesEnd)
  }

  seekNow(key: Bytes, sequence: number): boolean {
    this.valid = false
    const { index } = this.#reader
    const i = index.find(key, sequence)
    if (i === index.blocks) return true
    const block = this.#source.now(i)
    if (block === undefined) return false
    return this.#seekIn(i, block, key, sequence) || this.#enterNext()
  }

  *seek(key: Bytes, sequence: number): Op<void> {
    this.valid = false
    const { index } = this.#reader
    const i = index.find(key, sequence)
    if (i === index.blocks) return
    const block = this.#source.now(i) ?? (yield* this.#source.get(i))
    if (this.#seekIn(i, block, key, sequence) || this.#enterNext()) return
    this.#enter(i + 1, yield* this.#source.get(i + 1), 0)
    this.#step()
  }

  /** To the first entry of the next block; false: that would wait. */
  #enterNext(): boolean {
    const i = this.blockNumber + 1
    if (i === this.#reader.index.blocks) {
      this.valid = false
      return true
    }
    const block = this.#source.now(i)
    if (block === undefined) return false
    this.#enter(i, block, 0)
    this.#step()
    return true
  }

  *seekBefore(key: Bytes, sequence: number): Op<void> {
    this.valid = false
    const { index } = this.#reader
    const i = index.find(key, sequence)
    if (i === index.blocks) {
      yield* this.last()
      return
    }
    const block = this.#source.now(i) ?? (yield* this.#source.get(i))
    const limit = this.#seekIn(i, block, key, sequence) ? this.#at : block.entriesEnd
    if (limit > block.entriesStart) this.#back(block.restartBefore(limit - 1), limit)
    else {
      this.valid = false
      if (i > 0) yield* this.#lastOf(i - 1)
    }
  }

  *#lastOf(i: number): Op<void> {
    const block = yield* this.#source.get(i)
    this.#enter(i, block, 0)
    this.#back(block.restarts - 1, block.entriesEnd)
  }

  /** To the first entry of the block at or after (key, sequence); false when there is none. */
  #seekIn(i: number, block: Block, key: Bytes, sequence: number): boolean {
    const restart = block.restartFor(key, sequence)
    if (restart < 0) throw this.#reader.corruption(i, 'its restart points make no sense')
    this.#enter(i, block, restart)
    const verdict = block.find(key, sequence, restart, place)
    if (verdict === AT_END) return false
    if (verdict === FAULT) throw this.#reader.corruption(i, 'its entries make no sense')
    const { tag, shared, unshared } = place
    const keyAt = tag + TAG_BYTES
    this.keyEnd = shared + unshared
    if (this.keyEnd > this.#scratch.length) this.#growScratch(0, this.keyEnd)
    this.#scratch.set(shared === key.length ? key : key.subarray(0, shared))
    block.bytes.copy(this.#scratch, shared, keyAt, keyAt + unshared)
    this.sequence = sequenceAt(block.bytes, tag)
    this.kind = block.bytes[tag + 7] as Kind
    this.valueStart = place.valueStart
    this.valueEnd = place.valueEnd
    this.#at = place.at
    this.#next = keyAt + unshared
    this.valid = true
    return true
  }

  /** The next step will be to the restart point. */
  #enter(i: number, block: Block, restart: number): void {
    this.blockNumber = i
    this.#block = block
    this.valueBytes = block.bytes
    this.#next = block.restartAt(restart)
    this.valueEnd = block.valueAt(restart)
    this.#backward = false
    this.keyBytes = this.#scratch
    this.keyStart = 0
    this.keyEnd = 0
  }

  /** Forward by one within the block. */
  #step(): void {
    const block = this.#block!
    const { bytes } = block
    const at = this.#next
    const tag = decodeHead(bytes, at, block.entriesEnd, head)
    const { shared, unshared } = head
    const valueStart = this.valueEnd
    if (tag < 0 || shared > this.keyEnd || valueStart + head.valueBytes > block.entriesStart) {
      this.valid = false
      throw this.#reader.corruption(this.blockNumber, `its entry at ${at} makes no sense`)
    }
    const keyAt = tag + TAG_BYTES
    const keyEnd = shared + unshared
    if (keyEnd > this.#scratch.length) this.#growScratch(shared, keyEnd)
    const scratch = this.#scratch
    if (unshared > LOOP_BYTES_MAX) bytes.copy(scratch, shared, keyAt, keyAt + unshared)
    else for (let i = 0; i < unshared; i++) scratch[shared + i] = bytes[keyAt + i]!
    this.keyEnd = keyEnd
    this.sequence = sequenceAt(bytes, tag)
    this.kind = bytes[tag + 7] as Kind
    this.valueStart = valueStart
    this.valueEnd = valueStart + head.valueBytes
    this.#at = at
    this.#next = keyAt + unshared
    this.valid = true
  }

  #growScratch(keep: number, bytes: number): void {
    const grown = Buffer.allocUnsafe(bytes * 2)
    this.#scratch.copy(grown, 0, 0, keep)
    this.#scratch = grown
    this.keyBytes = grown
  }

  nextNow(): boolean {
    if (this.#backward) this.#turn()
    if (this.#next < this.#block!.entriesEnd) {
      this.#step()
      return true
    }
    return this.#enterNext()
  }

  *next(): Op<void> {
    if (this.nextNow()) return
    const i = this.blockNumber + 1
    this.#enter(i, yield* this.#source.get(i), 0)
    this.#step()
  }

  /** From walking backward to walking forward, on the same entry. */
  #turn(): void {
    const { keyBytes, keyStart, keyEnd } = this
    const bytes = keyEnd - keyStart
    if (bytes > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(bytes * 2)
    keyBytes.copy(this.#scratch, 0, keyStart, keyEnd)
    this.keyBytes = this.#scratch
    this.keyStart = 0
    this.keyEnd = bytes
    const { starts, position } = this.#interval!
    this.#at = starts[position]!
    this.#next = starts[position + 1]!
    this.#backward = false
  }

  prevNow(): boolean {
    const block = this.#block!
    if (this.#backward) {
      const interval = this.#interval!
      if (interval.position > 0) {
        this.#show(interval.position - 1)
        return true
      }
      if (interval.restart > 0) {
        this.#back(interval.restart - 1, block.restartAt(interval.restart))
        return true
      }
    } else if (this.#at > block.entriesStart) {
      this.#back(block.restartBefore(this.#at - 1), this.#at)
      return true
    }
    const i = this.blockNumber - 1
    if (i < 0) {
      this.valid = false
      return true
    }
    const before = this.#source.now(i)
    if (before === undefined) return false
    this.#enter(i, before, 0)
    this.#back(before.restarts - 1, before.entriesEnd)
    return true
  }

  *prev(): Op<void> {
    if (!this.prevNow()) yield* this.#lastOf(this.blockNumber - 1)
  }

  /** To the last entry of a restart interval that starts before `limit`. */
  #back(restart: number, limit: number): void {
    this.#interval ??= new RestartInterval()
    if (!this.#interval.fill(this.#block!, restart, limit)) {
      this.valid = false
      throw this.#reader.corruption(this.blockNumber, `its entries before ${limit} make no sense`)
    }
    this.#backward = true
    this.#show(this.#interval.count - 1)
  }

  /** The entry of the unpacked interval. */
  #show(position: number): void {
    const interval = this.#interval!
    interval.position = position
    const tag = interval.tags[position]!
    const { bytes } = this.#block!
    this.keyBytes = interval.keys
    this.keyStart = interval.keyStarts[position]!
    this.keyEnd = interval.keyStarts[position + 1]!
    this.sequence = sequenceAt(bytes, tag)
    this.kind = bytes[tag + 7] as Kind
    this.valueStart = interval.valueStarts[position]!
    this.valueEnd = interval.valueStarts[position + 1]!
    this.valid = true
  }

  close(): void {
    this.valid = false
    this.#block = undefined
    this.valueBytes = NOTHING
    this.#source.close()
  }
}
