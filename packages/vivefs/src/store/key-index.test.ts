import { expect, test } from 'vitest'
import type { WriteRow } from './database.ts'
import { KeyIndex, type KeySlice, orderSlices } from './key-index.ts'

test('ordered slices are what a sorted map of all rows answers, while rows are added and replaced', () => {
  const maps = [new Map<string, WriteRow>(), new Map<string, WriteRow>(), new Map<string, WriteRow>()]
  const indexes = maps.map((rows) => new KeyIndex(rows))
  let seed = 1
  const next = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % n
  }
  const row = (): WriteRow => ({
    type: 'put',
    key: new Uint8Array(),
    value: next(3) === 0 ? undefined : new Uint8Array(),
  })
  for (let round = 0; round < 300; round++) {
    // Sometimes nothing, sometimes more than fits the tail.
    for (let i = next(10) < 2 ? 0 : next(90); i > 0; i--)
      maps[next(3)]!.set(String.fromCharCode(next(256), next(15)), row())
    const low = next(4) === 0 ? undefined : String.fromCharCode(next(256))
    const range = { low, lowIncluded: next(2) === 0, high: String.fromCharCode(next(256), next(30)) }
    const limit = next(2) === 0 ? Number.POSITIVE_INFINITY : next(40)
    const reverse = next(2) === 0
    const slices: KeySlice[] = []
    for (const index of indexes) index.slices(range, slices)
    const found = orderSlices(slices, limit, reverse)
    const merged = new Map<string, WriteRow>()
    for (const rows of maps) for (const [key, value] of rows) merged.set(key, value)
    const expected = [...merged]
      .filter(([key]) => key < range.high && (low === undefined || (range.lowIncluded ? key >= low : key > low)))
      .sort(([a], [b]) => (a < b === reverse ? 1 : -1))
    const live = expected.flatMap(([, { value }], i) => (value === undefined ? [] : [i]))
    const end = limit === 0 ? 0 : limit <= live.length ? live[limit - 1]! + 1 : expected.length
    expect(found.map(([key]) => key).join()).toBe(
      expected
        .slice(0, end)
        .map(([key]) => key)
        .join(),
    )
    expect(found.every(([key, value]) => merged.get(key) === value)).toBe(true)
  }
})
