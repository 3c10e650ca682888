/** Opening on full media: what was acknowledged is served, nothing is poisoned, and the flush is done when there is space. */
import { openMemory } from '@vivefs/media'
import { runAsync, Volume } from '@vivefs/pfaof'
import { expect, test } from 'vitest'
import type { LsmDb } from '../../src/db/db.ts'
import { LsmLevel } from '../../src/index.ts'
import { CONFIGURATIONS, type Options } from '../configurations.ts'
import { optionsOf } from '../crash/harness.ts'
import { CUTS, Powered } from '../tree/power.ts'

const options: Options = { ...optionsOf(CONFIGURATIONS.default!), memtableBytes: 16_384 }
const BALLAST = 'ballast'
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ type: 'put' as const, key: `k${i}`, value: `${i}`.padEnd(100, 'x') }))

/** A medium with a database that was killed while `count` rows were in its log only, and on which nothing is free any more. */
async function fullMedium(count: number) {
  const main = openMemory({ zoneBytes: 64 << 10, zoneCount: 16, durability: 'flush' })
  const powered = new Powered({ main }, 1, 0)
  const level = new LsmLevel('full', { ...options, media: powered.media })
  await level.open()
  for (const row of rows(count)) await level.put(row.key, row.value)
  await level.syncLog()
  const media = await powered.after(CUTS[0]!, 1)
  await level.close()
  await powered.close()
  const volume = await Volume.open({ media })
  const file = await runAsync(volume.create({ name: BALLAST, media: ['main'] }))
  for (let bytes = 32_768; bytes > 1; bytes = Math.floor(bytes / 2)) {
    const part = Buffer.alloc(bytes)
    await (async () => {
      for (;;) await runAsync(file.append([part]))
    })().catch((error) => expect(error.code).toBe('PFAOF_NO_SPACE'))
  }
  await volume.close()
  return media
}

test('a database opens on full media, serves what its log holds, and goes on when there is space', async () => {
  const media = await fullMedium(100)
  for (let opened = 0; opened < 3; opened++) {
    const level = new LsmLevel('full', { ...options, media })
    await level.open()
    expect((await level.keys().all()).length).toBe(100)
    expect(level.getSync('k7')).toBe('7'.padEnd(100, 'x'))
    // It is refused, unless moving together what lives in half-empty zones has made room by now.
    await level.flush().catch((error) => expect(error.code).toBe('LEVEL_NO_SPACE'))
    expect(level.stats().writes).toMatchObject({ poisoned: undefined, zonesFailure: undefined })
    await level.close()
  }
  const level = new LsmLevel('full', { ...options, media })
  await level.open()
  const { volume } = (level as unknown as { db: LsmDb }).db.tree.storage
  await runAsync(volume.delete(BALLAST))
  await runAsync(volume.sync())
  await level.put('later', '1')
  await level.flush()
  expect(level.stats().writes!.full).toBeUndefined()
  expect(level.stats().levels[0]!.tables).toBeGreaterThan(0)
  await level.close()
  await level.open()
  expect((await level.keys().all()).length).toBe(101)
  await level.close()
})
