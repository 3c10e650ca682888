import { referredBytes } from '../blob/reclaim.ts'
import { separationOf } from '../blob/separation.ts'
import type { VersionEdit } from '../manifest/version-edit.ts'
import type { Memtable } from '../memtable/memtable.ts'
import type { Placement } from '../policy/media-policy.ts'
import type { Asked } from '../policy/placer.ts'
import type { CreateOptions } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'
import { hull, sumBytes } from '../version/table-range.ts'
import { LEVELS, type Version } from '../version/version.ts'
import type { DeeperTable } from './deeper-tables.ts'
import type { CompactionEngine } from './engine.ts'
import type { JobSegment, MergeJob, TableShape, ValueJob } from './job.ts'
import { levelTargets, tableBytesOf } from './level-targets.ts'
import type { Picked } from './picker.ts'
import { flushAsked, knownOf, type OutputPlan, segmentsOf, shapedBy } from './placements.ts'

/** How much below its level one output may overlap, in tables. */
const OVERLAP_TABLES = 10
/** Numbers beyond those that the size of the inputs asks for: cuts by overlap need them. */
const SPARE_NUMBERS = 16

function shapeOf({ options }: CompactionEngine): TableShape {
  const { blockBytes, restartInterval, filterBitsPerKey, prefixBytes, compression } = options
  return { blockBytes, restartInterval, filterBitsPerKey, prefixBytes, compression }
}

/** What happens to values on the way: those in `rewrite`, `rewriteBytes` of them, move to blob files. */
function valueJob(engine: CompactionEngine, rewrite: readonly number[], rewriteBytes: number): ValueJob {
  const { separation, blobBytes } = engine.options
  const none = rewrite.length === 0 && separationOf(separation) === undefined
  const files = none ? 0 : 1 + Math.ceil(rewriteBytes / blobBytes)
  const numbers = Array.from({ length: files }, () => engine.versions.newNumber())
  return { rewrite, separation, numbers, fileBytes: blobBytes }
}

/** A job, and where its files go. */
export interface PlannedJob {
  readonly job: MergeJob
  readonly plan: OutputPlan
}

/** Where blob files of a job go: as the tables that refer to them would. */
function blobsAt(engine: CompactionEngine, asked: Asked, bytesExpected: number): CreateOptions {
  const reason = 'blob-rewrite'
  if (bytesExpected === 0) return { bytesExpected, reason }
  const placement = engine.storage.placer.place({ ...asked, file: 'blob', reason, bytesExpected })
  return { bytesExpected, reason, placement }
}

/**
 * Immutable memtables become one table of level 0; values in logs of `rewrite`, `rewriteBytes` of them, do not stay there. LEVEL_ARGUMENT,
 * LEVEL_NO_SPACE of the policy.
 */
export function flushJob(
  engine: CompactionEngine,
  memtables: readonly Memtable[],
  rewrite: readonly number[],
  rewriteBytes: number,
): PlannedJob {
  const bytesExpected = memtables.reduce((sum, memtable) => sum + memtable.bytes, 0)
  const asked = flushAsked(memtables, bytesExpected)
  const placement = engine.storage.placer.place(asked)
  const table: CreateOptions = { bytesExpected, placement, reason: 'flush' }
  const blobs = blobsAt(engine, asked, rewriteBytes)
  return { job: flushOf(engine, placement, rewrite, rewriteBytes), plan: { table: () => table, blobs } }
}

function flushOf(
  engine: CompactionEngine,
  placement: Placement,
  rewrite: readonly number[],
  rewriteBytes: number,
): MergeJob {
  return {
    runs: [],
    memtables: [],
    snapshots: [...engine.snapshots()],
    deeper: undefined,
    numbers: [engine.versions.newNumber()],
    tableBytes: 0,
    overlapBytesMax: 0,
    createdMs: engine.now(),
    shape: shapedBy(placement, shapeOf(engine)),
    values: valueJob(engine, rewrite, rewriteBytes),
    verify: false,
    mergeOperator: engine.mergeOperatorReference,
  }
}

export function overlapBytesMax(engine: CompactionEngine, version: Version, outputLevel: number): number {
  return OVERLAP_TABLES * tableBytesOf(outputLevel + 1, levelTargets(version, engine.options).base, engine.options)
}

