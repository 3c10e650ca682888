import type { TableCache } from '../cache/table-cache.ts'
import { FOUND, type Lookup, SEARCHING } from '../lookup.ts'
import type { MergeOperator } from '../merge-operator.ts'
import type { Op } from '../op.ts'
import type { TableMeta } from '../table-meta.ts'
import { covers } from '../version/table-range.ts'
import { mergeFull } from './merge.ts'
import type { ReadView } from './read-view.ts'

/**
 * Point reads: the sources from new to old, until one decides. `lookupNow` answers true when memory was enough; after false, start the
 * lookup again and drive `lookup`.
 */
export function lookupNow(view: ReadView, tables: TableCache, key: Buffer, lookup: Lookup): boolean {
  for (const memtable of view.memtables) {
    memtable.lookup(key, lookup)
    if (lookup.state !== SEARCHING) return true
  }
  const { version, deepest } = view
  for (const meta of version.levels[0]!) {
    if (!covers(meta, key)) continue
    const reader = tables.peek(meta.number)
    if (reader === undefined || !reader.lookupNow(key, lookup)) return false
    if (lookup.state !== SEARCHING) return true
  }
  for (let level = 1; level <= deepest; level++) {
    const meta = version.tableFor(level, key)
    if (meta === undefined) continue
    const reader = tables.peek(meta.number)
    if (reader === undefined || !reader.lookupNow(key, lookup)) return false
    if (lookup.state !== SEARCHING) return true
  }
  return true
}

/** As {@link lookupNow}, reading what is not in memory. The caller holds the view's version. */
export function* lookup(view: ReadView, tables: TableCache, key: Buffer, lookup: Lookup): Op<void> {
  for (const memtable of view.memtables) {
    memtable.lookup(key, lookup)
    if (lookup.state !== SEARCHING) return
  }
  const { version, deepest } = view
  for (const meta of version.levels[0]!) {
    if (covers(meta, key) && (yield* inTable(meta, tables, key, lookup))) return
  }
  for (let level = 1; level <= deepest; level++) {
    const meta = version.tableFor(level, key)
    if (meta !== undefined && (yield* inTable(meta, tables, key, lookup))) return
  }
}

function* inTable(meta: TableMeta, tables: TableCache, key: Buffer, lookup: Lookup): Op<boolean> {
  const reader = tables.peek(meta.number) ?? (yield* tables.get(meta))
  yield* reader.lookup(key, lookup)
  return lookup.state !== SEARCHING
}

/** Folds merge operands into the value that the lookup holds; false: the key has no value. */
export function resolve(lookup: Lookup, key: Buffer, operator: MergeOperator | undefined): boolean {
  const { operands } = lookup
  if (operands === undefined) return lookup.state === FOUND
  const { valueBytes, valueStart, valueEnd } = lookup
  const base = lookup.state === FOUND ? valueBytes.subarray(valueStart, valueEnd) : undefined
  const value = mergeFull(operator, key, base, operands.reverse())
  lookup.operands = undefined
  lookup.state = FOUND
  lookup.valueBytes = value
  lookup.valueStart = 0
  lookup.valueEnd = value.length
  return true
}
