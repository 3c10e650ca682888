import type { LsmDb } from '../db/db.ts'
import { LevelError } from '../error.ts'
import { runSync } from '../op.ts'
import { type EncodedRangeOptions, type Entry, EntryReader } from './entry-reader.ts'

/** Turns encoded keys and values into what the caller asked for. */
export interface EntryDecoder<K, V> {
  readonly key: (data: unknown) => K
  readonly value: (data: unknown) => V
}

/**
 * Entries of a range, on the spot. It sees what the database held when it was made. To be closed; closing the database closes it too.
 * LEVEL_SYNC_UNAVAILABLE where a medium answers only asynchronously.
 */
export class SyncIterator<K, V> {
  readonly #reader: EntryReader
  readonly #decoder: EntryDecoder<K, V>
  readonly #detach: (iterator: object) => void
  #left: number
  #closed = false

  constructor(db: LsmDb, o: EncodedRangeOptions, decoder: EntryDecoder<K, V>, detach: (iterator: object) => void) {
    this.#reader = new EntryReader(db, o)
    this.#decoder = decoder
    this.#detach = detach
    this.#left = o.limit === undefined || o.limit < 0 ? Number.POSITIVE_INFINITY : o.limit
  }

  /** The next entry, or undefined at the end. */
  next(): [K, V] | undefined {
    this.#checkOpen()
    if (this.#left < 1) return undefined
    const entry = runSync(this.#reader.one())
    if (entry === undefined) return undefined
    this.#left--
    return this.#decode(entry)
  }

  /** Up to `size` entries; fewer only at the end. */
  nextv(size: number): [K, V][] {
    this.#checkOpen()
    if (!Number.isInteger(size)) throw new TypeError("The first argument 'size' must be an integer")
    const entries: [K, V][] = []
    const most = Math.min(Math.max(size, 1), this.#left)
    while (entries.length < most) {
      const some = runSync(this.#reader.some(most - entries.length))
      if (some.length === 0) break
      for (const entry of some) entries.push(this.#decode(entry))
    }
    this.#left -= entries.length
    return entries
  }

  /** Goes on at the first key at or behind `target`, an encoded key, in the direction of travel. */
  seek(target: Uint8Array | string): void {
    this.#checkOpen()
    this.#reader.seek(Buffer.from(target as Uint8Array))
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#reader.close()
    this.#detach(this)
  }

  *[Symbol.iterator](): Generator<[K, V], void, undefined> {
    try {
      for (let entry = this.next(); entry !== undefined; entry = this.next()) yield entry
    } finally {
      this.close()
    }
  }

  #decode(entry: Entry): [K, V] {
    const [key, value] = entry
    const decoded = entry as unknown as [K, V]
    if (key !== undefined) decoded[0] = this.#decoder.key(key)
    if (value !== undefined) decoded[1] = this.#decoder.value(value)
    return decoded
  }

  #checkOpen(): void {
    if (this.#closed) throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the iterator is closed')
  }
}
