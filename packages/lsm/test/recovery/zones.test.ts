/** Zones in which little is left are emptied: dead space stays a bounded part of the whole, and full media find room in it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory, openMemory } from '@vivefs/media'
import { type AppendFile, runAsync, Volume } from '@vivefs/pfaof'
import { expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { ZoneReclaimer } from '../../src/storage/zone-reclaimer.ts'
import { type Options, SMALL } from '../configurations.ts'

const ZONE = 64 << 10

/** A volume on which of every ten small files one is left: in nearly every zone something is alive. */
async function sparse(zoneCount: number, zones: number): Promise<{ volume: Volume; kept: Map<string, Buffer> }> {
  const volume = await Volume.create({ media: { main: openMemory({ zoneBytes: ZONE, zoneCount }) }, now: () => 1 })
  const kept = new Map<string, Buffer>()
  for (let i = 0; i < zones * 10; i++) {
    const file = await runAsync(volume.create({ name: `f${i}`, media: ['main'] }))
    const bytes = Buffer.alloc(5500, i)
    await runAsync(file.append([bytes]))
    await runAsync(file.seal())
    if (i % 10 === 0) kept.set(`f${i}`, bytes)
  }
  for (const { name } of [...volume.list()]) if (!kept.has(name!)) await runAsync(volume.delete(name!))
  await runAsync(volume.sync())
  return { volume, kept }
}

async function check(volume: Volume, kept: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [name, bytes] of kept) {
    const found = Buffer.alloc(bytes.length)
    expect(await runAsync((await runAsync(volume.open(name))).read(0, found))).toBe(bytes.length)
    expect(found.equals(bytes), name).toBe(true)
  }
}

test('dead space is bounded', async () => {
  const { volume, kept } = await sparse(200, 60)
  const before = volume.status().get('main')!
  const reclaimer = new ZoneReclaimer(volume)
  reclaimer.look(false)
  await expect.poll(() => reclaimer.zones, { timeout: 10_000 }).toBeGreaterThan(30)
  await reclaimer.close()
  const { zones, freeZones, liveBytes } = volume.status().get('main')!
  const dead = (zones - freeZones) * ZONE - liveBytes
  expect(dead).toBeLessThan(9 * ZONE + liveBytes / 2)
  expect(freeZones).toBeGreaterThan(before.freeZones + 30)
  expect(reclaimer.failure).toBeUndefined()
  await check(volume, kept)
  await volume.close()
})

test('a finished zone takes what was written to it where zones are files: nothing is moved to fill it up', async () => {
  const path = mkdtempSync(join(tmpdir(), 'lsm-zones-'))
  let main = openDirectory({ path, zoneBytes: ZONE, zoneCount: 200 })
  let volume = await Volume.create({ media: { main }, now: () => 1 })
  try {
    const files: AppendFile[] = []
    for (let i = 0; i < 30; i++) {
      const file = await runAsync(volume.create({ name: `f${i}`, media: ['main'], preallocateBytes: ZONE }))
      await runAsync(file.append([Buffer.alloc(9000, i)]))
      files.push(file)
    }
    for (const file of files) await runAsync(file.seal())
    for (let pass = 0; pass < 2; pass++) {
      const { zones, freeZones, liveBytes, deadBytes } = volume.status().get('main')!
      expect((zones - freeZones) * ZONE).toBeGreaterThan(5 * liveBytes)
      expect(deadBytes).toBeLessThan(8 * ZONE)
      const reclaimer = new ZoneReclaimer(volume)
      reclaimer.look(false)
      await reclaimer.close()
      expect(reclaimer.zones).toBe(0)
      await volume.close()
      await main.close()
      main = openDirectory({ path })
      volume = await Volume.open({ media: { main }, now: () => 1 })
    }
    expect(await volume.reclaim('main', { zones: 3, shareOf: 'taken' })).toBe(0)
    expect(await volume.reclaim('main', { zones: 3 })).toBe(3)
  } finally {
    await volume.close()
    await main.close()
    rmSync(path, { recursive: true })
  }
})

test('full media find room', async () => {
  const { volume, kept } = await sparse(200, 4)
  const reclaimer = new ZoneReclaimer(volume)
  reclaimer.look(false)
  expect(await reclaimer.makeRoom()).toBeGreaterThan(0)
  await check(volume, kept)
  await reclaimer.close()
  expect(await reclaimer.makeRoom()).toBe(0)
  await volume.close()
})

test('a database that is overwritten again and again goes on in little more than what is alive', {
  timeout: 60_000,
}, async () => {
  const options: Options = { ...SMALL, worker: false }
  const media = { main: openMemory({ zoneBytes: ZONE, zoneCount: 48 }) }
  const level = new LsmLevel('zones', { ...options, media })
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 1000; i++) await level.put(`k${(i * 7919) % 1000}`, `${round}`.padEnd(300, 'x'))
    if (round % 4 === 0) await level.keepSnapshot('one')
    if (round % 4 === 2) await level.dropSnapshot('one')
  }
  expect(level.stats().writes).toMatchObject({ poisoned: undefined, zonesFailure: undefined })
  expect((await level.values().all()).every((value) => value === '5'.padEnd(300, 'x'))).toBe(true)
  await level.close()
})
