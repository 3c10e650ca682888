import type { CompactionOptions } from './engine.ts'

const MIB = 1 << 20

/** What the sizes are when nothing else is said. */
export const COMPACTION_DEFAULTS: CompactionOptions = {
  tableBytes: 8 * MIB,
  tableBytesMax: 32 * MIB,
  level0Trigger: 4,
  level0Slowdown: 8,
  level0Stop: 16,
  baseBytes: 64 * MIB,
  levelRatio: 10,
  blockBytes: 4096,
  restartInterval: 16,
  filterBitsPerKey: 10,
  prefixBytes: 0,
  compression: 'none',
  separation: { bytes: Number.POSITIVE_INFINITY, rules: [] },
  blobBytes: 64 * MIB,
  spaceSoft: 1.5,
  spaceHard: 2,
  worker: undefined,
  paranoid: false,
}
