import { describe, expect, it } from 'vitest'
import { type FaultRule, type Medium, openFault, openMemory, SeededRandom } from '../src/index.ts'

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)
const readAll = async (medium: Medium, zone: number, length: number) => {
  const into = new Uint8Array(length)
  return into.subarray(0, await medium.read(zone, 0, into))
}
const durable = (pointerSurvives = true) =>
  openMemory({ zoneCount: 4, zoneBytes: 16384, durability: 'flush', pointerSurvives })

describe('fault: crash images', () => {
  it('keeps what was flushed and drops the rest', async () => {
    const medium = openFault(durable())
    await medium.append(0, [filled(1000, 1)])
    await medium.flush()
    await medium.append(0, [filled(1000, 2)])
    await medium.append(1, [filled(1000, 3)])
    const none = await medium.crashImage()
    expect(await readAll(none, 0, 4096)).toEqual(filled(1000, 1))
    expect((await none.report())[1]).toMatchObject({ state: 'empty', pointer: 0 })
    const all = await medium.crashImage({ keep: 1 })
    expect((await readAll(all, 0, 4096)).length).toBe(2000)
    const half = await medium.crashImage({ keep: 0.5 })
    expect((await readAll(half, 0, 4096)).length).toBeGreaterThan(1000)
    expect((await readAll(half, 1, 4096)).length).toBeLessThan(1000)
    expect(medium.powerCut).toBe(false)
    expect(await medium.append(0, [filled(1, 9)])).toBe(2000)
  })

  it('loses all of a volatile medium', async () => {
    const medium = openFault(openMemory({ zoneCount: 1, zoneBytes: 4096 }))
    await medium.append(0, [filled(10, 1)])
    await medium.flush()
    expect((await (await medium.crashImage({ keep: 1 })).report())[0]).toMatchObject({ state: 'empty' })
  })

  it('shows stale bytes where pieces are lost and the store has no pointer', async () => {
    const medium = openFault(durable(false))
    await medium.append(0, [filled(4096, 1)])
    await medium.flush()
    await medium.reset(0)
    await medium.append(0, [filled(2048, 2)])
    const none = await medium.crashImage({ keep: 0 })
    expect((await none.report())[0]).toMatchObject({ pointer: 'unknown', state: 'closed' })
    expect((await readAll(none, 0, 4096)).every((byte) => byte === 1)).toBe(true)
    await none.resume!(0, 100)
    expect(await none.append(0, [filled(1, 7)])).toBe(100)
    const seen = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const half = await medium.crashImage({ keep: 0.5, order: 'reordered', seed })
      const bytes = await readAll(half, 0, 4096)
      expect(bytes.subarray(0, 2048).filter((byte) => byte === 2).length).toBe(1024)
      expect(bytes.subarray(2048).every((byte) => byte === 1)).toBe(true)
      seen.add([0, 512, 1024, 1536].map((at) => bytes[at]).join(''))
    }
    expect(seen.size).toBeGreaterThan(3)
  })

  it('is dead from the nth operation on, until the image', async () => {
    const rules: FaultRule[] = [{ on: 'write', nth: 3, effect: { kind: 'power-cut' } }]
    const medium = openFault(durable(), { rules })
    await medium.append(0, [filled(100, 1)])
    await medium.flush()
    await expect(medium.append(0, [filled(100, 2)])).rejects.toMatchObject({ code: 'MEDIA_POWER_CUT' })
    await expect(medium.read(0, 0, new Uint8Array(1))).rejects.toMatchObject({ code: 'MEDIA_POWER_CUT' })
    expect(() => medium.readSync!(0, 0, new Uint8Array(1))).toThrow(/MEDIA_POWER_CUT/)
    await expect(medium.report()).rejects.toMatchObject({ code: 'MEDIA_POWER_CUT' })
    await medium.close()
    const after = await medium.crashImage({ keep: 1 })
    expect((await readAll(after, 0, 4096)).length).toBe(200)
    expect(after.id).toBe(medium.id)
  })
})

