import { type BlobFiles, partOf, pointerOf } from '../blob/blob-files.ts'
import type { BlobPointer } from '../blob/blob-pointer.ts'
import type { TableCache } from '../cache/table-cache.ts'
import { BLOB, PUT } from '../kind.ts'
import { FOUND, GIVEN, type Lookup, SEARCHING } from '../lookup.ts'
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
    if (view.replayed?.has(meta.number)) {
      if (inReplayed(view, meta, key, lookup)) return true
      continue
    }
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
    if (!covers(meta, key)) continue
    if (
      view.replayed?.has(meta.number) ? inReplayed(view, meta, key, lookup) : yield* inTable(meta, tables, key, lookup)
    )
      return
  }
  for (let level = 1; level <= deepest; level++) {
    const meta = version.tableFor(level, key)
    if (meta !== undefined && (yield* inTable(meta, tables, key, lookup))) return
  }
}

/** True: what was read in the place of the table decides. */
export function inReplayed(view: ReadView, { number }: TableMeta, key: Buffer, lookup: Lookup): boolean {
  for (const memtable of view.replayed!.get(number)!) {
    memtable.lookup(key, lookup)
    if (lookup.state !== SEARCHING) return true
  }
  return false
}

function* inTable(meta: TableMeta, tables: TableCache, key: Buffer, lookup: Lookup): Op<boolean> {
  const reader = tables.peek(meta.number) ?? (yield* tables.get(meta))
  yield* reader.lookup(key, lookup)
  return lookup.state !== SEARCHING
}

/** Bytes of a value, from one offset on; fewer where it ends before. */
export interface ValuePart {
  readonly offset: number
  readonly bytes: number
}

/** The value that was found lies apart from its key and was not read yet. */
export function isElsewhere({ kind, owner }: Lookup): boolean {
  return kind === BLOB && owner !== GIVEN
}

/** Where the bytes are that have to be read: under operands all of the value. */
function wanted({ valueBytes, valueStart, valueEnd, operands }: Lookup, part: ValuePart | undefined): BlobPointer {
  const pointer = pointerOf(valueBytes, valueStart, valueEnd)
  return part === undefined || operands !== undefined ? pointer : partOf(pointer, part.offset, part.bytes)
}

function give(lookup: Lookup, value: Buffer): void {
  lookup.owner = GIVEN
  lookup.valueBytes = value
  lookup.valueStart = 0
  lookup.valueEnd = value.length
}

/** Puts the value, or the part of it, in the place of its pointer; false: drive {@link fetch}. */
export function fetchNow(lookup: Lookup, blobs: BlobFiles, part: ValuePart | undefined): boolean {
  const value = blobs.readNow(wanted(lookup, part))
  if (value === undefined) return false
  give(lookup, value)
  return true
}

/** As {@link fetchNow}. The caller holds the view's version. */
export function* fetch(lookup: Lookup, blobs: BlobFiles, part: ValuePart | undefined): Op<void> {
  give(lookup, yield* blobs.read(wanted(lookup, part)))
}

/** Folds merge operands into the value that the lookup holds; false: the key has no value. */
export function resolve(lookup: Lookup, key: Buffer, operator: MergeOperator | undefined): boolean {
  const { operands } = lookup
  if (operands === undefined) return lookup.state === FOUND
  const { valueBytes, valueStart, valueEnd } = lookup
  const base = lookup.state === FOUND ? valueBytes.subarray(valueStart, valueEnd) : undefined
  // The answer of an operator may be a part of what it was given.
  const value = mergeFull(operator, key, base, operands.reverse())
  if (base === undefined || value.buffer !== base.buffer) lookup.owner = undefined
  lookup.operands = undefined
  lookup.state = FOUND
  lookup.kind = PUT
  lookup.valueBytes = value
  lookup.valueStart = 0
  lookup.valueEnd = value.length
  return true
}
