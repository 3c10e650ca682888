import type { Bytes } from '../bytes.ts'
import type { EntrySink } from '../compaction/entry-rules.ts'
import type { ValueJob } from '../compaction/job.ts'
import { BLOB, type Kind, PUT } from '../kind.ts'
import type { Op } from '../op.ts'
import { BLOB_HEADER_BYTES, encodeValueHead } from './blob-format.ts'
import { type BlobPointer, POINTER_BYTES, readPointer, writePointer } from './blob-pointer.ts'
import { type Separation, separationOf } from './separation.ts'

/** One entry of a blob file: what stands before the value, and the value or where it lies now. Structured-clonable. */
export interface ValueItem {
  readonly head: Bytes
  readonly value: Bytes | BlobPointer
}

/** Where the values of a job go. */
export interface ValueStore {
  values(file: number, items: readonly ValueItem[]): Op<void>
}

/** Values, and values moved, at which it is time to hand them on. */
const READY_BYTES = 1 << 20

/**
 * Puts values into the blob files of a job, and hands their entries on with pointers: values of files that are to be emptied, and values that are
 * with their keys and should not be. Where each will lie is known before it is there, so values that only move are never seen
 * here: whoever owns the files copies them.
 */
export class ValueSink implements EntrySink {
  readonly #job: ValueJob
  readonly #next: EntrySink
  readonly #store: ValueStore
  readonly #rewrite: ReadonlySet<number>
  readonly #separation: Separation | undefined
  readonly #pointer: Buffer = Buffer.alloc(POINTER_BYTES)
  /** Index of the file's number. */
  #file = 0
  /** Where the next entry goes in it. */
  #at = BLOB_HEADER_BYTES
  #items: ValueItem[] = []
  #bytes = 0
  /** Ends of files that were not handed on. */
  #ended: { file: number; items: ValueItem[] }[] = []

  constructor(job: ValueJob, next: EntrySink, store: ValueStore) {
    this.#job = job
    this.#next = next
    this.#store = store
    this.#rewrite = new Set(job.rewrite)
    this.#separation = separationOf(job.separation)
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
    const value = this.#moving(keyBytes, keyStart, keyEnd, kind, valueBytes, valueStart, valueEnd)
    if (value === undefined) {
      this.#next.add(keyBytes, keyStart, keyEnd, sequence, kind, valueBytes, valueStart, valueEnd)
      return
    }
    const { length } = value
    const head = encodeValueHead(keyBytes, keyStart, keyEnd, length)
    this.#cut()
    this.#items.push({ head, value })
    this.#bytes += length
    const pointer = this.#pointer
    writePointer(pointer, 0, 'blob', this.#job.numbers[this.#file]!, this.#at + head.length, length)
    this.#at += head.length + length
    this.#next.add(keyBytes, keyStart, keyEnd, sequence, BLOB, pointer, 0, POINTER_BYTES)
  }

  /** What goes to a blob file; undefined: the entry stays as it is. */
  #moving(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    kind: Kind,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): Bytes | BlobPointer | undefined {
    if (kind === PUT && this.#separation !== undefined) {
      if (!this.#separation.separates(keyBytes, keyStart, keyEnd, valueEnd - valueStart)) return undefined
      return new Uint8Array(valueBytes.subarray(valueStart, valueEnd))
    }
    if (kind !== BLOB || this.#rewrite.size === 0) return undefined
    const pointer = readPointer(valueBytes, valueStart, valueEnd)
    return pointer !== undefined && this.#rewrite.has(pointer.file) ? pointer : undefined
  }

  /** Goes on in the next file when this one is long enough. */
  #cut(): void {
    const { numbers, fileBytes } = this.#job
    if (this.#at < fileBytes || this.#file + 1 >= numbers.length) return
    this.#ended.push({ file: numbers[this.#file]!, items: this.#items })
    this.#file++
    this.#at = BLOB_HEADER_BYTES
    this.#items = []
  }

  /** It is time for {@link drain}. */
  get ready(): boolean {
    return this.#bytes >= READY_BYTES
  }

  /** Hands on what there is. */
  *drain(): Op<void> {
    for (const { file, items } of this.#ended) yield* this.#store.values(file, items)
    this.#ended = []
    this.#bytes = 0
    if (this.#items.length === 0) return
    const items = this.#items
    this.#items = []
    yield* this.#store.values(this.#job.numbers[this.#file]!, items)
  }
}
