import { openFault, openMemory, openObject } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isPfaofError, runAsync, runSync, Volume } from '../src/index.ts'
import { countDown } from './crash.ts'

const now = () => 1
const small = () => openMemory({ zoneCount: 16, zoneBytes: 64 << 10, durability: 'flush' })
const bytes = (length: number, fill: number) => Buffer.alloc(length, fill)

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (isPfaofError(error)) return error.code
    throw error
  }
  return 'none'
}

async function contentOf(volume: Volume, name: string): Promise<Buffer> {
  const file = await runAsync(volume.open(name))
  const into = Buffer.alloc(file.size)
  await runAsync(file.read(0, into))
  return into
}

async function put(volume: Volume, name: string, media: string[], content: Buffer): Promise<void> {
  const file = await runAsync(volume.create({ name, media }))
  await runAsync(file.append([content]))
  await runAsync(file.seal())
}

describe('a medium added later', () => {
  test('takes files at once, and is needed by every open from then on', async () => {
    const [a, b, c] = [small(), small(), small()]
    const volume = await Volume.create({ media: { a }, now })
    await put(volume, 'old', ['a'], bytes(5000, 1))
    await volume.addMedium('b', b)
    await volume.addMedium('c', c)
    await put(volume, 'new', ['c', 'a'], bytes(9000, 2))
    await volume.move('old', 'b')
    expect(volume.stat('old').extents.map(({ medium }) => medium)).toEqual(['b'])
    expect(volume.stat('new').extents.map(({ medium }) => medium)).toEqual(['c'])
    await volume.close()
    expect(await codeOf(Volume.open({ media: { a, b }, now }))).toBe('PFAOF_MEDIUM_MISSING')
    expect(await codeOf(Volume.open({ media: { a }, now }))).toBe('PFAOF_MEDIUM_MISSING')
    // Twice: the second open finds it in a checkpoint only.
    for (let round = 0; round < 2; round++) {
      const again = await Volume.open({ media: { c, a, b }, now })
      expect(await contentOf(again, 'old')).toEqual(bytes(5000, 1))
      expect(await contentOf(again, 'new')).toEqual(bytes(9000, 2))
      expect([...again.status().keys()]).toEqual(['a', 'b', 'c'])
      await put(again, `more${round}`, ['b'], bytes(100, 3))
      await again.close()
    }
    const reader = await Volume.open({ media: { a, b, c }, now, readOnly: true })
    expect(await contentOf(reader, 'new')).toEqual(bytes(9000, 2))
  })

  test('to a volume whose table lies in an object store', async () => {
    const [store, b] = [openObject(), small()]
    const volume = await Volume.create({ media: { store }, now })
    await volume.addMedium('b', b)
    await put(volume, 'f', ['b'], bytes(3000, 4))
    await volume.close()
    expect(await codeOf(Volume.open({ media: { store }, now }))).toBe('PFAOF_MEDIUM_MISSING')
    const again = await Volume.open({ media: { b, store }, now })
    expect(await contentOf(again, 'f')).toEqual(bytes(3000, 4))
    await again.close()
  })

  test('an object store beside a volume in zones', async () => {
    const [a, store] = [small(), openObject()]
    const volume = await Volume.create({ media: { a }, now })
    await volume.addMedium('store', store)
    await put(volume, 'f', ['store'], bytes(3000, 5))
    await volume.close()
    const again = await Volume.open({ media: { a, store }, now })
    expect(await contentOf(again, 'f')).toEqual(bytes(3000, 5))
    await again.close()
  })

  test('names and media that are taken, and wrong media at open, are refused', async () => {
    const [a, b, other, foreign] = [small(), small(), small(), small()]
    await (await Volume.create({ media: { foreign }, now })).close()
    const volume = await Volume.create({ media: { a }, now })
    await volume.addMedium('b', b)
    expect(await codeOf(volume.addMedium('a', other))).toBe('PFAOF_EXISTS')
    expect(await codeOf(volume.addMedium('b', other))).toBe('PFAOF_EXISTS')
    expect(await codeOf(volume.addMedium('x', b))).toBe('PFAOF_EXISTS')
    expect(await codeOf(volume.addMedium('x', a))).toBe('PFAOF_EXISTS')
    expect(await codeOf(volume.addMedium('x', foreign))).toBe('PFAOF_EXISTS')
    expect(await codeOf(volume.addMedium('', other))).toBe('PFAOF_ARGUMENT')
    await volume.close()
    expect(await codeOf(volume.addMedium('x', other))).toBe('PFAOF_CLOSED')
    expect(await codeOf(Volume.open({ media: { a, other }, now }))).toBe('PFAOF_WRONG_MEDIUM')
    expect(await codeOf(Volume.open({ media: { a, x: b }, now }))).toBe('PFAOF_WRONG_MEDIUM')
    expect(await codeOf(Volume.open({ media: { a, b: foreign }, now }))).toBe('PFAOF_WRONG_MEDIUM')
    await (await Volume.open({ media: { a, b }, now })).close()
  })

  test('two at once get numbers of their own', async () => {
    const [a, b, c] = [small(), small(), small()]
    const volume = await Volume.create({ media: { a }, now })
    await Promise.all([volume.addMedium('b', b), volume.addMedium('c', c)])
    await put(volume, 'inb', ['b'], bytes(100, 1))
    await put(volume, 'inc', ['c'], bytes(100, 2))
    await volume.close()
    const again = await Volume.open({ media: { a, b, c }, now })
    expect(await contentOf(again, 'inb')).toEqual(bytes(100, 1))
    expect(await contentOf(again, 'inc')).toEqual(bytes(100, 2))
    await again.close()
  })

  test('a follower that was not given it says so; synchronous use goes on', async () => {
    const [a, b] = [small(), small()]
    const volume = await Volume.create({ media: { a }, now })
    const reader = await Volume.open({ media: { a }, now, readOnly: true })
    await volume.addMedium('b', b)
    const file = runSync(volume.create({ name: 'f', media: ['b'] }))
    runSync(file.append([bytes(100, 1)]))
    runSync(file.sync())
    expect(await codeOf(runAsync(reader.refresh()))).toBe('PFAOF_MEDIUM_MISSING')
  })
})

