/** What a reader tells about the space of media: it manages no zones, but it sees which ones files use. */
import { openMemory } from '@vivefs/media'
import { expect, test } from 'vitest'
import { runAsync, Volume } from '../src/index.ts'

test('a reader tells capacity and free space, and no medium is full that is not', async () => {
  const disk = openMemory({ zoneCount: 32, zoneBytes: 256 << 10 })
  const media = { disk }
  const writer = await Volume.create({ media, home: ['disk'] })
  const file = await runAsync(writer.create({ name: 'a', media: ['disk'] }))
  await runAsync(file.append([Buffer.alloc(300_000, 1)]))
  await runAsync(file.sync())
  const seen = writer.status().get('disk')!
  await writer.close()

  const reader = await Volume.open({ media, readOnly: true })
  const { zones, zoneCapacityBytes, liveBytes, freeZones, availableBytes } = reader.status().get('disk')!
  expect(zones).toBe(32)
  expect(liveBytes).toBeGreaterThanOrEqual(300_000)
  expect(freeZones).toBeLessThan(zones)
  expect(Math.abs(freeZones - seen.freeZones)).toBeLessThanOrEqual(zones - seen.zones)
  expect(availableBytes).toBeGreaterThan(0)
  expect(availableBytes).toBeLessThan(zones * zoneCapacityBytes)
  await reader.close()
  await disk.close()
})