describe('fault: rules', () => {
  it('short append: the prefix is there, the pointer is stale until reported', async () => {
    const medium = openFault(durable(), { rules: [{ on: 'append', nth: 2, effect: { kind: 'short', keep: 0.25 } }] })
    await medium.append(0, [filled(100, 1)])
    await expect(medium.append(0, [filled(100, 2)])).rejects.toMatchObject({ code: 'MEDIA_SHORT_WRITE' })
    await expect(medium.append(0, [filled(100, 3)])).rejects.toMatchObject({ code: 'MEDIA_POINTER_STALE' })
    expect(await medium.append(1, [filled(1, 3)])).toBe(0)
    expect((await medium.report())[0]!.pointer).toBe(125)
    expect(await medium.append(0, [filled(100, 3)])).toBe(125)
  })

  it('a failed flush poisons', async () => {
    const medium = openFault(durable(), { rules: [{ on: 'flush', nth: 1, effect: { kind: 'error' } }] })
    medium.appendSync!(0, [filled(1, 1)])
    await expect(medium.flush()).rejects.toMatchObject({ code: 'MEDIA_IO' })
    await expect(medium.flush()).rejects.toMatchObject({ code: 'MEDIA_POISONED' })
    await expect(medium.append(0, [filled(1, 1)])).rejects.toMatchObject({ code: 'MEDIA_POISONED' })
    expect(() => medium.appendSync!(0, [filled(1, 1)])).toThrow(/MEDIA_POISONED/)
    expect(await medium.read(0, 0, new Uint8Array(1))).toBe(1)
  })

  it('bit flips, misdirected and torn writes, lost flushes, latency, no space', async () => {
    const data = new SeededRandom(7).fill(new Uint8Array(1024))
    const flip = openFault(durable(), { rules: [{ on: 'append', nth: 1, effect: { kind: 'bit-flip' } }] })
    await flip.append(0, [data])
    const flipped = await readAll(flip, 0, 1024)
    expect(flipped.filter((byte, at) => byte !== data[at]).length).toBe(1)
    await flip.flush()
    expect(await readAll(await flip.crashImage(), 0, 1024)).toEqual(flipped)

    const lost = openFault(durable(), { rules: [{ on: 'append', nth: 2, effect: { kind: 'misdirected' } }] })
    await lost.append(0, [data])
    expect(await lost.append(0, [filled(64, 255)])).toBe(1024)
    const after = await readAll(lost, 0, 2048)
    expect(after.subarray(1024)).toEqual(filled(64, 0))
    expect(after.subarray(0, 1024)).not.toEqual(data)

    const torn = openFault(durable(), { rules: [{ on: 'append', nth: 1, effect: { kind: 'torn' } }] })
    await expect(torn.append(0, [data])).rejects.toMatchObject({ code: 'MEDIA_IO' })
    expect((await readAll(torn, 0, 1024)).subarray(0, 512)).toEqual(data.subarray(0, 512))

    const liar = openFault(durable(), { rules: [{ on: 'flush', effect: { kind: 'lost-flush' } }] })
    await liar.append(0, [data])
    await liar.flush()
    expect((await readAll(await liar.crashImage(), 0, 1024)).length).toBe(0)

    const slow = openFault(durable(), { rules: [{ on: 'append', effect: { kind: 'latency', ms: 20 } }] })
    const start = performance.now()
    await slow.append(0, [data])
    expect(performance.now() - start).toBeGreaterThan(15)

    const full = openFault(durable(), { rules: [{ on: 'append', nth: 2, count: 2, effect: { kind: 'no-space' } }] })
    await full.append(0, [data])
    await expect(full.append(0, [data])).rejects.toMatchObject({ code: 'MEDIA_NO_SPACE' })
    await full.report()
    await expect(full.append(0, [data])).rejects.toMatchObject({ code: 'MEDIA_NO_SPACE' })
    await full.report()
    expect(await full.append(0, [data])).toBe(1024)
  })

  it('refuses rules that mean nothing', () => {
    for (const rule of [
      { on: 'nothing', effect: { kind: 'error' } },
      { on: 'append', effect: { kind: 'explode' } },
      { on: 'append', nth: 0, effect: { kind: 'error' } },
      { on: 'append', probability: 2, effect: { kind: 'error' } },
      { on: 'append', effect: { kind: 'short', keep: 2 } },
    ]) {
      expect(() => openFault(durable(), { rules: [rule as FaultRule] })).toThrow(/MEDIA_ARGUMENT/)
    }
  })
})
