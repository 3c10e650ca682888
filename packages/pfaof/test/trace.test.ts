import { openMemory } from '@vivefs/media'
import { expect, test } from 'vitest'
import { Trace } from '../src/conformance/trace.ts'
import { Volume } from '../src/index.ts'

for (const pointerSurvives of [true, false]) {
  for (const blockBytes of [1, 512]) {
    test(`2,000 operations against the oracle (pointer survives: ${pointerSurvives}, blocks of ${blockBytes})`, async () => {
      const options = { zoneCount: 40, zoneBytes: 16 << 10, durability: 'flush' as const, pointerSurvives, blockBytes }
      const media = { a: openMemory(options), b: openMemory(options) }
      const volume = await Volume.create({ media })
      const trace = new Trace({ seed: 1, operations: 2000, media: ['a', 'b'], checkEvery: 50 })
      try {
        await trace.run(volume)
      } catch (error) {
        throw new Error(trace.log.slice(-20).join('\n'), { cause: error })
      }
      await trace.oracle.checkLive(volume)
      for await (const finding of volume.scrub()) throw new Error(JSON.stringify(finding))
      const again = await Volume.open({ media })
      await trace.oracle.checkRecovered(again)
      await again.close()
      const third = await Volume.open({ media })
      await trace.oracle.checkRecovered(third)
      expect(third.epoch).toBe(3)
    })
  }
}
