/**
 * Guest program: `node trace.mjs DEVICE` runs one random trace against a device and against its simulator of the same
 * geometry, and compares every answer: offset, error code, bytes read, and what the reports say.
 */
import assert from 'node:assert/strict'
import { isMediumError, type Medium, openMemory, openSmr, openTape, openZns, SeededRandom } from '@vivefs/media'
import { devices } from './devices.ts'
import { Runner } from './runner.ts'

const name = process.argv[2] ?? ''
const device = devices[name]
if (device === undefined) throw new Error(`unknown device ${name}; known: ${Object.keys(devices).join(', ')}`)

/** The simulator of what a device is, with the device's own numbers. */
async function simulatorOf(medium: Medium): Promise<Medium> {
  const { caps } = medium
  const { zoneCount, zoneBytes, zoneCapacityBytes, blockBytes, openZonesMax, activeZonesMax } = caps
  const report = await medium.report()
  const conventionalZones = report.filter(({ type }) => type === 'conventional').length
  if (caps.append === 'stream') return openTape({ zoneCount, zoneBytes, blockBytesMax: 1 << 20 })
  if (activeZonesMax > 0)
    return openZns({ zoneCount, zoneBytes, zoneCapacityBytes, blockBytes, openZonesMax, activeZonesMax })
  if (openZonesMax > 0) return openSmr({ zoneCount, zoneBytes, blockBytes, openZonesMax, conventionalZones })
  return openMemory({ zoneCount, zoneBytes, blockBytes, durability: 'flush', pointerSurvives: false })
}

type Step = { readonly text: string; readonly run: (medium: Medium) => Promise<string> }

function stepOf(random: SeededRandom, blockBytes: number, zones: number): Step {
  const zone = random.below(zones)
  const dice = random.next()
  const bytes = (count: number) => new Uint8Array(count).fill(random.below(256))
  if (dice < 0.5) {
    const length =
      blockBytes === 1 ? 1 + random.below(20_000) : blockBytes * (1 + random.below(6)) - (dice < 0.03 ? 1 : 0)
    const data = bytes(length)
    return { text: `append ${length} to ${zone}`, run: async (medium) => `at ${await medium.append(zone, [data])}` }
  }
  if (dice < 0.65) {
    const offset = random.below(40_000)
    const length = random.below(20_000)
    const run = async (medium: Medium) => `read ${await medium.read(zone, offset, new Uint8Array(length))}`
    return { text: `read ${length} at ${offset} of ${zone}`, run }
  }
  if (dice < 0.75) return { text: `finish ${zone}`, run: async (medium) => String(await medium.finish(zone)) }
  if (dice < 0.87) return { text: `reset ${zone}`, run: async (medium) => String(await medium.reset(zone)) }
  if (dice < 0.93) {
    return { text: `close ${zone}`, run: async (medium) => String(await medium.closeZone?.(zone)) }
  }
  if (dice < 0.95)
    return { text: `append to no zone`, run: (medium) => medium.append(1e6, [bytes(blockBytes)]).then(String) }
  return { text: 'flush', run: async (medium) => String(await medium.flush()) }
}

async function answer(step: Step, medium: Medium): Promise<string> {
  try {
    return await step.run(medium)
  } catch (error) {
    if (!isMediumError(error)) throw error
    return error.code
  }
}

const told = async (medium: Medium, zones: number) =>
  (await medium.report()).slice(0, zones).map(({ zone, state, pointer }) => `${zone} ${state} ${pointer}`)

const runner = new Runner()
for (const seed of [1, 2, 3]) {
  runner.it(`${name}: 200 random operations answer as the simulator does, seed ${seed}`, async () => {
    const medium = await device.create()
    const simulator = await simulatorOf(medium)
    const random = new SeededRandom(seed)
    // A few more zones than may be open, from the front: conventional ones among them where there are any.
    const zones = Math.min(medium.caps.zoneCount, Math.max(medium.caps.openZonesMax, medium.caps.activeZonesMax, 4) + 4)
    const differences: string[] = []
    const answers = { accepted: 0, refused: 0 }
    try {
      for (let step = 0; step < 200; step++) {
        const one = stepOf(random, medium.caps.blockBytes, zones)
        const [real, model] = [await answer(one, medium), await answer(one, simulator)]
        if (real.startsWith('MEDIA_')) answers.refused++
        else answers.accepted++
        if (real !== model) differences.push(`step ${step}, ${one.text}: device ${real}, simulator ${model}`)
        if (step % 20 !== 19) continue
        const [left, right] = [await told(medium, zones), await told(simulator, zones)]
        left.forEach((line, index) => {
          if (line !== right[index]) differences.push(`report after ${step}: device ${line}, simulator ${right[index]}`)
        })
      }
    } finally {
      await medium.close()
      await simulator.close()
    }
    runner.facts[`seed ${seed}`] = { ...answers, differences }
    assert.deepEqual(differences, [])
  })
}
process.exitCode = (await runner.run()) ? 0 : 1
