/** Values that lie apart from their keys, through the public face. Takes about 3 s. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'

type Level = LsmLevel<string, Buffer>
type Options = ConstructorParameters<typeof LsmLevel>[1]

const SMALL = {
  separateBytes: 100,
  logBytes: 64 << 10,
  memtableBytes: 16 << 10,
  memoryBytes: 1 << 20,
  worker: false,
} as const

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-separation-'))
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

const keyOf = (i: number) => `key-${String(i).padStart(6, '0')}`

test('values are read back from memtable, log and table, whole and in part, forward and backward', async () => {
  const level = open()
  for (let i = 0; i < 50; i++) await level.put(keyOf(i), contentOf(i, i * 10))
  const check = async () => {
    for (let i = 0; i < 50; i++) {
      const value = contentOf(i, i * 10)
      expect(await level.get(keyOf(i))).toEqual(value)
      expect(level.getSync(keyOf(i))).toEqual(value)
      expect(await level.getPart(keyOf(i), 7, 40)).toEqual(value.subarray(7, 47))
      expect(level.getPartSync(keyOf(i), 95, 1000)).toEqual(value.subarray(95))
      expect(await level.has(keyOf(i))).toBe(true)
    }
    expect(await level.getPart('missing', 0, 10)).toBeUndefined()
    const all = await level.iterator().all()
    expect(all).toEqual(Array.from({ length: 50 }, (_, i) => [keyOf(i), contentOf(i, i * 10)]))
    expect(await level.iterator({ reverse: true }).all()).toEqual(all.reverse())
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
  for (let i = 0; i < 300; i++) expect(await level.get(keyOf(i))).toEqual(contentOf(i))
  for (let i = 0; i < 300; i += 3) await level.put(keyOf(i), contentOf(i + 1))
  await level.flush()
  await level.close()
  level = open({ separateBytes: Number.POSITIVE_INFINITY })
  for (let i = 0; i < 300; i++) expect(await level.get(keyOf(i))).toEqual(contentOf(i % 3 === 0 ? i + 1 : i))
  await level.close()
})

test.each([false, undefined] as const)(
  'overwriting frees space: reclaim keeps it below twice what is alive (worker: %s)',
  async (worker) => {
    const level = open(worker === false ? {} : { worker: new URL('../../dist/worker.js', import.meta.url) })
    const live = 200
    let state = 1
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < live; i++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0
        const key = state % live
        await level.put(keyOf(key), contentOf(key + round))
      }
    }
    await level.flush()
    await level.compactRange()
    while (level.stats().compaction!.running > 0) await delay(5)
    const { blobs, compaction } = level.stats()
    expect(compaction!.workerFailure).toBeUndefined()
    expect(blobs.bytes / blobs.liveBytes).toBeLessThan(1.6)
    expect(compaction!.bytesRewritten).toBeGreaterThan(0)
    for await (const [key, value] of level.iterator()) expect(await level.get(key)).toEqual(value)
    await level.close()
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
  expect([first, ...(await iterator.all())]).toEqual(Array.from({ length: 200 }, (_, i) => [keyOf(i), contentOf(i)]))
  const kept = level.openSnapshot('before')
  for (let i = 0; i < 200; i++) {
    expect(await level.get(keyOf(i), { snapshot })).toEqual(contentOf(i))
    expect(await level.get(keyOf(i), { snapshot: kept })).toEqual(contentOf(i))
    expect(await level.get(keyOf(i))).toEqual(contentOf(i + 5000))
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
        expect(await level.get(key)).toEqual(value)
        expect(await level.getPart(key, 190, 30)).toEqual(value.subarray(190, 220))
      }
      expect(await level.iterator().all()).toEqual([...expected])
      expect(await level.iterator({ reverse: true }).all()).toEqual([...expected].reverse())
    }
    await check()
    await level.flush()
    await check()
  }
  await level.compactRange()
  for (const [key, value] of expected) expect(await level.get(key)).toEqual(value)
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
  for (let i = 0; i < 10; i++) expect(await level.get(`big/${keyOf(i)}`)).toEqual(contentOf(i, 500))
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
  for (let i = 0; i < 200; i++) expect(await copy.get(keyOf(i))).toEqual(contentOf(i < 50 ? i + 1 : i))
  await copy.close()
})

test('in relaxed durability too', async () => {
  let level = open({ durability: 'relaxed' })
  for (let i = 0; i < 100; i++) await level.put(keyOf(i), contentOf(i, i % 2 === 0 ? 50 : 500))
  for (let i = 0; i < 100; i++) expect(level.getSync(keyOf(i))).toEqual(contentOf(i, i % 2 === 0 ? 50 : 500))
  await level.close()
  level = open()
  await level.open()
  for (let i = 0; i < 100; i++) expect(level.getSync(keyOf(i))).toEqual(contentOf(i, i % 2 === 0 ? 50 : 500))
  await level.close()
})
