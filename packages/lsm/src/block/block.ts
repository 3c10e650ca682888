import { type Bytes, compareRanges } from '../bytes.ts'
import { BLOB, type Kind } from '../kind.ts'
import type { Lookup, ValueOwner } from '../lookup.ts'

/**
 * A data block in memory, drawn in FORMAT.md ("Data block"):
 *
 *     values | entries | restarts x { u32 entry, u32 value } | u8 x buckets | u32 restarts | u32 buckets
 *
 * Bytes come from disk: whatever they are, nothing here throws, and no read leaves the block.
 */
export const TAIL_BYTES = 8
export const RESTART_BYTES = 8
/** Sequence and kind behind the lengths of an entry. */
export const TAG_BYTES = 8
export const BUCKET_EMPTY = 255
export const BUCKET_SEARCH = 254
/** Restart points that a hash index can name. */
export const HASHED_RESTARTS_MAX = 254
const ABSENT = -2
const TWO_32 = 2 ** 32

/** The lengths of an entry, filled by {@link decodeHead}. */
export interface EntryHead {
  shared: number
  unshared: number
  valueBytes: number
}

/** Where {@link Block.find} found an entry. */
export interface Place extends Omit<EntryHead, 'valueBytes'> {
  at: number
  tag: number
  valueStart: number
  valueEnd: number
  /** Its user key is the one that was asked for. */
  same: boolean
}

export function noPlace(): Place {
  return { at: 0, tag: 0, shared: 0, unshared: 0, valueStart: 0, valueEnd: 0, same: false }
}

/** What a block says to a search. */
export const FAULT = -1
/** The key may have older entries in the next block. */
export const AT_END = 0
/** Decided or found, or the block has a greater key. */
export const DONE = 1
export type BlockVerdict = typeof FAULT | typeof AT_END | typeof DONE

/**
 * Reads the lengths of the entry at `at`. Returns where its tag starts, or -1: not an entry that ends within `end`, or of
 * unknown kind. Where the value ends is for the caller to check.
 */
export function decodeHead(bytes: Buffer, at: number, end: number, head: EntryHead): number {
  let from = at + 3
  if (from > end) return -1
  let shared = bytes[at]!
  let unshared = bytes[at + 1]!
  let valueBytes = bytes[at + 2]!
  if ((shared | unshared | valueBytes) >= 128) {
    from = at
    shared = 0
    unshared = 0
    valueBytes = 0
    for (let field = 0; field < 3; field++) {
      let value = 0
      for (let shift = 0; ; shift += 7) {
        if (from >= end || shift > 28) return -1
        const byte = bytes[from++]!
        value += (byte & 127) * 2 ** shift
        if (byte < 128) break
      }
      if (field === 0) shared = value
      else if (field === 1) unshared = value
      else valueBytes = value
    }
  }
  head.shared = shared
  head.unshared = unshared
  head.valueBytes = valueBytes
  if (from + TAG_BYTES + unshared > end || bytes[from + 7]! > BLOB) return -1
  return from
}

/** The sequence number of the tag at `at`. */
export function sequenceAt(bytes: Buffer, at: number): number {
  return (
    ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!) * TWO_32 +
    (((bytes[at + 3]! << 24) | (bytes[at + 4]! << 16) | (bytes[at + 5]! << 8) | bytes[at + 6]!) >>> 0)
  )
}

/** Searches never nest: one of each is enough. */
const head: EntryHead = { shared: 0, unshared: 0, valueBytes: 0 }
const place: Place = noPlace()

