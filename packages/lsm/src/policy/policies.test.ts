import { describe, expect, test } from 'vitest'
import { FileHeat, heatOf } from '../storage/heat.ts'
import { archive } from './archive.ts'
import { ladder } from './ladder.ts'
import { loadPolicy } from './load-policy.ts'
import type { MediumStatus, PlacementRequest } from './media-policy.ts'
import { Allowance } from './relocation.ts'
import { single } from './single.ts'

const HOUR_MS = 3_600_000
const cost = (seekMs: number) => ({ seekMs, readMBps: 1, writeMBps: 1, streamMBpsMin: 0, mountMs: 0 })

function status(seekMs: number): MediumStatus {
  const space = { capacityBytes: 1, availableBytes: 1, liveBytes: 0 }
  return { state: 'online', ...space, durable: true, sync: true, writeOnce: false, cost: cost(seekMs) }
}

function request(o: Partial<PlacementRequest> = {}): PlacementRequest {
  return {
    file: 'table',
    level: 6,
    depth: 1,
    lastLevel: true,
    reason: 'compaction',
    bytesExpected: 1 << 23,
    lowerKey: Buffer.from('k'),
    upperKey: Buffer.from('q'),
    ageMsMin: 0,
    valuesPerByte: 0,
    ageMsMax: 0,
    heat: 0,
    media: new Map([
      ['dram', status(0)],
      ['ssd', status(0.1)],
      ['smr', status(8)],
      ['tape', status(65_000)],
    ]),
    ...o,
  }
}

test('single: everything on the one medium', () => {
  expect(single('ssd').place(request())).toEqual({ media: ['ssd'] })
  expect(single('ssd').place(request({ file: 'log', level: -1, depth: -1 })).media).toEqual(['ssd'])
})

describe('ladder', () => {
  const policy = ladder(['dram', 'ssd', 'smr', 'tape'])

  test('puts the i-th level in use on the i-th medium, and stands in with the one above first', () => {
    expect(policy.place(request({ level: 0, depth: 0 })).media).toEqual(['dram', 'ssd', 'smr', 'tape'])
    expect(policy.place(request({ depth: 1 })).media).toEqual(['ssd', 'dram', 'smr', 'tape'])
    expect(policy.place(request({ depth: 2 })).media).toEqual(['smr', 'ssd', 'dram', 'tape'])
    expect(policy.place(request({ depth: 9 })).media).toEqual(['tape', 'smr', 'ssd', 'dram'])
    expect(policy.place(request({ file: 'log', level: -1, depth: -1 })).media[0]).toBe('dram')
  })

  test('wants long files where a locate takes long', () => {
    expect(policy.place(request({ depth: 2 })).fileBytesTarget).toBeUndefined()
    expect(policy.place(request({ depth: 3 })).fileBytesTarget).toBe(64 << 20)
  })

  test('moves what lies on another rung, and nothing else', () => {
    expect(policy.relocate!({ ...request({ depth: 2 }), current: 'smr' })).toBeUndefined()
    expect(policy.relocate!({ ...request({ depth: 2 }), current: 'ssd' })?.media[0]).toBe('smr')
  })

  test('needs a medium', () => {
    expect(() => ladder([])).toThrow('LEVEL_ARGUMENT')
  })
})

