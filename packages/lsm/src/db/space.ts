import { allowanceBytes, referredBytes } from '../blob/reclaim.ts'
import type { TableMeta } from '../table-meta.ts'
import type { Tree } from './tree.ts'

/** What a database takes, and what of it is alive; bytes of files, without what their media add. */
export interface SpaceStats {
  /** All files. */
  readonly bytes: number
  readonly tableBytes: number
  /** Logs and blob files that tables refer to. */
  readonly valueBytes: number
  /** Logs that tables do not refer to: not flushed yet, or kept for tables on volatile media. */
  readonly logBytes: number
  /** The manifest, copies of indexes, what is being written, and what goes when nobody reads it any more. */
  readonly otherBytes: number
  /**
   * So many bytes of tables and values are alive at the least: whatever something newer may have overwritten counts as garbage until compaction
   * has looked. Deletions that compaction has not met are not seen.
   */
  readonly liveBytesMin: number
  /** All files for each byte that is alive at the least: really it is less. Undefined while nothing is in tables. */
  readonly amplificationMax: number | undefined
  /** Beyond `spaceHard` times what is alive, values may take so much more: what small databases have on the way. */
  readonly allowanceBytes: number
}

export function spaceStatsOf({ storage, versions }: Tree, fileBytes: number): SpaceStats {
  const live = new Set<number>()
  let [below, largest] = [0, 0]
  for (const { level, meta } of versions.current.tables()) {
    live.add(meta.number)
    if (level > 0) below += withValues(meta)
    else largest = Math.max(largest, withValues(meta))
  }
  const sums = { table: 0, value: 0, log: 0, other: 0 }
  for (const { kind, number, bytes } of storage.list()) {
    if (kind === 'table' && live.has(number)) sums.table += bytes
    else if (versions.blobs.has(number)) sums.value += bytes
    else sums[kind === 'log' && versions.needsLog(number) ? 'log' : 'other'] += bytes
  }
  const bytes = sums.table + sums.value + sums.log + sums.other
  const liveBytesMin = Math.max(below, largest)
  return {
    bytes,
    tableBytes: sums.table,
    valueBytes: sums.value,
    logBytes: sums.log,
    otherBytes: sums.other,
    liveBytesMin,
    amplificationMax: liveBytesMin > 0 ? bytes / liveBytesMin : undefined,
    allowanceBytes: allowanceBytes(fileBytes),
  }
}

function withValues(meta: TableMeta): number {
  return meta.bytes + referredBytes(meta)
}
