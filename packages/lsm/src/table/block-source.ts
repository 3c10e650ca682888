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
}

/** Where a cursor gets its blocks: the cache, what it read ahead, the file. */
export class BlockSource {
  readonly #reader: TableReader
  readonly #fillCache: boolean
  readonly #readAheadBytes: number
  readonly #verify: boolean
  /** What was read ahead, and where that starts in the file. */
  #span: Buffer | undefined
  #spanOffset = 0
  #windowBytes = WINDOW_BYTES_MIN
  /** The block that was asked for before. */
  #last = -1

  constructor(reader: TableReader, options: TableCursorOptions) {
    this.#reader = reader
    this.#fillCache = options.fillCache ?? true
    this.#readAheadBytes = options.readAheadBytes ?? 0
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
    return block
  }

  #fromSpan(i: number): Block | undefined {
    const span = this.#span
    if (span === undefined) return undefined
    const { offsets } = this.#reader.index
    const start = offsets[i]! - this.#spanOffset
    const end = offsets[i + 1]! - this.#spanOffset
    if (start < 0 || end > span.length) return undefined
    let frame = span.subarray(start, end)
    if (this.#fillCache) {
      // A cached block must not pin the whole span.
      frame = Buffer.allocUnsafeSlow(end - start)
      span.copy(frame, 0, start, end)
    }
    return this.#reader.decode(i, frame, this.#fillCache, this.#verify)
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
      return yield* reader.read(i, this.#fillCache, this.#verify)
    }
    const [from, to] = this.#window(i, last)
    this.#windowBytes *= 2
    const { offsets } = reader.index
    const span = Buffer.allocUnsafeSlow(offsets[to]! - offsets[from]!)
    const bytes = yield* reader.file.read(offsets[from]!, span)
    if (bytes !== span.length) throw reader.corruption(from, `the file ends after ${bytes} of ${span.length} bytes`)
    this.#span = span
    this.#spanOffset = offsets[from]!
    return this.#fromSpan(i)!
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
    this.#span = undefined
  }
}
