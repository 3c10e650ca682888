import type { BlobFileMeta, VersionEdit } from '../manifest/version-edit.ts'
import type { TableMeta } from '../table-meta.ts'
import type { Levels } from '../version/next-levels.ts'

/** A file with values, and what the tables of the tree refer to in it. Immutable. */
export interface BlobFile extends BlobFileMeta {
  readonly liveValues: number
  /** Of their entries; the rest of `bytes` is garbage. */
  readonly liveBytes: number
}

/** By number. */
export type BlobMap = ReadonlyMap<number, BlobFile>

export const NO_BLOBS: BlobMap = new Map()

/**
 * The files with values after an edit, `levels` being those before it: what its tables refer to counts, what the removed ones referred to does not
 * any more, and files that nobody refers to are gone. Or the invariant of FORMAT.md, "Manifest", that it breaks.
 */
export function nextBlobs(before: BlobMap, levels: Levels, edit: VersionEdit): BlobMap | { fault: string } {
  const added = (edit.added ?? []).filter(({ meta }) => meta.blobs !== undefined)
  if (before.size === 0 && added.length === 0) return before
  const removed = removedTables(levels, edit)
  if (added.length === 0 && removed.length === 0) return before
  const after = new Map(before)
  for (const meta of edit.blobs ?? []) {
    if (after.has(meta.number)) return { fault: `M10 file ${meta.number} with values is added twice` }
    after.set(meta.number, { ...meta, liveValues: 0, liveBytes: 0 })
  }
  for (const { meta } of added) {
    const fault = count(after, meta, 1)
    if (fault !== undefined) return { fault }
  }
  for (const meta of removed) count(after, meta, -1)
  for (const [number, { liveValues, liveBytes, bytes }] of after) {
    if (liveBytes > bytes) return { fault: `M10 ${liveBytes} bytes of ${bytes} in file ${number} are referred to` }
    if (liveValues === 0) after.delete(number)
  }
  return after
}

function removedTables(levels: Levels, edit: VersionEdit): TableMeta[] {
  const found: TableMeta[] = []
  for (const { level, number } of edit.removed ?? []) {
    const meta = levels[level]?.find((table) => table.number === number)
    if (meta?.blobs !== undefined) found.push(meta)
  }
  return found
}

function count(files: Map<number, BlobFile>, meta: TableMeta, sign: 1 | -1): string | undefined {
  for (const { file, kind, values, bytes } of meta.blobs!) {
    const known = files.get(file)
    if (known === undefined || known.kind !== kind)
      return `M10 table-${meta.number} refers to values in ${kind}-${file}, which is not there`
    const liveValues = known.liveValues + sign * values
    files.set(file, { ...known, liveValues, liveBytes: known.liveBytes + sign * bytes })
  }
  return undefined
}
