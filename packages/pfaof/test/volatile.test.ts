import { openFault, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'

const SHAPE = { zoneCount: 16, zoneBytes: 64 << 10 }
const durable = () => openMemory({ ...SHAPE, durability: 'flush' })
const forgetful = () => openMemory(SHAPE)
const bytes = (fill: number) => Buffer.alloc(9000, fill)

async function put(volume: Volume, name: string, media: string[], fill: number): Promise<void> {
  const file = await runAsync(volume.create({ name, media }))
  await runAsync(file.append([bytes(fill)]))
  await runAsync(file.seal())
}

async function content(volume: Volume, name: string): Promise<Buffer> {
  const file = await runAsync(volume.open(name))
  const into = Buffer.alloc(file.size)
  await runAsync(file.read(0, into))
  return into
}

const names = (volume: Volume) => [...volume.list()].map(({ name }) => name)

describe('a volatile medium', () => {
  test('may come back empty, as another one: its files are gone, the others are whole, and it serves again', async () => {
    const ssd = durable()
    const volume = await Volume.create({ media: { ssd, dram: forgetful() }, home: ['ssd'] })
    await put(volume, 'fast', ['dram'], 1)
    await put(volume, 'slow', ['ssd'], 2)
    await put(volume, 'moved', ['dram'], 3)
    await volume.move('moved', 'ssd')
    const open = await runAsync(volume.create({ name: 'open', media: ['dram'] }))
    await runAsync(open.append([bytes(4)]))
    await volume.close().catch(() => {})
    for (let round = 0; round < 3; round++) {
      const again = await Volume.open({ media: { ssd, dram: forgetful() } })
      expect(names(again)).toEqual(['slow', 'moved'])
      expect(await content(again, 'slow')).toEqual(bytes(2))
      expect(await content(again, 'moved')).toEqual(bytes(3))
      await put(again, `fast ${round}`, ['dram'], 5)
      expect(await content(again, `fast ${round}`)).toEqual(bytes(5))
      await again.close()
    }
  })

  test('that kept its bytes keeps its files', async () => {
    const [ssd, dram] = [durable(), forgetful()]
    const volume = await Volume.create({ media: { ssd, dram }, home: ['ssd'] })
    await put(volume, 'fast', ['dram'], 1)
    await volume.close()
    const again = await Volume.open({ media: { ssd, dram } })
    expect(await content(again, 'fast')).toEqual(bytes(1))
    await again.close()
  })

  test('that was added later forgets just the same; a durable one may not', async () => {
    const ssd = durable()
    const volume = await Volume.create({ media: { ssd } })
    await volume.addMedium('dram', forgetful())
    await put(volume, 'fast', ['dram'], 1)
    await volume.close()
    const again = await Volume.open({ media: { ssd, dram: forgetful() } })
    expect(names(again)).toEqual([])
    await again.close()
    const wrong = Volume.open({ media: { ssd, dram: durable() } })
    await expect(wrong).rejects.toSatisfy((error) => isPfaofError(error, 'PFAOF_WRONG_MEDIUM'))
    const strange = Volume.open({ media: { ssd, dram: forgetful(), other: forgetful() } })
    await expect(strange).rejects.toSatisfy((error) => isPfaofError(error, 'PFAOF_WRONG_MEDIUM'))
  })
})

test('a medium whose flush failed stands alone: files go to the others, its own are read', async () => {
  const ssd = durable()
  const disk = openFault(durable(), { rules: [{ on: 'flush', nth: 3, count: 1000, effect: { kind: 'error' } }] })
  const volume = await Volume.create({ media: { ssd, disk }, home: ['ssd'] })
  await put(volume, 'before', ['disk'], 1)
  let failed: unknown
  for (let i = 0; i < 5 && failed === undefined; i++) await put(volume, `x${i}`, ['disk'], 2).catch((e) => (failed = e))
  expect(isPfaofError(failed)).toBe(true)
  expect((failed as { medium?: string }).medium).toBe('disk')
  await put(volume, 'after', ['disk', 'ssd'], 3)
  expect((await runAsync(volume.open('after'))).medium).toBe('ssd')
  expect(await content(volume, 'after')).toEqual(bytes(3))
  expect(await content(volume, 'before')).toEqual(bytes(1))
  expect(volume.status().get('disk')!.poisoned).toBe(true)
})
