import type { Block } from '../block/block.ts'
import type { Op } from '../op.ts'
import type { TableReader } from './table-reader.ts'

const WINDOW_BYTES_MIN = 16 * 1024

export interface TableCursorOptions {
  /** Keep blocks that are read in the cache; default true. */
  readonly fillCache?: boolean
  /**
   * Read up to so many bytes at once while blocks are taken in order, either way; the amount doubles from 16 KiB. Default 0: one
   * block at a time.
   */
  readonly readAheadBytes?: number
  /** Check the CRC of each block that is read from the file. */
  readonly verify?: boolean
  /** Views of values are given away: the memory of blocks is not used again. */
  readonly lend?: boolean
}

/**
 * Where a cursor gets its blocks: the cache, what it read ahead, the file. The block it was given last is held for it. What was read ahead
 * goes into two buffers in turns, so that the block of the entry it stands on is there while the next blocks are read.
 */
export class BlockSource {
  readonly #reader: TableReader
  readonly #fillCache: boolean
  readonly #readAheadBytes: number
  readonly #verify: boolean
  readonly #lend: boolean
  #held: Block | undefined
  /** What was read ahead, and where that starts in the file. */
  #span: Buffer | undefined
  #spanOffset = 0
  #spanOnce = false
  #spare: Buffer | undefined
  #windowBytes = WINDOW_BYTES_MIN
  /** The block that was asked for before. */
  #last = -1

  constructor(reader: TableReader, options: TableCursorOptions) {
    this.#reader = reader
    this.#fillCache = options.fillCache ?? true
    // A span that is used again would change under the views.
    this.#lend = options.lend ?? false
    this.#readAheadBytes = reader.file.forgetAhead !== undefined || this.#lend ? 0 : (options.readAheadBytes ?? 0)
    this.#verify = options.verify ?? false
  }

  /** Block `i`, or undefined: that would wait. */
  now(i: number): Block | undefined {
    const reader = this.#reader
    let block = reader.shelf.get(i)
    if (block === undefined) {
      block = this.#readAheadBytes > 0 ? this.#fromSpan(i) : reader.readNow(i, this.#fillCache, this.#verify)
      if (block === undefined) return undefined
    }
    this.#last = i
    return this.#hold(block)
  }

  #hold(block: Block): Block {
    if (this.#lend) block.lend()
    block.hold()
    this.#held?.release()
    this.#held = block
    return block
  }

  #fromSpan(i: number): Block | undefined {
    const span = this.#span
    if (span === undefined) return undefined
    const { offsets } = this.#reader.index
    const start = offsets[i]! - this.#spanOffset
    const end = offsets[i + 1]! - this.#spanOffset
    if (start < 0 || end > span.length) return undefined
    return this.#reader.decodeSpan(i, span, start, end, this.#fillCache, this.#verify)
  }

  *get(i: number): Op<Block> {
    const now = this.now(i)
    if (now !== undefined) return now
    const last = this.#last
    this.#last = i
    const reader = this.#reader
    // A block out of order is probably one of a kind: it is read alone.
    if (this.#readAheadBytes === 0 || Math.abs(i - last) !== 1) {
      this.#windowBytes = WINDOW_BYTES_MIN
      return this.#hold(yield* reader.read(i, this.#fillCache, this.#verify))
    }
    const [from, to] = this.#window(i, last)
    this.#windowBytes *= 2
    const { offsets } = reader.index
    let span = this.#spanOf(offsets[to]! - offsets[from]!)
    let bytes = reader.file.readNow?.(offsets[from]!, span)
    const once = bytes === undefined
    if (bytes === undefined) {
      // Who takes over while a read is under way reads again, and the first may end later: its memory serves once.
      span = Buffer.allocUnsafeSlow(span.length)
      bytes = yield* reader.file.read(offsets[from]!, span)
    }
    if (bytes !== span.length) throw reader.corruption(from, `the file ends after ${bytes} of ${span.length} bytes`)
    this.#spare = this.#spanOnce ? undefined : this.#span
    this.#span = span
    this.#spanOnce = once
    this.#spanOffset = offsets[from]!
    return this.#hold(this.#fromSpan(i)!)
  }

  #spanOf(bytes: number): Buffer {
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined && spare.buffer.byteLength >= bytes) return Buffer.from(spare.buffer, 0, bytes)
    const room = Math.max(bytes, Math.min(2 * this.#windowBytes, this.#readAheadBytes))
    return Buffer.from(new ArrayBuffer(room), 0, bytes)
  }

  /** The blocks `[from, to)` to read at once, of which `i` is the one that is needed now. */
  #window(i: number, last: number): [number, number] {
    const { offsets, blocks } = this.#reader.index
    const bytes = Math.min(this.#windowBytes, this.#readAheadBytes)
    let from = i
    let to = i + 1
    if (i > last) while (to < blocks && offsets[to + 1]! - offsets[from]! <= bytes) to++
    else while (from > 0 && offsets[to]! - offsets[from - 1]! <= bytes) from--
    return [from, to]
  }

  close(): void {
    this.#held?.release()
    this.#held = undefined
    this.#span = undefined
    this.#spare = undefined
    this.#reader.file.forgetAhead?.()
  }
}
