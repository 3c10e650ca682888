import { describe, expect, it } from 'vitest'
import { isMediumError, openMemory } from '../src/index.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

describe('memory', () => {
  it('appends, reads back, fills and resets', async () => {
    const medium = openMemory({ zoneCount: 2, zoneBytes: 1024 })
    expect(await medium.append(1, [bytes(1, 2), bytes(3)])).toBe(0)
    expect(medium.appendSync!(1, [bytes(4)])).toBe(3)
    const into = new Uint8Array(8)
    expect(await medium.read(1, 1, into)).toBe(3)
    expect([...into]).toEqual([2, 3, 4, 0, 0, 0, 0, 0])
    await expect(medium.append(1, [new Uint8Array(1021)])).rejects.toMatchObject({ code: 'MEDIA_ZONE_FULL' })
    await medium.append(1, [new Uint8Array(1020)])
    expect((await medium.report())[1]).toEqual({ zone: 1, state: 'full', pointer: 1024, capacityBytes: 1024 })
    await medium.reset(1)
    expect((await medium.report())[1]!.state).toBe('empty')
    await medium.close()
    await expect(medium.append(0, [bytes(1)])).rejects.toMatchObject({ code: 'MEDIA_CLOSED' })
  })

  it('opens the same zones by name', async () => {
    const first = openMemory({ name: 'same-zones', zoneCount: 1, zoneBytes: 1024 })
    const second = openMemory({ name: 'same-zones', zoneCount: 1, zoneBytes: 1024 })
    first.appendSync!(0, [bytes(7)])
    expect(second.appendSync!(0, [bytes(8)])).toBe(1)
    expect(second.id).toBe(first.id)
    expect(() => openMemory({ name: 'same-zones', zoneCount: 2, zoneBytes: 1024 })).toThrow(/MEDIA_WRONG_MEDIUM/)
    await first.close()
    await second.close()
    const third = openMemory({ name: 'same-zones', zoneCount: 1, zoneBytes: 1024 })
    expect(third.id).not.toBe(first.id)
    await third.close()
  })

  it('refuses bad input by code', async () => {
    const medium = openMemory({ zoneCount: 1, zoneBytes: 1024 })
    for (const zone of [-1, 1, 0.5, Number.NaN]) {
      await expect(medium.append(zone, [bytes(1)])).rejects.toSatisfy((e) => isMediumError(e, 'MEDIA_ZONE_RANGE'))
    }
    expect(() => openMemory({ zoneCount: 0 })).toThrow(/MEDIA_ARGUMENT/)
    await medium.close()
  })
})
