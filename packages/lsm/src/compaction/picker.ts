import { referredBytes, referredOf, unitBytes } from '../blob/reclaim.ts'
import type { TableMeta } from '../table-meta.ts'
import { hull, isBefore, type KeyRange, overlaps, sumBytes } from '../version/table-range.ts'
import { LEVELS, type Version } from '../version/version.ts'
import type { CompactionOptions } from './engine.ts'
import { type LevelTargets, levelTargets } from './level-targets.ts'

/** What to compact next. */
export interface Picked {
  readonly level: number
  readonly outputLevel: number
  /** Tables of `level`. */
  readonly inputs: readonly TableMeta[]
  /** Tables of `outputLevel` in their range; empty when both levels are the same. */
  readonly overlapped: readonly TableMeta[]
  readonly reason: 'level0' | 'size' | 'tombstones' | 'reclaim' | 'manual'
}

/** A table of which more is tombstones than this is rewritten when there is nothing else to do. */
const TOMBSTONE_SHARE = 0.5
/** Values in level 0, as a part of those below. */
const HIDDEN_SHARE = 0.125
const LAST = LEVELS - 1

/** The most urgent compaction; undefined: the tree is in shape. `oldestSnapshot`: undefined for none. */
export function pick(version: Version, o: CompactionOptions, oldestSnapshot: number | undefined): Picked | undefined {
  const targets = levelTargets(version, o)
  let worst = 0
  let score = Math.max(version.levels[0]!.length / o.level0Trigger, hiddenScore(version, o))
  for (let level = targets.base; level < LAST; level++) {
    const next = sumBytes(version.levels[level]!) / targets.bytes[level]!
    if (next <= score) continue
    score = next
    worst = level
  }
  if (score < 1) return pickTombstones(version, oldestSnapshot)
  return worst === 0 ? pickLevel0(version, targets) : pickBySize(version, worst)
}

/**
 * What values that level 0 refers to overwrite is garbage as soon as they are compacted, and counts as alive until then: it may be only a
 * part of what lies below.
 */
export function hiddenScore(version: Version, o: CompactionOptions): number {
  const { above, below } = referredOf(version)
  return above / Math.max(unitBytes(below, o.blobBytes), below * HIDDEN_SHARE)
}

/** All of level 0, which is merged into the level below. */
export function pickLevel0(version: Version, { base }: LevelTargets): Picked {
  const inputs = version.levels[0]!
  return picked(version, 0, base, inputs, 'level0')
}

function picked(
  version: Version,
  level: number,
  outputLevel: number,
  inputs: readonly TableMeta[],
  reason: Picked['reason'],
): Picked {
  const range = hull(inputs)
  const overlapped = range === undefined || level === outputLevel ? [] : version.overlapping(outputLevel, range)
  return { level, outputLevel, inputs, overlapped, reason }
}

/** The table that costs the fewest bytes below for each of its own; tombstones free what they hide, so they count extra. */
function pickBySize(version: Version, level: number): Picked {
  const tables = version.levels[level]!
  const below = version.levels[level + 1]!
  let best: TableMeta | undefined
  let least = Number.POSITIVE_INFINITY
  let at = 0
  for (const table of tables) {
    while (at < below.length && isBefore(below[at]!, table)) at++
    let overlapBytes = 0
    for (let i = at; i < below.length && !isBefore(table, below[i]!); i++) overlapBytes += below[i]!.bytes
    const cost = overlapBytes / (table.bytes * (1 + tombstoneShare(table)))
    if (cost >= least) continue
    least = cost
    best = table
  }
  return picked(version, level, level + 1, [best!], 'size')
}

function tombstoneShare({ entries, deletions, rangeDeletions }: TableMeta): number {
  return rangeDeletions > 0 ? 1 : deletions / Math.max(1, entries)
}

function pickTombstones(version: Version, oldestSnapshot: number | undefined): Picked | undefined {
  let best: TableMeta | undefined
  let from = 0
  for (let level = 1; level < LEVELS; level++) {
    for (const table of version.levels[level]!) {
      const share = tombstoneShare(table)
      if (share <= TOMBSTONE_SHARE || (best !== undefined && share <= tombstoneShare(best))) continue
      if (level === LAST && !isSettled(table, oldestSnapshot)) continue
      best = table
      from = level
    }
  }
  if (best === undefined) return undefined
  return picked(version, from, Math.min(LAST, from + 1), [best], 'tombstones')
}

/** No snapshot tells entries of the table apart: rewritten in the last level, it has no tombstones. */
export function isSettled(table: TableMeta, oldestSnapshot: number | undefined): boolean {
  return oldestSnapshot === undefined || table.largestSequence <= oldestSnapshot
}

/**
 * The table whose rewriting moves the most out of the files to empty; where only level 0 refers to them, level 0. Undefined: there is
 * nothing to empty.
 */
export function pickReclaim(version: Version, o: CompactionOptions, files: ReadonlySet<number>): Picked | undefined {
  if (files.size === 0) return undefined
  let best: TableMeta | undefined
  let from = 0
  let most = 0
  for (let level = 1; level < LEVELS; level++) {
    for (const table of version.levels[level]!) {
      const bytes = referredBytes(table, files)
      if (bytes <= most) continue
      most = bytes
      best = table
      from = level
    }
  }
  if (best !== undefined) return picked(version, from, from, [best], 'reclaim')
  const above = version.levels[0]!.some((table) => referredBytes(table, files) > 0)
  return above ? pickLevel0(version, levelTargets(version, o)) : undefined
}

/** Bytes of inputs that a manual compaction takes at once. */
const MANUAL_TABLES = 8

/** The next step of a manual compaction from `level` down; undefined: nothing is left to do there. */
export function pickManual(version: Version, level: number, range: KeyRange, o: CompactionOptions): Picked | undefined {
  const found = version.overlapping(level, range)
  if (found.length === 0) return undefined
  if (level === 0) return picked(version, 0, levelTargets(version, o).base, version.levels[0]!, 'manual')
  return picked(version, level, level + 1, found.slice(0, MANUAL_TABLES), 'manual')
}

/**
 * The inputs can move down as they are: nothing overlaps them, they do not overlap each other, not too much lies below, and there are
 * no tombstones that a rewrite would drop.
 */
export function isTrivialMove(version: Version, p: Picked, overlapBytesMax: number): boolean {
  const { inputs, level, outputLevel, overlapped } = p
  if (level === outputLevel || overlapped.length > 0) return false
  for (const [i, table] of inputs.entries()) {
    if (inputs.some((other, j) => j < i && overlaps(table, other))) return false
    const below = outputLevel < LAST ? version.overlapping(outputLevel + 1, table) : []
    if (sumBytes(below) > overlapBytesMax) return false
    if (table.deletions + table.rangeDeletions > 0 && isBottom(version, outputLevel, table)) return false
  }
  return true
}

function isBottom(version: Version, level: number, range: KeyRange): boolean {
  for (let deeper = level + 1; deeper < LEVELS; deeper++) {
    if (version.overlapping(deeper, range).length > 0) return false
  }
  return true
}
