import { sumBytes } from '../version/table-range.ts'
import { LEVELS, type Version } from '../version/version.ts'
import type { CompactionOptions } from './engine.ts'

export interface LevelTargets {
  /** The level that level 0 is compacted into. */
  readonly base: number
  /** Bytes that each level may hold; 0 for level 0 and for the levels above `base`. */
  readonly bytes: readonly number[]
}

/**
 * How big each level may become, from the last one back: the last level is as big as the data, each one above is `levelRatio` times
 * smaller, and levels that would hold less than a fraction of `baseBytes` stay empty. So at least nine tenths of the data lie in the last
 * level, however much it is. Idea: RocksDB's `level_compaction_dynamic_level_bytes`.
 */
export function levelTargets(version: Version, o: CompactionOptions): LevelTargets {
  const last = LEVELS - 1
  let first = last
  let most = 0
  for (let level = last; level > 0; level--) {
    const bytes = sumBytes(version.levels[level]!)
    if (bytes > 0) first = level
    most = Math.max(most, bytes)
  }
  let bytes = most / o.levelRatio ** (last - first)
  let base = first
  while (base > 1 && bytes > o.baseBytes) {
    base--
    bytes /= o.levelRatio
  }
  bytes = Math.min(Math.max(bytes, o.baseBytes / o.levelRatio), o.baseBytes)
  const targets = new Array<number>(LEVELS).fill(0)
  for (let level = base; level < LEVELS; level++, bytes *= o.levelRatio) {
    targets[level] = level === base ? bytes : Math.max(bytes, o.baseBytes)
  }
  return { base, bytes: targets }
}

/** Bytes of the tables written to a level. */
export function tableBytesOf(level: number, base: number, o: CompactionOptions): number {
  return Math.min(o.tableBytesMax, o.tableBytes * 2 ** Math.max(0, level - base))
}
