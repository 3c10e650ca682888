/** Values that lie apart from their keys, through the public face. Takes about 3 s. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { LsmLevel } from '../../src/index.ts'
import { type Bundled, bundle, fastDirectory } from '../bundle.ts'

type Level = LsmLevel<string, Buffer>
type Options = ConstructorParameters<typeof LsmLevel>[1]

const SMALL = {
  separateBytes: 100,
  logBytes: 64 << 10,
  memtableBytes: 16 << 10,
  memoryBytes: 1 << 20,
  worker: false,
} as const

let bundled: Bundled
beforeAll(async () => {
  bundled = await bundle('suite/entry.ts', fastDirectory())
})
afterAll(() => bundled.remove())

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(fastDirectory(), 'lsm-separation-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function open(options: Options = {}, location = directory): Level {
  return new LsmLevel<string, Buffer>(location, {
    valueEncoding: 'buffer',
    capacityBytes: 1 << 30,
    ...SMALL,
    ...(options as object),
  })
}

/** A value of its own for every number, with all bytes in use. */
function contentOf(i: number, bytes = 1000): Buffer {
  const value = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) value[at] = (i * 31 + at * 7 + (at >> 8)) & 0xff
  return value
}

/** Compared as a whole: the matcher would look at every byte by itself. */
function expectValue(value: Buffer | undefined, expected: Buffer): void {
  if (value === undefined || !expected.equals(value)) expect(value).toEqual(expected)
}

function expectEntries(entries: [string, Buffer][], expected: [string, Buffer][]): void {
  const text = (all: [string, Buffer][]) => all.map(([key, value]) => `${key} ${value.toString('base64')}`)
  expect(text(entries)).toEqual(text(expected))
}

const keyOf = (i: number) => `key-${String(i).padStart(6, '0')}`

test('values are read back from memtable, log and table, whole and in part, forward and backward', async () => {
  const level = open()
  for (let i = 0; i < 50; i++) await level.put(keyOf(i), contentOf(i, i * 10))
  const check = async () => {
    for (let i = 0; i < 50; i++) {
      const value = contentOf(i, i * 10)
      expectValue(await level.get(keyOf(i)), value)
      expectValue(level.getSync(keyOf(i)), value)
      expectValue(await level.getPart(keyOf(i), 7, 40), value.subarray(7, 47))
      expectValue(level.getPartSync(keyOf(i), 95, 1000), value.subarray(95))
      expect(await level.has(keyOf(i))).toBe(true)
    }
    expect(await level.getPart('missing', 0, 10)).toBeUndefined()
    const all = await level.iterator().all()
    expectEntries(
      all,
      Array.from({ length: 50 }, (_, i) => [keyOf(i), contentOf(i, i * 10)]),
    )
    expectEntries(await level.iterator({ reverse: true }).all(), all.reverse())
    const sync = level.iteratorSync({ gte: keyOf(20), limit: 3 })
    expect(sync.nextv(10)).toEqual([20, 21, 22].map((i) => [keyOf(i), contentOf(i, i * 10)]))
    sync.close()
  }
  await check()
  await level.flush()
  expect(level.stats().blobs.liveValues).toBe(40)
  await check()
  await level.compactRange()
  await check()
  await level.close()
})

test('a value is written once: nothing but the log has it', async () => {
  const level = open({ logBytes: 8 << 20 })
  const bytes = 64 << 10
  for (let i = 0; i < 40; i++) await level.put(keyOf(i), contentOf(i, bytes))
  await level.flush()
  await level.compactRange()
  const { blobs, tables, compaction } = level.stats()
  expect(blobs).toMatchObject({ files: 1, liveValues: 40 })
  expect(blobs.bytes).toBeLessThan(40 * bytes * 1.01)
  expect(tables.bytes).toBeLessThan(20_000)
  expect(compaction!.bytesRewritten).toBe(0)
  await level.close()
})

test('after a restart, with and without a flush before, everything is there', async () => {
  let level = open()
  for (let i = 0; i < 300; i++) await level.put(keyOf(i), contentOf(i))
  await level.close()
  level = open()
  for (let i = 0; i < 300; i++) expectValue(await level.get(keyOf(i)), contentOf(i))
  for (let i = 0; i < 300; i += 3) await level.put(keyOf(i), contentOf(i + 1))
  await level.flush()
  await level.close()
  level = open({ separateBytes: Number.POSITIVE_INFINITY })
  for (let i = 0; i < 300; i++) expectValue(await level.get(keyOf(i)), contentOf(i % 3 === 0 ? i + 1 : i))
  await level.close()
})

test.each([false, true])(
  'overwriting frees space: reclaim bounds it, also what is verified and repaired (in a worker: %s)',
  { timeout: 300_000 },
  async (inWorker) => {
    const level = open(inWorker ? { worker: bundled.worker } : {})
    // Long keys make tables that are worth a worker.
    const long = inWorker ? 'k'.repeat(700) : ''
    const expected = new Map<string, Buffer>()
    let state = 1
    for (let i = 0; i < 1600; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      const key = keyOf(state % 200) + long
      const value = contentOf(i)
      await level.put(key, value)
      expected.set(key, value)
    }
    await level.flush()
    await level.compactRange()
    while (level.stats().compaction!.running > 0) await delay(5)
    const { blobs, compaction } = level.stats()
    expect(compaction!.workerFailure).toBeUndefined()
    if (inWorker) expect(compaction!.workerJobs).toBeGreaterThan(0)
    expect(compaction!.bytesRewritten).toBeGreaterThan(0)
    expect(blobs.bytes / blobs.liveBytes).toBeLessThan(1.6)
    expect(blobs.liveValues).toBe(expected.size)
    for (const [key, value] of expected) expectValue(await level.get(key), value)
    await level.close()
    const lines: string[] = []
    const output = { line: (text: string) => lines.push(text), complain: (text: string) => lines.push(text) }
    expect(await run(['verify', directory], output), lines.join('\n')).toBe(0)
    expect(await run(['repair', directory], output), lines.join('\n')).toBe(0)
    const again = open()
    for (const [key, value] of expected) expectValue(await again.get(key), value)
    await again.close()
    expect(await run(['verify', directory], output), lines.join('\n')).toBe(0)
  },
)

