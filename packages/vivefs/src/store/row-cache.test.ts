import { expect, test } from 'vitest'
import { RowCache } from './row-cache.ts'

const row = (size: number): Uint8Array => new Uint8Array(size)

test('a row, a row that does not exist and a row that is not known are three answers', () => {
  const cache = new RowCache(1 << 20)
  const value = row(10)
  cache.put('a', value)
  cache.put('b', undefined)
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([value, null, undefined])
})

test('it stays within its bound, whatever is put, filled or promoted', () => {
  const cache = new RowCache(50_000)
  for (let i = 0; i < 5000; i++) {
    const key = `k${(i * 7919) % 700}`
    if (i % 3 === 0) cache.put(key, i % 5 === 0 ? undefined : row((i * 31) % 5000))
    else if (i % 3 === 1) cache.fillNow(key, row((i * 17) % 400))
    else cache.get(key)
    expect(cache.bytes).toBeLessThanOrEqual(50_000)
  }
})

test('a value that grew too large takes the old one out', () => {
  const cache = new RowCache(1 << 20)
  cache.put('a', row(10))
  cache.put('a', row(4097))
  expect(cache.get('a')).toBe(undefined)
})

test('what is in use survives a scan of four times the size', () => {
  const cache = new RowCache(200_000)
  for (let i = 0; i < 50; i++) cache.put(`hot${i}`, row(100))
  for (let i = 0; i < 2500; i++) {
    cache.fillNow(`scan${i}`, row(100))
    cache.get(`hot${i % 50}`)
  }
  for (let i = 0; i < 50; i++) expect(cache.get(`hot${i}`)).not.toBe(undefined)
})

test('a read that a commit overtook is not kept', () => {
  const cache = new RowCache(1 << 20)
  const early = cache.expect('a')
  const newer = row(2)
  cache.put('a', newer)
  cache.fill('a', early, row(1))
  expect(cache.get('a')).toBe(newer)
  cache.put('a', row(5000))
  const late = cache.expect('a')
  cache.fill('a', late, newer)
  expect(cache.get('a')).toBe(newer)
})

test('a small view does not keep a large buffer alive', () => {
  const cache = new RowCache(1 << 20)
  cache.put('a', row(1 << 20).subarray(5, 15))
  expect(cache.get('a')?.buffer.byteLength).toBe(10)
})

test('size 0 turns it off', () => {
  const cache = new RowCache(0)
  cache.put('a', row(1))
  cache.put('b', undefined)
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, undefined])
})
