import type { Block } from '../block/block.ts'
import type { Op } from '../op.ts'
import type { TableReader } from './table-reader.ts'

const WINDOW_BYTES_MIN = 16 * 1024

export interface TableCursorOptions {
  /** Keep blocks that are read in the cache; default true. */
  readonly fillCache?: boolean
  /** Read up to so many bytes at once while blocks are taken in order; the amount doubles from 16 KiB. Default 0: one block at a time. */
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
  /** The block that in-order reading would ask for next. */
  #expected = 0

  constructor(reader: TableReader, options: TableCursorOptions) {
    this.#reader = reader
    this.#fillCache = options.fillCache ?? true
    this.#readAheadBytes = options.readAheadBytes ?? 0
    this.#verify = options.verify ?? false
  }

  /** Block `i`, or undefined: that would wait. */
  now(i: number): Block | undefined {
    const reader = this.#reader
    const block = reader.shelf.get(i)
    if (block === undefined && this.#readAheadBytes > 0) return this.#fromSpan(i)
    return block ?? reader.readNow(i, this.#fillCache, this.#verify)
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
    this.#expected = i + 1
    return this.#reader.decode(i, frame, this.#fillCache, this.#verify)
  }

  *get(i: number): Op<Block> {
    const now = this.now(i)
    if (now !== undefined) return now
    const reader = this.#reader
    if (this.#readAheadBytes === 0) return yield* reader.read(i, this.#fillCache, this.#verify)
    const { offsets } = reader.index
    this.#windowBytes =
      i === this.#expected
        ? Math.min(this.#readAheadBytes, this.#windowBytes * 2)
        : Math.min(this.#readAheadBytes, WINDOW_BYTES_MIN)
    const start = offsets[i]!
    let end = i + 1
    while (end + 1 < offsets.length && offsets[end + 1]! - start <= this.#windowBytes) end++
    const span = Buffer.allocUnsafeSlow(offsets[end]! - start)
    const bytes = yield* reader.file.read(start, span)
    if (bytes !== span.length) throw reader.corruption(i, `the file ends after ${bytes} of ${span.length} bytes`)
    this.#span = span
    this.#spanOffset = start
    return this.#fromSpan(i)!
  }

  close(): void {
    this.#span = undefined
  }
}