function u32(bytes: Buffer, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** Takes memory of blocks back. */
export interface MemoryHome {
  give(memory: ArrayBuffer): void
}

/**
 * A block whose memory has a home goes back there when it is neither cached nor held by a cursor. A lookup does not hold: what it found is
 * used before anything else is read.
 */
export class Block implements ValueOwner {
  readonly bytes: Buffer
  /** Met since the cache last looked for room. */
  used = false
  #cached = false
  #holders = 0
  #home: MemoryHome | undefined
  /** Entries lie in `[entriesStart, entriesEnd)`, their values before them. */
  readonly entriesStart: number
  readonly entriesEnd: number
  readonly restarts: number
  readonly #bucketsAt: number
  readonly #buckets: number

  private constructor(bytes: Buffer, restarts: number, buckets: number, home: MemoryHome | undefined) {
    this.bytes = bytes
    this.#home = home
    this.restarts = restarts
    this.#buckets = buckets
    this.#bucketsAt = bytes.length - TAIL_BYTES - buckets
    this.entriesEnd = this.#bucketsAt - RESTART_BYTES * restarts
    this.entriesStart = this.restartAt(0)
  }

  /** Undefined: the payload is no block. Keeps `payload`, whose ArrayBuffer goes `home` in the end. */
  static decode(payload: Buffer, home?: MemoryHome): Block | undefined {
    const tail = payload.length - TAIL_BYTES
    if (tail < 0) return undefined
    const restarts = u32(payload, tail)
    const buckets = u32(payload, tail + 4)
    if (restarts < 1 || restarts * RESTART_BYTES + buckets > tail) return undefined
    const block = new Block(payload, restarts, buckets, home)
    if (block.valueAt(0) !== 0) return undefined
    let entry = -1
    let value = 0
    for (let i = 0; i < restarts; i++) {
      if (block.restartAt(i) <= entry || block.valueAt(i) < value) return undefined
      entry = block.restartAt(i)
      value = block.valueAt(i)
    }
    return entry < block.entriesEnd && value <= block.entriesStart ? block : undefined
  }

  /** A cursor stands on it. */
  hold(): void {
    this.#holders++
  }

  /** The cursor has moved on. */
  release(): void {
    this.#holders--
    this.#part()
  }

  /** The cache has it, or has it no more. */
  set cached(cached: boolean) {
    this.#cached = cached
    if (!cached) this.#part()
  }

  #part(): void {
    if (this.#home === undefined || this.#cached || this.#holders > 0) return
    this.#home.give(this.bytes.buffer as ArrayBuffer)
    this.#home = undefined
  }

  /** Views of it may be given away: its memory is left to the garbage collector. */
  lend(): boolean {
    this.#home = undefined
    return true
  }

  /** Offset of the entry at a restart point. */
  restartAt(index: number): number {
    return u32(this.bytes, this.entriesEnd + RESTART_BYTES * index)
  }

  /** Offset of the value of the entry at a restart point. */
  valueAt(index: number): number {
    return u32(this.bytes, this.entriesEnd + RESTART_BYTES * index + 4)
  }

  /** The restart point at or before the entry at `at`. */
  restartBefore(at: number): number {
    let low = 0
    let high = this.restarts - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.restartAt(middle) <= at) low = middle
      else high = middle - 1
    }
    return low
  }

  /** The last restart point before (key, sequence) in internal order, 0 when there is none; -1 for a fault. */
  restartFor(key: Bytes, sequence: number): number {
    const { bytes, entriesEnd } = this
    let low = 0
    let high = this.restarts - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const tag = decodeHead(bytes, this.restartAt(middle), entriesEnd, head)
      if (tag < 0 || head.shared !== 0) return FAULT
      const keyAt = tag + TAG_BYTES
      const order = compareRanges(bytes, keyAt, keyAt + head.unshared, key, 0, key.length)
      if (order < 0 || (order === 0 && sequenceAt(bytes, tag) > sequence)) low = middle
      else high = middle - 1
    }
    return low
  }

  /** The restart point where a point read starts; ABSENT when the hash index does not have the key, -1 for a fault. */
  #startOf(key: Bytes, hash: number, sequence: number): number {
    if (this.#buckets === 0) return this.restartFor(key, sequence)
    const restart = this.bytes[this.#bucketsAt + Math.floor((hash * this.#buckets) / TWO_32)]!
    if (restart < this.restarts) return restart
    if (restart === BUCKET_EMPTY) return ABSENT
    return restart === BUCKET_SEARCH ? this.restartFor(key, sequence) : FAULT
  }

  /**
   * The first entry at or after (key, sequence), looking from a restart point before it on: DONE with `place`, AT_END or FAULT. No
   * key is rebuilt: `matched` is how far the entry before agrees with `key`, and an entry that shares more than that with its
   * predecessor lies on the same side of `key`. So what `place` shares is the start of `key`.
   */
  find(key: Bytes, sequence: number, restart: number, place: Place): BlockVerdict {
    const { bytes, entriesEnd } = this
    const keyBytes = key.length
    let at = this.restartAt(restart)
    let valueEnd = this.valueAt(restart)
    let matched = 0
    while (at < entriesEnd) {
      const tag = decodeHead(bytes, at, entriesEnd, head)
      if (tag < 0) return FAULT
      const { shared, unshared } = head
      const keyAt = tag + TAG_BYTES
      valueEnd += head.valueBytes
      if (shared <= matched) {
        const span = Math.min(unshared, keyBytes - shared)
        let i = 0
        while (i < span && bytes[keyAt + i] === key[shared + i]) i++
        matched = shared + i
        const same = i === unshared && matched === keyBytes
        const found = same
          ? sequenceAt(bytes, tag) <= sequence
          : i < unshared && (matched === keyBytes || bytes[keyAt + i]! > key[matched]!)
        if (found) {
          place.at = at
          place.tag = tag
          place.shared = shared
          place.unshared = unshared
          place.valueStart = valueEnd - head.valueBytes
          place.valueEnd = valueEnd
          place.same = same
          return valueEnd > this.entriesStart ? FAULT : DONE
        }
      }
      at = keyAt + unshared
    }
    return AT_END
  }

  /** Offers the visible entries of `key`, whose hash is `hash`. */
  lookup(key: Bytes, hash: number, lookup: Lookup): BlockVerdict {
    const restart = this.#startOf(key, hash, lookup.sequence)
    if (restart < 0) return restart === ABSENT ? DONE : FAULT
    const verdict = this.find(key, lookup.sequence, restart, place)
    if (verdict !== DONE || !place.same) return verdict
    const { bytes, entriesStart, entriesEnd } = this
    let { tag, unshared, valueStart, valueEnd } = place
    lookup.owner = this
    while (!lookup.offer(sequenceAt(bytes, tag), bytes[tag + 7] as Kind, bytes, valueStart, valueEnd)) {
      const at = tag + TAG_BYTES + unshared
      if (at >= entriesEnd) return AT_END
      tag = decodeHead(bytes, at, entriesEnd, head)
      if (tag < 0 || valueEnd + head.valueBytes > entriesStart) return FAULT
      unshared = head.unshared
      if (head.shared + unshared !== key.length) return DONE
      const keyAt = tag + TAG_BYTES
      if (compareRanges(bytes, keyAt, keyAt + unshared, key, head.shared, key.length) !== 0) return DONE
      valueStart = valueEnd
      valueEnd += head.valueBytes
    }
    return DONE
  }
}
