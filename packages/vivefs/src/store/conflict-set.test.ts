import { expect, test } from 'vitest'
import { ConflictSet, type ReadRange, type ReadSet } from './conflict-set.ts'

const reading = (startSeq: number, keys: string[], ranges: Omit<ReadRange, 'seq'>[] = []): ReadSet => ({
  startSeq,
  keys,
  keySeqs: keys.map(() => startSeq),
  ranges: ranges.map((range) => ({ ...range, seq: startSeq })),
})

test('only commits after the read count, and only of what was read', () => {
  const set = new ConflictSet()
  const other = reading(0, [])
  set.enter(other, 0)
  set.record(['a'], 1)
  const reads = reading(1, ['a', 'b'])
  set.enter(reads, 1)
  set.record(['c'], 2)
  expect(set.stale(reads)).toBe(false)
  set.record(['b'], 3)
  expect(set.stale(reads)).toBe(true)
})

test('ranges: open, included and excluded bounds', () => {
  const cases: [Omit<ReadRange, 'seq'>, string, boolean][] = [
    [{ low: undefined, lowIncluded: true, high: 'c', highIncluded: false }, '', true],
    [{ low: 'b', lowIncluded: true, high: 'c', highIncluded: false }, 'b', true],
    [{ low: 'b', lowIncluded: false, high: 'c', highIncluded: false }, 'b', false],
    [{ low: 'b', lowIncluded: true, high: 'c', highIncluded: false }, 'c', false],
    [{ low: 'b', lowIncluded: true, high: 'c', highIncluded: true }, 'c', true],
    [{ low: 'b', lowIncluded: true, high: 'c', highIncluded: true }, 'c\0', false],
    [{ low: 'b', lowIncluded: true, high: undefined, highIncluded: false }, '\xff', true],
  ]
  for (const [range, key, stale] of cases) {
    const set = new ConflictSet()
    const reads = reading(0, [], [range])
    set.enter(reads, 0)
    set.record([key], 1)
    expect(set.stale(reads), `${JSON.stringify(range)} ${key}`).toBe(stale)
  }
})

test('nothing is recorded for nobody, and the log ends where the oldest reader began', () => {
  const set = new ConflictSet()
  set.record(['a', 'b'], 1)
  expect(set.size).toBe(0)
  let seq = 1
  let readers: ReadSet[] = []
  // Somebody is always reading, and the log still does not grow.
  for (let i = 0; i < 5000; i++) {
    const reads = reading(seq, ['hot'])
    set.enter(reads, seq)
    readers.push(reads)
    set.record([`k${i % 50}`, 'hot'], ++seq)
    expect(set.stale(reads)).toBe(true)
    if (readers.length > 4) {
      set.leave(readers[0]!)
      readers = readers.slice(1)
    }
    expect(set.size).toBeLessThanOrEqual(12)
  }
  const late = reading(seq, ['hot', 'k1'])
  set.enter(late, seq)
  expect(set.stale(late)).toBe(false)
  for (const reads of readers) set.leave(reads)
  set.record(['k1'], ++seq)
  expect(set.stale(late)).toBe(true)
  set.leave(late)
  expect(set.size).toBe(0)
})
