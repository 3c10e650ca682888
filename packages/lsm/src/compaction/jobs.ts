import { referredBytes } from '../blob/reclaim.ts'
import { separationOf } from '../blob/separation.ts'
import type { VersionEdit } from '../manifest/version-edit.ts'
import type { TableMeta } from '../table-meta.ts'
import { hull, sumBytes } from '../version/table-range.ts'
import { LEVELS, type Version } from '../version/version.ts'
import type { DeeperTable } from './deeper-tables.ts'
import type { CompactionEngine } from './engine.ts'
import type { MergeJob, TableShape, ValueJob } from './job.ts'
import { levelTargets, tableBytesOf } from './level-targets.ts'
import type { Picked } from './picker.ts'

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

/** Immutable memtables become one table of level 0; values in logs of `rewrite`, `rewriteBytes` of them, do not stay there. */
export function flushJob(engine: CompactionEngine, rewrite: readonly number[], rewriteBytes: number): MergeJob {
  return {
    runs: [],
    memtables: [],
    snapshots: [...engine.snapshots()],
    deeper: undefined,
    numbers: [engine.versions.newNumber()],
    tableBytes: 0,
    overlapBytesMax: 0,
    createdMs: engine.now(),
    shape: shapeOf(engine),
    values: valueJob(engine, rewrite, rewriteBytes),
    verify: false,
    mergeOperator: engine.mergeOperatorReference,
  }
}

export function overlapBytesMax(engine: CompactionEngine, version: Version, outputLevel: number): number {
  return OVERLAP_TABLES * tableBytesOf(outputLevel + 1, levelTargets(version, engine.options).base, engine.options)
}

/** `empty`: files with values of which nothing is to be left. */
export function compactionJob(
  engine: CompactionEngine,
  version: Version,
  picked: Picked,
  empty: ReadonlySet<number>,
): MergeJob {
  const { level, outputLevel, inputs, overlapped } = picked
  const { options, versions } = engine
  const all = [...inputs, ...overlapped]
  const tableBytes = tableBytesOf(outputLevel, levelTargets(version, options).base, options)
  const outputs = Math.ceil((2 * sumBytes(all)) / tableBytes) + SPARE_NUMBERS
  return {
    runs: [
      ...(level === 0 ? inputs.map((table) => [table]) : [inputs]),
      ...(overlapped.length > 0 ? [overlapped] : []),
    ],
    memtables: [],
    snapshots: [...engine.snapshots()],
    deeper: deeperThan(version, outputLevel, all),
    numbers: Array.from({ length: outputs }, () => versions.newNumber()),
    tableBytes,
    overlapBytesMax: overlapBytesMax(engine, version, outputLevel),
    createdMs: Math.min(...all.map(({ createdMs }) => createdMs)),
    shape: shapeOf(engine),
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
