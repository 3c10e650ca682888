/**
 * Larger than memory: the resident set of a process that fills, reads and fills again 4 times `memoryBytes` of data stays within 1.5 x
 * memoryBytes + 150 MiB. Twice its `memoryBytes` by default; VIVEFS_DEEP=1: four times, and 128 MiB with V8 as it is by default.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bundled, bundle, run } from '../bundle.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'
const RUNS = DEEP
  ? [
      ['--memory', '64', '--times', '4'],
      ['--memory', '128', '--times', '4', '--semi', '0'],
    ]
  : [['--memory', '64', '--times', '2']]

let bundled: Bundled
beforeAll(async () => {
  bundled = await bundle('../bench/memory.ts')
}, 120_000)
afterAll(() => bundled.remove())

test.each(RUNS)('%s %s %s %s', { timeout: 900_000 }, async (...args) => {
  const { code, output } = await run(bundled.program, args).ended
  expect(output).toMatch(/: kept\n$/)
  expect(code).toBe(0)
})