describe('a crash while a medium is added', () => {
  test('at every operation and with all or nothing of the unsynced writes: added or not, never in between, and it can be added again', async () => {
    let points = 0
    const outcomes = { added: 0, not: 0 }
    for (let nth = 1; ; nth++) {
      let reached = true
      for (const keep of [0, 1]) {
        const [a, b] = [openFault(small()), openFault(small())]
        const volume = await Volume.create({ media: { a }, now })
        await put(volume, 'old', ['a'], bytes(5000, 1))
        let left = nth
        const cut = () => {
          if (--left !== 0) return
          a.cutPower()
          b.cutPower()
        }
        countDown(a, cut)
        countDown(b, cut)
        let acknowledged = true
        try {
          await volume.addMedium('b', b)
        } catch {
          acknowledged = false
        }
        reached = left <= 0
        const media = { a: await a.crashImage({ keep }), b: await b.crashImage({ keep }) }
        const alone = await codeOf(Volume.open({ media: { a: media.a }, now, readOnly: true }))
        const isMember = alone === 'PFAOF_MEDIUM_MISSING'
        if (!isMember) expect(alone).toBe('none')
        if (acknowledged) expect(isMember).toBe(true)
        if (!isMember) {
          outcomes.not++
          const again = await Volume.open({ media: { a: media.a }, now })
          await again.addMedium('b', media.b)
          await again.close()
        } else outcomes.added++
        const whole = await Volume.open({ media, now })
        expect(await contentOf(whole, 'old')).toEqual(bytes(5000, 1))
        await put(whole, 'new', ['b'], bytes(100, 2))
        await whole.close()
      }
      if (!reached) break
      points++
    }
    expect(points).toBeGreaterThan(3)
    expect(outcomes.not).toBeGreaterThan(0)
    expect(outcomes.added).toBeGreaterThan(0)
  })
})
