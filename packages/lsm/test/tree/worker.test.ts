import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFault } from '@vivefs/media'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PUT } from '../../src/kind.ts'
import { Oracle, TestEngine, type TestEngineOptions } from './engine.ts'
import { memory, newStorage } from './ground.ts'
import { randomLife } from './life.ts'

let directory = ''
let worker = ''
let operator = ''

/** The worker as it is shipped: bundled. Threads cannot load the sources. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-worker-'))
  worker = join(directory, 'worker.mjs')
  operator = join(directory, 'join.mjs')
  const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  const shared = { bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' } as const
  const alias = {
    '@vivefs/pfaof': source('../../../pfaof/src/index.ts'),
    '@vivefs/media': source('../../../media/src/index.ts'),
  }
  await build({ ...shared, alias, entryPoints: [source('../../src/worker/index.ts')], outfile: worker })
  await build({ ...shared, entryPoints: [source('./join.ts')], outfile: operator })
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Jobs go to the worker however small they are. */
const withWorker = (): TestEngineOptions => ({
  options: { worker, workerBytesMin: 0 },
  mergeOperatorReference: { module: `file://${operator}`, export: 'JOIN' },
  sharedMemtables: true,
})

test('a life in workers is the same as one on the calling thread', async () => {
  const runs = process.env.VIVEFS_DEEP === '1' ? 100 : 3
  for (let seed = 1; seed <= runs; seed++) {
    const { compactor } = await randomLife(seed, 30, withWorker())
    const stats = compactor.stats()
    expect(stats.workerFailure).toBeUndefined()
    expect(stats.workerJobs, `seed ${seed}`).toBe(stats.flushes + stats.compactions)
  }
}, 600_000)

async function filled(engine: TestEngine, entries: number): Promise<Oracle> {
  const oracle = new Oracle()
  for (let i = 0; i < entries; i++) {
    const key = `k${(i * 7919) % 997}`
    engine.write(PUT, key, `value ${i}`)
    oracle.write(PUT, key, `value ${i}`)
    if (i % 100 === 99) await engine.flush()
  }
  return oracle
}

test('a synchronous writer waits for workers without the event loop', async () => {
  const storage = await newStorage()
  const engine = await TestEngine.create(storage, withWorker())
  let turns = 0
  const counted = setImmediate(() => turns++)
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 300; i++) engine.write(PUT, `k${(i * 7919 + round) % 1000}`, `value ${round}`)
    const { flushes } = engine.compactor.stats()
    void engine.flush()
    while (engine.compactor.stats().flushes === flushes) expect(engine.compactor.drainNow(true)).toBe(true)
  }
  while (engine.compactor.busy) expect(engine.compactor.drainNow(true)).toBe(true)
  expect(turns).toBe(0)
  clearImmediate(counted)
  const stats = engine.compactor.stats()
  expect(stats.compactions).toBeGreaterThan(3)
  expect(stats.workerJobs).toBe(stats.flushes + stats.compactions)
  engine.immutable = []
  expect((await engine.see(Number.MAX_SAFE_INTEGER)).size).toBeGreaterThan(900)
  await engine.close()
  await storage.close()
})

test('a writer that is synchronous now and then meets jobs half way', async () => {
  const storage = await newStorage()
  const engine = await TestEngine.create(storage, withWorker())
  const oracle = new Oracle()
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 100; i++) {
      engine.write(PUT, `k${(i * 7919 + round) % 1000}`, `value ${round}`)
      oracle.write(PUT, `k${(i * 7919 + round) % 1000}`, `value ${round}`)
    }
    const flushed = engine.flush()
    for (let i = 0; i < round % 4; i++) await new Promise((resolve) => setImmediate(resolve))
    engine.compactor.drainNow(round % 3 === 0)
    await flushed
  }
  await engine.compactor.idle()
  expect([...(await engine.see(Number.MAX_SAFE_INTEGER))]).toEqual([...oracle.state])
  expect(engine.failure).toBeUndefined()
  await engine.close()
  await storage.close()
})

