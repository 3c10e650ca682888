import type { VersionEdit } from '../manifest/version-edit.ts'
import type { TableMeta } from '../table-meta.ts'
import { hull, sumBytes } from '../version/table-range.ts'
import { LEVELS, type Version } from '../version/version.ts'
import type { DeeperTable } from './deeper-tables.ts'
import type { CompactionEngine } from './engine.ts'
import type { MergeJob, TableShape } from './job.ts'
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

/** Immutable memtables become one table of level 0. */
export function flushJob(engine: CompactionEngine): MergeJob {
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
    verify: false,
    mergeOperator: engine.mergeOperatorReference,
  }
}

export function overlapBytesMax(engine: CompactionEngine, version: Version, outputLevel: number): number {
  return OVERLAP_TABLES * tableBytesOf(outputLevel + 1, levelTargets(version, engine.options).base, engine.options)
}

export function compactionJob(engine: CompactionEngine, version: Version, picked: Picked): MergeJob {
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
    verify: options.paranoid,
    mergeOperator: engine.mergeOperatorReference,
  }
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