/** Where the outputs of a compaction go, run by run between the cuts of the policy. */
function segmentJobs(engine: CompactionEngine, version: Version, { inputs, overlapped, outputLevel }: Picked) {
  const { options, versions, storage } = engine
  const all = [...inputs, ...overlapped]
  const known = knownOf(engine, version, outputLevel, all)
  const bytes = tableBytesOf(outputLevel, levelTargets(version, options).base, options)
  const tables = new Map<number, CreateOptions>()
  const asked = { ...known, file: 'table', reason: 'compaction', bytesExpected: bytes } as const
  const segments = segmentsOf(hull(all)!, storage.placer.policy.partition).map(({ from, lowerKey, upperKey }) => {
    const placement = storage.placer.place({ ...asked, lowerKey, upperKey })
    const tableBytes = placement.fileBytesTarget ?? bytes
    const outputs = Math.ceil((2 * sumBytes(all)) / tableBytes) + SPARE_NUMBERS
    const numbers = Array.from({ length: outputs }, () => versions.newNumber())
    const create: CreateOptions = { bytesExpected: tableBytes, placement, reason: `compaction-${outputLevel}` }
    for (const number of numbers) tables.set(number, create)
    return { from, numbers, tableBytes, shape: shapedBy(placement, shapeOf(engine)) }
  })
  const { smallest: lowerKey, largest: upperKey } = hull(all)!
  return { segments, tables, asked: { ...asked, lowerKey, upperKey } }
}

/** `empty`: files with values of which nothing is to be left. LEVEL_ARGUMENT, LEVEL_NO_SPACE of the policy. */
export function compactionJob(
  engine: CompactionEngine,
  version: Version,
  picked: Picked,
  empty: ReadonlySet<number>,
): PlannedJob {
  const { segments, tables, asked } = segmentJobs(engine, version, picked)
  const blobs = blobsAt(engine, asked, rewrittenBytes([...picked.inputs, ...picked.overlapped], empty))
  const job = compactionOf(engine, version, picked, empty, segments)
  return { job, plan: { table: (number) => tables.get(number)!, blobs } }
}

function compactionOf(
  engine: CompactionEngine,
  version: Version,
  picked: Picked,
  empty: ReadonlySet<number>,
  segments: readonly (JobSegment & { readonly from: Buffer | undefined })[],
): MergeJob {
  const { level, outputLevel, inputs, overlapped } = picked
  const { options } = engine
  const all = [...inputs, ...overlapped]
  const [first, ...later] = segments
  return {
    runs: [
      ...(level === 0 ? inputs.map((table) => [table]) : [inputs]),
      ...(overlapped.length > 0 ? [overlapped] : []),
    ],
    memtables: [],
    snapshots: [...engine.snapshots()],
    deeper: deeperThan(version, outputLevel, all),
    numbers: first!.numbers,
    tableBytes: first!.tableBytes,
    shape: first!.shape,
    segments: later.map((segment) => ({ ...segment, from: segment.from! })),
    overlapBytesMax: overlapBytesMax(engine, version, outputLevel),
    createdMs: Math.min(...all.map(({ createdMs }) => createdMs)),
    values: valueJob(engine, [...empty], rewrittenBytes(all, empty)),
    verify: options.paranoid,
    mergeOperator: engine.mergeOperatorReference,
  }
}

/** Bytes of values that a job over these tables moves out of the files. */
export function rewrittenBytes(tables: readonly TableMeta[], empty: ReadonlySet<number>): number {
  return empty.size === 0 ? 0 : tables.reduce((sum, table) => sum + referredBytes(table, empty), 0)
}

function deeperThan(version: Version, level: number, inputs: readonly TableMeta[]): DeeperTable[][] {
  const range = hull(inputs)!
  const levels: DeeperTable[][] = []
  for (let deeper = level + 1; deeper < LEVELS; deeper++) {
    const tables = version.overlapping(deeper, range)
    levels.push(
      tables.map(({ smallest, largest, largestIncluded, bytes }) => ({ smallest, largest, largestIncluded, bytes })),
    )
  }
  return levels
}

/** The edit that puts `outputs` in the place of what was picked. */
export function editOf(picked: Picked, outputs: readonly TableMeta[]): VersionEdit {
  const { level, outputLevel, inputs, overlapped } = picked
  return {
    removed: [
      ...inputs.map(({ number }) => ({ level, number })),
      ...overlapped.map(({ number }) => ({ level: outputLevel, number })),
    ],
    added: outputs.map((meta) => ({ level: outputLevel, meta })),
  }
}
