/**
 * The newest committed state: the row cache over the overlay over the database.
 *
 * I1: at the instant of a read, the cache (written through at commit) and the overlay (committed, not landed) hold
 *     everything the database may not have yet; a database read begun in that same step completes the picture.
 * I2: a database read that was overtaken by a commit of its key or range may return the old row or the new one. Its
 *     reader is stale then (conflict-set.ts I2), and the row does not enter the cache (row-cache.ts I1).
 */
import type { CommitQueue } from './commit-queue.ts'
import { type Database, type Encodings, mustWait, readFailure } from './database.ts'
import { type KeyIndex, type KeySlice, type OverRow, orderSlices } from './key-index.ts'
import type { Overlay } from './overlay.ts'
import { mergeRange, mergeRangeSync, type RangeResult, type TextRange } from './range.ts'
import type { RowCache } from './row-cache.ts'
import type { Bytes, KeyRange } from './store.ts'

export interface CommittedParts {
  readonly database: Database
  readonly encodings: Encodings
  readonly overlay: Overlay
  readonly cache: RowCache
  readonly queue: CommitQueue
  /** Whether a point read that misses may block. */
  readonly syncReads: boolean
  /** Whether ranges may be read on the spot. */
  readonly syncRanges: boolean
}

/** The longest range that an asynchronous caller reads on the spot: what blocks the event loop stays short. */
const rowsAtOnceMax = 4096

export class Committed {
  /** The sequence number of the newest commit. */
  seq = 0
  readonly #database: Database
  readonly #encodings: Encodings
  readonly #overlay: Overlay
  readonly #cache: RowCache
  readonly #queue: CommitQueue
  readonly #syncReads: boolean
  readonly #syncRanges: boolean

  constructor(parts: CommittedParts) {
    this.#database = parts.database
    this.#encodings = parts.encodings
    this.#overlay = parts.overlay
    this.#cache = parts.cache
    this.#queue = parts.queue
    this.#syncReads = parts.syncReads
    this.#syncRanges = parts.syncRanges
  }

  /** The value if it is at hand, `null` if there is no such row, or a promise of it. Throws and rejects with EIO. */
  read(text: string, key: Bytes): Bytes | null | Promise<Bytes | undefined> {
    const value = this.peek(text, key)
    return value === undefined ? this.#load(text, key) : value
  }

  /** As `read`; undefined when the database would have to be waited for. */
  peek(text: string, key: Bytes): Bytes | null | undefined {
    const cached = this.#cache.get(text)
    if (cached !== undefined) return cached
    const row = this.#overlay.find(text)
    if (row !== undefined) return row.value ?? null
    if (!this.#syncReads || this.#queue.recovery !== undefined) return undefined
    let value: Bytes | undefined
    try {
      value = this.#database.getSync!(key, this.#encodings)
    } catch (error) {
      if (mustWait(error)) return undefined
      throw readFailure(error)
    }
    this.#cache.fillNow(text, value)
    return value ?? null
  }

  /**
   * The rows of a range, with a transaction's own writes laid over them; `undefined` when it cannot be read on the spot
   * (or, for a caller that `mayWait`, should not be: it is long). Throws EIO.
   */
  scanNow(range: KeyRange, text: TextRange, own: KeyIndex | undefined, mayWait: boolean): RangeResult | undefined {
    if (!this.#syncRanges || this.#queue.recovery !== undefined) return undefined
    if (mayWait && !(range.limit !== undefined && range.limit <= rowsAtOnceMax)) return undefined
    try {
      return mergeRangeSync(this.#database, this.#encodings, range, this.#over(range, text, own))
    } catch (error) {
      if (mustWait(error)) return undefined
      throw readFailure(error)
    }
  }

  /** As `scanNow`, from a database that answers later. Rejects with EIO. */
  scan(range: KeyRange, text: TextRange, own: KeyIndex | undefined): Promise<RangeResult> {
    // One synchronous step: what is laid over and the iterator belong to the same instant.
    return this.#undisturbed(() => mergeRange(this.#database, this.#encodings, range, this.#over(range, text, own)))
  }

  #over(range: KeyRange, text: TextRange, own: KeyIndex | undefined): OverRow[] {
    const slices: KeySlice[] = []
    this.#overlay.slices(text, slices)
    own?.slices(text, slices)
    return orderSlices(slices, range.limit ?? Number.POSITIVE_INFINITY, range.reverse === true)
  }

  async #load(text: string, key: Bytes): Promise<Bytes | undefined> {
    const ticket = this.#cache.expect(text)
    try {
      const value = await this.#undisturbed(() => this.#database.get(key, this.#encodings))
      this.#cache.fill(text, ticket, value)
      return value
    } finally {
      this.#cache.unexpect(text, ticket)
    }
  }

  /** Reads when no recovery is under way (the database may be closed meanwhile), and again if one came in between. */
  async #undisturbed<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#queue.recovery !== undefined) await this.#queue.recovery
      const { recoveries } = this.#queue
      try {
        return await read()
      } catch (error) {
        if (this.#queue.recoveries === recoveries) throw readFailure(error)
      }
    }
  }
}
