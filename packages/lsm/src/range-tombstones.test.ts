import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RangeTombstones } from './range-tombstones.ts'
import { decodeRangeTombstones, encodeRangeTombstones } from './table/range-tombstone-block.ts'
import { anyKey, anySequence, anyTombstones, LIMIT_MS, runs } from './table/table-arbitrary.ts'
import type { Tombstone } from './table/table-fixture.ts'

function build(list: readonly Tombstone[]): RangeTombstones {
  const tombstones = new RangeTombstones()
  for (const { from, to, sequence } of list) tombstones.add(from, to, sequence)
  return tombstones
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
        for (let i = 0; i < fragments.length; i++) {
          const { from, to, sequences } = fragments[i]!
          expect(Buffer.compare(from, to)).toBeLessThan(0)
          expect([...sequences]).toEqual([...new Set(sequences)].sort((a, b) => b - a))
          const before = fragments[i - 1]
          if (before === undefined) continue
          expect(Buffer.compare(before.to, from)).toBeLessThanOrEqual(0)
          if (before.to.equals(from)) expect(before.sequences).not.toEqual(sequences)
        }
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
