import { referredBytes } from '../blob/reclaim.ts'
import { compareBytes } from '../bytes.ts'
import type { TableCache } from '../cache/table-cache.ts'
import type { Op } from '../op.ts'
import type { ReadView } from './read-view.ts'

/** Bytes of tables between two keys, by their indexes, and of the values that they refer to. Memtables are not counted, nor what is read in the place of a part of a table. */
export function* approximateBytes(
  { version, replayed }: ReadView,
  tables: TableCache,
  from: Buffer,
  to: Buffer,
): Op<number> {
  let bytes = 0
  version.ref()
  try {
    for (const { meta } of version.tables()) {
      if (compareBytes(meta.largest, from) < 0 || compareBytes(meta.smallest, to) >= 0) continue
      if (compareBytes(meta.smallest, from) >= 0 && compareBytes(meta.largest, to) < 0)
        bytes += meta.bytes + referredBytes(meta)
      else if (!replayed?.has(meta.number)) {
        const reader = tables.peek(meta.number) ?? (yield* tables.get(meta))
        const between = Math.max(0, reader.approximateOffset(to) - reader.approximateOffset(from))
        bytes += between + referredBytes(meta) * (between / meta.bytes)
      }
    }
    return Math.round(bytes)
  } finally {
    version.unref()
  }
}
