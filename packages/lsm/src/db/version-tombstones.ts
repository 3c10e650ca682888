import type { TableCache } from '../cache/table-cache.ts'
import type { Op } from '../op.ts'
import { RangeTombstones } from '../range-tombstones.ts'
import type { Version } from '../version/version.ts'

/** Versions do not change, so what was gathered once holds. */
const gathered = new WeakMap<Version, RangeTombstones | undefined>()

/** The range tombstones of all tables of a version; undefined when there is none. The caller holds the version. */
export function* tombstonesOf(version: Version, tables: TableCache): Op<RangeTombstones | undefined> {
  if (gathered.has(version)) return gathered.get(version)
  const lists: RangeTombstones[] = []
  for (const { meta } of version.tables()) {
    if (meta.rangeDeletions === 0) continue
    const reader = tables.peek(meta.number) ?? (yield* tables.get(meta))
    if (reader.rangeTombstones.size > 0) lists.push(reader.rangeTombstones)
  }
  const all = lists.length === 0 ? undefined : RangeTombstones.merge(lists)
  gathered.set(version, all)
  return all
}
