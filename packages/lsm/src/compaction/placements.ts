import { referredBytes } from '../blob/reclaim.ts'
import { type Bytes, compareBytes } from '../bytes.ts'
import type { Memtable } from '../memtable/memtable.ts'
import { runSync } from '../op.ts'
import type { Placement } from '../policy/media-policy.ts'
import type { Asked } from '../policy/placer.ts'
import { heatOf } from '../storage/heat.ts'
import type { CreateOptions } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'
import { type KeyRange, sumBytes } from '../version/table-range.ts'
import { LEVELS, type Version } from '../version/version.ts'
import type { CompactionEngine } from './engine.ts'
import type { TableShape } from './job.ts'
import { levelTargets } from './level-targets.ts'
import type { Picked } from './picker.ts'

/** Where the files of a job go. Decided before the job starts: whoever runs it asks nobody. */
export interface OutputPlan {
  /** Of the table with this number. */
  table(number: number): CreateOptions
  /** Of blob files. */
  readonly blobs: CreateOptions
}

/** For tables of which the storage itself says where they go. */
export function plainPlan(bytesExpected: number, valueBytes = 0): OutputPlan {
  return { table: () => ({ bytesExpected }), blobs: { bytesExpected: valueBytes } }
}

/** The tables between two keys of the policy's partition, or all of them. */
export interface Segment {
  /** Its keys start here; undefined: it is the first. */
  readonly from: Buffer | undefined
  readonly lowerKey: Bytes
  /** The keys end here; where a partition cuts, before it. */
  readonly upperKey: Bytes
}

/** Cuts a range where the partition does. */
export function segmentsOf({ smallest, largest }: KeyRange, partition: readonly Bytes[] = []): Segment[] {
  const cuts = partition.filter((key) => compareBytes(key, smallest) > 0 && compareBytes(key, largest) <= 0)
  const starts = [undefined, ...cuts.map((key) => Buffer.from(key))]
  return starts.map((from, i) => ({ from, lowerKey: from ?? smallest, upperKey: starts[i + 1] ?? largest }))
}

/** The place of a level among those in use: see `PlacementRequest.depth`. */
export function depthOf(level: number, version: Version, { options }: CompactionEngine): number {
  return level === 0 ? 0 : Math.max(1, level - levelTargets(version, options).base + 1)
}

/** The place of a level in the tree. */
export function whereOf(
  engine: CompactionEngine,
  version: Version,
  level: number,
): Pick<Asked, 'level' | 'depth' | 'lastLevel'> {
  return { level, depth: depthOf(level, version, engine), lastLevel: level === LEVELS - 1 }
}

type Known = Omit<Asked, 'file' | 'reason' | 'bytesExpected' | 'lowerKey' | 'upperKey'>

/** What is known of data that lies in tables and goes to `level`. */
export function knownOf(
  engine: CompactionEngine,
  version: Version,
  level: number,
  inputs: readonly TableMeta[],
): Known {
  const nowMs = engine.now()
  let [youngest, oldest, reads, apart] = [0, nowMs, 0, 0]
  for (const table of inputs) {
    const { number, createdMs } = table
    apart += referredBytes(table)
    youngest = Math.max(youngest, createdMs)
    oldest = Math.min(oldest, createdMs)
    reads += engine.storage.heatOf(number).readsPerHour(nowMs)
  }
  const bytes = sumBytes(inputs)
  return {
    ...whereOf(engine, version, level),
    ageMsMin: Math.max(0, nowMs - youngest),
    ageMsMax: Math.max(0, nowMs - oldest),
    heat: heatOf(reads, bytes),
    valuesPerByte: apart / Math.max(1, bytes),
  }
}

/** What is asked for a flush: the keys are those of the entries. */
export function flushAsked(memtables: readonly Memtable[], bytesExpected: number): Asked {
  const [lowerKey, upperKey] = edgesOf(memtables)
  const where = { file: 'table', level: 0, depth: 0, lastLevel: false, reason: 'flush' } as const
  return { ...where, bytesExpected, lowerKey, upperKey, ageMsMin: 0, ageMsMax: 0, heat: 0, valuesPerByte: 0 }
}

function edgesOf(memtables: readonly Memtable[]): [Bytes, Bytes] {
  let lower: Bytes | undefined
  let upper: Bytes | undefined
  for (const memtable of memtables) {
    const cursor = memtable.cursor()
    const key = () => Buffer.from(cursor.keyBytes.subarray(cursor.keyStart, cursor.keyEnd))
    runSync(cursor.first())
    if (!cursor.valid) continue
    if (lower === undefined || compareBytes(key(), lower) < 0) lower = key()
    runSync(cursor.last())
    if (upper === undefined || compareBytes(key(), upper) > 0) upper = key()
  }
  const none = new Uint8Array(0)
  return [lower ?? none, upper ?? none]
}

/** A compaction that moves tables as they are leaves them on media where the policy would put them. */
export function mayStay(
  engine: CompactionEngine,
  version: Version,
  p: Pick<Picked, 'inputs' | 'outputLevel'>,
): boolean {
  const { storage } = engine
  const { placer } = storage
  const known = { ...knownOf(engine, version, p.outputLevel, p.inputs), file: 'table', reason: 'move' } as const
  return p.inputs.every((table) => {
    if (storage.forgets('table', table.number)) return false
    if (!placer.hasPolicy) return true
    const { smallest: lowerKey, largest: upperKey, bytes: bytesExpected } = table
    if (segmentsOf(table, placer.policy.partition).length > 1) return false
    const { media } = placer.place({ ...known, bytesExpected, lowerKey, upperKey })
    return media[0] === storage.mediumOf('table', table.number)
  })
}

/** The shape of tables, as the placement changes it. */
export function shapedBy(placement: Placement, shape: TableShape): TableShape {
  return {
    ...shape,
    compression: placement.compression ?? shape.compression,
    blockBytes: placement.blockBytesTarget ?? shape.blockBytes,
    filterBitsPerKey: placement.filterBitsPerKey ?? shape.filterBitsPerKey,
  }
}
