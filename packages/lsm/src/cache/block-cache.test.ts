import { expect, test } from 'vitest'
import { Block } from '../block/block.ts'
import { type Kind, PUT } from '../kind.ts'
import { runSync } from '../op.ts'
import { buildTable, openTable } from '../table/table-fixture.ts'
import { BlockCache } from './block-cache.ts'

function blockOf(bytes: number): Block {
  const payload = Buffer.alloc(bytes)
  payload.writeUInt32LE(1, bytes - 8) // one restart point, at entry 0 with value 0
  return Block.decode(payload)!
}

test('holds at most its bytes, charges included, and keeps what is used again', () => {
  const cache = new BlockCache(100_000)
  const shelf = cache.shelf(1, 10_000)
  shelf.put(0, blockOf(1000))
  for (let i = 1; i < 5000; i++) {
    shelf.put(i, blockOf(1000))
    expect(shelf.get(0), `block 0 after ${i}`).toBeDefined()
    expect(cache.bytes).toBeLessThanOrEqual(100_000)
  }
  expect(shelf.get(4999)).toBeDefined()
  expect(shelf.get(1)).toBeUndefined()
  const { blocks } = cache.stats
  cache.charge(50_000)
  expect(cache.bytes).toBeLessThanOrEqual(100_000)
  expect(cache.stats.blocks).toBeLessThan(blocks)
  cache.release(50_000)
  expect(cache.stats).toMatchObject({ chargedBytes: 0, hits: 5000, misses: 1 })
})

test('a block bigger than the cache is not kept, and a cache of nothing keeps nothing', () => {
  const cache = new BlockCache(10_000)
  const shelf = cache.shelf(1, 2)
  shelf.put(0, blockOf(1000))
  shelf.put(1, blockOf(20_000))
  expect([shelf.get(0) !== undefined, shelf.get(1)]).toEqual([true, undefined])
  const none = new BlockCache(0)
  none.shelf(1, 1).put(0, blockOf(100))
  expect(none.bytes).toBe(0)
})

test('the blocks of a deleted file go, and readers of it that are left cannot bring them back', () => {
  const cache = new BlockCache(2 ** 20)
  const first = cache.shelf(1, 10)
  const second = cache.shelf(2, 10)
  for (let i = 0; i < 10; i++) {
    first.put(i, blockOf(100))
    second.put(i, blockOf(100))
  }
  cache.evictFile(1)
  first.put(3, blockOf(100))
  expect([cache.stats.blocks, first.get(3)]).toEqual([10, undefined])
  expect(second.get(9)).toBeDefined()
  expect(cache.shelf(2, 10)).toBe(second)
})

test('random use against a model: the account is exact', () => {
  const cache = new BlockCache(40_000)
  const shelves = [cache.shelf(0, 50), cache.shelf(1, 50), cache.shelf(2, 50)]
  let state = 1
  const random = (n: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % n
  }
  for (let i = 0; i < 4000; i++) {
    const file = random(3)
    if (random(500) === 0) {
      cache.evictFile(file)
      shelves[file] = cache.shelf(file, 50)
    } else if (random(2) === 0) shelves[file]!.put(random(50), blockOf(50 + random(3000)))
    else shelves[file]!.get(random(50))
    const held = shelves.flatMap(({ frames }) => frames).filter((frame) => frame !== undefined)
    expect(cache.bytes).toBe(held.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(cache.bytes).toBeLessThanOrEqual(40_000)
    expect(cache.stats.blocks).toBe(held.length)
  }
})

test('an open table charges filters and index until it is closed', () => {
  const cache = new BlockCache(2 ** 20)
  const list = Array.from({ length: 2000 }, (_, i) => ({
    key: Buffer.from(String(i).padStart(8, '0')),
    sequence: 1,
    kind: PUT as Kind,
    value: Buffer.alloc(100),
  }))
  const reader = openTable(buildTable(list), cache)
  expect(cache.stats.chargedBytes).toBeGreaterThan(2500)
  const cursor = reader.cursor()
  runSync(cursor.first())
  reader.close()
  reader.close()
  expect(cache.stats.chargedBytes).toBe(0)
  expect(cursor.valid).toBe(true)
})