test('without a worker to be found the calling thread does it, and the stats say so', async () => {
  for (const where of [join(directory, 'missing.mjs'), new URL('data:text/javascript,process.exit(3)')]) {
    const storage = await newStorage()
    const engine = await TestEngine.create(storage, { ...withWorker(), options: { worker: where, workerBytesMin: 0 } })
    const oracle = await filled(engine, 500)
    await engine.compactor.idle()
    expect(engine.compactor.stats().workerFailure).toMatch(/worker/)
    expect(engine.compactor.stats().workerJobs).toBe(0)
    expect([...(await engine.see(Number.MAX_SAFE_INTEGER))]).toEqual([...oracle.state])
    await engine.close()
    await storage.close()
  }
})

test('an error in the worker has its code and poisons', async () => {
  const broken = { name: 'join', full: () => new Uint8Array(), partial: () => undefined }
  const storage = await newStorage()
  const engine = await TestEngine.create(storage, {
    ...withWorker(),
    mergeOperator: broken,
    mergeOperatorReference: { module: `file://${operator}`, export: 'MISSING' },
  })
  engine.write(PUT, 'a', 'b')
  await expect(engine.flush()).rejects.toMatchObject({ code: 'LEVEL_MERGE_OPERATOR' })
  expect(engine.failure).toMatchObject({ code: 'LEVEL_MERGE_OPERATOR' })
  await expect(engine.compactor.idle()).rejects.toMatchObject({ code: 'LEVEL_POISONED' })
  await engine.close()
  await storage.close()
})

test('a read or write that fails under a worker ends its job with the reason, and the worker serves on', async () => {
  for (const on of ['append', 'read'] as const) {
    const medium = openFault(memory(), { seed: 1 })
    const storage = await newStorage(medium)
    const engine = await TestEngine.create(storage, withWorker())
    await filled(engine, 400)
    await engine.compactor.idle()
    const name = on === 'append' ? 'appendSync' : 'readSync'
    const target = medium as unknown as Record<string, (...args: unknown[]) => unknown>
    const before = target[name]!
    let calls = 0
    target[name] = (...args: unknown[]) => {
      if (++calls > 3) throw Object.assign(new Error('the medium is sick'), { code: 'MEDIA_IO' })
      return before.apply(medium, args)
    }
    const everything = { smallest: Buffer.alloc(0), largest: Buffer.from('~'), largestIncluded: true }
    engine.write(PUT, 'k1', 'new')
    await expect(engine.flush().then(() => engine.compactor.compactRange(everything))).rejects.toThrow()
    expect(engine.failure, on).toMatchObject({ code: 'LEVEL_IO_ERROR' })
    target[name] = before
    await engine.close()
    await storage.close().catch(() => {})
  }
})

test('inputs and outputs of many pieces', async () => {
  const storage = await newStorage()
  const engine = await TestEngine.create(storage, {
    ...withWorker(),
    options: { worker, tableBytes: 700_000, tableBytesMax: 700_000, level0Trigger: 3, blockBytes: 4096 },
  })
  const oracle = new Map<string, string>()
  for (let round = 0; round < 3; round++) {
    engine.memtable = engine.newMemtable(4 << 20)
    for (let i = 0; i < 6000; i++) {
      const key = `k${String((i * 7919 + round * 31) % 10_007).padStart(6, '0')}`
      const value = `${round}.${i}.`.repeat(20)
      engine.write(PUT, key, value)
      oracle.set(key, value)
    }
    await engine.flush()
  }
  await engine.compactor.idle()
  const stats = engine.compactor.stats()
  expect(stats.workerJobs).toBe(4)
  expect(stats.bytesRead).toBeGreaterThan(1 << 20)
  expect(engine.versions.current.levels[6]!.length).toBeGreaterThan(1)
  expect(await engine.see(Number.MAX_SAFE_INTEGER)).toEqual(oracle)
  await engine.close()
  await storage.close()
})
