/**
 * Power cuts on fixed and random traces: a sample of points by default (some seconds), which the printed seed chooses; with VIVEFS_DEEP=1 every
 * point of the fixed ones, and of every opening after each: after a power cut, and after the process was killed. VIVEFS_SEED: the first seed of
 * the random ones, and of the sample.
 */
import { describe, expect, test } from 'vitest'
import { CONFIGURATIONS, type Configuration, configurationsOf } from '../configurations.ts'
import { CUTS, closeAll, Powered } from '../tree/power.ts'
import { judge, lives, optionsOf, runTrace, statesOf, tryCut, tryKill, tryRecovery } from './harness.ts'
import { TRACES } from './traces.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'
/** By default every so manyth point, from the seed's on. */
const STRIDE = DEEP ? 1 : 23

/** With values in the tree, and apart from it. */
const THOROUGH: ReadonlySet<string> = new Set(['default', 'everything separated'])
/** Cuts during openings: every change that opening makes, at every so manyth point of the trace; fewer where the configuration is beside. */
const recoveryStrides = (name: string, { crash }: Configuration): { points: number; changes: number } => {
  if (!DEEP) return { points: 61, changes: 7 }
  return { points: THOROUGH.has(name) ? 1 : crash === 'default' ? 4 : 16, changes: 1 }
}

const SEED = Number(process.env.VIVEFS_SEED ?? 1)
/** The first point of a sample of every so manyth. */
const firstOf = (name: string, stride: number): number => 1 + ((SEED + name.length) % stride)
if (!DEEP) console.log(`crash: the points of seed ${SEED}`)

const CYCLES = DEEP ? 10_000 : 30
/** Cycles that one database goes through. */
const LIFE_CYCLES = 5

const configurations = configurationsOf('crash')

describe.each(configurations)('power cuts, %s', (name, configuration) => {
  test.each(Object.entries(TRACES))('%s', { timeout: 3_600_000 }, async (title, trace) => {
    const states = statesOf(trace)
    let points = 0
    for (let cutAt = firstOf(name, STRIDE); ; cutAt += STRIDE) {
      const { cut, complaints } = await tryCut(trace, states, { cutAt, seed: cutAt, cuts: CUTS, configuration })
      expect(complaints).toEqual([])
      if (!cut) break
      points++
    }
    expect(points).toBeGreaterThan(0)
    if (DEEP) console.log(`power cuts, ${name}: ${title}, ${points} points, ${points * CUTS.length} cuts`)
  })

  test.each(Object.entries(TRACES))(
    '%s, and again while it is opened',
    { timeout: 3_600_000 },
    async (title, trace) => {
      const states = statesOf(trace)
      let seconds = 0
      const { points, changes } = recoveryStrides(name, configuration)
      for (let cutAt = firstOf(name, points); ; cutAt += points) {
        const o = { cutAt, stride: changes, configuration }
        const { cut, recoveries, complaints } = await tryRecovery(trace, states, o)
        expect(complaints).toEqual([])
        if (!cut) break
        seconds += recoveries
      }
      expect(seconds).toBeGreaterThan(0)
      if (DEEP) console.log(`power cuts in recovery, ${name}: ${title}, ${seconds} points`)
    },
  )

  test.each(Object.entries(TRACES))(
    '%s, after the process was killed',
    { timeout: 3_600_000 },
    async (title, trace) => {
      const states = statesOf(trace)
      let kills = 0
      let seconds = 0
      const { points, changes } = recoveryStrides(name, configuration)
      for (let killAt = firstOf(name, points); ; killAt += points) {
        const { killed, recoveries, complaints } = await tryKill(trace, states, {
          killAt,
          stride: changes,
          configuration,
        })
        expect(complaints).toEqual([])
        if (!killed) break
        kills++
        seconds += recoveries
      }
      expect(kills).toBeGreaterThan(0)
      if (DEEP)
        console.log(
          `kills and power cuts in recovery, ${name}: ${title}, ${kills} points, ${seconds} points in recovery`,
        )
    },
  )
})

test(`${CYCLES} cycles of random steps, cut anywhere`, { timeout: 3_600_000 }, async () => {
  const first = SEED
  let cuts = 0
  let seed = first
  for (let cycles = 0; cycles < CYCLES; cycles += LIFE_CYCLES, seed++) {
    const [, configuration] = configurations[seed % configurations.length]!
    cuts += await lives(seed, LIFE_CYCLES, configuration)
    if (cycles % 1000 === 0) console.log(`on the way: ${cycles + LIFE_CYCLES} of ${CYCLES}, at ${seed}`)
  }
  expect(cuts).toBeGreaterThan(CYCLES / 2)
  console.log(`cycles: seeds ${first} to ${seed - 1}, ${CYCLES} cycles, ${cuts} of them cut`)
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
