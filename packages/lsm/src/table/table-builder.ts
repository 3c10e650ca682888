import { ReferenceCounter } from '../blob/blob-references.ts'
import { BlockWriter } from '../block/block-writer.ts'
import { COMPRESSIONS, type Compression, compress, compressionAvailable } from '../block/compression.ts'
import { BLOCK_BYTES_MAX, TRAILER_BYTES, writeTrailer } from '../block/frame.ts'
import { type Bytes, compareBytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import { buildFilter, HashList } from '../filter/bloom.ts'
import { hashKey } from '../filter/hash.ts'
import { BLOB, DELETE, type Kind } from '../kind.ts'
import type { TableMeta } from '../table-meta.ts'
import { type RangeTombstone, sweep } from '../tombstone-sweep.ts'
import type { ChunkMemory } from './chunk-memory.ts'
import { type BlockPlace, encodeFooter, encodeHeader, FOOTER_BYTES, TABLE_BYTES_MAX } from './layout.ts'
import { encodeProperties } from './properties.ts'
import { encodeRangeTombstones } from './range-tombstone-block.ts'
import { IndexWriter, separatorOf } from './table-index.ts'
import { TableOutput } from './table-output.ts'

export interface TableBuilderOptions {
  /** Raw bytes of entries at which a block ends. */
  readonly blockBytes: number
  readonly restartInterval: number
  /** 0 = no filter. */
  readonly filterBitsPerKey: number
  /** A filter for the first so many bytes of the keys as well; 0 = none. */
  readonly prefixBytes?: number
  readonly compression: Compression
  /** When the oldest data in it was flushed. */
  readonly createdMs: number
  /** Of the table, below 2^32. */
  readonly number: number
}

const NONE: BlockPlace = { offset: 0, bytes: 0 }

function check(options: TableBuilderOptions): void {
  const { blockBytes, restartInterval, filterBitsPerKey, prefixBytes = 0, compression, number } = options
  const whole = (name: string, value: number, least: number, most: number) => {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new LevelError('LEVEL_ARGUMENT', `${name} ${value} is not in ${least} .. ${most}`)
  }
  whole('blockBytes', blockBytes, 1, BLOCK_BYTES_MAX / 2)
  whole('restartInterval', restartInterval, 1, 65_536)
  whole('prefixBytes', prefixBytes, 0, 65_536)
  whole('table number', number, 0, 2 ** 32 - 1)
  if (!(filterBitsPerKey >= 0 && filterBitsPerKey <= 64))
    throw new LevelError('LEVEL_ARGUMENT', `filterBitsPerKey ${filterBitsPerKey} is not in 0 .. 64`)
  if (!COMPRESSIONS.includes(compression) || !compressionAvailable(compression))
    throw new LevelError('LEVEL_ARGUMENT', `compression ${compression} is not available here`)
}

/** Writes a table from entries in internal order. The bytes are drawn in FORMAT.md ("Table"). */
export class TableBuilder {
  readonly #options: TableBuilderOptions
  readonly #prefixBytes: number
  readonly #output: TableOutput
  readonly #block: BlockWriter
  readonly #index: IndexWriter = new IndexWriter()
  readonly #hashes: HashList = new HashList()
  readonly #prefixHashes: HashList = new HashList()
  readonly #tombstones: RangeTombstone[] = []
  /** The last key: the memory of it, and its length; -1 before the first. */
  #last: Buffer = Buffer.allocUnsafe(256)
  #lastBytes = -1
  #lastSequence = 0
  #lastHash = 0
  /** Of a finished block whose separator waits for the next key; 0 = none waits. */
  #waitingBytes = 0
  #smallest: Buffer | undefined
  #smallestSequence = Number.POSITIVE_INFINITY
  #largestSequence = 0
  #entries = 0
  #deletions = 0
  #rawBytes = 0
  #references: ReferenceCounter | undefined
  #finished = false

  /** LEVEL_ARGUMENT for options outside their limits. What was taken and written can be given back to `memory`. */
  constructor(options: TableBuilderOptions, memory?: ChunkMemory) {
    check(options)
    this.#output = new TableOutput(memory)
    this.#options = options
    this.#prefixBytes = options.prefixBytes ?? 0
    this.#block = new BlockWriter(this.#output, options.restartInterval)
    this.#append(encodeHeader(options.number))
    this.#output.endBlock()
  }

  /** Bytes of the file so far; filters, index and properties come on top. */
  get bytes(): number {
    return this.#output.bytes
  }

  get entries(): number {
    return this.#entries
  }

  /** Adds an entry, which must come after the last one in internal order (T1). Copies key and value. */
  add(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    sequence: number,
    kind: Kind,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (kind > BLOB) throw new TypeError(`kind ${kind} is not an entry`)
    const last = this.#last
    const lastBytes = this.#lastBytes
    const keyLength = keyEnd - keyStart
    const most = Math.min(lastBytes, keyLength)
    let common = 0
    while (common < most && last[common] === keyBytes[keyStart + common]) common++
    const sameKey = common === lastBytes && common === keyLength
    if (sameKey) {
      if (sequence >= this.#lastSequence) throw new TypeError(`T1: ${sequence} after ${this.#lastSequence} of one key`)
    } else if (common === keyLength || (common < lastBytes && last[common]! > keyBytes[keyStart + common]!))
      if (lastBytes >= 0) throw new TypeError('T1: a key that is not greater than the last')
    if (this.#waitingBytes > 0) this.#separate(keyBytes, keyStart, keyEnd, Math.max(0, common), sameKey)
    const inBlock = this.#block.entries > 0
    if (!sameKey) this.#newKey(keyBytes, keyStart, keyEnd, common)
    this.#block.add(
      keyBytes,
      keyStart,
      keyEnd,
      common,
      !sameKey || !inBlock,
      this.#lastHash,
      sequence,
      kind,
      valueBytes,
      valueStart,
      valueEnd,
    )
    this.#lastSequence = sequence
    this.#sequenceSeen(sequence)
    this.#entries++
    if (kind === DELETE) this.#deletions++
    else if (kind === BLOB) {
      this.#references ??= new ReferenceCounter()
      this.#references.add(keyLength, valueBytes, valueStart, valueEnd)
    }
    this.#rawBytes += keyLength + valueEnd - valueStart
    if (this.#block.bytes >= this.#options.blockBytes) this.#endBlock()
  }

  #sequenceSeen(sequence: number): void {
    if (sequence < this.#smallestSequence) this.#smallestSequence = sequence
    if (sequence > this.#largestSequence) this.#largestSequence = sequence
  }

  #newKey(keyBytes: Buffer, keyStart: number, keyEnd: number, common: number): void {
    const keyLength = keyEnd - keyStart
    const prefixBytes = this.#prefixBytes
    if (prefixBytes > 0 && keyLength >= prefixBytes && (common < prefixBytes || this.#lastBytes < prefixBytes))
      this.#prefixHashes.add(hashKey(keyBytes, keyStart, keyStart + prefixBytes))
    this.#lastHash = hashKey(keyBytes, keyStart, keyEnd)
    this.#hashes.add(this.#lastHash)
    if (keyLength > this.#last.length) {
      const grown = Buffer.allocUnsafe(keyLength * 2)
      this.#last.copy(grown, 0, 0, common)
      this.#last = grown
    }
    const last = this.#last
    for (let i = common; i < keyLength; i++) last[i] = keyBytes[keyStart + i]!
    this.#lastBytes = keyLength
    this.#smallest ??= Buffer.from(keyBytes.subarray(keyStart, keyEnd))
  }

  /** The index entry of the finished block, now that the first key of the next is known. */
  #separate(keyBytes: Buffer, keyStart: number, keyEnd: number, common: number, sameKey: boolean): void {
    if (sameKey)
      this.#index.add(Buffer.from(this.#last.subarray(0, this.#lastBytes)), this.#lastSequence, this.#waitingBytes)
    else
      this.#index.add(
        separatorOf(this.#last, this.#lastBytes, keyBytes, keyStart, keyEnd, common),
        0,
        this.#waitingBytes,
      )
    this.#waitingBytes = 0
  }

  #endBlock(): void {
    const output = this.#output
    this.#block.finish()
    let compression = 0
    if (this.#options.compression !== 'none') {
      const raw = output.buffer.subarray(output.blockStart, output.at)
      const compressed = compress(this.#options.compression, raw)
      if (4 + compressed.length <= raw.length - raw.length / 8) {
        compression = COMPRESSIONS.indexOf(this.#options.compression)
        output.buffer.writeUInt32LE(raw.length, output.blockStart)
        compressed.copy(output.buffer, output.blockStart + 4)
        output.at = output.blockStart + 4 + compressed.length
      }
    }
    this.#waitingBytes = this.#seal(compression).bytes
  }

  /** Ends the block under way in the output. */
  #seal(compression: number): BlockPlace {
    const output = this.#output
    output.room(TRAILER_BYTES)
    writeTrailer(output.buffer, output.blockStart, output.at, compression)
    output.at += TRAILER_BYTES
    const offset = output.blockOffset
    output.endBlock()
    if (output.bytes + FOOTER_BYTES >= TABLE_BYTES_MAX) throw new RangeError('the table grows beyond 4 GiB')
    return { offset, bytes: output.bytes - offset }
  }

  #append(bytes: Bytes): void {
    const output = this.#output
    output.room(bytes.length)
    output.buffer.set(bytes, output.at)
    output.at += bytes.length
  }

  #metaBlock(payload: Bytes): BlockPlace {
    this.#append(payload)
    return this.#seal(0)
  }

  /** Adds a range tombstone over `[from, to)`, in any order. Copies the keys. */
  addRangeTombstone(from: Bytes, to: Bytes, sequence: number): void {
    if (compareBytes(from, to) < 0) this.#tombstones.push({ from: Buffer.from(from), to: Buffer.from(to), sequence })
  }

  /** Finished bytes not taken yet, in order: they are the caller's. Each buffer starts its own ArrayBuffer, which may be transferred. */
  take(): Bytes[] {
    return this.#output.take()
  }

  /** Ends the file: `take` once more after it. A table has at least one entry or range tombstone. */
  finish(): TableMeta {
    const fragments = sweep(this.#tombstones)
    if (this.#finished || (this.#entries === 0 && fragments.length === 0)) throw new TypeError('nothing to finish')
    this.#finished = true
    for (const { sequences } of fragments) for (const sequence of sequences) this.#sequenceSeen(sequence)
    if (this.#block.entries > 0) this.#endBlock()
    const largestPoint = Buffer.from(this.#last.subarray(0, Math.max(0, this.#lastBytes)))
    if (this.#waitingBytes > 0) this.#index.add(largestPoint, 0, this.#waitingBytes)
    const { compression, blockBytes, restartInterval, filterBitsPerKey, number, createdMs } = this.#options
    const filter = (hashes: HashList) =>
      filterBitsPerKey === 0 || hashes.count === 0 ? NONE : this.#metaBlock(buildFilter(hashes, filterBitsPerKey))
    const places = { filter: filter(this.#hashes), prefixFilter: filter(this.#prefixHashes), rangeTombstones: NONE }
    if (fragments.length > 0) places.rangeTombstones = this.#metaBlock(encodeRangeTombstones(fragments))
    const index = this.#metaBlock(this.#index.take())
    const bounds = this.#bounds(largestPoint, fragments[0]?.from, fragments[fragments.length - 1]?.to)
    const described = {
      number,
      ...bounds,
      smallestSequence: this.#smallestSequence,
      largestSequence: this.#largestSequence,
      entries: this.#entries,
      deletions: this.#deletions,
      rangeDeletions: fragments.reduce((sum, { sequences }) => sum + sequences.length, 0),
      rawBytes: this.#rawBytes,
      createdMs,
      ...(this.#references === undefined ? {} : { blobs: this.#references.take() }),
    }
    const prefixBytes = places.prefixFilter.bytes > 0 ? this.#prefixBytes : 0
    const { blocks } = this.#index
    const properties = this.#metaBlock(
      encodeProperties({ ...described, blocks, blockBytes, restartInterval, compression, prefixBytes }),
    )
    this.#append(encodeFooter({ ...places, index, properties }))
    this.#output.end()
    return { ...described, bytes: this.#output.bytes }
  }

  #bounds(largestPoint: Buffer, from: Buffer | undefined, to: Buffer | undefined) {
    let smallest = this.#smallest
    if (from !== undefined && (smallest === undefined || Buffer.compare(from, smallest) < 0)) smallest = from
    const ends = to !== undefined && (this.#entries === 0 || Buffer.compare(to, largestPoint) > 0)
    return { smallest: smallest!, largest: ends ? to : largestPoint, largestIncluded: !ends }
  }
}
