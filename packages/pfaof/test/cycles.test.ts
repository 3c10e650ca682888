import { type FaultMedium, type Medium, openFault, openMemory, openZns, SeededRandom } from '@vivefs/media'
import { test } from 'vitest'
import { Trace } from '../src/conformance/trace.ts'
import { Volume } from '../src/index.ts'
import { closeAll, countDown } from './crash.ts'

/**
 * Random cycles of work, loss of power and recovery on one volume, against the oracle. VIVEFS_DEEP=1: 10,000 of them.
 * VIVEFS_SEED=n replays one run.
 */
const CYCLES = process.env.VIVEFS_DEEP === '1' ? 10_000 : 200
const CYCLES_EACH = 10
const ONLY = process.env.VIVEFS_SEED === undefined ? undefined : Number(process.env.VIVEFS_SEED)

function makeMedium(random: SeededRandom): Medium {
  const zoneCount = 24 + Math.floor(random.next() * 24)
  const blockBytes = [1, 8, 512][Math.floor(random.next() * 3)]!
  const kind = random.next()
  const zoneBytes = 16 << 10
  if (kind < 0.4) return openMemory({ zoneCount, zoneBytes, blockBytes, durability: 'flush' })
  if (kind < 0.8) return openMemory({ zoneCount, zoneBytes, blockBytes, durability: 'flush', pointerSurvives: false })
  return openZns({
    zoneCount: zoneCount,
    zoneBytes: 64 << 10,
    zoneCapacityBytes: 48 << 10,
    blockBytes: 4096,
    openZonesMax: 8,
    activeZonesMax: 10,
  })
}

async function runSeed(seed: number): Promise<void> {
  const random = new SeededRandom(seed)
  let inner: Record<string, Medium> = { a: makeMedium(random) }
  if (random.next() < 0.5) inner.b = makeMedium(random)
  const names = Object.keys(inner)
  await (await Volume.create({ media: inner, home: random.next() < 0.3 ? names : ['a'] })).close()
  const trace = new Trace({ seed, operations: 80, media: names, appendBytesMax: 12 << 10 })
  for (let cycle = 0; cycle < CYCLES_EACH; cycle++) {
    const media: Record<string, FaultMedium> = {}
    let left = 1 + Math.floor(random.next() * 150)
    for (const name of names) {
      media[name] = openFault(inner[name]!, { seed }) as FaultMedium
      countDown(media[name]!, () => {
        if (--left === 0) for (const one of Object.values(media)) one.cutPower()
      })
    }
    let failure: unknown
    try {
      const volume = await Volume.open({ media })
      await trace.oracle.checkRecovered(volume)
      trace.oracle.adopt(volume)
      await trace.run(volume)
      if (random.next() < 0.3) await volume.close()
    } catch (error) {
      failure = error
      if (left > 0)
        throw new Error(`cycle ${cycle} of seed ${seed}\n${trace.log.slice(-15).join('\n')}`, { cause: error })
    }
    const next: Record<string, Medium> = {}
    const keep = [0, 0.3, 0.5, 0.9, 1][Math.floor(random.next() * 5)]!
    const order = random.next() < 0.5 ? 'in-order' : 'reordered'
    for (const name of names) next[name] = await media[name]!.crashImage({ keep, order, seed: seed + cycle })
    await closeAll(media)
    inner = next
    try {
      const volume = await Volume.open({ media: inner })
      await trace.oracle.checkRecovered(volume)
      trace.oracle.adopt(volume)
      if (random.next() < 0.5) await volume.close()
    } catch (error) {
      const where = `VIVEFS_SEED=${seed} cycle ${cycle}, keep ${keep} ${order}, after ${String(failure)}`
      throw new Error(`${where}\n${trace.log.slice(-15).join('\n')}\n${String(error)}`, { cause: error })
    }
    trace.log.push(`-- cycle ${cycle}`)
  }
  await closeAll(inner)
}

test(`${CYCLES} cycles of work and loss of power`, { timeout: 3_600_000 }, async () => {
  if (ONLY !== undefined) return runSeed(ONLY)
  for (let seed = 1; seed <= CYCLES / CYCLES_EACH; seed++) await runSeed(seed)
  console.log(
    `cycles: seeds 1 to ${CYCLES / CYCLES_EACH}, ${CYCLES} cycles of work and loss of power, 0 acknowledged and lost`,
  )
})
