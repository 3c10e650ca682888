import { copyBytes } from '../batch/entry.ts'
import { HashList } from '../filter/bloom.ts'
import type { Kind } from '../kind.ts'
import type { TableOutput } from '../table/table-output.ts'
import { BUCKET_EMPTY, BUCKET_SEARCH, HASHED_RESTARTS_MAX, RESTART_BYTES, TAG_BYTES, TAIL_BYTES } from './block.ts'

const TWO_32 = 2 ** 32
const VARINTS_BYTES_MAX = 15
const BUCKETS_PER_KEY = 2

function writeVarint(to: Buffer, at: number, value: number): number {
  let rest = value
  let next = at
  while (rest >= 128) {
    to[next++] = (rest & 127) | 128
    rest >>>= 7
  }
  to[next] = rest
  return next + 1
}

function writeTag(to: Buffer, at: number, sequence: number, kind: Kind): void {
  const high = Math.floor(sequence / TWO_32)
  const low = sequence >>> 0
  to[at] = high >>> 16
  to[at + 1] = high >>> 8
  to[at + 2] = high
  to[at + 3] = low >>> 24
  to[at + 4] = low >>> 16
  to[at + 5] = low >>> 8
  to[at + 6] = low
  to[at + 7] = kind
}

/** Writes data blocks in place, drawn in FORMAT.md ("Data block"). The caller has checked the order of entries. */
export class BlockWriter {
  readonly #output: TableOutput
  readonly #restartInterval: number
  /** Entries of the block under way, without values; they follow the values when it ends. */
  #heads: Buffer = Buffer.allocUnsafe(4096)
  #headsEnd = 0
  /** Offsets of restart points in `#heads`, and of their values in the block. */
  #restarts: number[] = []
  #valuesAt: number[] = []
  #sinceRestart = 0
  readonly #hashes: HashList = new HashList()
  #hashRestarts: number[] = []
  entries = 0

  constructor(output: TableOutput, restartInterval: number) {
    this.#output = output
    this.#restartInterval = restartInterval
  }

  /** Bytes of entries in the block under way. */
  get bytes(): number {
    return this.#output.at - this.#output.blockStart + this.#headsEnd
  }

  /**
   * Adds an entry whose key agrees in `common` bytes with the key before it. `newKey`: the key's first entry in this block; `hash` is
   * its hash.
   */
  add(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    common: number,
    newKey: boolean,
    hash: number,
    sequence: number,
    kind: Kind,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    let shared = common
    if (this.entries === 0 || this.#sinceRestart === this.#restartInterval) {
      this.#restarts.push(this.#headsEnd)
      this.#valuesAt.push(this.#output.at - this.#output.blockStart)
      this.#sinceRestart = 0
      shared = 0
    }
    if (newKey) {
      this.#hashes.add(hash)
      this.#hashRestarts.push(this.#restarts.length - 1)
    }
    this.#sinceRestart++
    this.entries++
    const unshared = keyEnd - keyStart - shared
    const valueLength = valueEnd - valueStart
    if (this.#headsEnd + VARINTS_BYTES_MAX + TAG_BYTES + unshared > this.#heads.length) this.#growHeads(unshared)
    const heads = this.#heads
    let at = writeVarint(heads, this.#headsEnd, shared)
    at = writeVarint(heads, at, unshared)
    at = writeVarint(heads, at, valueLength)
    writeTag(heads, at, sequence, kind)
    copyBytes(heads, at + TAG_BYTES, keyBytes, keyStart + shared, keyEnd)
    this.#headsEnd = at + TAG_BYTES + unshared
    const output = this.#output
    output.room(valueLength)
    copyBytes(output.buffer, output.at, valueBytes, valueStart, valueEnd)
    output.at += valueLength
  }

  #growHeads(unshared: number): void {
    const grown = Buffer.allocUnsafe(this.#heads.length * 2 + unshared)
    this.#heads.copy(grown, 0, 0, this.#headsEnd)
    this.#heads = grown
  }

  /** Ends the payload: behind the values the entries, restart points and hash index. */
  finish(): void {
    const output = this.#output
    const restarts = this.#restarts
    const buckets = restarts.length > HASHED_RESTARTS_MAX ? 0 : Math.ceil(this.#hashes.count * BUCKETS_PER_KEY)
    output.room(this.#headsEnd + restarts.length * RESTART_BYTES + buckets + TAIL_BYTES)
    const { buffer } = output
    const entriesStart = output.at - output.blockStart
    this.#heads.copy(buffer, output.at, 0, this.#headsEnd)
    let at = output.at + this.#headsEnd
    for (let i = 0; i < restarts.length; i++) {
      at = buffer.writeUInt32LE(entriesStart + restarts[i]!, at)
      at = buffer.writeUInt32LE(this.#valuesAt[i]!, at)
    }
    if (buckets > 0) this.#writeBuckets(buffer, at, buckets)
    at = buffer.writeUInt32LE(restarts.length, at + buckets)
    output.at = buffer.writeUInt32LE(buckets, at)
    this.#headsEnd = 0
    this.#restarts = []
    this.#valuesAt = []
    this.#hashRestarts = []
    this.#hashes.count = 0
    this.entries = 0
  }

  #writeBuckets(buffer: Buffer, at: number, buckets: number): void {
    buffer.fill(BUCKET_EMPTY, at, at + buckets)
    const restarts = this.#hashRestarts
    for (let i = 0; i < restarts.length; i++) {
      const bucket = at + Math.floor((this.#hashes.at(i) * buckets) / TWO_32)
      const there = buffer[bucket]!
      if (there === BUCKET_EMPTY) buffer[bucket] = restarts[i]!
      else if (there !== restarts[i]) buffer[bucket] = BUCKET_SEARCH
    }
  }
}
