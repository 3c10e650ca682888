/**
 * The rows read or written last, bounded in bytes. Two generations: what is used moves to the young one; when that is
 * half the bound, it becomes the old one and the old one goes. A scan of strangers therefore displaces at most what was
 * not used since the last turn.
 *
 * I1: a cached row is the newest committed one. Commits write through (`put`), and what a database read brings in is
 *     only kept if the key was not committed since the read began (`expect` ... `fill`).
 */
import type { Bytes } from './store.ts'

/** Larger values are not cached: extents would push out what every path walk needs. */
const valueBytesMax = 4096
/** A cached value may be a small view of a large buffer and would keep all of it alive: beyond this it is copied. */
const backingBytesMax = 65_536
/** What an entry costs beside its bytes: the map's slot, the string's and the view's headers. */
const entryBytes = 160

/** `null`: known not to exist. */
type Cached = Bytes | null

export class RowCache {
  readonly #generationBytesMax: number
  #young = new Map<string, Cached>()
  #old = new Map<string, Cached>()
  #youngBytes = 0
  /** Reads of the database under way, by key; a commit of the key takes its entry out. */
  readonly #expected = new Map<string, object>()

  constructor(bytesMax: number) {
    this.#generationBytesMax = bytesMax / 2
  }

  /** The row's value; `null`: there is no such row; `undefined`: the cache does not know. */
  get(key: string): Bytes | null | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.#insert(key, old)
    return old
  }

  /** A committed row; an undefined value is a tombstone. */
  put(key: string, value: Bytes | undefined): void {
    if (this.#expected.size > 0) this.#expected.delete(key)
    if (value === undefined) this.#insert(key, null)
    else if (value.length <= valueBytesMax) this.#insert(key, compact(value))
    else this.#forget(key)
  }

  /** A row read at this instant. */
  fillNow(key: string, value: Bytes | undefined): void {
    if (value === undefined) this.#insert(key, null)
    else if (value.length <= valueBytesMax) this.#insert(key, compact(value))
  }

  /** Announces a read of the database whose answer comes later. */
  expect(key: string): object {
    const ticket = {}
    this.#expected.set(key, ticket)
    return ticket
  }

  /** The answer to `expect`: kept unless the key was committed, or expected anew, in the meantime. */
  fill(key: string, ticket: object, value: Bytes | undefined): void {
    if (this.#expected.get(key) !== ticket) return
    this.#expected.delete(key)
    this.fillNow(key, value)
  }

  /** The answer to `expect` never came. */
  unexpect(key: string, ticket: object): void {
    if (this.#expected.get(key) === ticket) this.#expected.delete(key)
  }

  /** Bytes held now, by this class's own reckoning. */
  get bytes(): number {
    let bytes = 0
    for (const generation of [this.#young, this.#old]) {
      for (const [key, value] of generation) bytes += costOf(key, value)
    }
    return bytes
  }

  #forget(key: string): void {
    const young = this.#young.get(key)
    if (young !== undefined) {
      this.#youngBytes -= costOf(key, young)
      this.#young.delete(key)
    }
    this.#old.delete(key)
  }

  #insert(key: string, value: Cached): void {
    const cost = costOf(key, value)
    if (cost > this.#generationBytesMax) {
      this.#forget(key)
      return
    }
    const before = this.#young.get(key)
    if (before !== undefined) this.#youngBytes -= costOf(key, before)
    // The old copy would be a second, and after a later commit an outdated, answer.
    else this.#old.delete(key)
    if (this.#youngBytes + cost > this.#generationBytesMax) {
      if (before !== undefined) this.#young.delete(key)
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(key, value)
    this.#youngBytes += cost
  }
}

const costOf = (key: string, value: Cached): number => entryBytes + key.length + (value === null ? 0 : value.length)

const compact = (value: Bytes): Bytes => (value.buffer.byteLength > backingBytesMax ? value.slice() : value)
