import type { Medium } from '@vivefs/media'
import { COMPACTION_DEFAULTS } from '../compaction/defaults.ts'
import type { MergeOperator, MergeOperatorReference } from '../merge-operator.ts'
import { runAsync } from '../op.ts'
import { openStorage } from '../storage/open-storage.ts'
import { fileName } from '../storage/storage.ts'
import { repair } from '../version/repair.ts'
import { loadOperator } from './merge-operators.ts'

export interface RepairOptions {
  /** As when the database is opened; they stay yours. */
  readonly media?: Readonly<Record<string, Medium>> | undefined
  /** Operands are merged with it; without one they stay as they are. */
  readonly mergeOperator?: MergeOperator | MergeOperatorReference | undefined
  /** Looks and changes nothing. */
  readonly dryRun?: boolean | undefined
}

export interface RepairReport {
  /** Tables and logs that were of use. */
  readonly tables: number
  readonly logs: number
  /** What could not be used, or not to its end: it is gone after the repair. */
  readonly damaged: readonly { readonly file: string; readonly what: string }[]
  /** Of the tables written; 0 after a dry run. */
  readonly entries: number
  readonly lastSequence: number
}

const CACHE_BYTES = 4 << 20

/**
 * Rebuilds the tree of a database whose manifest is lost, or which has lost logs or tables, from the files that are there. It takes as much
 * space again as the tables do; kept snapshots are forgotten. LEVEL_MISSING, LEVEL_LOCKED, LEVEL_NO_SPACE, LEVEL_IO_ERROR, LEVEL_MERGE_OPERATOR.
 */
export async function repairDatabase(location: string, o: RepairOptions = {}): Promise<RepairReport> {
  const { operator } = await loadOperator(o.mergeOperator)
  const dryRun = o.dryRun === true
  const fixed = { createIfMissing: false, errorIfExists: false, cacheBytes: CACHE_BYTES, capacityBytes: 0 }
  const storage = await openStorage({ location, media: o.media, readOnly: dryRun, ...fixed })
  try {
    const { tableBytesMax: tableBytes, ...shape } = COMPACTION_DEFAULTS
    const report = await runAsync(repair(storage, { shape, tableBytes, mergeOperator: operator, dryRun }))
    const { tables, logs, damaged, entries, lastSequence } = report
    const named = damaged.map(({ kind, number, what }) => ({ file: fileName(kind, number), what }))
    return { tables, logs, damaged: named, entries, lastSequence }
  } finally {
    await storage.close()
  }
}
