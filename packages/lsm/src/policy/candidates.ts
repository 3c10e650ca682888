import { referredBytes } from '../blob/reclaim.ts'
import { type Bytes, compareBytes } from '../bytes.ts'
import type { CompactionEngine } from '../compaction/engine.ts'
import { knownOf, whereOf } from '../compaction/placements.ts'
import type { BlobFileMeta } from '../manifest/version-edit.ts'
import { heatOf } from '../storage/heat.ts'
import type { TableMeta } from '../table-meta.ts'
import { LEVELS, type Version } from '../version/version.ts'
import type { Asked } from './placer.ts'

/** A file that nobody rewrites, and what the policy is asked about it. */
export interface Candidate {
  readonly kind: 'table' | 'log' | 'blob'
  readonly number: number
  readonly bytes: number
  /** Of a table. */
  readonly table: TableMeta | undefined
  readonly asked: Asked
}

/** What the tables of a version refer to in one file with values. */
interface Referrers {
  /** Bytes of entries, by level. */
  readonly levels: number[]
  lowerKey: Bytes
  upperKey: Bytes
}

/** Tables below level 0, then files with values that no recovery needs, oldest first: what was written together is moved together. */
export function candidatesOf(engine: CompactionEngine): Candidate[] {
  const { versions } = engine
  const { current } = versions
  const found: Candidate[] = []
  for (const { level, meta } of current.tables())
    if (level > 0) found.push(tableCandidate(engine, current, level, meta))
  const referrers = referrersOf(current)
  for (const file of [...versions.blobs.values()].sort((a, b) => a.number - b.number)) {
    const known = referrers.get(file.number)
    if (known === undefined || (file.kind === 'log' && versions.needsLog(file.number))) continue
    found.push(valuesCandidate(engine, current, file, known))
  }
  return found
}

/** The file is as it was when the policy was asked. */
export function isThere({ versions }: CompactionEngine, { kind, number, table }: Candidate): boolean {
  if (kind !== 'table') return versions.blobs.has(number)
  return versions.current.levels.some((tables) => tables.includes(table!))
}

function tableCandidate(engine: CompactionEngine, version: Version, level: number, table: TableMeta): Candidate {
  const { number, bytes, smallest: lowerKey, largest: upperKey } = table
  const known = knownOf(engine, version, level, [table])
  const asked = { ...known, file: 'table', reason: 'move', bytesExpected: bytes, lowerKey, upperKey } as const
  return { kind: 'table', number, bytes, table, asked }
}

function valuesCandidate(
  engine: CompactionEngine,
  version: Version,
  { kind, number, bytes, createdMs }: BlobFileMeta,
  { levels, lowerKey, upperKey }: Referrers,
): Candidate {
  const nowMs = engine.now()
  const ageMs = Math.max(0, nowMs - createdMs)
  const level = levels.indexOf(Math.max(...levels))
  const asked = {
    ...whereOf(engine, version, level),
    file: 'blob',
    reason: 'move',
    bytesExpected: bytes,
    lowerKey,
    upperKey,
    ageMsMin: ageMs,
    ageMsMax: ageMs,
    heat: heatOf(engine.storage.heatOf(number).readsPerHour(nowMs), bytes),
    valuesPerByte: 0,
  } as const
  return { kind, number, bytes, table: undefined, asked }
}

function referrersOf(version: Version): Map<number, Referrers> {
  const all = new Map<number, Referrers>()
  for (const { level, meta } of version.tables()) {
    if (referredBytes(meta) === 0) continue
    for (const { file, bytes } of meta.blobs!) {
      let one = all.get(file)
      if (one === undefined) {
        one = { levels: new Array<number>(LEVELS).fill(0), lowerKey: meta.smallest, upperKey: meta.largest }
        all.set(file, one)
      }
      one.levels[level]! += bytes
      if (compareBytes(meta.smallest, one.lowerKey) < 0) one.lowerKey = meta.smallest
      if (compareBytes(meta.largest, one.upperKey) > 0) one.upperKey = meta.largest
    }
  }
  return all
}
