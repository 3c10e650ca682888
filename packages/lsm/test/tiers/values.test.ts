/**
 * Files with values move as tables do: by age and heat, within the allowance, under readers, over crashes, to the next choice where a medium is full or
 * away. Default: some seconds; VIVEFS_DEEP=1: power cuts at every point.
 */
import { type Medium, openFault, openMemory, openTape } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { archive, LsmLevel, type LsmLevelOptions, ladder } from '../../src/index.ts'
import { CUTS, closeAll, Powered } from '../tree/power.ts'
import { smr, ssd, tape } from './media.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const VALUE_BYTES = 5000
const SMALL = {
  memtableBytes: 16_384,
  memoryBytes: 1 << 20,
  tableBytes: 8192,
  baseBytes: 16_384,
  logBytes: 65_536,
  blockBytes: 256,
  worker: false,
} as const

type Options = LsmLevelOptions<string, string>

const key = (i: number) => `key ${String(i).padStart(5, '0')}`
const value = (i: number, round = 0) => `${round}/${i}/`.padEnd(VALUE_BYTES, String(i % 10))
const media = () => ({ ssd: ssd(), smr: smr(), tape: tape() })
const policy = archive({ hot: ['ssd'], cold: ['smr'], tape: ['tape'] })

async function open(on: Record<string, Medium>, options: Options = {}): Promise<LsmLevel> {
  const level = new LsmLevel('values', {
    ...SMALL,
    media: on,
    home: ['ssd'],
    policy,
    relocation: { everyMs: 1e9 },
    ...options,
  })
  await level.open()
  return level
}

async function fill(level: LsmLevel, from: number, to: number, round = 0): Promise<void> {
  for (let i = from; i < to; i++) await level.put(key(i), value(i, round))
}

async function expectAll(level: LsmLevel, count: number, round = 0): Promise<void> {
  for (let i = 0; i < count; i++) expect((await level.get(key(i))) === value(i, round), key(i)).toBe(true)
}

/** Media of the files with values. */
function mediaOfValues(level: LsmLevel): Set<string> {
  const files = level.map().files.filter(({ holdsValues }) => holdsValues)
  return new Set(files.flatMap(({ media: on }) => on))
}

async function quiet(level: LsmLevel): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, 20))
  while (level.stats().compaction!.running > 0)
}

