import type { BlobFiles } from '../blob/blob-files.ts'
import type { BlobPointer } from '../blob/blob-pointer.ts'
import type { Bytes } from '../bytes.ts'
import { boundsOf, type RangeOptions } from '../db/bounds.ts'
import type { LsmDb } from '../db/db.ts'
import type { Scan } from '../db/scan.ts'
import { GIVEN } from '../lookup.ts'
import { type Op, runAsync, runSync, wait } from '../op.ts'
import { sequenceOf } from './snapshot.ts'
import { type Take, takeAs } from './take.ts'

/** Options of an iterator as abstract-level hands them down: keys encoded, encodings as formats. */
export interface EncodedRangeOptions extends RangeOptions {
  readonly reverse?: boolean
  readonly limit?: number
  readonly keys?: boolean
  readonly values?: boolean
  readonly keyEncoding?: string
  readonly valueEncoding?: string
  readonly fillCache?: boolean
  /** Default true; false: values may be views. Keys are copied always: they are put together while scanning. */
  readonly copy?: boolean
  readonly snapshot?: object | undefined
  readonly signal?: AbortSignal | null | undefined
}

export type Entry = [key: string | Buffer | undefined, value: string | Buffer | undefined]

/** An entry whose value has to be waited for. */
interface Apart {
  readonly entry: Entry
  readonly pointer: BlobPointer
}

/** Entries of one slice: then the event loop gets its turn. */
const SLICE_ENTRIES = 4096
const SLICE_BYTES = 4 << 20

/** Reads the entries of a range, a slice at a time. What both kinds of iterator stand on. */
export class EntryReader {
  readonly #scan: Scan
  readonly #takeKey: Take | undefined
  readonly #takeValue: Take | undefined
  readonly #blobs: BlobFiles

  /** Sees what the database holds now, or what the snapshot in the options does. */
  constructor(db: LsmDb, o: EncodedRangeOptions) {
    this.#blobs = db.tree.blobs
    this.#takeKey = o.keys === false ? undefined : takeAs(o.keyEncoding)
    this.#takeValue = o.values === false ? undefined : takeAs(o.valueEncoding, o.copy)
    const { reverse = false, fillCache } = o
    const options = { bounds: boundsOf(o), reverse, fillCache, lend: o.copy === false }
    this.#scan = db.scan(sequenceOf(o.snapshot) ?? db.lastSequence, options)
  }

  seek(target: Bytes): void {
    this.#scan.seek(target)
  }

  /** One entry, or undefined at the end. */
  *one(): Op<Entry | undefined> {
    const scan = this.#scan
    if (!scan.nextNow()) yield* scan.next()
    const { cursor } = scan
    if (!cursor.valid) return undefined
    return cursor.elsewhere && this.#takeValue !== undefined ? yield* this.#entryElsewhere() : this.#entry()
  }

  /**
   * Up to `size` entries, fewer where a slice ends before; none only at the end. What can be answered from memory is not held up by what
   * has to be read.
   */
  *some(size: number): Op<Entry[]> {
    const scan = this.#scan
    const entries: Entry[] = []
    const apart: Apart[] = []
    const most = Math.min(size, SLICE_ENTRIES)
    let bytes = 0
    while (entries.length < most && bytes < SLICE_BYTES) {
      if (!scan.nextNow()) yield* scan.next()
      const { cursor } = scan
      if (!cursor.valid) break
      bytes += cursor.valueEnd - cursor.valueStart
      if (cursor.elsewhere && this.#takeValue !== undefined) {
        const pointer = scan.pointer!
        bytes += pointer.length
        const value = this.#blobs.readNow(pointer)
        const entry = this.#entryWith(value)
        if (value === undefined) apart.push({ entry, pointer })
        entries.push(entry)
      } else entries.push(this.#entry())
    }
    if (apart.length > 0) yield* this.#fetch(apart)
    return entries
  }

  /** Values that have to be waited for: all of a slice together and in the order in which they lie, so that a medium with heads goes over them once. */
  *#fetch(apart: Apart[]): Op<void> {
    apart.sort((a, b) => a.pointer.file - b.pointer.file || a.pointer.offset - b.pointer.offset)
    const read = ({ pointer }: Apart) => this.#blobs.read(pointer)
    const values = yield* wait(
      () => Promise.all(apart.map((one) => runAsync(read(one)))),
      () => apart.map((one) => runSync(read(one))),
    )
    for (const [i, { entry }] of apart.entries()) entry[1] = this.#takeValue!(values[i]!, 0, values[i]!.length, GIVEN)
  }

  close(): void {
    this.#scan.close()
  }

  /** The entry under the cursor, whose value lies apart from its key. */
  *#entryElsewhere(): Op<Entry> {
    const pointer = this.#scan.pointer!
    return this.#entryWith(this.#blobs.readNow(pointer) ?? (yield* this.#blobs.read(pointer)))
  }

  /** The key under the cursor with a value from elsewhere; undefined: it is not there yet. */
  #entryWith(value: Buffer | undefined): Entry {
    const { keyBytes, keyStart, keyEnd } = this.#scan.cursor
    const key = this.#takeKey?.(keyBytes, keyStart, keyEnd, undefined)
    return [key, value === undefined ? undefined : this.#takeValue?.(value, 0, value.length, GIVEN)]
  }

  #entry(): Entry {
    const scan = this.#scan
    const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = scan.cursor
    const key = this.#takeKey?.(keyBytes, keyStart, keyEnd, undefined)
    return [key, this.#takeValue?.(valueBytes, valueStart, valueEnd, scan)]
  }
}
