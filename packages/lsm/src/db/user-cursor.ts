import { type BlobFiles, pointerOf } from '../blob/blob-files.ts'
import type { BlobPointer } from '../blob/blob-pointer.ts'
import type { Bytes } from '../bytes.ts'
import { compareRanges } from '../bytes.ts'
import type { Cursor } from '../cursor.ts'
import { BLOB, DELETE, MERGE, SEQUENCE_MAX } from '../kind.ts'
import type { MergeOperator } from '../merge-operator.ts'
import type { Op } from '../op.ts'
import { mergeFull } from './merge.ts'

/** Where a scan starts and ends; undefined: at the end of the database. */
export interface ScanBounds {
  readonly lower: Bytes | undefined
  readonly lowerIncluded: boolean
  readonly upper: Bytes | undefined
  readonly upperIncluded: boolean
}

/** Number of the newest visible range tombstone over a key; 0 for none. */
export type Covering = (key: Bytes) => number

const KEY_BYTES = 256

/**
 * User entries in the order of keys, or against it: versions, deletions, merge operands and range tombstones of the internal entries are
 * resolved for one sequence number. It goes one way, and begins with {@link start} or {@link seek}.
 *
 * Forward the newest version of a key comes first, so an entry is given out where it lies. Backward it comes last, so it is collected in
 * scratch memory. Either way key and value hold until the next move.
 *
 * Source: LevelDB `db/db_iter.cc`.
 */
export class UserCursor {
  valid = false
  keyBytes: Buffer = Buffer.alloc(0)
  keyStart = 0
  keyEnd = 0
  valueBytes: Buffer = Buffer.alloc(0)
  valueStart = 0
  valueEnd = 0
  /** What stands here is a pointer to the value. */
  elsewhere = false
  /** The value lies in memory that the next move overwrites; the key always may. */
  reused = false
  readonly #cursor: Cursor
  readonly #sequence: number
  readonly #covering: Covering | undefined
  readonly #merge: MergeOperator | undefined
  readonly #blobs: BlobFiles
  readonly #bounds: ScanBounds
  readonly #reverse: boolean
  /** The key whose versions are being passed, in `#key[0, #keyBytes)`; none: -1. */
  #key: Buffer = Buffer.allocUnsafe(KEY_BYTES)
  #keyBytes = -1
  /** The internal cursor has to move before it is looked at. */
  #step = false
  /** Operands of the key being passed: newest first on the way forward, oldest first backward. */
  #operands: Bytes[] | undefined
  /** Backward: the newest value or tombstone seen of the key. */
  #value: Buffer = Buffer.alloc(0)
  #valueLength = 0
  #hasBase = false
  /** Backward: the value seen is a pointer. */
  #baseElsewhere = false
  /** The value that operands have to be applied to, and has to be read first; and what was read. */
  #wanted: BlobPointer | undefined
  #fetched: Buffer | undefined

  constructor(o: {
    cursor: Cursor
    sequence: number
    covering: Covering | undefined
    merge: MergeOperator | undefined
    blobs: BlobFiles
    bounds: ScanBounds
    reverse: boolean
  }) {
    this.#cursor = o.cursor
    this.#sequence = o.sequence
    this.#covering = o.covering
    this.#merge = o.merge
    this.#blobs = o.blobs
    this.#bounds = o.bounds
    this.#reverse = o.reverse
  }

  /** To the first entry of the range, in the direction of travel. */
  *start(): Op<void> {
    const { lower, lowerIncluded, upper, upperIncluded } = this.#bounds
    this.#reset()
    if (this.#reverse) {
      if (upper === undefined) yield* this.#cursor.last()
      else yield* this.#cursor.seekBefore(upper, upperIncluded ? 0 : SEQUENCE_MAX)
    } else if (lower === undefined) yield* this.#cursor.first()
    else yield* this.#cursor.seek(lower, lowerIncluded ? this.#sequence : 0)
    yield* this.#settled()
  }

