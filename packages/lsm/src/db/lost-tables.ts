import type { Separation } from '../blob/separation.ts'
import { LevelError } from '../error.ts'
import type { VolatileTable } from '../manifest/version-edit.ts'
import type { Op } from '../op.ts'
import { fileName, type Storage } from '../storage/storage.ts'
import type { VersionSet } from '../version/version-set.ts'
import { type Replayed, replayLogs } from './recovery.ts'

/*
 * Tables of level 0 may lie on volatile media (DRAM, CXL memory). What makes that safe:
 *
 * V1: only tables of level 0 may; and a compaction of level 0 takes all of it, into a durable level (see `Placer`).
 * V2: the logs with their entries are synced before the edit that adds the table, and stay until the edit that removes it.
 * V3: a lost table is replaced by one of exactly the same entries, from its own logs, in one edit. So its place among the tables of
 *     level 0, which goes by sequence numbers, stays, and no entry comes back that was compacted since.
 */

/** Tables of the tree that a volatile medium has forgotten, oldest first. */
export function lostTables(storage: Storage, { state }: VersionSet): VolatileTable[] {
  const lost = [...state.volatile.values()].filter(({ table }) => storage.mediumOf('table', table) === undefined)
  return lost.sort((a, b) => a.firstLog - b.firstLog)
}

/** The entries of a lost table, from its logs. LEVEL_CORRUPTION when one of them is not whole. */
export function* replayLost(
  storage: Storage,
  versions: VersionSet,
  { table, firstLog, endLog }: VolatileTable,
  o: { shared: boolean; separation: Separation | undefined },
): Op<Replayed> {
  const logs = storage
    .list()
    .filter(({ kind, number }) => kind === 'log' && number >= firstLog && number < endLog)
    .map(({ number }) => number)
    .sort((a, b) => a - b)
  const replayed = yield* replayLogs(storage, versions, { ...o, salvage: false, logs })
  const meta = versions.state.levels[0]!.find(({ number }) => number === table)!
  const first = replayed.slots[0]?.memtable.firstSequence
  const missing = first === undefined || first > meta.smallestSequence || replayed.lastSequence < meta.largestSequence
  if (replayed.dropped.length === 0 && !missing) return replayed
  const named = `${fileName('log', firstLog)} to before ${fileName('log', endLog)}`
  const what = `${fileName('table', table)} was lost with the power of its medium, and ${named} do not have all of it`
  throw new LevelError('LEVEL_CORRUPTION', what)
}
