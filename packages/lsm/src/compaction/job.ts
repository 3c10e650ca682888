import type { Compression } from '../block/compression.ts'
import type { SharedMemtable } from '../memtable/memtable.ts'
import type { MergeOperatorReference } from '../merge-operator.ts'
import type { TableMeta } from '../table-meta.ts'
import type { DeeperTable } from './deeper-tables.ts'

/** How the tables that a job writes are built. */
export interface TableShape {
  readonly blockBytes: number
  readonly restartInterval: number
  readonly filterBitsPerKey: number
  readonly prefixBytes: number
  readonly compression: Compression
}

/**
 * One piece of work: sorted sources in, tables out. Everything about it is decided before it starts, so that it can run on any
 * thread: structured-clonable, the memory of memtables shared.
 */
export interface MergeJob {
  /** Each is sorted and disjoint: the tables of a level, or one of level 0. */
  readonly runs: readonly (readonly TableMeta[])[]
  /** What is flushed; where a worker does it. */
  readonly memtables: readonly SharedMemtable[]
  /** Live snapshots, ascending. */
  readonly snapshots: readonly number[]
  /** The levels below the output in the range of the job; undefined: older entries may be anywhere. */
  readonly deeper: readonly (readonly DeeperTable[])[] | undefined
  /** Numbers for the outputs. When they are used up the last output takes all the rest. */
  readonly numbers: readonly number[]
  /** An output is cut when it is this long; 0: never. */
  readonly tableBytes: number
  /** An output is cut when it overlaps so many bytes below its level. */
  readonly overlapBytesMax: number
  readonly createdMs: number
  readonly shape: TableShape
  /** Check block checksums of the inputs. */
  readonly verify: boolean
  readonly mergeOperator: MergeOperatorReference | undefined
}

/** What came of a job. */
export interface JobResult {
  readonly outputs: readonly TableMeta[]
  readonly entriesIn: number
  readonly entriesOut: number
  /** CPU and waiting of the thread that ran it. */
  readonly milliseconds: number
}