describe('an archive of large values', () => {
  test('sinks from SSD to SMR to tape by age, keeps its pointers on the SSD, and rises when it is read', async () => {
    let nowMs = 1e12
    const now = () => nowMs
    const on = media()
    const level = await open(on, { now })
    await fill(level, 0, 60)
    await level.flush()
    expect(mediaOfValues(level)).toEqual(new Set(['ssd']))
    nowMs += 2 * DAY_MS
    const cold = await level.relocate({ force: true })
    expect(cold.files).toBeGreaterThan(0)
    expect(cold.bytes).toBeGreaterThan(60 * VALUE_BYTES)
    expect(mediaOfValues(level)).toEqual(new Set(['smr']))
    expect(level.getSync(key(7))).toBe(value(7))
    expect(level.map().files.some(({ heat, holdsValues }) => holdsValues && heat > 0)).toBe(true)
    nowMs += 40 * DAY_MS
    await level.relocate({ force: true })
    expect(mediaOfValues(level)).toEqual(new Set(['tape']))
    const tables = level.map().files.filter(({ kind }) => kind === 'table')
    expect(new Set(tables.flatMap(({ media: where }) => where))).toEqual(new Set(['ssd']))
    expect(() => level.getSync(key(7))).toThrow(/LEVEL_SYNC_UNAVAILABLE.*log-\d+ on tape/)
    const before = on.tape.stats().operations.read.count
    expect(await level.get(key(7))).toBe(value(7))
    expect(on.tape.stats().operations.read.count).toBeGreaterThan(before)
    await level.close()

    const again = await open(on, { now })
    expect(mediaOfValues(again)).toEqual(new Set(['tape']))
    await expectAll(again, 60)
    expect((await again.relocate({ force: true })).files).toBe(0) // one pass through all of it makes nothing hot
    for (let i = 0; i < 600; i++) await again.get(key((i * 7) % 60))
    const back = await again.relocate({ force: true })
    expect(back.files).toBeGreaterThan(0)
    expect(mediaOfValues(again)).toEqual(new Set(['ssd']))
    expect(again.getSync(key(7))).toBe(value(7))
    await expectAll(again, 60)
    const { move } = again.stats().media.find(({ name }) => name === 'ssd')!.traffic
    expect(move!.written).toBeGreaterThan(60 * VALUE_BYTES)
    await again.close()
  })

  test('moves only what rested and was wanted elsewhere for long enough, within the allowance', async () => {
    let nowMs = 1e12
    const on = media()
    const relocation = { bytesPerHour: 70_000, everyMs: 1e9 }
    const level = await open(on, { now: () => nowMs, relocation })
    await fill(level, 0, 60)
    await level.flush()
    nowMs += DAY_MS + HOUR_MS
    expect((await level.relocate()).files).toBe(0) // wanted, but not for an hour
    nowMs += HOUR_MS
    const first = await level.relocate()
    expect(first.files).toBeGreaterThan(0)
    expect(first.bytes).toBeLessThanOrEqual(70_000)
    expect((await level.relocate()).files).toBe(0) // the allowance is spent
    nowMs += HOUR_MS
    expect((await level.relocate()).files).toBeGreaterThan(0)
    expect(mediaOfValues(level)).toEqual(new Set(['ssd', 'smr']))
    await expectAll(level, 60)
    await level.close()
  })

  test('what nobody adds to is flushed, so that it ages', async () => {
    let nowMs = 1e12
    const relocation = { everyMs: 10, holdMs: HOUR_MS }
    const level = await open(media(), { now: () => nowMs, relocation })
    await fill(level, 0, 3)
    const rounds = () => new Promise((resolve) => setTimeout(resolve, 60))
    await rounds()
    expect(level.stats().tables.count).toBe(0)
    nowMs += HOUR_MS
    await rounds()
    expect(level.stats().tables.count).toBe(1)
    for (let i = 0; i < 3; i++) {
      nowMs += DAY_MS
      await rounds()
    }
    expect(mediaOfValues(level)).toEqual(new Set(['smr']))
    await expectAll(level, 3)
    await level.close()
  })

  test('readers under way, and compaction that empties the files, do not mind the moves', async () => {
    let nowMs = 1e12
    const level = await open(media(), { now: () => nowMs, spaceSoft: 1.2 })
    await fill(level, 0, 200)
    await level.flush()
    const iterator = level.iterator()
    expect((await iterator.next())?.[0]).toBe(key(0))
    nowMs += 2 * DAY_MS
    const moving = level.relocate({ force: true })
    const writing = fill(level, 0, 200, 1)
    const reading = Promise.all(Array.from({ length: 200 }, (_, i) => level.get(key(i))))
    await Promise.all([moving, writing])
    for (const [i, found] of (await reading).entries()) expect([value(i, 0), value(i, 1)]).toContain(found)
    nowMs += 60 * DAY_MS
    await level.flush()
    await Promise.all([level.relocate({ force: true }), level.compactRange()])
    await quiet(level)
    for (let i = 1; i < 200; i++) expect(await iterator.next()).toEqual([key(i), value(i, 0)])
    await iterator.close()
    await expectAll(level, 200, 1)
    await level.close()
  })
})

