import type { TableCache } from '../cache/table-cache.ts'
import type { Cursor } from '../cursor.ts'
import { LevelCursor } from '../cursors/level-cursor.ts'
import { MergingCursor } from '../cursors/merging-cursor.ts'
import type { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import { RangeTombstones } from '../range-tombstones.ts'
import type { MergeJob } from './job.ts'

/** Bytes read at once from an input. */
const READ_AHEAD_BYTES = 256 * 1024

/** The sorted sources of a job, as one. */
export interface Sources {
  readonly cursor: Cursor
  /** Those that a snapshot can tell apart. */
  readonly tombstones: RangeTombstones
}

/** Opens the inputs of a job. Blocks do not go to the cache: what compaction reads it does not read again. */
export function* openSources(job: MergeJob, memtables: readonly Memtable[], tables: TableCache): Op<Sources> {
  const cursors: Cursor[] = []
  const tombstones: RangeTombstones[] = []
  for (const memtable of memtables) {
    cursors.push(memtable.cursor())
    if (memtable.rangeTombstones.size > 0) tombstones.push(memtable.rangeTombstones)
  }
  for (const run of job.runs) {
    for (const meta of run) {
      if (meta.rangeDeletions > 0) tombstones.push((yield* tables.get(meta)).rangeTombstones)
    }
    const options = { fillCache: false, readAheadBytes: READ_AHEAD_BYTES, verify: job.verify }
    cursors.push(new LevelCursor(run, tables, options))
  }
  return { cursor: new MergingCursor(cursors), tombstones: RangeTombstones.visible(tombstones, job.snapshots) }
}
