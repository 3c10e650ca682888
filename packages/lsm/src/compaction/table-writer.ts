import { copyBytes } from '../batch/entry.ts'
import type { ValueItem } from '../blob/value-sink.ts'
import { type Bytes, compareRanges } from '../bytes.ts'
import type { Kind } from '../kind.ts'
import type { Op } from '../op.ts'
import type { RangeTombstones } from '../range-tombstones.ts'
import type { ChunkMemory } from '../table/chunk-memory.ts'
import { TableBuilder } from '../table/table-builder.ts'
import type { TableMeta } from '../table-meta.ts'
import type { DeeperTables } from './deeper-tables.ts'
import type { EntrySink } from './entry-rules.ts'
import type { JobSegment, MergeJob } from './job.ts'

/** Where finished bytes go: files on the thread that owns them, or that thread's mailbox. */
export interface TableStore {
  /** Bytes that go to the end of the table's file, in ArrayBuffers of their own: they are the store's now. */
  write(table: number, parts: readonly Bytes[]): Op<void>
  /** The table is complete. */
  end(meta: TableMeta): Op<void>
  /** Where tables are built, and where the memory of what was written goes back. */
  readonly chunks: ChunkMemory
  /** Values that go to the end of a blob file, in order. */
  values(file: number, items: readonly ValueItem[]): Op<void>
}

/** Finished bytes at which it is time to hand them on. */
const READY_BYTES = 256 * 1024
/** How often the overlap with the level below is looked at. */
const OVERLAP_ENTRIES = 32

/**
 * Cuts the surviving entries of a job into tables. Cuts lie between user keys only, so the tables of a level stay disjoint; a range
 * tombstone is cut with them: each table has what lies between its own first key and that of the next.
 */
export class TableWriter implements EntrySink {
  readonly #job: MergeJob
  readonly #tombstones: RangeTombstones
  readonly #deeper: DeeperTables | undefined
  readonly #store: TableStore
  /** Of the numbers of the segment at hand. */
  #used = 0
  #segment: JobSegment
  /** Segments that begin behind it. */
  #later: readonly (JobSegment & { readonly from: Bytes })[]
  #builder: TableBuilder | undefined
  #number = 0
  /** Where the table under way begins; undefined: before every key. */
  #from: Buffer | undefined
  /** The table is cut before the next user key, which is not this one. */
  #due = false
  #last: Buffer = Buffer.allocUnsafe(256)
  #lastBytes = 0
  #overlapBytes = 0
  #takenBytes = 0
  /** Finished tables that were not handed on. */
  #ended: { number: number; parts: Bytes[]; meta: TableMeta }[] = []
  readonly outputs: TableMeta[] = []
  entries = 0

  constructor(job: MergeJob, tombstones: RangeTombstones, deeper: DeeperTables | undefined, store: TableStore) {
    this.#job = job
    this.#segment = job
    this.#later = job.segments ?? []
    this.#tombstones = tombstones
    this.#deeper = deeper
    this.#store = store
  }

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
    if (this.#later.length > 0) this.#enterSegments(keyBytes, keyStart, keyEnd)
    if (this.#due && compareRanges(this.#last, 0, this.#lastBytes, keyBytes, keyStart, keyEnd) !== 0) {
      const from = Buffer.from(keyBytes.subarray(keyStart, keyEnd))
      this.#endTable(from)
      this.#from = from
    }
    const builder = this.#builder ?? this.#start()
    builder.add(keyBytes, keyStart, keyEnd, sequence, kind, valueBytes, valueStart, valueEnd)
    this.entries++
    if (!this.#due && this.#isDue(builder, keyBytes, keyStart, keyEnd)) {
      this.#due = true
      const length = keyEnd - keyStart
      if (length > this.#last.length) this.#last = Buffer.allocUnsafe(2 * length)
      copyBytes(this.#last, 0, keyBytes, keyStart, keyEnd)
      this.#lastBytes = length
    }
  }

  #isDue(builder: TableBuilder, keyBytes: Buffer, keyStart: number, keyEnd: number): boolean {
    const { tableBytes, numbers } = this.#segment
    if (tableBytes === 0 || this.#used === numbers.length) return false
    if (builder.bytes >= tableBytes) return true
    if (this.entries % OVERLAP_ENTRIES !== 0 || this.#deeper === undefined) return false
    this.#overlapBytes += this.#deeper.passed(keyBytes, keyStart, keyEnd)
    return this.#overlapBytes > this.#job.overlapBytesMax
  }

  #start(): TableBuilder {
    const { createdMs } = this.#job
    const { numbers, shape } = this.#segment
    this.#number = numbers[this.#used++]!
    this.#builder = new TableBuilder({ ...shape, createdMs, number: this.#number }, this.#store.chunks)
    return this.#builder
  }

  /** Ends the segments that lie before the key. */
  #enterSegments(keyBytes: Buffer, keyStart: number, keyEnd: number): void {
    for (let next = this.#later[0]; next !== undefined; next = this.#later[0]) {
      if (compareRanges(next.from, 0, next.from.length, keyBytes, keyStart, keyEnd) > 0) return
      this.#enterSegment(next)
    }
  }

  #enterSegment(next: JobSegment & { readonly from: Bytes }): void {
    const from = Buffer.from(next.from)
    this.#endTable(from)
    this.#from = from
    this.#segment = next
    this.#later = this.#later.slice(1)
    this.#used = 0
  }

  /** Ends the table under way; the next one begins at `to`. Undefined: there is none. */
  #endTable(to: Buffer | undefined): void {
    if (this.#tombstones.size > 0) {
      for (const fragment of this.#tombstones.clip(this.#from, to).fragments()) {
        const builder = this.#builder ?? this.#start()
        for (const sequence of fragment.sequences) builder.addRangeTombstone(fragment.from, fragment.to, sequence)
      }
    }
    const builder = this.#builder
    if (builder === undefined) return
    const meta = builder.finish()
    this.#ended.push({ number: this.#number, parts: builder.take(), meta })
    this.#builder = undefined
    this.#due = false
    this.#overlapBytes = 0
    this.#takenBytes = 0
  }

  /** It is time for {@link drain}. */
  get ready(): boolean {
    if (this.#ended.length > 0) return true
    return this.#builder !== undefined && this.#builder.bytes - this.#takenBytes >= READY_BYTES
  }

  /** Hands on what is finished. */
  *drain(): Op<void> {
    for (const { number, parts, meta } of this.#ended) {
      yield* this.#write(number, parts)
      yield* this.#store.end(meta)
      this.outputs.push(meta)
    }
    this.#ended = []
    const builder = this.#builder
    if (builder === undefined) return
    this.#takenBytes = builder.bytes
    const parts = builder.take()
    if (parts.length > 0) yield* this.#write(this.#number, parts)
  }

  *#write(number: number, parts: readonly Bytes[]): Op<void> {
    yield* this.#store.write(number, parts)
    // What was transferred is empty, and comes back by itself.
    this.#store.chunks.give(parts)
  }

  /** Ends the last table. */
  *finish(): Op<void> {
    for (const next of this.#later) this.#enterSegment(next)
    this.#endTable(undefined)
    yield* this.drain()
  }
}
