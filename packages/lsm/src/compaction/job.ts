import type { SeparationOptions } from '../blob/separation.ts'
import type { Compression } from '../block/compression.ts'
import type { Bytes } from '../bytes.ts'
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

/** How the tables between two keys of the policy's partition are built. */
export interface JobSegment {
  /** Numbers for the outputs. When they are used up the last output takes all the rest. */
  readonly numbers: readonly number[]
  /** An output is cut when it is this long; 0: never. */
  readonly tableBytes: number
  readonly shape: TableShape
}

/** What a job does with values that lie apart from their keys. */
export interface ValueJob {
  /** Values in these files move to blob files of the job. */
  readonly rewrite: readonly number[]
  /** Values that are with their keys and should not be go there as well. */
  readonly separation: SeparationOptions
  /** Numbers for the blob files. When they are used up the last one takes all the rest. */
  readonly numbers: readonly number[]
  /** A blob file is ended when it is this long. */
  readonly fileBytes: number
}

/**
 * One piece of work: sorted sources in, tables out. Everything about it is decided before it starts, so that it can run on any
 * thread: structured-clonable, the memory of memtables shared.
 */
export interface MergeJob extends JobSegment {
  /** Each is sorted and disjoint: the tables of a level, or one of level 0. */
  readonly runs: readonly (readonly TableMeta[])[]
  /** What is flushed; where a worker does it. */
  readonly memtables: readonly SharedMemtable[]
  /** Live snapshots, ascending. */
  readonly snapshots: readonly number[]
  /** The levels below the output in the range of the job; undefined: older entries may be anywhere. */
  readonly deeper: readonly (readonly DeeperTable[])[] | undefined
  /** From each of these keys on, ascending, outputs are built otherwise, and none has keys on both sides. */
  readonly segments?: readonly (JobSegment & { readonly from: Bytes })[]
  /** An output is cut when it overlaps so many bytes below its level. */
  readonly overlapBytesMax: number
  readonly createdMs: number
  readonly values: ValueJob
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
