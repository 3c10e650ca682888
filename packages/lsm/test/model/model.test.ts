/** Random lives beside a sorted map. Default: a few seconds; VIVEFS_DEEP=1: 1,000,000 operations. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { openMemory } from '@vivefs/media'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LsmLevel, type LsmLevelOptions } from '../../src/index.ts'
import { type Bundled, bundle, fastDirectory } from '../bundle.ts'
import { Life } from './life.ts'
import { APPEND } from './oracle.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'

let bundled: Bundled
beforeAll(async () => {
  bundled = await bundle('model/append.ts', fastDirectory())
}, 120_000)
afterAll(() => bundled.remove(), 120_000)

type Options = LsmLevelOptions<string, string>

const small: Options = { memtableBytes: 16_384, tableBytes: 8192, baseBytes: 32_768, blockBytes: 256, level0Trigger: 2 }
const workers = (): Options => ({
  worker: bundled.worker,
  mergeOperator: { module: `file://${bundled.program}`, export: 'APPEND' },
})

/** One database in memory that outlives its closing. */
function inMemory(options: Options): () => LsmLevel {
  const media = { main: openMemory({ zoneCount: 256, zoneBytes: 1 << 18, durability: 'flush' }) }
  return () => new LsmLevel('model', { ...options, media })
}

function inDirectory(options: Options): () => LsmLevel {
  const location = mkdtempSync(join(bundled.directory, 'db-'))
  return () => new LsmLevel(location, options)
}

const inline: Options = { worker: false, mergeOperator: APPEND }
const configurations: Record<string, () => () => LsmLevel> = {
  default: () => inDirectory(workers()),
  small: () => inDirectory({ ...workers(), ...small }),
  'inline, small': () => inMemory({ ...inline, ...small }),
  'no cache': () => inMemory({ ...inline, ...small, cacheBytes: 0 }),
  'no filters, prefix filters': () => inMemory({ ...inline, ...small, filterBitsPerKey: 0, prefixBytes: 2 }),
  deflate: () => inMemory({ ...inline, ...small, compression: 'deflate', restartInterval: 1 }),
  relaxed: () => inDirectory({ ...inline, ...small, durability: 'relaxed' }),
  'strict, paranoid': () => inMemory({ ...inline, ...small, durability: 'strict', paranoid: true, blockBytes: 64 }),
}

describe('one trace', () => {
  test('gives equal answers in 8 configurations', { timeout: 600_000 }, async () => {
    const operations = DEEP ? 20_000 : 600
    let first: unknown
    for (const [name, ground] of Object.entries(configurations)) {
      const rows = await new Life({ seed: 7, operations, open: ground() }).run()
      first ??= rows
      expect(rows, name).toEqual(first)
    }
  })
})

describe('a random life', () => {
  const seeds = DEEP ? Array.from({ length: 20 }, (_, i) => i + 100) : [1, 2, Date.now() % 1e6]
  test.each(seeds)('is that of a sorted map (seed %i)', { timeout: 3_600_000 }, async (seed) => {
    const names = Object.keys(configurations)
    const name = names[seed % names.length]!
    await new Life({ seed, operations: DEEP ? 50_000 : 1500, open: configurations[name]!() }).run()
  })
})
