import type { Batch } from '../batch/batch-decoder.ts'
import type { BatchEncoder, LogPlace } from '../batch/batch-encoder.ts'
import { copyBytes, EntryView, entryBytes, writeLength } from '../batch/entry.ts'
import { POINTER_BYTES } from '../blob/blob-pointer.ts'
import { copySeparated, type SeparatedBatch } from '../blob/separated-batch.ts'
import type { Bytes } from '../bytes.ts'
import type { Cursor } from '../cursor.ts'
import { DELETE, type Kind, RANGE_DELETE } from '../kind.ts'
import type { Lookup, ValueOwner } from '../lookup.ts'
import { RangeTombstones } from '../range-tombstones.ts'
import { type ArenaPool, arenaMemory, newArena } from './arena-pool.ts'
import { KeyTree, type KeyTreeShape } from './key-tree.ts'
import { MemtableCursor } from './memtable-cursor.ts'

/** Ages are 32-bit: how far sequence numbers of one memtable may lie apart. */
const AGE_MAX: number = 2 ** 31 - 1
/** Pages that are not touched cost nothing, copies do. */
const GROWTH = 4
/** Refs are 32-bit. */
const ARENA_BYTES_MAX: number = 2 ** 31 - 1

export interface MemtableOptions {
  /** Memory to start with, and what `full` goes by; a batch that is too big for the rest makes it grow. */
  readonly bytesMax: number
  /** The memory can be shared with workers. Default false, or as the pool says. */
  readonly shared?: boolean
  /** Where memory of the pool's size comes from, and goes when the last holder has released the memtable. */
  readonly pool?: ArenaPool
}

/** A memtable for another thread: posted as it is, nothing is copied. */
export interface SharedMemtable {
  readonly records: SharedArrayBuffer
  readonly recordBytes: number
  readonly words: SharedArrayBuffer
  readonly shape: KeyTreeShape
  readonly entries: number
  readonly base: number
  readonly firstSequence: number
  readonly lastSequence: number
  /** Where the range tombstones lie in the records, and their sequence numbers. */
  readonly tombstones: readonly (readonly [ref: number, sequence: number])[]
}

/**
 * The youngest entries, sorted, in memory: an arena of records exactly as the log has them, and a {@link KeyTree} over it.
 * Entries are added and never changed, so views of keys and values hold as long as somebody holds the memtable: its maker does from the
 * start, whoever reads over time by {@link retain}. Without a pool they hold for ever.
 */
export class Memtable implements ValueOwner {
  readonly bytesMax: number
  readonly rangeTombstones: RangeTombstones = new RangeTombstones()
  #tree: KeyTree
  #records: Buffer
  #used = 0
  #entries = 0
  /** Ages count from here. */
  #base = 0
  #firstSequence = 0
  #lastSequence = 0
  readonly #tombstones: [number, number][] = []
  readonly #view = new EntryView()
  readonly #shared: boolean
  readonly #pool: ArenaPool | undefined
  #frozen = false
  #holders = 1

