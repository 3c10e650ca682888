import { pointerOf } from '../blob/blob-files.ts'
import { hashKey } from '../filter/hash.ts'
import { FOUND, Lookup, SEARCHING } from '../lookup.ts'
import type { Op } from '../op.ts'
import { fileName } from '../storage/storage.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import type { TableReader } from '../table/table-reader.ts'
import type { TableMeta } from '../table-meta.ts'
import { covers } from '../version/table-range.ts'
import { inReplayed, isElsewhere } from './point-read.ts'
import type { ReadView } from './read-view.ts'
import type { Tree } from './tree.ts'

/** Where a value lies. */
export interface ValuePlace {
  /** Undefined: in memory, as yet. */
  readonly medium: string | undefined
  /** The file that has it: `log-7`, `blob-9`, `table-12`; empty: none. */
  readonly file: string
  /** Bytes from the start of the medium, about: reads in this order go through a tape, or over a disk, once. */
  readonly position: number
  /** Of the value; of one that lies with its key in a file that was not read for this, those of the block are not known: 0. */
  readonly bytes: number
}

const IN_MEMORY = { medium: undefined, file: '', position: 0 } as const

/**
 * Where the value of a key lies; undefined: there is none. Values are not read, and nothing is that has to be waited for long: of a key whose
 * table lies on such a medium (tape) the place is where its block would be, by index and filter. The caller holds the view.
 */
export function* locate(view: ReadView, tree: Tree, key: Buffer, sequence: number): Op<ValuePlace | undefined> {
  const found = new Lookup().start(sequence)
  for (const memtable of view.memtables) {
    memtable.lookup(key, found)
    if (found.state !== SEARCHING) return placeOf(tree.storage, found, undefined)
  }
  for (const meta of tablesFor(view, key)) {
    if (view.replayed?.has(meta.number)) {
      if (inReplayed(view, meta, key, found)) return placeOf(tree.storage, found, undefined)
      continue
    }
    const reader = tree.tables.peek(meta.number) ?? (yield* tree.tables.get(meta))
    if (!tree.storage.answersNow('table', meta.number)) {
      if (mayHave(reader, key)) return { ...inTable(tree.storage, reader, key), bytes: 0 }
      continue
    }
    yield* reader.lookup(key, found)
    if (found.state !== SEARCHING) return placeOf(tree.storage, found, inTable(tree.storage, reader, key))
  }
  return found.operands === undefined ? undefined : { ...IN_MEMORY, bytes: bytesOf(found.operands) }
}

/** From new to old. */
function tablesFor({ version, deepest }: ReadView, key: Buffer): TableMeta[] {
  const tables = version.levels[0]!.filter((meta) => covers(meta, key))
  for (let level = 1; level <= deepest; level++) {
    const meta = version.tableFor(level, key)
    if (meta !== undefined) tables.push(meta)
  }
  return tables
}

function mayHave({ filter }: TableReader, key: Buffer): boolean {
  return filter === undefined || filter.mayContain(hashKey(key, 0, key.length))
}

function inTable(storage: VolumeStorage, reader: TableReader, key: Buffer): Omit<ValuePlace, 'bytes'> {
  const { number } = reader
  return { file: fileName('table', number), ...storage.placeAt('table', number, reader.approximateOffset(key)) }
}

function placeOf(
  storage: VolumeStorage,
  found: Lookup,
  table: Omit<ValuePlace, 'bytes'> | undefined,
): ValuePlace | undefined {
  const { state, valueBytes, valueStart, valueEnd, operands } = found
  if (state !== FOUND) return operands === undefined ? undefined : { ...IN_MEMORY, bytes: bytesOf(operands) }
  if (!isElsewhere(found)) return { ...(table ?? IN_MEMORY), bytes: valueEnd - valueStart }
  const { kind, file, offset, length } = pointerOf(valueBytes, valueStart, valueEnd)
  return { file: fileName(kind, file), ...storage.placeAt(kind, file, offset), bytes: length }
}

function bytesOf(operands: readonly Uint8Array[]): number {
  return operands.reduce((sum, { length }) => sum + length, 0)
}