test('locate tells where values lie, without reading them: the order of positions is the order on the tape', async () => {
  let nowMs = 1e12
  const on = media()
  const level = await open(on, { now: () => nowMs })
  const shuffled = Array.from({ length: 80 }, (_, i) => (i * 37) % 80)
  for (const i of shuffled) await level.put(key(i), value(i))
  await level.put('small', 'value')
  expect(await level.locate('small')).toEqual({ medium: undefined, file: '', position: 0, bytes: 5 })
  expect(await level.locate('none')).toBeUndefined()
  await level.flush()
  nowMs += 40 * DAY_MS
  await level.relocate({ force: true })
  const reads = on.tape.stats().operations.read.count
  const places = await Promise.all(shuffled.map((i) => level.locate(key(i))))
  for (const place of places) expect(place).toMatchObject({ medium: 'tape', file: /^log-/, bytes: VALUE_BYTES })
  expect(await level.locate('small')).toMatchObject({ medium: 'ssd', file: /^table-/ })
  expect(on.tape.stats().operations.read.count).toBe(reads)
  const positions = places.map((place) => place!.position)
  expect(positions).toEqual([...positions].sort((a, b) => a - b)) // written in this order, and moved in it
  const seeks = () => on.tape.stats().seeks
  const pass = async (order: readonly number[]) => {
    const before = seeks()
    for (const i of order) await level.get(key(i))
    return seeks() - before
  }
  expect(await pass(shuffled)).toBeLessThan((await pass(Array.from({ length: 80 }, (_, i) => i))) / 4)
  const before = seeks()
  expect(await level.values().all()).toEqual(shuffled.map((_, i) => value(i)).concat('value'))
  expect(seeks() - before).toBeLessThan(20) // a scan in the order of keys winds once for every slice of it
  await level.del(key(3))
  expect(await level.locate(key(3))).toBeUndefined()
  await level.close()
})

test('space on a tape: its garbage holds up no writer, and emptying the tape gives all of it back', async () => {
  let nowMs = 1e12
  const on = media()
  const level = await open(on, { now: () => nowMs, spaceSoft: 1.2, spaceHard: 1.3 })
  const used = () => on.tape.stats().operations.append.bytes
  const free = () => level.stats().media.find(({ name }) => name === 'tape')!.availableBytes
  const empty = free()
  for (let round = 0; round < 4; round++) {
    await fill(level, 0, 100, round)
    await level.flush()
    nowMs += 40 * DAY_MS
    await level.relocate({ force: true })
    nowMs += 40 * DAY_MS
    await level.relocate({ force: true })
  }
  await level.compactRange()
  expect(level.stats().writes!.pressure).toBe('none')
  const written = used()
  expect(empty - free()).toBeGreaterThan(2 * 100 * VALUE_BYTES)
  const emptied = await level.emptyMedium('tape')
  expect(emptied.files).toBeGreaterThan(0)
  expect(free()).toBe(empty)
  expect(mediaOfValues(level)).not.toContain('tape')
  await expectAll(level, 100, 3)
  nowMs += 40 * DAY_MS
  await level.relocate({ force: true })
  expect(used()).toBeGreaterThan(written)
  expect(mediaOfValues(level)).toContain('tape')
  await level.close()
  const again = await open(on, { now: () => nowMs })
  await expectAll(again, 100, 3)
  await expect(again.emptyMedium('floppy')).rejects.toMatchObject({ code: 'LEVEL_ARGUMENT' })
  await again.close()
})

describe('a medium that cannot take values', () => {
  test('full: the next choice takes the rest, what was written is whole, and nothing is copied in vain twice', async () => {
    let nowMs = 1e12
    const little = openTape({ zoneCount: 4096, zoneBytes: 256 << 10, blockBytesMax: 64 << 10, cartridgeBytes: 200_000 })
    const on = { ssd: ssd(), smr: smr(), tape: little }
    const level = await open(on, { now: () => nowMs })
    await fill(level, 0, 100)
    await level.flush()
    nowMs += 40 * DAY_MS
    await level.relocate({ force: true })
    expect(mediaOfValues(level)).toEqual(new Set(['tape', 'smr']))
    await expectAll(level, 100)
    await level.close()
  })

  test('away: the next choice takes all, and it is used again when it is back', async () => {
    let nowMs = 1e12
    const away = openFault(tape(), { rules: [{ on: 'append', nth: 3, count: 1, effect: { kind: 'error' } }] })
    const inner = media()
    const level = await open({ ...inner, tape: away }, { now: () => nowMs })
    await fill(level, 0, 100)
    await level.flush()
    nowMs += 40 * DAY_MS
    await level.relocate({ force: true })
    await expectAll(level, 100)
    expect(mediaOfValues(level)).toContain('smr') // and the map takes in what was read until now
    nowMs += 40 * DAY_MS
    await level.relocate({ force: true })
    expect(mediaOfValues(level)).toEqual(new Set(['tape']))
    await expectAll(level, 100)
    await level.close()
  })

  test('nowhere to go: the reason is told, and everything stays readable', async () => {
    let nowMs = 1e12
    const broken = openFault(tape(), { rules: [{ on: 'append', nth: 3, count: 1e9, effect: { kind: 'error' } }] })
    const only = {
      name: 'only tape',
      place: () => ({ media: ['ssd'] as const }),
      relocate: () => ({ media: ['tape'] as const }),
    }
    const level = await open({ ssd: ssd(), tape: broken }, { now: () => nowMs, policy: only })
    await fill(level, 0, 20)
    nowMs += DAY_MS
    await expect(level.relocate({ force: true })).rejects.toMatchObject({ code: /LEVEL_(IO_ERROR|NO_SPACE)/ })
    expect(level.stats().writes!.relocation).toMatch(/tape/)
    await expectAll(level, 20)
    await level.close()
  })
})

