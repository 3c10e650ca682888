import type { TableCache } from '../cache/table-cache.ts'
import type { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import { RangeTombstones } from '../range-tombstones.ts'
import type { Version } from '../version/version.ts'

/** Versions do not change, so what was gathered once holds. */
const gathered = new WeakMap<Version, RangeTombstones | undefined>()

/**
 * The range tombstones of all tables of a version; undefined when there is none. `replayed`: memtables in the places of tables of level 0, the
 * same for every view of the version. The caller holds the version.
 */
export function* tombstonesOf(
  version: Version,
  tables: TableCache,
  replayed?: ReadonlyMap<number, readonly Memtable[]>,
): Op<RangeTombstones | undefined> {
  if (gathered.has(version)) return gathered.get(version)
  const lists: RangeTombstones[] = []
  for (const { meta } of version.tables()) {
    if (meta.rangeDeletions === 0) continue
    const instead = replayed?.get(meta.number)
    if (instead !== undefined) {
      lists.push(...instead.map(({ rangeTombstones }) => rangeTombstones))
      continue
    }
    const reader = tables.peek(meta.number) ?? (yield* tables.get(meta))
    if (reader.rangeTombstones.size > 0) lists.push(reader.rangeTombstones)
  }
  const all = lists.length === 0 ? undefined : RangeTombstones.merge(lists)
  gathered.set(version, all)
  return all
}
