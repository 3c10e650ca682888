import type { BlobFiles } from '../blob/blob-files.ts'
import type { SeparationOptions } from '../blob/separation.ts'
import type { Compression } from '../block/compression.ts'
import type { TableCache } from '../cache/table-cache.ts'
import type { MergeOperator, MergeOperatorReference } from '../merge-operator.ts'
import type { Op } from '../op.ts'
import type { Storage } from '../storage/storage.ts'
import type { VersionSet } from '../version/version-set.ts'

/** Sizes and counts that shape the tree. Every one has a default, see `COMPACTION_DEFAULTS`. */
export interface CompactionOptions {
  /** Bytes of a table in the first level below level 0; doubled with every level below, up to `tableBytesMax`. */
  readonly tableBytes: number
  readonly tableBytesMax: number
  /** Level 1 is compacted into level 0's successor from this many tables in level 0. */
  readonly level0Trigger: number
  readonly level0Slowdown: number
  readonly level0Stop: number
  /** Bytes that the first level below level 0 may hold before a level above the last becomes worth having. */
  readonly baseBytes: number
  /** How many times bigger each level is than the one above. */
  readonly levelRatio: number
  readonly blockBytes: number
  readonly restartInterval: number
  readonly filterBitsPerKey: number
  /** Length of the prefix that has a filter of its own; 0 for none. */
  readonly prefixBytes: number
  readonly compression: Compression
  /** Where the worker's code is; false: everything runs on the calling thread. Default: beside this code. */
  readonly worker: string | URL | false | undefined
  /** Jobs whose inputs are smaller stay on the calling thread; default 64 KiB, below which the way costs more than the work. */
  readonly workerBytesMin?: number
  /** Which values lie apart from their keys. */
  readonly separation: SeparationOptions
  /** Bytes at which a blob file ends. */
  readonly blobBytes: number
  /** Files with values may have so many times the bytes of what is alive in them before compaction moves values to free some. */
  readonly spaceSoft: number
  /** Beyond, writers wait for it: logs count, and small databases have an allowance, see `allowanceBytes`. */
  readonly spaceHard: number
  /** Check each block's own CRC and the order of keys when compaction reads. */
  readonly paranoid: boolean
}

/** What compaction needs of the database around it. */
export interface CompactionEngine {
  readonly versions: VersionSet
  readonly storage: Storage
  readonly tables: TableCache
  readonly blobs: BlobFiles
  readonly options: CompactionOptions
  readonly mergeOperator: MergeOperator | undefined
  /** Where a worker finds it. An operator without one: jobs run on the calling thread. */
  readonly mergeOperatorReference: MergeOperatorReference | undefined
  /** Sequence numbers of the live snapshots, ascending, persistent ones included. What they see is kept. */
  snapshots(): readonly number[]
  /** Milliseconds since 1970. */
  now(): number
  /** A job failed: writes are to be refused from now on, saying why. Called once. */
  failed(error: unknown): void
  /** Makes everything durable that is in logs. */
  syncLogs?(): Op<void>
  /** Bytes of values in logs that are not in tables. */
  loggedValueBytes?(): number
  /** Called after a version was installed or the pressure changed: stalled writers look again. */
  relieved?(): void
}