test('snapshots and open iterators see what they saw while values move and files go', async () => {
  const level = open()
  for (let i = 0; i < 200; i++) await level.put(keyOf(i), contentOf(i))
  const snapshot = level.snapshot()
  await level.keepSnapshot('before')
  const iterator = level.iterator()
  const first = await iterator.next()
  for (let round = 1; round < 6; round++) {
    for (let i = 0; i < 200; i++) await level.put(keyOf(i), contentOf(i + round * 1000))
    await level.flush()
  }
  await level.compactRange()
  const before = Array.from({ length: 200 }, (_, i): [string, Buffer] => [keyOf(i), contentOf(i)])
  expectEntries([first!, ...(await iterator.all())], before)
  const kept = level.openSnapshot('before')
  for (let i = 0; i < 200; i++) {
    expectValue(await level.get(keyOf(i), { snapshot }), contentOf(i))
    expectValue(await level.get(keyOf(i), { snapshot: kept }), contentOf(i))
    expectValue(await level.get(keyOf(i)), contentOf(i + 5000))
  }
  await kept.close()
  await snapshot.close()
  await level.dropSnapshot('before')
  await level.close()
})

const JOIN = {
  name: 'join',
  full: (_: Uint8Array, base: Uint8Array | undefined, operands: readonly Uint8Array[]) =>
    Buffer.concat(base === undefined ? operands : [base, ...operands]),
}

test('operands are applied to values that lie elsewhere, in reads and in compaction', async () => {
  const level = open({ mergeOperator: JOIN })
  const expected = new Map<string, Buffer>()
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 40; i++) {
      const key = keyOf(i)
      if (round === 0) await level.put(key, contentOf(i, 200))
      else await level.merge(key, contentOf(i + round, 60))
      const before = expected.get(key)
      const more = round === 0 ? contentOf(i, 200) : contentOf(i + round, 60)
      expected.set(key, before === undefined ? more : Buffer.concat([before, more]))
    }
    const check = async () => {
      for (const [key, value] of expected) {
        expectValue(await level.get(key), value)
        expectValue(await level.getPart(key, 190, 30), value.subarray(190, 220))
      }
      expectEntries(await level.iterator().all(), [...expected])
      expectEntries(await level.iterator({ reverse: true }).all(), [...expected].reverse())
    }
    await check()
    await level.flush()
    await check()
  }
  await level.compactRange()
  for (const [key, value] of expected) expectValue(await level.get(key), value)
  // What came of operands is separated too.
  expect(level.stats().blobs.liveValues).toBe(40)
  expect(level.stats().tables.bytes).toBeLessThan(6000)
  await level.close()
})

test('deleted values are garbage, and files without a value go', async () => {
  const level = open()
  for (let i = 0; i < 200; i++) await level.put(keyOf(i), contentOf(i))
  await level.flush()
  await level.deleteRange(keyOf(0), keyOf(100))
  for (let i = 100; i < 200; i++) await level.del(keyOf(i))
  await level.compactRange()
  expect(level.stats().blobs).toMatchObject({ files: 0, bytes: 0, liveValues: 0, liveBytes: 0 })
  await level.close()
})

test('a rule for a prefix overrides the size', async () => {
  const level = open({
    separateBytes: Number.POSITIVE_INFINITY,
    separation: [
      { prefix: 'big/', bytes: 10 },
      { prefix: 'big/not/', bytes: Number.POSITIVE_INFINITY },
    ],
  })
  for (const prefix of ['big/', 'big/not/', 'other/']) {
    for (let i = 0; i < 10; i++) await level.put(prefix + keyOf(i), contentOf(i, 500))
  }
  await level.flush()
  expect(level.stats().blobs.liveValues).toBe(10)
  for (let i = 0; i < 10; i++) expectValue(await level.get(`big/${keyOf(i)}`), contentOf(i, 500))
  await level.close()
})

test('a checkpoint has the values', async () => {
  const level = open()
  for (let i = 0; i < 200; i++) await level.put(keyOf(i), contentOf(i))
  await level.flush()
  for (let i = 0; i < 50; i++) await level.put(keyOf(i), contentOf(i + 1))
  const target = join(directory, 'copy')
  await level.checkpoint(target)
  await level.close()
  const copy = open({}, target)
  for (let i = 0; i < 200; i++) expectValue(await copy.get(keyOf(i)), contentOf(i < 50 ? i + 1 : i))
  await copy.close()
})

test('in relaxed durability too', async () => {
  let level = open({ durability: 'relaxed' })
  for (let i = 0; i < 100; i++) await level.put(keyOf(i), contentOf(i, i % 2 === 0 ? 50 : 500))
  for (let i = 0; i < 100; i++) expectValue(level.getSync(keyOf(i)), contentOf(i, i % 2 === 0 ? 50 : 500))
  await level.close()
  level = open()
  await level.open()
  for (let i = 0; i < 100; i++) expectValue(level.getSync(keyOf(i)), contentOf(i, i % 2 === 0 ? 50 : 500))
  await level.close()
})
