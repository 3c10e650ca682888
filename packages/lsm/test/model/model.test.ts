/** Random lives beside a sorted map. Default: a few seconds; VIVEFS_DEEP=1: 1,000,000 operations. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { type Bundled, bundle, fastDirectory } from '../bundle.ts'
import { type Configuration, configurationsOf, directoryMedia, memoryMedia, type Options } from '../configurations.ts'
import { Life } from './life.ts'
import { APPEND } from './oracle.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'

let bundled: Bundled
beforeAll(async () => {
  bundled = await bundle('model/append.ts', fastDirectory())
}, 120_000)
afterAll(() => bundled.remove(), 120_000)

/** The database of a configuration, again and again at one place. */
function databaseOf(chosen: Configuration): () => LsmLevel {
  const operator: Options['mergeOperator'] =
    chosen.threaded === true ? { module: `file://${bundled.program}`, export: 'APPEND' } : APPEND
  const worker = chosen.threaded === true ? bundled.worker : false
  const options: Options = { ...chosen.options, worker, mergeOperator: operator }
  const location = mkdtempSync(join(bundled.directory, 'db-'))
  const media = chosen.inMemory === true ? memoryMedia(chosen) : directoryMedia(chosen, location)
  return () => new LsmLevel(location, { ...options, media })
}

const configurations = configurationsOf('model')

describe('one trace', () => {
  test(`gives equal answers in ${configurations.length} configurations`, { timeout: 3_600_000 }, async () => {
    const operations = DEEP ? 20_000 : 600
    let first: unknown
    for (const [name, chosen] of configurations) {
      const rows = await new Life({ seed: 7, operations, open: databaseOf(chosen), waits: chosen.waits === true }).run()
      first ??= rows
      expect(rows, name).toEqual(first)
    }
  })
})

describe('a random life', () => {
  const seeds = DEEP ? Array.from({ length: 20 }, (_, i) => i + 100) : [1, 2, Date.now() % 1e6]
  test.each(seeds)('is that of a sorted map (seed %i)', { timeout: 3_600_000 }, async (seed) => {
    const [, chosen] = configurations[seed % configurations.length]!
    // A tape takes nothing back, and lies in memory here.
    const operations = DEEP ? (chosen.waits === true ? 20_000 : 50_000) : 1500
    await new Life({ seed, operations, open: databaseOf(chosen), waits: chosen.waits === true }).run()
  })
})
