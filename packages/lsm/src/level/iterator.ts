import { AbstractIterator } from 'abstract-level'
import { checkAborted } from '../abort.ts'
import { answer } from '../db/answer.ts'
import type { LsmDb } from '../db/db.ts'
import { runAsync } from '../op.ts'
import { type EncodedRangeOptions, type Entry, EntryReader } from './entry-reader.ts'

/** Entries read ahead for `next()`, after the first: a loop that awaits each entry pays for a slice at a time. */
const AHEAD_ENTRIES = 1000
const NOTHING: Entry[] = []

/** See `AbstractIterator`. Answers from memory are given in the step of the call. */
// biome-ignore lint/suspicious/noExplicitAny: the private face of abstract-level works on encoded data of any format
export class LsmIterator extends AbstractIterator<any, any, any> {
  readonly #reader: EntryReader
  readonly #signal: AbortSignal | undefined
  #ahead: Entry[] = NOTHING
  #at = 0
  #begun = false

  constructor(level: object, db: LsmDb, options: EncodedRangeOptions) {
    super(level, options as never)
    this.#reader = new EntryReader(db, options)
    this.#signal = options.signal ?? undefined
  }

  _next(): Entry | undefined | Promise<Entry | undefined> {
    if (this.#at < this.#ahead.length) return this.#ahead[this.#at++]
    if (this.#signal !== undefined) return this.#unlessAborted(runAsync(this.#reader.one()))
    if (!this.#begun) {
      // Often only one entry is wanted, after a seek too.
      this.#begun = true
      return answer(this.#reader.one())
    }
    const entries = answer(this.#reader.some(AHEAD_ENTRIES))
    return entries instanceof Promise ? entries.then((ready) => this.#refill(ready)) : this.#refill(entries)
  }

  #refill(entries: Entry[]): Entry | undefined {
    this.#ahead = entries
    this.#at = 1
    return entries[0]
  }

  _nextv(size: number): Entry[] | Promise<Entry[]> {
    this.#begun = true
    if (this.#at < this.#ahead.length) {
      const ready = this.#ahead.slice(this.#at, this.#at + size)
      this.#at += ready.length
      return ready
    }
    if (this.#signal !== undefined) return this.#unlessAborted(runAsync(this.#reader.some(size)))
    return answer(this.#reader.some(size))
  }

  async #unlessAborted<T>(reading: Promise<T>): Promise<T> {
    const value = await reading
    checkAborted(this.#signal)
    return value
  }

  _seek(target: string | Uint8Array): void {
    this.#ahead = NOTHING
    this.#at = 0
    this.#begun = false
    this.#reader.seek(typeof target === 'string' ? Buffer.from(target, 'utf8') : Buffer.from(target))
  }

  async _close(): Promise<void> {
    this.#ahead = NOTHING
    this.#reader.close()
  }
}
