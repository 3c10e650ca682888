import { expect, test } from 'vitest'
import { Random, seedOf, withSeed } from '../../test/seed.ts'
import type { Segments } from '../format/extent.ts'
import { ExtentCache, extentId } from './extent-cache.ts'

const piece = (offset: number, length: number, fill: number): Segments => [
  { offset, length, data: Buffer.alloc(length, fill) },
]

test('ids of different extents are different', () => {
  const places = [1, 2, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1].flatMap((ino) =>
    [0, 1, 2 ** 21 - 1, 2 ** 21, 2 ** 40].map((index) => extentId(ino, index)),
  )
  expect(new Set(places).size).toBe(places.length)
  for (const id of places) expect(typeof id === 'string' || Number.isSafeInteger(id)).toBe(true)
})

test('it stays within its bound, and what it answers is what was set last', async () => {
  await withSeed(seedOf(21), async (random) => {
    const cache = new ExtentCache(100_000)
    const truth = new Map<number, Segments>()
    for (let n = 0; n < 4000; n++) {
      const index = random.upTo(60)
      const id = extentId(7, index)
      const roll = random.next()
      if (roll < 0.5) {
        const found = cache.get(id)
        if (found !== undefined) expect(found).toEqual(truth.get(index))
      } else if (roll < 0.8) {
        const segments = piece(0, 4096, n & 0xff)
        truth.set(index, segments)
        cache.set(id, segments, 4112)
      } else if (roll < 0.9) {
        const [whole] = truth.get(index) ?? []
        if (whole === undefined) continue
        const over = piece(0, 4096, n & 0xff)
        truth.set(index, over)
        cache.change(id, { segments: over, rowBytes: 4112, isWhole: false })
      } else {
        truth.delete(index)
        cache.forget(id)
      }
      expect(cache.bytes).toBeLessThanOrEqual(100_000)
    }
    cache.clear()
    expect(cache.bytes).toBe(0)
    expect(cache.get(extentId(7, 1))).toBeUndefined()
  })
})

test('reading a little more than it holds again and again meets most of it', () => {
  const cache = new ExtentCache(100 * 4312)
  let met = 0
  for (let round = 0; round < 20; round++) {
    for (let index = 0; index < 105; index++) {
      const id = extentId(7, index)
      if (cache.get(id) !== undefined) met++
      else cache.set(id, piece(0, 4096, 1), 4112)
    }
  }
  expect(met / (20 * 105)).toBeGreaterThan(0.7)
})

test('an extent that is overwritten again and again is counted by what it keeps alive', () => {
  const cache = new ExtentCache(1 << 20)
  const random = new Random(5)
  const id = extentId(7, 0)
  cache.set(id, piece(0, 65_536, 1), 65_552)
  for (let n = 0; n < 1000; n++) {
    const data = Buffer.allocUnsafeSlow(4112)
      .fill(n & 0xff)
      .subarray(16)
    const change = { offset: random.upTo(16) * 4096, length: 4096, data }
    cache.change(id, { segments: [change], rowBytes: 4112, isWhole: false })
    expect(cache.bytes).toBeLessThan(4 * 65_536)
  }
  expect(cache.get(id)).toBeDefined()
})
