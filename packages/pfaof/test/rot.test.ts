import { isImageable, type Medium, openMemory, SeededRandom } from '@vivefs/media'
import { expect, test } from 'vitest'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'

/** Single bits flipped in live bytes: every read is right or an error, never wrong. */
const FLIPS = 2000
const SEED = Number(process.env.VIVEFS_SEED ?? 3)

async function build(): Promise<{ medium: ReturnType<typeof openMemory>; contents: Map<string, Buffer> }> {
  const medium = openMemory({ zoneCount: 16, zoneBytes: 32 << 10, durability: 'flush' })
  const volume = await Volume.create({ media: { m: medium }, now: () => 1 })
  const contents = new Map<string, Buffer>()
  const random = new SeededRandom(SEED)
  for (let i = 0; i < 6; i++) {
    const file = await runAsync(volume.create({ name: `f${i}`, media: ['m'] }))
    const parts: Buffer[] = []
    for (let k = 0; k < 5; k++) {
      const part = Buffer.from(random.fill(new Uint8Array(1 + Math.floor(random.next() * 5000))))
      parts.push(part)
      await runAsync(file.append([part]))
    }
    if (i % 2 === 0) await runAsync(file.seal())
    contents.set(`f${i}`, Buffer.concat(parts))
  }
  await volume.close()
  return { medium, contents }
}

test(`${FLIPS} single flips in live bytes: 0 silent wrong reads`, { timeout: 120_000 }, async () => {
  const { medium, contents } = await build()
  const image = await medium.image()
  const random = new SeededRandom(SEED)
  let detected = 0
  for (let flip = 0; flip < FLIPS; flip++) {
    const zone = image.zones[Math.floor(random.next() * image.zones.length)]!
    const at = Math.floor(random.next() * zone.bytes.length)
    const bit = 1 << Math.floor(random.next() * 8)
    zone.bytes[at]! ^= bit
    const where = `VIVEFS_SEED=${SEED} flip ${flip}: zone ${zone.zone} byte ${at} bit ${bit}`
    const twin: Medium = await medium.twin(image)
    zone.bytes[at]! ^= bit
    try {
      const volume = await Volume.open({ media: { m: twin } })
      expect([...volume.list()].map(({ name }) => name).sort(), where).toEqual([...contents.keys()])
      for (const [name, want] of contents) {
        const file = await runAsync(volume.open(name))
        expect(file.size, where).toBe(want.length)
        const into = Buffer.alloc(want.length)
        try {
          await runAsync(file.read(0, into))
        } catch (error) {
          if (!isPfaofError(error, 'PFAOF_CORRUPTION')) throw error
          detected++
          continue
        }
        expect(into.equals(want), `${where}: ${name} reads wrong`).toBe(true)
      }
    } catch (error) {
      if (!isPfaofError(error, 'PFAOF_CORRUPTION')) throw error
      detected++
    } finally {
      await twin.close()
    }
  }
  expect(isImageable(medium)).toBe(true)
  expect(detected).toBeGreaterThan(FLIPS / 4)
})
