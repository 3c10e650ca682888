/**
 * Reading a range: committed-but-not-landed rows and a transaction's own writes laid over what the database's iterator
 * returns.
 *
 * I1: the rows laid over are collected in the same synchronous step in which the iterator is created. What lands later
 *     is in both and counts once; what is committed later is seen, if at all, only by a transaction that is stale.
 * I2: at most `limit` rows, and fewer only if no more exist: the iterator is read on until enough rows survived the
 *     tombstones.
 */
import { type Op, pending, runAsync, runSync } from '../op.ts'
import type { Database, DatabaseIterator, Encodings, RangeOptions, SyncDatabaseIterator } from './database.ts'
import { keyText } from './key.ts'
import type { OverRow } from './key-index.ts'
import type { Bytes, KeyRange, Row } from './store.ts'

/** Rows fetched at once: enough for a directory page, few enough that 64 KiB extents do not flood the memory. */
const pageRowsMax = 256

/** A range with its bounds as strings. */
export interface TextRange {
  readonly low: string | undefined
  readonly lowIncluded: boolean
  readonly high: string
}

export function textRange(range: KeyRange): TextRange {
  const low = range.gte ?? range.gt
  return {
    low: low === undefined ? undefined : keyText(low),
    lowIncluded: range.gt === undefined,
    high: keyText(range.lt),
  }
}

const NO_VALUE: Bytes = Buffer.alloc(0)

/** The rows of a range and how far they reach. */
export interface RangeResult {
  readonly rows: Row[]
  /** The text of the last row's key when the limit cut the range. */
  readonly cutAt: string | undefined
}

/** Opens the iterator at once (I1: call it in the step in which `over` was collected) and merges what it returns. */
export function mergeRange(
  database: Database,
  encodings: Encodings,
  range: KeyRange,
  over: readonly OverRow[],
): Promise<RangeResult> {
  const iterator = database.iterator(toOptions(encodings, range))
  return runAsync(merge(iterator, over, range))
}

/** The same on the spot, where the database has `iteratorSync`. */
export function mergeRangeSync(
  database: Database,
  encodings: Encodings,
  range: KeyRange,
  over: readonly OverRow[],
): RangeResult {
  const iterator = database.iteratorSync!(toOptions(encodings, range))
  return runSync(merge(iterator, over, range))
}

function toOptions(encodings: Encodings, { gte, gt, lt, reverse = false, keysOnly }: KeyRange): RangeOptions {
  const options: RangeOptions = { ...encodings, lt, reverse }
  if (keysOnly === true) options.values = false
  if (gt !== undefined) options.gt = gt
  else if (gte !== undefined) options.gte = gte
  return options
}

function* awaited<T>(value: T | Promise<T>): Op<T> {
  return value instanceof Promise ? yield* pending(value) : value
}

function* merge(
  iterator: DatabaseIterator | SyncDatabaseIterator,
  over: readonly OverRow[],
  { limit = Number.POSITIVE_INFINITY, reverse = false, keysOnly = false }: KeyRange,
): Op<RangeResult> {
  const rows: Row[] = []
  let next = 0
  /** Takes the over-rows that come before a key of the database; answers whether the limit is reached. */
  const takeBefore = (text: string | undefined): boolean => {
    for (; next < over.length && rows.length < limit; next++) {
      const [overText, row] = over[next]!
      if (text !== undefined && (reverse ? overText <= text : overText >= text)) break
      if (row.value !== undefined) rows.push({ key: row.key, value: row.value })
    }
    return rows.length >= limit
  }
  let lastText: string | undefined
  try {
    read: for (;;) {
      const page = yield* awaited(iterator.nextv(Math.min(pageRowsMax, limit - rows.length)))
      if (page.length === 0) {
        takeBefore(undefined)
        break
      }
      for (const [key, value] of page) {
        // With nothing left to lay over, the text is needed for the last row only.
        const text = next < over.length ? keyText(key) : undefined
        if (text !== undefined && takeBefore(text)) break read
        if (next < over.length && over[next]![0] === text) {
          const row = over[next++]![1]
          if (row.value !== undefined) rows.push({ key: row.key, value: row.value })
        } else rows.push({ key, value: keysOnly ? NO_VALUE : value })
        if (rows.length >= limit) break read
      }
    }
  } finally {
    yield* awaited(iterator.close())
  }
  if (rows.length >= limit) lastText = keyText(rows[rows.length - 1]!.key)
  return { rows, cutAt: lastText }
}
