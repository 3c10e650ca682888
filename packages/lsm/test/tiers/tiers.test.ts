import type { Medium } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isLevelError, LsmLevel, type LsmLevelOptions, ladder, type MediaPolicy, single } from '../../src/index.ts'
import { dram, faultyRungs, powerCut, RUNGS, rungs, ssd, tape } from './media.ts'

/** A few hundred entries make three levels. */
const SMALL = {
  memtableBytes: 16_384,
  memoryBytes: 1 << 20,
  tableBytes: 8192,
  tableBytesMax: 8192,
  baseBytes: 16_384,
  levelRatio: 3,
  blockBytes: 256,
  level0Trigger: 2,
  worker: false,
} as const
const LADDER = ladder(RUNGS)

type Options = LsmLevelOptions<string, string>

async function open(media: Record<string, Medium>, options: Options = {}): Promise<LsmLevel> {
  const level = new LsmLevel('tiers', { ...SMALL, media, home: ['ssd'], policy: LADDER, ...options })
  await level.open()
  return level
}

const key = (i: number) => `key ${String(i).padStart(6, '0')}`
const value = (i: number, round = 0) => `${round}/${i}/`.padEnd(100, String(i % 10))

async function fill(level: LsmLevel, from: number, to: number, round = 0): Promise<void> {
  for (let i = from; i < to; i += 20) {
    const put = (n: number) => ({ type: 'put' as const, key: key(i + n), value: value(i + n, round) })
    await level.batch(Array.from({ length: Math.min(20, to - i) }, (_, n) => put(n)))
  }
}

/** Waits until compaction has nothing more to do. */
async function quiet(level: LsmLevel): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, 20))
  while (level.stats().compaction!.running > 0)
}

async function expectAll(level: LsmLevel, count: number, round = 0): Promise<void> {
  let i = 0
  for await (const [k, v] of level.iterator()) {
    expect(k).toBe(key(i))
    expect(v).toBe(value(i, round))
    i++
  }
  expect(i).toBe(count)
  for (let n = 0; n < count; n += 97) expect(await level.get(key(n))).toBe(value(n, round))
}

/** Media of the tables of each level. */
function mediaByLevel(level: LsmLevel): Map<number, Set<string>> {
  const found = new Map<number, Set<string>>()
  for (const { kind, level: number, media } of level.map().files) {
    if (kind !== 'table' || number < 0) continue // being written, or about to go
    const set = found.get(number) ?? new Set()
    for (const medium of media) set.add(medium)
    found.set(number, set)
  }
  return found
}

describe('a ladder of DRAM, SSD, SMR and tape', () => {
  test('has each level on its medium, reads all of it, and keeps nothing but appends on SMR and tape', async () => {
    const media = rungs()
    const level = await open(media, { levelRatio: 4, baseBytes: 32_768 })
    // In the order of a permutation, so that every level has something of everywhere.
    for (let i = 0; i < 3000; i++) {
      const n = (i * 1237) % 3000
      await level.put(key(n), value(n))
    }
    await level.flush()
    await quiet(level)
    // A flush may be the one that level 0 is compacted at; then the next one stays.
    for (let tries = 0; tries < 3 && !mediaByLevel(level).has(0); tries++) {
      await fill(level, 0, 20)
      await level.flush()
      await quiet(level)
    }
    await level.relocate({ force: true })
    const levels = mediaByLevel(level)
    expect([...levels.keys()].sort()).toEqual([0, 4, 5, 6])
    for (const [i, number] of [0, 4, 5, 6].entries())
      expect([...levels.get(number)!], `level ${number}`).toEqual([RUNGS[i]])
    await expectAll(level, 3000)
    const { media: stats } = level.stats()
    const row = (name: string) => stats.find((one) => one.name === name)!.traffic
    expect(row('ssd').log!.written).toBeGreaterThan(300_000)
    expect(row('dram').flush!.written).toBeGreaterThan(300_000)
    expect(Object.keys(row('dram'))).not.toContain('log')
    await level.close()
  })

  test('tables on tape have their index elsewhere; a synchronous read of them says why it cannot', async () => {
    const media = { ssd: ssd(), tape: tape() }
    const level = await open(media, { policy: ladder(['ssd', 'tape']), cacheBytes: 0 })
    await fill(level, 0, 1000)
    await level.compactRange()
    const files = level.map().files
    const tables = files.filter(({ kind, media: on }) => kind === 'table' && on.includes('tape'))
    expect(tables.length).toBeGreaterThan(0)
    for (const { number } of tables)
      expect(files.find(({ kind, number: n }) => kind === 'index' && n === number)?.media).toEqual(['ssd'])
    expect(() => level.getSync(key(500))).toThrow('LEVEL_SYNC_UNAVAILABLE')
    expect(await level.get(key(500))).toBe(value(500))
    await level.close()
    const again = await open(media, { policy: ladder(['ssd', 'tape']) })
    const before = media.tape.stats().operations.read.count
    await again.approximateSize(key(0), key(999))
    expect(media.tape.stats().operations.read.count).toBe(before)
    await expectAll(again, 1000)
    await again.close()
  })

  test('another policy at reopening rewrites nothing by itself, and rules what is written from then on', async () => {
    const media = { ssd: ssd(), smr: rungs().smr }
    const level = await open(media, { policy: single('ssd') })
    await fill(level, 0, 800)
    await level.compactRange()
    await level.close()
    const again = await open(media, { policy: single('smr') })
    expect([...mediaByLevel(again).get(6)!]).toEqual(['ssd'])
    await fill(again, 0, 800, 1)
    await again.compactRange()
    expect([...mediaByLevel(again).get(6)!]).toEqual(['smr'])
    await expectAll(again, 800, 1)
    await again.close()
  })
})

