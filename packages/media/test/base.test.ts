import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isMediumError, MediumError, openFault, openMemory, toMediumError } from '../src/index.ts'
import { ZoneCells, ZoneTable } from '../src/zone.ts'
import { ZONE_QUEUE_MAX } from '../src/zone-queues.ts'

const one = Uint8Array.of(1)

describe('base', () => {
  it('bounds the queue of a zone and refuses a synchronous append meanwhile', async () => {
    const medium = openFault(openMemory({ zoneCount: 4, zoneBytes: 65536 }), {
      rules: [{ on: 'append', nth: 1, effect: { kind: 'latency', ms: 50 } }],
    })
    const appends = Array.from({ length: ZONE_QUEUE_MAX }, () => medium.append(0, [one]))
    await expect(medium.append(0, [one])).rejects.toMatchObject({ code: 'MEDIA_BUSY' })
    expect(() => medium.appendSync!(0, [one])).toThrow(/MEDIA_BUSY/)
    expect(() => medium.flushSync!()).toThrow(/MEDIA_BUSY/)
    expect(medium.appendSync!(1, [one])).toBe(0)
    expect(await Promise.all(appends)).toEqual(Array.from({ length: ZONE_QUEUE_MAX }, (_, index) => index))
    expect(medium.appendSync!(0, [one])).toBe(ZONE_QUEUE_MAX)
    await medium.close()
  })

  it('L3: those that waited behind a failed append fail too, and nothing lands in a hole', async () => {
    const medium = openFault(openMemory({ zoneCount: 4, zoneBytes: 65536 }), {
      rules: [{ on: 'append', nth: 2, effect: { kind: 'error' } }],
    })
    const results = await Promise.allSettled([1, 2, 3, 4].map((value) => medium.append(0, [Uint8Array.of(value)])))
    expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : result.value))).toEqual([
      0,
      'MEDIA_IO',
      'MEDIA_POINTER_STALE',
      'MEDIA_POINTER_STALE',
    ])
    expect((await medium.report())[0]!.pointer).toBe(1)
    expect(await medium.append(0, [one])).toBe(1)
    await medium.close()
  })

  it('a flush waits for the appends that were asked for before it', async () => {
    const medium = openFault(openMemory({ zoneCount: 1, zoneBytes: 4096, durability: 'flush' }), {
      rules: [{ on: 'append', effect: { kind: 'latency', ms: 20 } }],
    })
    const append = medium.append(0, [new Uint8Array(100)])
    await medium.flush()
    const twin = await medium.crashImage()
    expect((await twin.report())[0]!.pointer).toBe(100)
    await append
    await medium.close()
  })
})

describe('errors', () => {
  it('carry code and cause, and are known by brand', () => {
    const cause = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
    const error = toMediumError(cause, 'append', 3)
    expect(error).toMatchObject({ code: 'MEDIA_NO_SPACE', cause, zone: 3, operation: 'append' })
    expect(toMediumError(error, 'other')).toBe(error)
    expect(isMediumError(error, 'MEDIA_IO')).toBe(false)
    const foreign = Object.defineProperty({ code: 'MEDIA_IO' }, Symbol.for('vivefs.MediumError'), { value: true })
    expect(isMediumError(foreign, 'MEDIA_IO')).toBe(true)
    expect(isMediumError(undefined)).toBe(false)
    expect(new MediumError('MEDIA_IO', 'x').cause).toBeUndefined()
  })
})

describe('zone table', () => {
  const seed = 4711
  it(`I1 I2 I3 hold after any commands (seed ${seed})`, () => {
    const command = fc.record({
      zone: fc.nat(7),
      bytes: fc.integer({ min: 1, max: 70 }),
      kind: fc.constantFrom('append', 'append', 'append', 'close', 'finish', 'reset'),
    })
    const limits = fc.record({ open: fc.nat(3), active: fc.nat(5), close: fc.boolean() })
    fc.assert(
      fc.property(limits, fc.array(command, { maxLength: 60 }), ({ open, active, close }, commands) => {
        const cells = new ZoneCells(new Float64Array(8 * 4))
        const table = new ZoneTable(cells, {
          zoneCount: 8,
          openZonesMax: open,
          activeZonesMax: active,
          atOpenLimit: close ? 'close-oldest' : 'refuse',
          conventional: () => false,
          capacityBytes: (zone) => 100 + zone,
        })
        for (const { zone, bytes, kind } of commands) {
          const before = cells.words.slice()
          try {
            if (kind === 'append') {
              table.admit(zone, bytes)
              table.advance(zone, bytes)
            } else if (kind === 'close') table.close(zone)
            else if (kind === 'finish') table.finish(zone, true)
            else table.reset(zone)
          } catch (error) {
            if (!isMediumError(error)) throw error
            expect([...cells.words]).toEqual([...before])
          }
          const report = table.report()
          const opened = report.filter((each) => each.state === 'open').length
          const closed = report.filter((each) => each.state === 'closed').length
          if (open > 0 && opened > open) return false
          if (active > 0 && opened + closed > active) return false
          for (const { state, pointer, capacityBytes } of report) {
            if (pointer === 'unknown' || pointer > capacityBytes) return false
            if ((pointer === capacityBytes) !== (state === 'full')) return false
            if (state === 'empty' && pointer !== 0) return false
          }
        }
        return true
      }),
      { numRuns: process.env.VIVEFS_DEEP === '1' ? 20_000 : 500, seed },
    )
  })
})
