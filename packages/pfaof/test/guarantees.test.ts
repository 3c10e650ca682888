import { type FaultMedium, openFault, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import {
  isPfaofError,
  type PfaofErrorCode,
  runAsync,
  runSync,
  SyncUnavailableError,
  Volume,
  wait,
} from '../src/index.ts'
import { Turn } from '../src/turn.ts'

const GEOMETRY = { zoneCount: 12, zoneBytes: 32 << 10, durability: 'flush' as const }
const coded = (code: PfaofErrorCode) => (error: unknown) => isPfaofError(error, code)

describe('a torn tail is told from corruption', () => {
  async function build(pointerSurvives: boolean) {
    const medium = openMemory({ ...GEOMETRY, pointerSurvives })
    const volume = await Volume.create({ media: { m: medium } })
    const file = await runAsync(volume.create({ name: 'a', media: ['m'] }))
    for (let i = 0; i < 3; i++) {
      await runAsync(file.append([Buffer.alloc(1000, i + 1)]))
      await runAsync(file.sync())
    }
    await runAsync(file.append([Buffer.alloc(1000, 9)]))
    const { zone, start } = volume.stat('a').extents[0]!
    return { medium, zone, start }
  }

  for (const pointerSurvives of [true, false]) {
    test(`pointer survives: ${pointerSurvives}`, async () => {
      const { medium, zone, start } = await build(pointerSurvives)
      const span = Math.ceil((60 + 1000) / 8) * 8
      // Chunks 0 and 1 were known to be synced when chunks 1 to 3 were written; chunk 3 promises 0 to 2. Nobody promises 3.
      for (const [chunk, opens] of [
        [0, false],
        [1, false],
        [2, false],
        [3, true],
      ] as const) {
        for (const at of [0, 30, 500]) {
          const image = await medium.image()
          image.zones.find((one) => one.zone === zone)!.bytes[start + chunk * span + at]! ^= 4
          const twin = await medium.twin(image)
          if (opens) {
            const volume = await Volume.open({ media: { m: twin } })
            expect(volume.stat('a').size).toBe(3000)
            await volume.close()
          } else await expect(Volume.open({ media: { m: twin } })).rejects.toSatisfy(coded('PFAOF_CORRUPTION'))
          await twin.close()
        }
      }
    })
  }
})

describe('a failed flush', () => {
  test('poisons the volume until it is opened anew; reads go on', async () => {
    const inner = openMemory(GEOMETRY)
    await (await Volume.create({ media: { m: inner } })).close()
    const medium = openFault(inner, { rules: [{ on: 'flush', nth: 4, effect: { kind: 'error' } }] }) as FaultMedium
    const volume = await Volume.open({ media: { m: medium } })
    const file = await runAsync(volume.create({ name: 'a', media: ['m'] }))
    await runAsync(file.append([Buffer.from('bytes')]))
    let failures = 0
    for (let i = 0; i < 6 && failures === 0; i++) {
      await runAsync(file.append([Buffer.from('more')]))
      await runAsync(file.sync()).catch(() => failures++)
    }
    expect(failures).toBe(1)
    await expect(runAsync(file.append([Buffer.from('x')]))).rejects.toSatisfy(coded('PFAOF_POISONED'))
    await expect(runAsync(file.sync())).rejects.toSatisfy(coded('PFAOF_POISONED'))
    await expect(runAsync(volume.delete('a'))).rejects.toSatisfy(coded('PFAOF_POISONED'))
    expect(volume.status().get('m')!.poisoned).toBe(true)
    const into = Buffer.alloc(5)
    expect(await runAsync(file.read(0, into))).toBe(5)
    await expect(volume.close()).rejects.toSatisfy(coded('PFAOF_POISONED'))
    const again = await Volume.open({ media: { m: inner } })
    expect(again.stat('a').size).toBeGreaterThanOrEqual(5)
    await again.close()
  })
})

describe('recycled space', () => {
  test('is not reset before the delete that freed it is durable (I7)', async () => {
    const inner = openMemory({ ...GEOMETRY, zoneCount: 7 })
    const medium = openFault(inner, {}) as FaultMedium
    const volume = await Volume.create({ media: { m: medium } })
    const bytes = (i: number) => Buffer.alloc(31_000, i + 1)
    const names: string[] = []
    const fill = async () => {
      for (let i = names.length; ; i++) {
        const file = await runAsync(volume.create({ name: `f${i}`, media: ['m'] }))
        names.push(`f${i}`)
        await runAsync(file.append([bytes(i)]))
        await runAsync(file.seal())
      }
    }
    await expect(fill()).rejects.toSatisfy(coded('PFAOF_NO_SPACE'))
    // The empty zones of the reserve are taken first, then one that a delete freed.
    for (let i = 0; i < 3; i++) {
      await runAsync(volume.delete(`f${i}`))
      const next = await runAsync(volume.create({ name: `next${i}`, media: ['m'] }))
      await runAsync(next.append([bytes(99)]))
    }
    medium.cutPower()
    const left = await medium.crashImage({ keep: 0 })
    const again = await Volume.open({ media: { m: left } })
    for (const { name, size } of again.list()) {
      const into = Buffer.alloc(size)
      await runAsync((await runAsync(again.open(name!))).read(0, into))
      if (size > 0) expect(into.equals(name!.startsWith('next') ? bytes(99) : bytes(Number(name!.slice(1))))).toBe(true)
    }
    await again.close()
  })

  test('bytes of its last use are never read, on media where they show', async () => {
    const medium = openMemory({ ...GEOMETRY, pointerSurvives: false })
    let volume = await Volume.create({ media: { m: medium } })
    for (let round = 0; round < 12; round++) {
      const file = await runAsync(volume.create({ name: 'a', media: ['m'] }))
      for (let i = 0; i < 20; i++) await runAsync(file.append([Buffer.alloc(1 + i * 150, round)]))
      await runAsync(file.sync())
      const { size } = file
      // No close: the next writer has to find the end among what the rounds before left.
      volume = await Volume.open({ media: { m: medium } })
      const found = await runAsync(volume.open('a'))
      expect(found.size).toBe(size)
      const into = Buffer.alloc(size)
      await runAsync(found.read(0, into))
      expect(into.equals(Buffer.alloc(size, round))).toBe(true)
      await runAsync(volume.delete('a'))
      await runAsync(volume.sync())
    }
    await volume.close()
  })
})

describe('the two drivers', () => {
  test('the synchronous one refuses to wait, and leaves the operation in order', async () => {
    const turn = new Turn()
    runSync(turn.take())
    expect(() => runSync(turn.take())).toThrow(SyncUnavailableError)
    const waiting = runAsync(turn.take())
    turn.release()
    await waiting
    expect(turn.held).toBe(true)
    turn.release()
    expect(turn.held).toBe(false)
  })

  test('work with both forms is done in the form that suits the driver', async () => {
    const both = () =>
      wait(
        async () => 'later',
        () => 'now',
      )
    expect(runSync(both())).toBe('now')
    expect(await runAsync(both())).toBe('later')
  })
})