  /** To the first entry at or behind `target` in the direction of travel. A target outside the range is the end. */
  *seek(target: Bytes): Op<void> {
    this.#reset()
    if (!this.#within(target, 0, target.length)) return
    if (this.#reverse) yield* this.#cursor.seekBefore(target, 0)
    else yield* this.#cursor.seek(target, this.#sequence)
    yield* this.#settled()
  }

  /** Moves on; false when something has to be read first: then drive {@link next}. */
  nextNow(): boolean {
    return this.#reverse ? this.#backward() : this.#forward()
  }

  *next(): Op<void> {
    yield* this.#settled()
  }

  close(): void {
    this.valid = false
    this.#cursor.close()
  }

  *#settled(): Op<void> {
    while (!this.nextNow()) {
      if (this.#wanted !== undefined) {
        this.#fetched = yield* this.#blobs.read(this.#wanted)
        this.#wanted = undefined
        continue
      }
      if (this.#reverse) yield* this.#cursor.prev()
      else yield* this.#cursor.next()
      this.#step = false
    }
  }

  #reset(): void {
    this.valid = false
    this.#keyBytes = -1
    this.#step = false
    this.#operands = undefined
    this.#hasBase = false
    this.#wanted = undefined
    this.#fetched = undefined
  }

  #belowLower(key: Buffer, start: number, end: number): boolean {
    const { lower, lowerIncluded } = this.#bounds
    if (lower === undefined) return false
    const order = compareRanges(key, start, end, lower, 0, lower.length)
    return lowerIncluded ? order < 0 : order <= 0
  }

