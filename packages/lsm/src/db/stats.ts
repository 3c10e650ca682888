import { spaceOf, type ValueSpace } from '../blob/reclaim.ts'
import type { BlockCacheStats } from '../cache/block-cache.ts'
import type { CompactionStats } from '../compaction/stats.ts'
import type { LevelError } from '../error.ts'
import { type MediumView, mediaOf } from '../media-map/media-map.ts'
import { Following, type FollowStats } from './following.ts'
import type { Snapshots } from './snapshots.ts'
import { type SpaceStats, spaceStatsOf } from './space.ts'
import type { Tree } from './tree.ts'
import type { Writer } from './writer.ts'

export interface LevelStats {
  readonly level: number
  readonly tables: number
  readonly bytes: number
  readonly entries: number
}

/** How a database stands. Counters count since it was opened; sizes are bytes. */
export interface DbStats {
  readonly lastSequence: number
  readonly levels: readonly LevelStats[]
  readonly tables: { readonly count: number; readonly bytes: number; readonly open: number }
  /** Logs and blob files with values that tables refer to: their sizes, and what is alive in them; the rest is garbage. */
  readonly blobs: ValueSpace
  /** All files, logs included, and how many times what is alive they take at the most. */
  readonly space: SpaceStats
  readonly cache: BlockCacheStats
  /** Name of the policy that says where files go. */
  readonly policy: string
  /** Space and health of every medium, and bytes by reason. */
  readonly media: readonly MediumView[]
  readonly snapshots: number
  readonly keptSnapshots: number
  /** What a salvage left out. */
  readonly damage: readonly string[]
  /** Absent where it is read only. */
  readonly writes?: {
    readonly batches: number
    readonly entries: number
    /** As encoded. */
    readonly bytes: number
    /** Writes that had to wait for room. */
    readonly stalls: number
    readonly waiting: number
    /** Zones of the media that were emptied by moving together what was left in them. */
    readonly zonesEmptied: number
    /** Why the newest attempt at that failed. */
    readonly zonesFailure: string | undefined
    /** Syncs of the log; each serves all who wait for it. */
    readonly syncs: number
    /** What loss of power may take. */
    readonly unsyncedBytes: number
    /** What the death of the process may take (`relaxed`). */
    readonly relaxedBytes: number
    readonly memtableBytes: number
    readonly immutableMemtables: number
    readonly pressure: 'none' | 'slow' | 'stop'
    /** Why nothing is written any more. */
    readonly poisoned: string | undefined
    /** Why the newest flush could not be done; it is tried again, and what it would write is safe in the log. */
    readonly full: string | undefined
    /** Why the last round of moves ended early. */
    readonly relocation: string | undefined
  }
  readonly compaction?: CompactionStats
  /** Of a database opened read only. */
  readonly follow?: FollowStats
}

export function statsOf(
  tree: Tree,
  half: Writer | Following | undefined,
  snapshots: Snapshots,
  damage: readonly LevelError[],
  fileBytes: number,
): DbStats {
  const { versions, cache, tables } = tree
  const levels = versions.current.levels.map((metas, level) => {
    let bytes = 0
    let entries = 0
    for (const meta of metas) {
      bytes += meta.bytes
      entries += meta.entries
    }
    return { level, tables: metas.length, bytes, entries }
  })
  const sum = (field: 'tables' | 'bytes') => levels.reduce((total, level) => total + level[field], 0)
  return {
    lastSequence: versions.lastSequence,
    levels,
    tables: { count: sum('tables'), bytes: sum('bytes'), open: tables.size },
    blobs: spaceOf(versions.blobs),
    space: spaceStatsOf(tree, fileBytes),
    cache: cache.stats,
    policy: tree.storage.placer.policy.name,
    media: mediaOf(tree),
    snapshots: snapshots.size,
    keptSnapshots: versions.pinned.size,
    damage: damage.map(({ message }) => message),
    ...statsOfHalf(half),
  }
}

function statsOfHalf(half: Writer | Following | undefined): Pick<DbStats, 'writes' | 'compaction' | 'follow'> {
  if (half === undefined) return {}
  if (half instanceof Following) return { follow: half.stats }
  return { writes: writesOf(half), compaction: half.compactor.stats() }
}

function writesOf({
  path,
  logs,
  memtables,
  pressure,
  refusal,
  relocator,
  zones,
}: Writer): NonNullable<DbStats['writes']> {
  return {
    batches: path.batches,
    entries: path.entries,
    bytes: path.bytes,
    stalls: path.stalls,
    waiting: path.waiting,
    zonesEmptied: zones.zones,
    zonesFailure: reasonOf(zones.failure),
    syncs: logs.syncs,
    unsyncedBytes: logs.unsyncedBytes,
    relaxedBytes: path.relaxedBytes,
    memtableBytes: memtables.bytes,
    immutableMemtables: memtables.immutable.length,
    pressure,
    poisoned: reasonOf(path.poisoned),
    full: refusal?.message,
    relocation: relocator?.failure?.message,
  }
}

function reasonOf(why: unknown): string | undefined {
  return why === undefined ? undefined : why instanceof Error ? why.message : String(why)
}