describe('archive', () => {
  const options = { hot: ['ssd'], cold: ['smr'], tape: ['tape'], metadataBelow: Buffer.from('m') } as const
  const policy = archive(options)
  const data = { lowerKey: Buffer.from('n'), upperKey: Buffer.from('q') }
  const metadata = { lowerKey: Buffer.from('a'), upperKey: Buffer.from('c') }
  const aged = (hours: number, heat = 0) => request({ ...data, ageMsMin: hours * HOUR_MS, heat })
  const first = (o: PlacementRequest) => policy.place(o).media[0]

  test('cuts files between metadata and data, and keeps metadata, logs and upper levels on flash', () => {
    expect(policy.partition).toEqual([Buffer.from('m')])
    expect(first(request({ ...metadata, ageMsMin: 9000 * HOUR_MS }))).toBe('ssd')
    expect(first(request({ lowerKey: Buffer.from('a'), upperKey: Buffer.from('m'), ageMsMin: 9000 * HOUR_MS }))).toBe(
      'ssd',
    )
    expect(first(request({ file: 'log', level: -1 }))).toBe('ssd')
    expect(first({ ...aged(9000), lastLevel: false })).toBe('ssd')
  })

  test('sinks data by age, unless it is read', () => {
    expect([0, 23, 24, 719, 720, 9000].map((hours) => first(aged(hours)))).toEqual([
      'ssd',
      'ssd',
      'smr',
      'smr',
      'tape',
      'tape',
    ])
    expect(first(aged(9000, 1))).toBe('ssd')
    expect(policy.place(aged(9000)).index).toEqual(['ssd'])
  })

  test('lets values age wherever their keys are, and keeps tables of pointers on flash', () => {
    const values = { ...aged(9000), file: 'blob', level: 0, depth: 0, lastLevel: false } as const
    expect(policy.relocate!({ ...values, reason: 'move', current: 'ssd' })?.media[0]).toBe('tape')
    expect(policy.relocate!({ ...values, reason: 'move', ageMsMin: 30 * HOUR_MS, current: 'ssd' })?.media[0]).toBe(
      'smr',
    )
    expect(first({ ...values, reason: 'blob-rewrite' })).toBe('ssd')
    expect(first({ ...values, ...metadata, reason: 'move' })).toBe('ssd')
    expect(first({ ...aged(9000), valuesPerByte: 1 })).toBe('ssd')
    expect(first({ ...aged(9000), valuesPerByte: 0.5 })).toBe('tape')
  })

  test('brings data back only when it is read a good deal, so that nothing swings', () => {
    const wish = (current: string, hours: number, heat: number) => policy.relocate!({ ...aged(hours, heat), current })
    expect(wish('ssd', 25, 0)?.media[0]).toBe('smr')
    expect(wish('smr', 25, 0)).toBeUndefined()
    expect(wish('smr', 25, 1.5)).toBeUndefined()
    expect(wish('smr', 25, 4)?.media[0]).toBe('ssd')
    expect(wish('smr', 721, 0)?.media[0]).toBe('tape')
    expect(wish('tape', 721, 3)).toBeUndefined()
    expect(wish('tape', 721, 5)?.media[0]).toBe('ssd')
    expect(policy.relocate!({ ...request({ ...metadata, ageMsMin: 9000 * HOUR_MS }), current: 'smr' })?.media[0]).toBe(
      'ssd',
    )
  })

  test('refuses hours that do not ascend', () => {
    expect(() => archive({ ...options, coldHours: 9, tapeHours: 3 })).toThrow('LEVEL_ARGUMENT')
  })
})

test('a policy is taken from a module by name, and what is none is refused', async () => {
  expect((await loadPolicy(single('a')))?.name).toBe('single(a)')
  const module =
    'data:text/javascript,export const mine = () => ({ name: "mine", place: () => ({ media: ["a"] }) }); export const no = 5'
  expect((await loadPolicy({ module, export: 'mine' }))?.name).toBe('mine')
  await expect(loadPolicy({ module, export: 'no' })).rejects.toThrow('LEVEL_ARGUMENT: no of')
  await expect(loadPolicy({ module: 'data:text/javascript,)' })).rejects.toThrow('LEVEL_ARGUMENT')
  const partition = [Buffer.from('b'), Buffer.from('a')]
  await expect(loadPolicy({ ...single('a'), partition })).rejects.toThrow('ascending')
})

test('an allowance comes in evenly, saves up an hour, and lets a file of any length pass in the end', () => {
  const allowance = new Allowance(1000, 0)
  expect([600, 600].map((bytes) => allowance.take(bytes, 0))).toEqual([true, false])
  expect(allowance.take(600, HOUR_MS / 10)).toBe(false)
  expect(allowance.take(600, HOUR_MS / 4)).toBe(true)
  expect(allowance.take(5000, HOUR_MS)).toBe(false)
  expect(allowance.take(5000, 3 * HOUR_MS)).toBe(true)
  expect(allowance.take(1, 3 * HOUR_MS)).toBe(false)
})

describe('heat', () => {
  test('counts going somewhere: a pass through a file is one read, as many reads all over it are many', () => {
    const [scanned, hopped] = [new FileHeat(0), new FileHeat(0)]
    for (let i = 0; i < 100; i++) {
      scanned.touch(i * 5000, 4096)
      hopped.touch(((i * 37) % 100) * 1e6, 4096)
    }
    expect(scanned.readsPerHour(0)).toBeCloseTo(Math.LN2)
    expect(hopped.readsPerHour(0)).toBeCloseTo(100 * Math.LN2)
    expect(hopped.readsPerHour(HOUR_MS)).toBeCloseTo(50 * Math.LN2)
    expect(heatOf(10, 4 << 20)).toBe(2.5)
    expect(heatOf(10, 1000)).toBe(10)
  })
})