  constructor(options: MemtableOptions) {
    const { bytesMax, pool } = options
    this.bytesMax = bytesMax
    this.#pool = pool
    this.#shared = pool?.shared ?? options.shared === true
    const { records, words } =
      pool !== undefined && bytesMax === pool.bytes ? pool.take() : newArena(bytesMax, this.#shared)
    this.#records = records
    this.#tree = new KeyTree(records, words)
  }

  /** The memtable that another thread described; it cannot be written to. */
  static from(description: SharedMemtable): Memtable {
    const { records, recordBytes, words, shape, tombstones } = description
    const memtable = new Memtable({ bytesMax: 0, shared: true })
    memtable.#records = Buffer.from(records)
    memtable.#used = recordBytes
    memtable.#tree = new KeyTree(memtable.#records, new Int32Array(words), shape)
    memtable.#entries = description.entries
    memtable.#base = description.base
    memtable.#firstSequence = description.firstSequence
    memtable.#lastSequence = description.lastSequence
    memtable.#frozen = true
    for (const [ref, sequence] of tombstones) memtable.#addTombstone(ref, sequence)
    return memtable
  }

  /** Memory in use. */
  get bytes(): number {
    return this.#used + this.#tree.bytes
  }

  /** Time to start another one. */
  get full(): boolean {
    return this.bytes >= this.bytesMax
  }

  /** Point entries; range tombstones do not count. */
  get entries(): number {
    return this.#entries
  }

  get empty(): boolean {
    return this.#entries === 0 && this.#tombstones.length === 0
  }

  /** Smallest sequence number in it; 0 when empty. */
  get firstSequence(): number {
    return this.#firstSequence
  }

  /** Greatest sequence number in it; 0 when empty. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Adds one entry; key and value are copied. For RANGE_DELETE they are the bounds. */
  add(
    sequence: number,
    kind: Kind,
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const at = this.#used
    this.#reserve(entryBytes(kind, keyEnd - keyStart, valueEnd - valueStart))
    const records = this.#records
    records[at] = kind
    let to = writeLength(records, at + 1, keyEnd - keyStart)
    copyBytes(records, to, keyBytes, keyStart, keyEnd)
    to += keyEnd - keyStart
    if (kind !== DELETE) {
      to = writeLength(records, to, valueEnd - valueStart)
      copyBytes(records, to, valueBytes, valueStart, valueEnd)
      to += valueEnd - valueStart
    }
    this.#used = to
    this.#addRecords(at, 1, sequence)
  }

  /** Adds all entries of a batch that was written to the log at `place`; the first gets `firstSequence`. */
  addEncoded(batch: BatchEncoder, firstSequence: number, place?: LogPlace): void {
    const at = this.#used
    const bytes = batch.memoryBytes
    this.#reserve(bytes)
    batch.copyEntries(this.#records, at, place)
    this.#used = at + bytes
    this.#addRecords(at, batch.count, firstSequence)
  }

  /** Adds all entries of a batch that was read from a log; with pointers to the values that `separated` says. */
  addBatch(batch: Batch, separated?: SeparatedBatch): void {
    const at = this.#used
    if (separated !== undefined) {
      this.#reserve(batch.entriesBytes + batch.count * POINTER_BYTES)
      this.#used = copySeparated(batch, separated, this.#records, at)
      this.#addRecords(at, batch.count, batch.firstSequence)
      return
    }
    this.#reserve(batch.entriesBytes)
    copyBytes(this.#records, at, batch.bytes, batch.start, batch.end)
    this.#used = at + batch.entriesBytes
    this.#addRecords(at, batch.count, batch.firstSequence)
  }

  /** Somebody else reads it over time. */
  retain(): void {
    this.#checkHeld()
    this.#holders++
  }

  /** One holder less; after the last one nothing may be read, and the memory serves another memtable. */
  release(): void {
    this.#checkHeld()
    if (--this.#holders > 0 || this.#pool === undefined) return
    this.#pool.give({ records: this.#records, words: this.#tree.words }, this.#tree.used)
  }

  /** False: another memtable may get the memory. */
  lend(): boolean {
    return this.#pool === undefined
  }

  /** These bytes are its memory, which another memtable may get. */
  owns(bytes: Bytes): boolean {
    return bytes === this.#records && this.#pool !== undefined
  }

  #checkHeld(): void {
    if (this.#holders === 0) throw new TypeError('a memtable was read after its release')
  }

  /** Answers a point read: range tombstones first, then the visible entries of the key, newest first. */
  lookup(key: Bytes, lookup: Lookup): void {
    this.#checkHeld()
    if (this.rangeTombstones.size > 0) lookup.cover(this.rangeTombstones.covering(key, lookup.sequence))
    const tree = this.#tree
    tree.find(key, 0, key.length, this.age(lookup.sequence))
    let { leaf, index } = tree
    const view = this.#view
    while (leaf !== 0) {
      const count = tree.count(leaf)
      for (; index < count; index++) {
        view.read(this.#records, tree.ref(leaf, index), this.#used)
        if (!isKey(view, key)) return
        lookup.owner = this
        const sequence = this.#base + tree.age(leaf, index)
        if (lookup.offer(sequence, view.kind, view.bytes, view.valueStart, view.valueEnd)) return
      }
      leaf = tree.next(leaf)
      index = 0
    }
  }

  /** A cursor over the point entries. It sees entries that are added while it stands; their sequence numbers tell. */
  cursor(): Cursor {
    this.#checkHeld()
    return new MemtableCursor(this, this.#tree)
  }

  /** Another thread can read it. */
  get shared(): boolean {
    return this.#shared
  }

  /** What another thread needs to read it, with {@link from}. Nothing may be added from now on. */
  share(): SharedMemtable {
    const { words, shape } = this.#tree
    const records = this.#records.buffer
    if (!(records instanceof SharedArrayBuffer) || !(words.buffer instanceof SharedArrayBuffer))
      throw new TypeError('this memtable was not made to be shared')
    this.#frozen = true
    return {
      records,
      recordBytes: this.#used,
      words: words.buffer,
      shape,
      entries: this.#entries,
      base: this.#base,
      firstSequence: this.#firstSequence,
      lastSequence: this.#lastSequence,
      tombstones: this.#tombstones,
    }
  }

  /** The 32-bit form of a sequence number; of one that is too far away, the nearest. */
  age(sequence: number): number {
    return Math.max(-AGE_MAX, Math.min(AGE_MAX, sequence - this.#base))
  }

  /** The sequence number of an age. */
  sequence(age: number): number {
    return this.#base + age
  }

  /** Entries of the arena from `at` on get sequence numbers and their places in the tree. */
  #addRecords(at: number, count: number, firstSequence: number): void {
    const lastSequence = firstSequence + count - 1
    this.#span(firstSequence, lastSequence)
    const view = this.#view
    const tree = this.#tree
    const records = this.#records
    const limit = this.#used
    let ref = at
    for (let age = firstSequence - this.#base, end = age + count; age < end; age++) {
      if (!view.read(records, ref, limit)) throw new RangeError(`no entry at ${ref} of ${limit} in the memtable`)
      if (view.kind === RANGE_DELETE) this.#addTombstone(ref, this.#base + age)
      else {
        tree.add(ref, view.keyStart, view.keyEnd, age)
        this.#entries++
      }
      ref = view.end
    }
  }

  #span(first: number, last: number): void {
    if (this.empty) {
      this.#base = first
      this.#firstSequence = first
      this.#lastSequence = last
    }
    if (first - this.#base < -AGE_MAX || last - this.#base > AGE_MAX)
      throw new RangeError(`sequence numbers ${first} to ${last} are too far from ${this.#base} for one memtable`)
    if (first < this.#firstSequence) this.#firstSequence = first
    if (last > this.#lastSequence) this.#lastSequence = last
  }

  #addTombstone(ref: number, sequence: number): void {
    const view = this.#view
    const records = this.#records
    view.read(records, ref, this.#used)
    this.#tombstones.push([ref, sequence])
    const from = Buffer.from(records.subarray(view.keyStart, view.keyEnd))
    const to = Buffer.from(records.subarray(view.valueStart, view.valueEnd))
    this.rangeTombstones.add(from, to, sequence)
  }

  #reserve(bytes: number): void {
    if (this.#frozen) throw new TypeError('this memtable is immutable')
    const needed = this.#used + bytes
    if (needed <= this.#records.length) return
    if (needed > ARENA_BYTES_MAX) throw new RangeError(`a memtable of ${needed} bytes`)
    const grown = Buffer.from(arenaMemory(this.#grown(needed), this.#shared))
    // Views of the old arena go on being true: what they show never changes.
    this.#records.copy(grown, 0, 0, this.#used)
    this.#records = grown
    this.#tree.records = grown
  }

  /** Up to the size of the pool's arenas growth ends there, so that the pool takes it. */
  #grown(needed: number): number {
    const grown = Math.min(ARENA_BYTES_MAX, Math.max(needed, this.#records.length * GROWTH))
    const pooled = this.#pool?.bytes ?? 0
    return needed <= pooled ? Math.min(grown, pooled) : grown
  }
}

function isKey(view: EntryView, key: Bytes): boolean {
  const { bytes, keyStart } = view
  const { length } = key
  if (view.keyEnd - keyStart !== length) return false
  for (let i = length - 1; i >= 0; i--) if (bytes[keyStart + i] !== key[i]) return false
  return true
}
