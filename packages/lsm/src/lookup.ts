import type { Bytes } from './bytes.ts'
import { BLOB, DELETE, type Kind, MERGE, PUT } from './kind.ts'

/** Nothing decided yet: ask the next older source. */
export const SEARCHING = 0
/** `valueBytes[valueStart, valueEnd)` is the value, or the base under `operands`; `kind` is PUT or BLOB. */
export const FOUND = 1
/** Deleted by an entry or a range tombstone; under `operands` there is no base. */
export const DELETED = 2

const NOTHING: Buffer = Buffer.alloc(0)

/** What has the memory of a value. */
export interface ValueOwner {
  /** True: views of the memory may be given away, it keeps what it holds now. False: the memory is used again some time. */
  lend(): boolean
}

/** The memory was made for the one value and is whose takes it. */
export const GIVEN: ValueOwner = { lend: () => true }

/**
 * One point read on its way through the sources, newest first. Every source calls {@link cover} with its newest visible
 * range tombstone over the key, then {@link offer} for its entries of the key in internal order until it answers true.
 * Reused between reads: it allocates nothing.
 */
export class Lookup {
  /** Entries with a greater number are invisible. */
  sequence = 0
  state: typeof SEARCHING | typeof FOUND | typeof DELETED = SEARCHING
  kind: Kind = PUT
  valueBytes: Buffer = NOTHING
  valueStart = 0
  valueEnd = 0
  /** Of the value found; undefined: views of it hold for ever. */
  owner: ValueOwner | undefined
  /** Merge operands, newest first; copies. Undefined while there are none. */
  operands: Bytes[] | undefined
  /** Greatest visible sequence of the range tombstones over the key met so far; 0 for none. */
  tombstone = 0
  /** Hash of the key for filters and in-block indexes, set by the first table that needs it; -1 = not yet. */
  hash = -1

  /** Starts a read of one key at what was visible at `sequence`. */
  start(sequence: number): this {
    this.sequence = sequence
    this.state = SEARCHING
    this.kind = PUT
    this.owner = undefined
    this.operands = undefined
    this.tombstone = 0
    this.hash = -1
    this.valueBytes = NOTHING
    this.valueStart = 0
    this.valueEnd = 0
    return this
  }

  /** A source has a range tombstone with this number over the key; the caller has checked that it is visible. */
  cover(tombstone: number): void {
    if (tombstone > this.tombstone) this.tombstone = tombstone
  }

  /** Takes a visible entry of the key, whose source has set `owner`; true when the read is decided and no older entry matters. */
  offer(sequence: number, kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    if (sequence < this.tombstone || kind === DELETE) {
      this.state = DELETED
      return true
    }
    if (kind === MERGE) {
      this.operands ??= []
      this.operands.push(Buffer.from(bytes.subarray(start, end)))
      return false
    }
    if (kind !== PUT && kind !== BLOB) throw new TypeError(`an entry of kind ${kind} is not for point reads`)
    this.state = FOUND
    this.kind = kind
    this.valueBytes = bytes
    this.valueStart = start
    this.valueEnd = end
    return true
  }
}