describe('DRAM that forgets', () => {
  test('costs nothing: its tables come back from their logs, in their places', async () => {
    for (const [flushed, extra] of [
      [1, 0],
      [3, 30],
      [2, 700],
      [5, 1],
    ] as const) {
      const media = faultyRungs()
      const level = await open(media, { level0Trigger: 8 })
      for (let round = 0; round < flushed; round++) {
        await fill(level, round * 100, round * 100 + 200)
        await level.flush()
      }
      await fill(level, 0, extra)
      const count = Math.max(extra, (flushed - 1) * 100 + 200)
      await level.syncLog()
      expect(mediaByLevel(level).get(0)).toEqual(new Set(['dram']))
      const left = await powerCut(media)
      await level.close().catch(() => {})
      const again = await open(left, { level0Trigger: 8 })
      await expectAll(again, count)
      expect(mediaByLevel(again).get(0)).toEqual(new Set(['dram']))
      await again.compactRange()
      await expectAll(again, count)
      const logs = again.map().files.filter(({ kind, bytes }) => kind === 'log' && bytes > 0)
      expect(logs).toEqual([])
      await again.close()
    }
  }, 60_000)

  test('a flush to DRAM syncs the log first: what survives is what was flushed', async () => {
    const media = faultyRungs()
    const level = await open(media, { level0Trigger: 8 })
    await fill(level, 0, 400)
    await level.flush()
    const left = await powerCut(media)
    await level.close().catch(() => {})
    const again = await open(left)
    await expectAll(again, 400)
    await again.close()
  })

  test('merges count once, deletions stay deleted, whatever was compacted before', async () => {
    const operator = {
      name: 'append',
      full: (_: Uint8Array, base: Uint8Array | undefined, operands: readonly Uint8Array[]) =>
        Buffer.concat([base ?? Buffer.alloc(0), ...operands]),
      partial: (_: Uint8Array, operands: readonly Uint8Array[]) => Buffer.concat([...operands]),
    }
    const media = faultyRungs()
    const level = await open(media, { mergeOperator: operator, level0Trigger: 4 })
    for (let i = 0; i < 9; i++) {
      await level.merge('sum', String(i))
      await level.put('gone', String(i))
      if (i % 2 === 0) await level.del('gone')
      await fill(level, i * 50, i * 50 + 50)
      await level.flush()
    }
    await level.syncLog()
    const left = await powerCut(media)
    await level.close().catch(() => {})
    const again = await open(left, { mergeOperator: operator, level0Trigger: 4 })
    expect(await again.get('sum')).toBe('012345678')
    expect(await again.get('gone')).toBeUndefined()
    await again.compactRange()
    expect(await again.get('sum')).toBe('012345678')
    await again.close()
  })

  test('that did not forget keeps its tables, and their logs go when they are compacted', async () => {
    const media = rungs()
    const level = await open(media, { level0Trigger: 8 })
    await fill(level, 0, 300)
    await level.flush()
    await level.close()
    const again = await open(media, { level0Trigger: 8 })
    await expectAll(again, 300)
    await again.compactRange()
    expect(again.map().files.filter(({ kind, bytes }) => kind === 'log' && bytes > 0)).toEqual([])
    await expectAll(again, 300)
    await again.close()
  })

  test('takes no logs and no deep levels: a policy that wants that is refused, and poisons nothing', async () => {
    const media = { ssd: ssd(), dram: dram() }
    await expect(open(media, { policy: single('dram') })).rejects.toMatchObject({ cause: { code: 'LEVEL_ARGUMENT' } })
    const greedy: MediaPolicy = {
      name: 'greedy',
      place: ({ file, level }) => ({ media: file === 'table' && level > 0 ? ['dram'] : ['ssd'] }),
    }
    const level = await open(media, { policy: greedy })
    await fill(level, 0, 200)
    const refused = await level.compactRange().then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(isLevelError(refused) && refused.code).toBe('LEVEL_ARGUMENT')
    expect((refused as Error).message).toMatch(/greedy named only dram.*table of level 6/)
    await level.put('still', 'writing')
    expect(await level.get('still')).toBe('writing')
    await level.close()
  })
})

