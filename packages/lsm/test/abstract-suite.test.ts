/**
 * abstract-level's own suite (5168 assertions) over several configurations, each in a process of its own; all of them in deep mode. Adds
 * about half a minute to a default run.
 */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bundled, bundle, fastDirectory, run } from './bundle.ts'
import { configurationsOf } from './configurations.ts'

let bundled: Bundled
beforeAll(async () => {
  bundled = await bundle('suite/entry.ts', fastDirectory())
}, 120_000)
afterAll(() => bundled.remove(), 120_000)

describe('the suite of abstract-level passes', () => {
  const all = configurationsOf('abstract').map(([name]) => name)
  test.concurrent.each(all)('%s', { timeout: 900_000 }, async (name) => {
    const directory = mkdtempSync(join(bundled.directory, 'suite-'))
    const { code, output } = await run(bundled.program, [name, directory, bundled.worker]).ended
    const failed = output.split('\n').filter((line) => line.startsWith('not ok'))
    expect(failed.slice(0, 10)).toEqual([])
    expect(output).toMatch(/# pass {2}\d{4}/)
    expect(code, output.slice(-2000)).toBe(0)
  })
})
