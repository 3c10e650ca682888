/** A medium whose space returns only as a whole: emptied, used again, and over power cuts at every change of it. */
import { type FaultMedium, type Imageable, type Medium, openFault, openMemory, openTape } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { runAsync, Volume } from '../src/index.ts'

const ZONES = { zoneCount: 32, zoneBytes: 64 << 10 }
const bytes = (n: number) => Buffer.alloc(20_000 + n, n)

const make = (): { ssd: Medium & Imageable; tape: Medium & Imageable } => ({
  ssd: openMemory({ ...ZONES, durability: 'flush' }),
  tape: openTape({ ...ZONES, blockBytesMax: 16 << 10 }),
})

async function put(volume: Volume, name: string, n: number, medium: string): Promise<void> {
  const file = await runAsync(volume.create({ name, media: [medium] }))
  await runAsync(file.append([bytes(n)]))
  await runAsync(file.seal())
}

async function get(volume: Volume, name: string, n: number): Promise<boolean> {
  const file = await runAsync(volume.open(name))
  const into = Buffer.alloc(bytes(n).length)
  return (await runAsync(file.read(0, into))) === into.length && into.equals(bytes(n))
}

describe('a tape', () => {
  test('is erased when nothing on it is needed, and takes as much as before', async () => {
    const media = make()
    const volume = await Volume.create({ media, home: ['ssd'] })
    const before = volume.status().get('tape')!.freeZones
    await put(volume, 'stays', 1, 'ssd')
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 20; n++) await put(volume, `${round}/${n}`, n, 'tape')
      expect(volume.status().get('tape')!.freeZones).toBeLessThan(before - 5)
      await expect(volume.erase('tape')).rejects.toMatchObject({ code: 'PFAOF_BUSY' })
      for (let n = 0; n < 20; n++) expect(await get(volume, `${round}/${n}`, n)).toBe(true)
      await runAsync(volume.snapshot('held'))
      for (let n = 0; n < 20; n++) await runAsync(volume.delete(`${round}/${n}`))
      await expect(volume.erase('tape')).rejects.toMatchObject({ code: 'PFAOF_BUSY' })
      await runAsync(volume.dropSnapshot('held'))
      await volume.erase('tape')
      expect(volume.status().get('tape')!.freeZones).toBe(before)
    }
    await expect(volume.erase('ssd')).rejects.toMatchObject({ code: 'PFAOF_ARGUMENT' })
    await put(volume, 'again', 7, 'tape')
    await volume.close()
    const again = await Volume.open({ media })
    expect(await get(again, 'again', 7)).toBe(true)
    expect(await get(again, 'stays', 1)).toBe(true)
    await again.close()
  })

  test('that somebody else erased while files lay there is refused by its name', async () => {
    const media = make()
    const volume = await Volume.create({ media, home: ['ssd'] })
    await put(volume, 'precious', 3, 'tape')
    await volume.close()
    await media.tape.erase!()
    const refusal = expect.stringMatching(/tape was erased, and precious lay there/)
    await expect(Volume.open({ media })).rejects.toMatchObject({ code: 'PFAOF_WRONG_MEDIUM', message: refusal })
  })

  test('survives a power cut at every change on the way', async () => {
    let points = 0
    for (let cutAt = 1; ; cutAt++) {
      const inner = make()
      const made = await Volume.create({ media: inner, home: ['ssd'] })
      await put(made, 'stays', 1, 'ssd')
      for (let n = 0; n < 5; n++) await put(made, `old ${n}`, n, 'tape')
      await made.close()
      const cut = { on: 'write', nth: cutAt, effect: { kind: 'power-cut' } } as const
      const tape = openFault(inner.tape, { rules: [cut] }) as FaultMedium
      const volume = await Volume.open({ media: { ssd: inner.ssd, tape } })
      let whole = true
      try {
        for (let n = 0; n < 5; n++) await runAsync(volume.delete(`old ${n}`))
        await volume.erase('tape')
        await put(volume, 'new', 9, 'tape')
      } catch (error) {
        whole = false
        expect(tape.powerCut, String(error)).toBe(true)
      }
      await volume.close().catch(() => {})
      const left = { ssd: inner.ssd, tape: await tape.crashImage({ keep: cutAt % 2, order: 'in-order', seed: cutAt }) }
      const again = await Volume.open({ media: left })
      expect(await get(again, 'stays', 1)).toBe(true)
      if (whole) expect(await get(again, 'new', 9)).toBe(true)
      await put(again, 'after', 4, 'tape')
      expect(await get(again, 'after', 4)).toBe(true)
      await again.close()
      if (!tape.powerCut) break
      points++
    }
    expect(points).toBeGreaterThan(5)
  })
})
