import { ByteReader, ByteWriter } from '@vivefs/pfaof'
import { type Bytes, compareRanges } from '../bytes.ts'
import { HEADER_BYTES } from './layout.ts'

/** Separators of one table together: far more than any has, so that damage cannot ask for all memory. */
const KEYS_BYTES_MAX = 2 ** 28

/** Drawn in FORMAT.md ("Index"). */
export class IndexWriter {
  readonly #writer: ByteWriter = new ByteWriter()
  #separator: Buffer = Buffer.alloc(0)
  blocks = 0

  /** The next block: its separator (kept), the separator's sequence and the bytes of the block with trailer. */
  add(separator: Buffer, sequence: number, blockBytes: number): void {
    const before = this.#separator
    const most = Math.min(before.length, separator.length)
    let shared = 0
    while (shared < most && before[shared] === separator[shared]) shared++
    const unshared = separator.length - shared
    this.#writer.varint(shared).varint(unshared).raw(separator.subarray(shared)).varint(sequence).varint(blockBytes)
    this.#separator = separator
    this.blocks++
  }

  take(): Buffer {
    return Buffer.concat([new ByteWriter().varint(this.blocks).take(), this.#writer.take()])
  }
}

/** A short key at or above `last` and below `next`, which is greater and agrees with it in `common` bytes. A copy. */
export function separatorOf(
  last: Buffer,
  lastBytes: number,
  next: Buffer,
  start: number,
  end: number,
  common: number,
): Buffer {
  if (common < lastBytes) {
    if (end - start > common + 1) return Buffer.from(next.subarray(start, start + common + 1))
    if (last[common]! + 1 < next[start + common]!) {
      const separator = Buffer.from(last.subarray(0, common + 1))
      separator[common]! += 1
      return separator
    }
  }
  return Buffer.from(last.subarray(0, lastBytes))
}

/**
 * The index in memory: separators in one buffer and, behind what all of them share, their next four bytes as numbers, so
 * that most of a search compares integers.
 */
export class TableIndex {
  readonly blocks: number
  /** `offsets[i]` is where block i starts; the last is the end of the data. */
  readonly offsets: Uint32Array
  readonly #keys: Buffer
  readonly #ends: Uint32Array
  readonly #heads: Uint32Array
  readonly #common: number
  /** Sequences of the separators; undefined when all are 0. */
  readonly #sequences: Float64Array | undefined

  private constructor(keys: Buffer, ends: Uint32Array, offsets: Uint32Array, sequences: Float64Array | undefined) {
    this.blocks = ends.length - 1
    this.offsets = offsets
    this.#keys = keys
    this.#ends = ends
    this.#sequences = sequences
    this.#common = this.blocks === 0 ? 0 : this.#sharedBytes()
    this.#heads = new Uint32Array(this.blocks)
    for (let i = 0; i < this.blocks; i++) this.#heads[i] = headOf(keys, ends[i]! + this.#common, ends[i + 1]!)
  }

  /** Undefined: not the index of blocks that end at `dataEnd`. */
  static decode(payload: Buffer, dataEnd: number): TableIndex | undefined {
    const reader = new ByteReader(payload)
    const blocks = reader.count(4)
    const ends = new Uint32Array(blocks + 1)
    const offsets = new Uint32Array(blocks + 1)
    const sequences = new Float64Array(blocks)
    let keys = Buffer.allocUnsafe(Math.max(64, payload.length * 2))
    let split = false
    let offset = HEADER_BYTES
    offsets[0] = offset
    for (let i = 0; i < blocks; i++) {
      const shared = reader.varint()
      const unshared = reader.varint()
      const suffix = reader.raw(unshared)
      const at = ends[i]!
      const before = i === 0 ? 0 : ends[i - 1]!
      const end = at + shared + unshared
      if (!reader.ok || shared > at - before || end > KEYS_BYTES_MAX) return undefined
      if (end > keys.length) keys = Buffer.concat([keys], Math.max(end, keys.length * 2))
      keys.copy(keys, at, before, before + shared)
      suffix.copy(keys, at + shared)
      ends[i + 1] = end
      const sequence = reader.varint()
      sequences[i] = sequence
      if (sequence > 0) split = true
      if (i > 0) {
        const order = compareRanges(keys, before, at, keys, at, end)
        if (order > 0 || (order === 0 && sequences[i - 1]! <= sequence)) return undefined
      }
      const blockBytes = reader.varint()
      offset += blockBytes
      if (!reader.ok || blockBytes === 0 || offset > dataEnd) return undefined
      offsets[i + 1] = offset
    }
    if (!reader.ok || reader.left !== 0 || offset !== dataEnd) return undefined
    return new TableIndex(Buffer.from(keys.subarray(0, ends[blocks])), ends, offsets, split ? sequences : undefined)
  }

  #sharedBytes(): number {
    const ends = this.#ends
    const last = this.blocks - 1
    const start = ends[last]!
    const most = Math.min(ends[1]!, ends[last + 1]! - start)
    let common = 0
    while (common < most && this.#keys[common] === this.#keys[start + common]) common++
    return common
  }

  /** Memory that it takes. */
  get bytes(): number {
    return this.#keys.length + this.blocks * (this.#sequences === undefined ? 12 : 20)
  }

  /** The first block that may hold entries at or after (key, sequence); `blocks` when there is none. */
  find(key: Bytes, sequence: number): number {
    const { blocks } = this
    const common = this.#common
    if (common > 0) {
      const order = compareRanges(key, 0, Math.min(key.length, common), this.#keys, 0, common)
      if (order !== 0) return order < 0 ? 0 : blocks
    }
    const heads = this.#heads
    const head = headOf(key, common, key.length)
    let low = 0
    let high = blocks
    while (low < high) {
      const middle = (low + high) >>> 1
      if (heads[middle]! < head) low = middle + 1
      else high = middle
    }
    if (low === blocks || heads[low] !== head) return low
    high = blocks
    while (low < high) {
      const middle = (low + high) >>> 1
      if (heads[middle]! > head || this.#atOrAfter(middle, key, sequence)) high = middle
      else low = middle + 1
    }
    return low
  }

  #atOrAfter(block: number, key: Bytes, sequence: number): boolean {
    const start = this.#ends[block]!
    const common = this.#common
    const order = compareRanges(this.#keys, start + common, this.#ends[block + 1]!, key, common, key.length)
    if (order !== 0) return order > 0
    return this.#sequences === undefined || this.#sequences[block]! <= sequence
  }

  /** Do versions of one user key go on from this block to the next? */
  splitAfter(block: number): boolean {
    return this.#sequences !== undefined && this.#sequences[block]! > 0
  }

  /** The separator of a block; a view. */
  separator(block: number): Buffer {
    return this.#keys.subarray(this.#ends[block]!, this.#ends[block + 1]!)
  }

  /** Sequence of a block's separator. */
  separatorSequence(block: number): number {
    return this.#sequences === undefined ? 0 : this.#sequences[block]!
  }
}

/** Up to four bytes as a big-endian number, zero-filled: never out of the order of the bytes. */
function headOf(bytes: Bytes, start: number, end: number): number {
  const left = end - start
  if (left >= 4)
    return ((bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0
  let head = 0
  for (let i = 0; i < left; i++) head |= bytes[start + i]! << (24 - 8 * i)
  return head >>> 0
}
