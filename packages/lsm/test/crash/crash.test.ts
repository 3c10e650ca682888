/** Power cuts on fixed traces: a sample of points by default (some seconds), every point and random traces with VIVEFS_DEEP=1. */
import { describe, expect, test } from 'vitest'
import { CONFIGURATIONS, configurationsOf } from '../configurations.ts'
import { CUTS, closeAll, Powered } from '../tree/power.ts'
import { judge, optionsOf, runTrace, statesOf, tryCut } from './harness.ts'
import { randomTrace, TRACES } from './traces.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'
/** By default every so manyth point, from the seed's on. */
const STRIDE = DEEP ? 1 : 23

const configurations = configurationsOf('crash')

describe.each(configurations)('power cuts, %s', (name, configuration) => {
  test.each(Object.entries(TRACES))('%s', { timeout: 3_600_000 }, async (_name, trace) => {
    const states = statesOf(trace)
    let points = 0
    for (let cutAt = 1 + (name.length % STRIDE); ; cutAt += STRIDE) {
      const { cut, complaints } = await tryCut(trace, states, { cutAt, seed: cutAt, cuts: CUTS, configuration })
      expect(complaints).toEqual([])
      if (!cut) break
      points++
    }
    expect(points).toBeGreaterThan(0)
  })
})

test('random traces, cut anywhere', { timeout: 3_600_000 }, async () => {
  const seeds = DEEP ? 500 : 3
  for (let seed = 1; seed <= seeds; seed++) {
    const trace = randomTrace(seed, 40)
    const [, configuration] = configurations[seed % configurations.length]!
    const states = statesOf(trace)
    for (const cutAt of [20 + seed * 7, 60 + seed * 11, 150 + seed * 3]) {
      const { complaints } = await tryCut(trace, states, { cutAt, seed, cuts: CUTS, configuration })
      expect(complaints, `trace ${seed}`).toEqual([])
    }
  }
})

test('a promise that is not kept is seen', async () => {
  const trace = TRACES['synced and unsynced writes']!
  const powered = Powered.empty(1, 1e9)
  const options = optionsOf(CONFIGURATIONS.default!)
  const whole = trace.slice(0, -1)
  const writing = runTrace(
    [...whole, { do: 'batch', steps: [{ type: 'put', key: 'z', value: 'z' }] }],
    powered,
    options,
  )
  // The close at the end of a trace makes everything durable: what lies on the medium before that is looked at.
  const reached = { ...(await writing), durable: whole.length + 2, begun: whole.length + 2 }
  const media = await powered.after(CUTS[0]!, 1)
  expect(await judge(media, [...statesOf(whole), 'never'], reached, options)).toMatch(/no prefix|were promised/)
  await closeAll(media)
  await powered.close()
})
