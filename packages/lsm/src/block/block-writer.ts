import { HashList } from '../filter/bloom.ts'
import type { Kind } from '../kind.ts'
import type { TableOutput } from '../table/table-output.ts'
import { BUCKET_EMPTY, BUCKET_SEARCH, HASHED_RESTARTS_MAX, TAG_BYTES, TAIL_BYTES } from './block.ts'

const TWO_32 = 2 ** 32
/** Below so many bytes a loop is cheaper than a call of `copy`. */
const LOOP_BYTES_MAX = 24
const VARINTS_BYTES_MAX = 15
const BUCKETS_PER_KEY = 4 / 3

function copyBytes(to: Buffer, at: number, from: Buffer, start: number, end: number): void {
  if (end - start > LOOP_BYTES_MAX) from.copy(to, at, start, end)
  else for (let i = start; i < end; i++) to[at + i - start] = from[i]!
}

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

/** Writes data blocks in place, drawn in FORMAT.md ("Data block"). The caller has checked the order of entries. */
export class BlockWriter {
  readonly #output: TableOutput
  readonly #restartInterval: number
  #restarts: number[] = []
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
    return this.#output.at - this.#output.blockStart
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
    const output = this.#output
    output.room(VARINTS_BYTES_MAX + TAG_BYTES + keyEnd - keyStart + valueEnd - valueStart)
    const { buffer } = output
    let shared = common
    if (this.entries === 0 || this.#sinceRestart === this.#restartInterval) {
      this.#restarts.push(output.at - output.blockStart)
      this.#sinceRestart = 0
      shared = 0
    }
    if (newKey) {
      this.#hashes.add(hash)
      this.#hashRestarts.push(this.#restarts.length - 1)
    }
    this.#sinceRestart++
    this.entries++
    let at = writeVarint(buffer, output.at, shared)
    at = writeVarint(buffer, at, keyEnd - keyStart - shared)
    at = writeVarint(buffer, at, valueEnd - valueStart)
    const high = Math.floor(sequence / TWO_32)
    const low = sequence >>> 0
    buffer[at] = high >>> 16
    buffer[at + 1] = high >>> 8
    buffer[at + 2] = high
    buffer[at + 3] = low >>> 24
    buffer[at + 4] = low >>> 16
    buffer[at + 5] = low >>> 8
    buffer[at + 6] = low
    buffer[at + 7] = kind
    at += TAG_BYTES
    copyBytes(buffer, at, keyBytes, keyStart + shared, keyEnd)
    at += keyEnd - keyStart - shared
    copyBytes(buffer, at, valueBytes, valueStart, valueEnd)
    output.at = at + valueEnd - valueStart
  }

  /** Ends the payload with restart points and hash index. */
  finish(): void {
    const output = this.#output
    const restarts = this.#restarts
    const buckets = restarts.length > HASHED_RESTARTS_MAX ? 0 : Math.ceil(this.#hashes.count * BUCKETS_PER_KEY)
    output.room(restarts.length * 4 + buckets + TAIL_BYTES)
    const { buffer } = output
    let { at } = output
    for (let i = 0; i < restarts.length; i++) at = buffer.writeUInt32LE(restarts[i]!, at)
    if (buckets > 0) this.#writeBuckets(buffer, at, buckets)
    at = buffer.writeUInt32LE(restarts.length, at + buckets)
    output.at = buffer.writeUInt32LE(buckets, at)
    this.#restarts = []
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
