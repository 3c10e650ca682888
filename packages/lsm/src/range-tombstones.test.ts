import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RangeFragment, RangeTombstones } from './range-tombstones.ts'
import { decodeRangeTombstones, encodeRangeTombstones } from './table/range-tombstone-block.ts'
import { anyKey, anySequence, anyTombstones, LIMIT_MS, runs } from './table/table-arbitrary.ts'
import type { Tombstone } from './table/table-fixture.ts'

/** Added in the order of their sequences. */
function build(list: readonly Tombstone[]): RangeTombstones {
  const tombstones = new RangeTombstones()
  for (const { from, to, sequence } of [...list].sort((a, b) => a.sequence - b.sequence))
    tombstones.add(from, to, sequence)
  return tombstones
}

/** The rule: between two neighbouring edges lie the same tombstones. */
function cutAtEdges(list: readonly Tombstone[]): RangeFragment[] {
  const real = list.filter(({ from, to }) => Buffer.compare(from, to) < 0)
  const edges = real.flatMap(({ from, to }) => [from, to]).sort(Buffer.compare)
  const fragments: RangeFragment[] = []
  for (const [i, from] of edges.entries()) {
    const to = edges[i + 1]
    if (to === undefined || from.equals(to)) continue
    const over = real.filter((one) => Buffer.compare(one.from, from) <= 0 && Buffer.compare(to, one.to) <= 0)
    const sequences = [...new Set(over.map(({ sequence }) => sequence))].sort((x, y) => y - x)
    const last = fragments[fragments.length - 1]
    if (last?.to.equals(from) && JSON.stringify(last.sequences) === JSON.stringify(sequences))
      fragments[fragments.length - 1] = { ...last, to }
    else if (sequences.length > 0) fragments.push({ from, to, sequences })
  }
  return fragments
}

function covering(list: readonly Tombstone[], key: Buffer, sequence: number): number {
  const over = list.filter(
    (t) => t.sequence <= sequence && Buffer.compare(t.from, key) <= 0 && Buffer.compare(key, t.to) < 0,
  )
  return Math.max(0, ...over.map((t) => t.sequence))
}

const questions = fc.array(fc.tuple(anyKey, anySequence), { minLength: 20, maxLength: 40, size: 'max' })

test(
  'covering is the greatest visible tombstone over the key; fragments are sorted, disjoint, joined and say the same',
  () => {
    fc.assert(
      fc.property(anyTombstones, questions, (list, asked) => {
        const tombstones = build(list)
        const fragments = tombstones.fragments()
        const decoded = decodeRangeTombstones(encodeRangeTombstones(fragments))!
        expect(fragments).toEqual(cutAtEdges(list))
        const edges = list.flatMap(({ from, to, sequence }): [Buffer, number][] => [
          [from, sequence],
          [to, sequence],
        ])
        for (const [key, sequence] of [...asked, ...edges]) {
          const expected = covering(list, key, sequence)
          expect(tombstones.covering(key, sequence)).toBe(expected)
          expect(decoded.covering(key, sequence)).toBe(expected)
        }
        expect(tombstones.size === 0).toBe(fragments.length === 0)
      }),
      runs(200),
    )
  },
  LIMIT_MS,
)

test(
  'merge is the union, clip the part inside',
  () => {
    fc.assert(
      fc.property(
        anyTombstones,
        anyTombstones,
        fc.option(anyKey),
        fc.option(anyKey),
        questions,
        (a, b, from, to, asked) => {
          const merged = RangeTombstones.merge([build(a), build(b)])
          const clipped = merged.clip(from ?? undefined, to ?? undefined)
          for (const [key, sequence] of asked) {
            const expected = covering([...a, ...b], key, sequence)
            expect(merged.covering(key, sequence)).toBe(expected)
            const inside =
              (from === null || Buffer.compare(from, key) <= 0) && (to === null || Buffer.compare(key, to) < 0)
            expect(clipped.covering(key, sequence)).toBe(inside ? expected : 0)
          }
        },
      ),
      runs(200),
    )
  },
  LIMIT_MS,
)

test(
  'what is visible answers as everything does, to all who read at a bound, and holds one tombstone a key and stripe',
  () => {
    const bounds = fc
      .uniqueArray(fc.integer({ min: 1, max: 45 }), { maxLength: 4 })
      .map((list) => list.sort((a, b) => a - b))
    fc.assert(
      fc.property(anyTombstones, anyTombstones, bounds, questions, (a, b, snapshots, asked) => {
        const table = RangeTombstones.merge([build(b)])
        const visible = RangeTombstones.visible([build(a), table], snapshots)
        for (const [key] of asked) {
          for (const sequence of [...snapshots, Number.MAX_SAFE_INTEGER])
            expect(visible.covering(key, sequence)).toBe(covering([...a, ...b], key, sequence))
        }
        for (const { sequences } of visible.fragments()) {
          const stripes = sequences.map((sequence) => snapshots.filter((bound) => bound < sequence).length)
          expect(new Set(stripes).size).toBe(sequences.length)
        }
      }),
      runs(200),
    )
  },
  LIMIT_MS,
)

test('wide tombstones over each other take little more than narrow ones', () => {
  const key = (n: number) => Buffer.from(String(n).padStart(8, '0'))
  const count = 4000
  for (const nested of [
    (i: number) => [i, 2 * count - i],
    (i: number) => [count - i, count + i],
    (i: number) => [i, count + i],
  ]) {
    const tombstones = new RangeTombstones()
    for (let i = 1; i <= count; i++) {
      const [from, to] = nested(i) as [number, number]
      tombstones.add(key(from), key(to), i)
      if (i % 100 === 0) expect(tombstones.covering(key(count), i - 1)).toBe(i - 1)
    }
    expect(tombstones.size).toBeLessThan(4 * count)
    expect(tombstones.bytes).toBeLessThan(500 * count)
    for (const snapshots of [[], [100, 2000]]) {
      const fragments = RangeTombstones.visible([tombstones], snapshots).fragments()
      expect(fragments.length).toBeLessThanOrEqual(2 * count)
      for (const { sequences } of fragments) expect(sequences.length).toBeLessThanOrEqual(1 + snapshots.length)
    }
  }
})

test('an empty range deletes nothing, and many tombstones stay quick', () => {
  const tombstones = new RangeTombstones()
  tombstones.add(Buffer.from('b'), Buffer.from('b'), 5)
  tombstones.add(Buffer.from('c'), Buffer.from('b'), 5)
  expect(tombstones.size).toBe(0)
  const key = (n: number) => Buffer.from(String(n).padStart(8, '0'))
  for (let i = 0; i < 20_000; i++) tombstones.add(key(i * 10), key(i * 10 + 5), i + 1)
  expect(tombstones.size).toBe(20_000)
  expect(tombstones.covering(key(1004), 200)).toBe(101)
  expect(tombstones.covering(key(1005), 200)).toBe(0)
  tombstones.add(key(0), key(200_000), 30_000)
  expect(tombstones.covering(key(1005), 30_000)).toBe(30_000)
  expect(tombstones.covering(key(1004), 29_999)).toBe(101)
})
