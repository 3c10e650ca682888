/** Rows of long ranges in bounded pages, and one layer of rows laid over another (FORMAT.md, "Snapshots"). */

import { isAbsent } from '../format/snapshot.ts'
import { parseHistoryKey } from '../format/snapshot-keys.ts'
import type { Op } from '../op.ts'
import { keyText } from '../store/key.ts'
import type { Bytes, KeyRange, Row, Tx } from '../store/store.ts'

/** A row on its way; without a value it says that there is none. */
export interface StreamRow {
  readonly text: string
  readonly key: Bytes
  readonly value: Bytes | undefined
}

/** Rows in the order of their keys. */
export interface RowStream {
  /** The next row, or undefined at the end. */
  peek(): Op<StreamRow | undefined>
  /** Goes on behind the row that `peek` answered. */
  skip(): void
}

/** What a transaction sees of a range, `pageRows` at a time. */
export class PagedRows implements RowStream {
  readonly #tx: Pick<Tx, 'range'>
  readonly #range: KeyRange
  readonly #pageRows: number
  #page: readonly Row[] = []
  #at = 0
  #isLast = false
  #after: Bytes | undefined
  #current: StreamRow | undefined

  constructor(tx: Pick<Tx, 'range'>, range: KeyRange, pageRows: number) {
    this.#tx = tx
    this.#range = range
    this.#pageRows = pageRows
  }

  *peek(): Op<StreamRow | undefined> {
    if (this.#current !== undefined) return this.#current
    if (this.#at === this.#page.length) {
      if (this.#isLast) return undefined
      const { gte, gt, lt, keysOnly } = this.#range
      const start = this.#after !== undefined ? { gt: this.#after } : gt !== undefined ? { gt } : { gte }
      this.#page = yield* this.#tx.range({ ...start, lt, keysOnly, limit: this.#pageRows } as KeyRange)
      this.#at = 0
      this.#isLast = this.#page.length < this.#pageRows
      if (this.#page.length === 0) return undefined
      this.#after = this.#page[this.#page.length - 1]!.key
    }
    const { key, value } = this.#page[this.#at]!
    this.#current = { text: keyText(key), key, value }
    return this.#current
  }

  skip(): void {
    this.#current = undefined
    this.#at++
  }
}

/** What rows were at a snapshot, of those that changed since: of each key the history row with the lowest tag >= `tag`. */
export class HistoryRows implements RowStream {
  readonly #rows: RowStream
  readonly #tag: number
  #current: StreamRow | undefined
  #done = ''

  constructor(rows: RowStream, tag: number) {
    this.#rows = rows
    this.#tag = tag
  }

  *peek(): Op<StreamRow | undefined> {
    while (this.#current === undefined) {
      const row = yield* this.#rows.peek()
      if (row === undefined) return undefined
      const parts = parseHistoryKey(row.key)
      const text = parts === undefined ? '' : keyText(parts.key)
      if (parts === undefined || parts.tag < this.#tag || text === this.#done) {
        this.#rows.skip()
        continue
      }
      const value = row.value === undefined || isAbsent(row.value) ? undefined : row.value
      this.#current = { text, key: parts.key, value }
    }
    return this.#current
  }

  skip(): void {
    this.#done = this.#current!.text
    this.#current = undefined
    this.#rows.skip()
  }
}

/** Adds to `rows`, up to `limit` of them, what two layers show together: a row of `over` hides its like in `under`. */
export function* overlay(over: RowStream, under: RowStream, rows: Row[], limit: number): Op<void> {
  while (rows.length < limit) {
    const upper = yield* over.peek()
    const lower = yield* under.peek()
    if (upper === undefined && lower === undefined) return
    if (upper === undefined || (lower !== undefined && lower.text < upper.text)) {
      if (lower!.value !== undefined) rows.push({ key: lower!.key, value: lower!.value })
      under.skip()
      continue
    }
    if (upper.value !== undefined) rows.push({ key: upper.key, value: upper.value })
    over.skip()
    if (lower !== undefined && lower.text === upper.text) under.skip()
  }
}