test('a ladder: values go with the level whose tables refer to them', async () => {
  const on = { dram: openMemory({ zoneCount: 64, zoneBytes: 256 << 10 }), ssd: ssd(), smr: smr() }
  const level = await open(on, { policy: ladder(['dram', 'ssd', 'smr']) })
  await fill(level, 0, 60)
  await level.flush()
  await level.relocate({ force: true })
  expect(mediaOfValues(level)).toEqual(new Set(['ssd'])) // never on what forgets
  await level.compactRange()
  await level.relocate({ force: true })
  expect(mediaOfValues(level)).toEqual(new Set(['ssd'])) // the second rung is the deepest level as yet
  await expectAll(level, 60)
  await level.close()
})

describe('power cuts while values move', () => {
  const shapes = { ssd: {}, smr: { kind: 'smr' }, tape: { kind: 'tape' } } as const
  const COUNT = 24
  /** Operations that making an empty database takes, about. */
  const CREATION = 14
  /** Fills, lets age, moves to SMR, overwrites some, moves to tape; what is promised is `synced`. */
  async function life(powered: Powered, clock: { nowMs: number }): Promise<{ rounds: number; cut: boolean }> {
    let rounds = 0
    let level: LsmLevel | undefined
    try {
      level = await open(powered.media, { now: () => clock.nowMs })
      for (; rounds < 2; rounds++) {
        await fill(level, 0, COUNT / (rounds + 1), rounds)
        await level.syncLog()
        clock.nowMs += 40 * DAY_MS * rounds + 2 * DAY_MS
        if (rounds === 0) await level.put('first round', 'done', { sync: true } as never)
        await level.relocate({ force: true })
      }
      await level.close()
      return { rounds, cut: powered.powerCut }
    } catch (error) {
      if (!powered.powerCut) throw error
      await level?.close().catch(() => {})
      return { rounds, cut: true }
    }
  }

  test(DEEP ? 'at every operation' : 'at some operations', { timeout: 3_600_000 }, async () => {
    // Every point of the creation, of which a tape takes nothing back; then a sample.
    const stride = (cutAt: number) => (DEEP || cutAt < CREATION ? 1 : 17)
    let points = 0
    for (let cutAt = 1; ; cutAt += stride(cutAt), points++) {
      const clock = { nowMs: 1e12 }
      const powered = Powered.empty(cutAt, cutAt, shapes)
      const { cut } = await life(powered, clock)
      for (const kind of DEEP ? CUTS : [CUTS[cutAt % CUTS.length]!]) {
        const left = await powered.after(kind, cutAt)
        const level = await open(left, { now: () => clock.nowMs })
        const round0 = (await level.get('first round')) === 'done'
        for (let i = 0; i < COUNT; i++) {
          const found = await level.get(key(i))
          const known = [value(i, 0), value(i, 1), ...(round0 ? [] : [undefined])]
          expect(known.includes(found as string), `cut at ${cutAt}, ${JSON.stringify(kind)}: ${key(i)}`).toBe(true)
        }
        await level.relocate({ force: true })
        for (let i = 0; i < COUNT; i++) if (round0) expect(await level.get(key(i))).toMatch(/^[01]\//)
        await level.close()
        await closeAll(left)
      }
      await powered.close()
      if (!cut) break
    }
    expect(points).toBeGreaterThan(0)
    if (DEEP) console.log(`tiers: values that move: ${points} points, ${CUTS.length} kinds of cut at each`)
  })
})
