/**
 * What a user's transaction has written so far: rows laid over the transaction's own view of the volume, with the
 * possibility to take back what the operation at hand wrote.
 *
 * I1: between two operations the rows are those of all operations that succeeded, and of no other.
 */
import { ViveError } from '../errors.ts'
import type { Op } from '../op.ts'
import type { WriteRow } from '../store/database.ts'
import { keyText } from '../store/key.ts'
import { KeyIndex, type KeySlice, type OverRow, orderSlices } from '../store/key-index.ts'
import { bytesOf } from '../store/overlay.ts'
import { textRange } from '../store/range.ts'
import type { Bytes, KeyRange, Row, Tx } from '../store/store.ts'

/** `isDiscarded`: deleted, and nothing of it is to be kept (Tx.discard). */
export type StagedRow = WriteRow & { readonly isDiscarded?: boolean }

export class StagedRows {
  /** Keys and values. */
  bytes = 0
  /** Grows with every write, whatever becomes of it. */
  writes = 0
  readonly #bytesMax: number
  readonly #rows = new Map<string, StagedRow>()
  #index: KeyIndex | undefined
  /** What the rows written by the operation at hand were before it, oldest first. */
  #before: [text: string, row: StagedRow | undefined][] = []

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#rows.size
  }

  values(): Iterable<StagedRow> {
    return this.#rows.values()
  }

  /** ERR_VIVEFS_BATCH_TOO_BIG. */
  write(row: StagedRow): void {
    const text = keyText(row.key)
    const before = this.#rows.get(text)
    const bytes = this.bytes + bytesOf(row) - (before === undefined ? 0 : bytesOf(before))
    if (bytes > this.#bytesMax) {
      throw new ViveError('ERR_VIVEFS_BATCH_TOO_BIG', `a transaction may write at most ${this.#bytesMax} bytes`)
    }
    this.writes++
    this.#before.push([text, before])
    this.#rows.set(text, row)
    this.bytes = bytes
  }

  /** The operation at hand succeeded. */
  keep(): void {
    this.#before = []
  }

  /** The operation at hand failed: what it wrote was never written. */
  takeBack(): void {
    for (const [text, row] of this.#before.reverse()) {
      const now = this.#rows.get(text)
      if (now !== undefined) this.bytes -= bytesOf(now)
      if (row === undefined) this.#rows.delete(text)
      else {
        this.#rows.set(text, row)
        this.bytes += bytesOf(row)
      }
    }
    // It knows of no row that is taken out.
    if (this.#before.length > 0) this.#index = undefined
    this.#before = []
  }

  *get(below: Tx, key: Bytes): Op<Bytes | undefined> {
    const row = this.#rows.get(keyText(key))
    return row === undefined ? yield* below.get(key) : row.value
  }

  *range(below: Tx, range: KeyRange): Op<readonly Row[]> {
    if (this.#rows.size === 0) return yield* below.range(range)
    const reverse = range.reverse === true
    const over = this.#over(range, reverse)
    if (over.length === 0) return yield* below.range(range)
    if (range.limit === undefined) return merge(yield* below.range(range), over, Number.POSITIVE_INFINITY, reverse)
    // As many more rows as may be hidden: then what is above the last row below is not asked for.
    const hidden = over.filter(([, row]) => row.value === undefined).length
    const rows = yield* below.range({ ...range, limit: range.limit + hidden })
    return merge(rows, over, range.limit, reverse)
  }

  #over(range: KeyRange, reverse: boolean): OverRow[] {
    this.#index ??= new KeyIndex(this.#rows)
    const slices: KeySlice[] = []
    this.#index.slices(textRange(range), slices)
    return orderSlices(slices, Number.POSITIVE_INFINITY, reverse)
  }
}

/** `over` wins; both in the order of the range. */
function merge(rows: readonly Row[], over: readonly OverRow[], limit: number, reverse: boolean): Row[] {
  const merged: Row[] = []
  let at = 0
  for (const [text, { key, value }] of over) {
    for (; at < rows.length; at++) {
      const below = keyText(rows[at]!.key)
      if (below === text) {
        at++
        break
      }
      if (reverse ? below < text : below > text) break
      merged.push(rows[at]!)
    }
    if (value !== undefined) merged.push({ key, value })
    if (merged.length >= limit) break
  }
  while (at < rows.length && merged.length < limit) merged.push(rows[at++]!)
  return merged.length > limit ? merged.slice(0, limit) : merged
}
