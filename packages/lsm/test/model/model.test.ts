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
    console.log(`model, one trace: seed 7, ${operations} operations, equal in ${configurations.length} configurations`)
  })
})

describe('a random life', () => {
  const first = Number(process.env.VIVEFS_SEED ?? (DEEP ? 100 : Date.now() % 1e6))
  const configurationOf = (seed: number) => configurations[seed % configurations.length]!
  // A tape takes nothing back, and lies in memory here.
  const operationsOf = (seed: number): number =>
    DEEP ? (configurationOf(seed)[1].waits === true ? 20_000 : 50_000) : 1500
  const seeds: number[] = []
  let all = 0
  for (let seed = first; all < (DEEP ? 1_000_000 : 4500); seed++) {
    seeds.push(seed)
    all += operationsOf(seed)
  }
  test.each(seeds)('is that of a sorted map (seed %i)', { timeout: 3_600_000 }, async (seed) => {
    const [name, chosen] = configurationOf(seed)
    const operations = operationsOf(seed)
    await new Life({ seed, operations, open: databaseOf(chosen), waits: chosen.waits === true }).run()
    if (DEEP)
      console.log(`model: seed ${seed}, ${operations} operations, ${name}; seeds ${first} to ${seeds.at(-1)}: ${all}`)
  })
})
