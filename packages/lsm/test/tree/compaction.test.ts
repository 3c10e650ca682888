import { SeededRandom } from '@vivefs/media'
import { expect, test } from 'vitest'
import { PUT } from '../../src/kind.ts'
import { LEVELS } from '../../src/version/version.ts'
import { TestEngine } from './engine.ts'
import { newStorage } from './ground.ts'
import { randomLife } from './life.ts'

const deep = process.env.VIVEFS_DEEP === '1'

test('compactions never change what a live snapshot sees', async () => {
  const runs = deep ? 300 : 6
  const first = deep ? Math.floor(Math.random() * 1e9) : 1
  for (let seed = first; seed < first + runs; seed++) {
    const engine = await randomLife(seed, deep ? 80 : 40)
    if (seed === first) {
      const stats = engine.compactor.stats()
      expect(stats.flushes).toBeGreaterThan(10)
      expect(stats.compactions).toBeGreaterThan(5)
    }
  }
}, 3_600_000)

test('a database without a merge operator, and one whose operator cannot shorten', async () => {
  for (let seed = 100; seed < (deep ? 400 : 103); seed++) {
    await randomLife(seed, 30, { mergeOperator: undefined })
    const full = (_key: Uint8Array, base: Uint8Array | undefined, operands: readonly Uint8Array[]) =>
      Buffer.concat([base ?? Buffer.from('+'), ...operands])
    await randomLife(seed, 30, { mergeOperator: { name: 'full only', full } })
  }
}, 3_600_000)

test('levels grow from the last one up, and a scan of the tree finds every entry', async () => {
  const storage = await newStorage()
  const engine = await TestEngine.create(storage, { options: { levelRatio: 4, baseBytes: 16_000 } })
  const random = new SeededRandom(5)
  for (let i = 0; i < 12_000; i++) {
    engine.write(PUT, `key${String(Math.floor(random.next() * 1e6)).padStart(6, '0')}`, `value ${i}`)
    if (i % 400 === 399) await engine.flush()
  }
  await engine.compactor.idle()
  const { levels } = engine.compactor.stats()
  expect(levels.length).toBe(LEVELS)
  expect(levels[LEVELS - 1]!.bytes).toBeGreaterThan(levels[LEVELS - 2]!.bytes)
  const upper = levels.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0)
  expect(upper).toBeLessThan(levels[LEVELS - 1]!.bytes)
  expect((await engine.see(Number.MAX_SAFE_INTEGER)).size).toBeGreaterThan(11_000)
  await engine.close()
  await storage.close()
})

test('sorted loads are moved, not rewritten', async () => {
  const storage = await newStorage()
  const engine = await TestEngine.create(storage)
  for (let i = 0; i < 4000; i++) {
    engine.write(PUT, String(i).padStart(6, '0'), `value ${i}`)
    if (i % 200 === 199) await engine.flush()
  }
  await engine.compactor.idle()
  const stats = engine.compactor.stats()
  expect(stats.moves).toBeGreaterThan(5)
  expect(stats.compactions).toBe(0)
  await engine.close()
  await storage.close()
})

test('a synchronous writer drains jobs without the event loop', async () => {
  const storage = await newStorage()
  const engine = await TestEngine.create(storage)
  let turns = 0
  const counted = setImmediate(() => turns++)
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) engine.write(PUT, `k${(i * 7919 + round) % 1000}`, `value ${round}`)
    const flushes = engine.compactor.stats().flushes
    void engine.flush()
    while (engine.compactor.stats().flushes === flushes) expect(engine.compactor.drainNow(true)).toBe(true)
  }
  while (engine.compactor.busy) expect(engine.compactor.drainNow(true)).toBe(true)
  expect(turns).toBe(0)
  expect(engine.compactor.stats().compactions).toBeGreaterThan(3)
  clearImmediate(counted)
  engine.immutable = []
  expect((await engine.see(Number.MAX_SAFE_INTEGER)).size).toBeGreaterThan(900)
  expect(engine.failure).toBeUndefined()
  await engine.close()
  await storage.close()
})