  #aboveUpper(key: Buffer, start: number, end: number): boolean {
    const { upper, upperIncluded } = this.#bounds
    if (upper === undefined) return false
    const order = compareRanges(key, start, end, upper, 0, upper.length)
    return upperIncluded ? order > 0 : order >= 0
  }

  #within(key: Bytes, start: number, end: number): boolean {
    const bytes = key as Buffer
    return !this.#belowLower(bytes, start, end) && !this.#aboveUpper(bytes, start, end)
  }

  /** The internal cursor stands on the key that is being passed. Keys of neighbours differ at their ends. */
  #same(cursor: Cursor): boolean {
    const { keyBytes, keyStart } = cursor
    const length = cursor.keyEnd - keyStart
    if (length !== this.#keyBytes) return false
    const key = this.#key
    for (let i = length - 1; i >= 0; i--) if (key[i] !== keyBytes[keyStart + i]) return false
    return true
  }

  #remember(cursor: Cursor): void {
    const { keyBytes, keyStart } = cursor
    const length = cursor.keyEnd - keyStart
    if (length > this.#key.length) this.#key = Buffer.allocUnsafe(length * 2)
    const key = this.#key
    if (length <= 48) for (let i = 0; i < length; i++) key[i] = keyBytes[keyStart + i]!
    else keyBytes.copy(key, 0, keyStart, keyStart + length)
    this.#keyBytes = length
  }

  #isDeleted(cursor: Cursor): boolean {
    if (cursor.kind === DELETE) return true
    if (this.#covering === undefined) return false
    return cursor.sequence < this.#covering(this.#key.subarray(0, this.#keyBytes))
  }

  #forward(): boolean {
    const cursor = this.#cursor
    for (;;) {
      if (this.#step) {
        if (!cursor.nextNow()) return false
        this.#step = false
      }
      if (!cursor.valid) return this.#operands === undefined ? this.#end() : this.#giveMerged(undefined)
      if (cursor.sequence <= this.#sequence) {
        if (!this.#same(cursor)) {
          if (this.#operands !== undefined) return this.#giveMerged(undefined)
          if (this.#aboveUpper(cursor.keyBytes, cursor.keyStart, cursor.keyEnd)) return this.#end()
          this.#remember(cursor)
          if (!this.#isDeleted(cursor)) {
            if (cursor.kind !== MERGE) return this.#give(cursor)
            this.#operands = [copiedValue(cursor)]
          }
        } else if (this.#operands !== undefined) {
          if (this.#isDeleted(cursor)) return this.#passMerged(undefined)
          if (cursor.kind === BLOB) return this.#passElsewhere(cursor)
          if (cursor.kind !== MERGE) return this.#passMerged(copiedValue(cursor))
          this.#operands.push(copiedValue(cursor))
        }
      }
      this.#step = true
    }
  }

  #end(): true {
    this.valid = false
    return true
  }

  /** Gives out the entry under the internal cursor. */
  #give(cursor: Cursor): true {
    this.elsewhere = cursor.kind === BLOB
    this.keyBytes = cursor.keyBytes
    this.keyStart = cursor.keyStart
    this.keyEnd = cursor.keyEnd
    this.valueBytes = cursor.valueBytes
    this.valueStart = cursor.valueStart
    this.valueEnd = cursor.valueEnd
    this.reused = false
    this.valid = true
    this.#step = true
    return true
  }

  /** The base or a deletion ends the operands; the cursor stands on it. */
  #passMerged(base: Bytes | undefined): true {
    this.#step = true
    return this.#giveMerged(base)
  }

  /** The base lies apart from its key. False: it has to be read first. */
  #passElsewhere({ valueBytes, valueStart, valueEnd }: Cursor): boolean {
    const base = this.#valueAt(valueBytes, valueStart, valueEnd)
    return base !== undefined && this.#passMerged(base)
  }

  /** The value that a pointer leads to; undefined: it is wanted, and has to be read first. */
  #valueAt(bytes: Buffer, start: number, end: number): Buffer | undefined {
    const fetched = this.#fetched
    this.#fetched = undefined
    if (fetched !== undefined) return fetched
    const pointer = pointerOf(bytes, start, end)
    const value = this.#blobs.readNow(pointer)
    if (value === undefined) this.#wanted = pointer
    return value
  }

  #giveMerged(base: Bytes | undefined): true {
    const operands = this.#operands!
    this.#operands = undefined
    return this.#giveCopy(mergeFull(this.#merge, this.#keyView(), base, operands.reverse()))
  }

  #keyView(): Buffer {
    return this.#key.subarray(0, this.#keyBytes)
  }

  #giveCopy(value: Buffer, bytes: number = value.length): true {
    this.elsewhere = false
    this.keyBytes = this.#key
    this.keyStart = 0
    this.keyEnd = this.#keyBytes
    this.valueBytes = value
    this.valueStart = 0
    this.valueEnd = bytes
    this.reused = true
    this.valid = true
    return true
  }

  #backward(): boolean {
    const cursor = this.#cursor
    for (;;) {
      if (this.#step) {
        if (!cursor.prevNow()) return false
        this.#step = false
      }
      if (!cursor.valid) return this.#hasCollected ? this.#giveCollected() : this.#end()
      if (!this.#same(cursor)) {
        if (this.#hasCollected) return this.#giveCollected()
        if (this.#belowLower(cursor.keyBytes, cursor.keyStart, cursor.keyEnd)) return this.#end()
        this.#remember(cursor)
      }
      if (cursor.sequence <= this.#sequence) this.#collect(cursor)
      this.#step = true
    }
  }

  get #hasCollected(): boolean {
    return this.#hasBase || this.#operands !== undefined
  }

  /** A newer version of the key than all before. */
  #collect(cursor: Cursor): void {
    if (this.#isDeleted(cursor)) {
      this.#hasBase = false
      this.#operands = undefined
    } else if (cursor.kind === MERGE) {
      this.#operands ??= []
      this.#operands.push(copiedValue(cursor))
    } else {
      this.#baseElsewhere = cursor.kind === BLOB
      const { valueBytes, valueStart, valueEnd } = cursor
      const bytes = valueEnd - valueStart
      if (bytes > this.#value.length) this.#value = Buffer.allocUnsafe(bytes + (bytes >>> 1))
      valueBytes.copy(this.#value, 0, valueStart, valueEnd)
      this.#valueLength = bytes
      this.#hasBase = true
      this.#operands = undefined
    }
  }

  /** The internal cursor stands on another key already. */
  #giveCollected(): boolean {
    const operands = this.#operands
    const elsewhere = this.#hasBase && this.#baseElsewhere
    let base = this.#hasBase ? this.#value.subarray(0, this.#valueLength) : undefined
    if (elsewhere && operands !== undefined) {
      base = this.#valueAt(this.#value, 0, this.#valueLength)
      if (base === undefined) return false
    }
    this.#operands = undefined
    this.#hasBase = false
    if (operands === undefined) {
      this.#giveCopy(this.#value, this.#valueLength)
      this.elsewhere = elsewhere
    } else this.#giveCopy(mergeFull(this.#merge, this.#keyView(), base, operands))
    return true
  }
}

function copiedValue(cursor: Cursor): Buffer {
  return Buffer.from(cursor.valueBytes.subarray(cursor.valueStart, cursor.valueEnd))
}