describe('a policy that is wrong', () => {
  const answers: [string, () => unknown, RegExp][] = [
    [
      'throws',
      () => {
        throw new Error('no idea')
      },
      /odd threw no idea.*table of level 0/,
    ],
    ['names a stranger', () => ({ media: ['floppy'] }), /odd named the medium floppy; there are ssd/],
    ['answers nothing', () => undefined, /odd answered undefined/],
    ['names none', () => ({ media: [] }), /odd answered no list of media/],
    ['has odd sizes', () => ({ media: ['ssd'], blockBytesTarget: 3 }), /odd answered blockBytesTarget 3/],
    ['has odd compression', () => ({ media: ['ssd'], compression: 'lzma' }), /odd answered compression lzma/],
  ]
  for (const [name, answer, message] of answers) {
    test(`${name}: the flush says which policy and what for; nothing is lost, and it goes on when it is right`, async () => {
      let wrong = true
      const policy: MediaPolicy = {
        name: 'odd',
        place: ({ file }) => (wrong && file === 'table' ? (answer() as never) : { media: ['ssd'] }),
      }
      const media = { ssd: ssd() }
      const level = await open(media, { policy })
      await fill(level, 0, 100)
      await expect(level.flush()).rejects.toThrow(message)
      await level.put('a', 'b')
      wrong = false
      await level.flush()
      expect(await level.get('a')).toBe('b')
      await level.del('a')
      await expectAll(level, 100)
      await level.close()
    })
  }
})

test('a partition cuts every table below level 0, and each part is asked for on its own', async () => {
  const asked: string[] = []
  const policy: MediaPolicy = {
    name: 'parts',
    partition: [Buffer.from(key(300)), Buffer.from(key(900))],
    place: ({ file, level, lowerKey }) => {
      if (file !== 'table' || level === 0) return { media: ['ssd'] }
      asked.push(Buffer.from(lowerKey).toString())
      return { media: [Buffer.from(lowerKey).toString() >= key(300) ? 'smr' : 'ssd'] }
    },
  }
  const { ssd: one, smr } = rungs()
  const level = await open({ ssd: one, smr }, { policy })
  await fill(level, 0, 1200)
  await level.deleteRange(key(100), key(1000))
  await level.compactRange()
  await fill(level, 0, 1200)
  await level.compactRange()
  expect(asked).toContain(key(300))
  expect(asked).toContain(key(900))
  for (const { kind, level: number, media } of level.map().files) {
    if (kind === 'table' && number > 0) expect(media).toHaveLength(1)
  }
  expect([...mediaByLevel(level).get(6)!].sort()).toEqual(['smr', 'ssd'])
  await expectAll(level, 1200)
  await level.close()
})

describe('relocation', () => {
  const HOUR_MS = 3_600_000

  test('moves what rested and was wanted elsewhere long enough, within its allowance', async () => {
    let nowMs = 1_000_000_000
    const media = { ssd: ssd(), smr: rungs().smr }
    const byAge: MediaPolicy = {
      name: 'by age',
      place: () => ({ media: ['ssd'] }),
      relocate: ({ ageMsMin }) => ({ media: [ageMsMin > 10 * HOUR_MS ? 'smr' : 'ssd'] }),
    }
    const options = { policy: byAge, now: () => nowMs, relocation: { bytesPerHour: 20_000, everyMs: 1e9 } }
    const level = await open(media, options)
    await fill(level, 0, 1000)
    await level.compactRange()
    const tables = level.stats().tables.count
    expect(await level.relocate()).toEqual({ files: 0, bytes: 0 })
    nowMs += 11 * HOUR_MS
    expect((await level.relocate()).files).toBe(0) // wanted, but not for an hour
    nowMs += 2 * HOUR_MS
    expect((await level.relocate()).files).toBe(0) // it has not rested for a day
    nowMs += 24 * HOUR_MS
    const first = await level.relocate()
    expect(first.files).toBeGreaterThan(0)
    expect(first.bytes).toBeLessThanOrEqual(20_000)
    expect(first.files).toBeLessThan(tables)
    expect((await level.relocate()).files).toBe(0)
    nowMs += HOUR_MS
    expect((await level.relocate()).files).toBeGreaterThan(0)
    const { smr: _ } = media
    const moved = level.stats().media.find(({ name }) => name === 'smr')!.traffic.move!
    expect(moved.written).toBeGreaterThan(0)
    await expectAll(level, 1000)
    expect((await level.relocate({ force: true })).files).toBeGreaterThan(0)
    expect([...mediaByLevel(level).get(6)!]).toEqual(['smr'])
    await expectAll(level, 1000)
    await level.close()
    const again = await open(media, options)
    await expectAll(again, 1000)
    await again.close()
  })
})
