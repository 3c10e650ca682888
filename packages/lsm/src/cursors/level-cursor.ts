import { type Bytes, compareBytes } from '../bytes.ts'
import type { TableCache } from '../cache/table-cache.ts'
import type { Cursor } from '../cursor.ts'
import type { Op } from '../op.ts'
import type { TableCursorOptions } from '../table/table-cursor.ts'
import type { TableReader } from '../table/table-reader.ts'
import type { TableMeta } from '../table-meta.ts'
import { Position } from './position.ts'

const BEFORE = -1
const INSIDE = 0
const AFTER = 1

export interface LevelCursorOptions extends TableCursorOptions {
  /** The caller looks at keys that start with this only: tables whose prefix filter denies it are passed over. */
  readonly prefix?: Bytes
}

/** The entries of sorted tables with disjoint keys as one sequence; one table is open at a time. */
export class LevelCursor extends Position implements Cursor {
  readonly #metas: readonly TableMeta[]
  readonly #tables: TableCache
  readonly #options: LevelCursorOptions
  #cursor: Cursor | undefined
  /** The table of `#cursor`. */
  #table = -1
  /** `#cursor` has left its table on this side while the entry shown is still its last there. */
  #left: typeof BEFORE | typeof INSIDE | typeof AFTER = INSIDE

  constructor(metas: readonly TableMeta[], tables: TableCache, options: LevelCursorOptions = {}) {
    super()
    this.#metas = metas
    this.#tables = tables
    this.#options = options
  }

  *first(): Op<void> {
    yield* this.#firstFrom(0)
  }

  *last(): Op<void> {
    yield* this.#lastFrom(this.#metas.length - 1)
  }

  seekNow(key: Bytes, sequence: number): boolean {
    this.valid = false
    const table = this.#tableFor(key)
    const meta = this.#metas[table]
    if (meta === undefined) return true
    if (table !== this.#table || this.#cursor === undefined) {
      const reader = this.#tables.peek(meta.number)
      if (reader === undefined || !this.#wanted(meta, reader)) return false
      this.#use(table, reader)
    }
    this.#left = INSIDE
    const cursor = this.#cursor!
    if (cursor.seekNow?.(key, sequence) !== true) return false
    if (!cursor.valid && table + 1 < this.#metas.length) return false
    this.show(cursor)
    return true
  }

  *seek(key: Bytes, sequence: number): Op<void> {
    this.valid = false
    const table = this.#tableFor(key)
    const cursor = yield* this.#open(table)
    if (cursor !== undefined) {
      yield* cursor.seek(key, sequence)
      if (cursor.valid) {
        this.show(cursor)
        return
      }
    }
    yield* this.#firstFrom(table + 1)
  }

  *seekBefore(key: Bytes, sequence: number): Op<void> {
    this.valid = false
    const table = this.#tableFor(key)
    const cursor = yield* this.#open(table)
    if (cursor !== undefined) {
      yield* cursor.seekBefore(key, sequence)
      if (cursor.valid) {
        this.show(cursor)
        return
      }
    }
    yield* this.#lastFrom(table - 1)
  }

  /** The first table with keys at or above `key`. */
  #tableFor(key: Bytes): number {
    const metas = this.#metas
    let low = 0
    let high = metas.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { largest, largestIncluded } = metas[middle]!
      const order = compareBytes(largest, key)
      if (order > 0 || (order === 0 && largestIncluded)) high = middle
      else low = middle + 1
    }
    return low
  }

  /** A cursor over the table, or undefined: there is no such table, or nothing in it to look at. */
  *#open(table: number): Op<Cursor | undefined> {
    this.#left = INSIDE
    if (table === this.#table && this.#cursor !== undefined) return this.#cursor
    const meta = this.#metas[table]
    if (meta === undefined || meta.entries === 0) return undefined
    const reader = this.#tables.peek(meta.number) ?? (yield* this.#tables.get(meta))
    return this.#wanted(meta, reader) ? this.#use(table, reader) : undefined
  }

  #wanted(meta: TableMeta, reader: TableReader): boolean {
    const { prefix } = this.#options
    return meta.entries > 0 && (prefix === undefined || reader.mayHavePrefix(prefix))
  }

  #use(table: number, reader: TableReader): Cursor {
    this.#cursor?.close()
    this.#cursor = reader.cursor(this.#options)
    this.#table = table
    return this.#cursor
  }

  *#firstFrom(table: number): Op<void> {
    this.valid = false
    for (let i = table; i < this.#metas.length; i++) {
      const cursor = yield* this.#open(i)
      if (cursor === undefined) continue
      yield* cursor.first()
      this.show(cursor)
      if (this.valid) return
    }
  }

  *#lastFrom(table: number): Op<void> {
    this.valid = false
    for (let i = table; i >= 0; i--) {
      const cursor = yield* this.#open(i)
      if (cursor === undefined) continue
      yield* cursor.last()
      this.show(cursor)
      if (this.valid) return
    }
  }

  nextNow(): boolean {
    const cursor = this.#cursor!
    if (!cursor.valid || !cursor.nextNow()) return false
    if (!cursor.valid && this.#table + 1 < this.#metas.length) {
      this.#left = AFTER
      return false
    }
    this.show(cursor)
    return true
  }

  *next(): Op<void> {
    const cursor = this.#cursor!
    if (this.#left === BEFORE) yield* cursor.first()
    if (cursor.valid) yield* cursor.next()
    this.#left = INSIDE
    if (cursor.valid) this.show(cursor)
    else yield* this.#firstFrom(this.#table + 1)
  }

  prevNow(): boolean {
    const cursor = this.#cursor!
    if (!cursor.valid || !cursor.prevNow()) return false
    if (!cursor.valid && this.#table > 0) {
      this.#left = BEFORE
      return false
    }
    this.show(cursor)
    return true
  }

  *prev(): Op<void> {
    const cursor = this.#cursor!
    if (this.#left === AFTER) yield* cursor.last()
    if (cursor.valid) yield* cursor.prev()
    this.#left = INSIDE
    if (cursor.valid) this.show(cursor)
    else yield* this.#lastFrom(this.#table - 1)
  }

  close(): void {
    this.valid = false
    this.#cursor?.close()
    this.#cursor = undefined
    this.#table = -1
  }
}
