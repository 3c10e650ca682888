import type { Bytes } from '../bytes.ts'
import { BlockCache } from '../cache/block-cache.ts'
import type { Cursor } from '../cursor.ts'
import type { Kind } from '../kind.ts'
import { type Op, runSync } from '../op.ts'
import type { TableMeta } from '../table-meta.ts'
import type { RandomReader } from './random-reader.ts'
import { TableBuilder, type TableBuilderOptions } from './table-builder.ts'
import { TableReader } from './table-reader.ts'

/** For tests: an entry, tables built from entries, and what a cursor shows. */
export interface Entry {
  key: Buffer
  sequence: number
  kind: Kind
  value: Buffer
}

/** Internal order. */
export function compareEntries(a: Entry, b: Entry): number {
  return Buffer.compare(a.key, b.key) || b.sequence - a.sequence
}

export class MemoryReader implements RandomReader {
  reads = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get size(): number {
    return this.#bytes.length
  }

  *read(offset: number, into: Bytes): Op<number> {
    this.reads++
    return this.#bytes.copy(into, 0, offset, Math.min(this.#bytes.length, offset + into.length))
  }
}

export const OPTIONS: TableBuilderOptions = {
  blockBytes: 4096,
  restartInterval: 16,
  filterBitsPerKey: 10,
  compression: 'none',
  createdMs: 1_700_000_000_000,
  number: 7,
}

export interface Tombstone {
  from: Buffer
  to: Buffer
  sequence: number
}

export function buildTable(
  entries: readonly Entry[],
  options: Partial<TableBuilderOptions> = {},
  tombstones: readonly Tombstone[] = [],
): { bytes: Buffer; meta: TableMeta } {
  const builder = new TableBuilder({ ...OPTIONS, ...options })
  const parts: Bytes[] = []
  for (const { key, sequence, kind, value } of entries) {
    builder.add(key, 0, key.length, sequence, kind, value, 0, value.length)
    parts.push(...builder.take())
  }
  for (const { from, to, sequence } of tombstones) builder.addRangeTombstone(from, to, sequence)
  const meta = builder.finish()
  return { bytes: Buffer.concat([...parts, ...builder.take()]), meta }
}

export function openTable(
  table: { bytes: Buffer; meta: Pick<TableMeta, 'number' | 'bytes'> },
  cache: BlockCache = new BlockCache(2 ** 24),
): TableReader {
  return runSync(TableReader.open(new MemoryReader(table.bytes), table.meta, cache))
}

/** What the cursor shows; a copy. */
export function shown(cursor: Cursor): Entry | undefined {
  if (!cursor.valid) return undefined
  const { keyBytes, keyStart, keyEnd, sequence, kind, valueBytes, valueStart, valueEnd } = cursor
  return {
    key: Buffer.from(keyBytes.subarray(keyStart, keyEnd)),
    sequence,
    kind,
    value: Buffer.from(valueBytes.subarray(valueStart, valueEnd)),
  }
}

export function step(cursor: Cursor): void {
  if (!cursor.nextNow()) runSync(cursor.next())
}

export function stepBack(cursor: Cursor): void {
  if (!cursor.prevNow()) runSync(cursor.prev())
}

/** All entries from where the cursor stands. */
export function drain(cursor: Cursor): Entry[] {
  const entries: Entry[] = []
  for (; cursor.valid; step(cursor)) entries.push(shown(cursor)!)
  return entries
}
