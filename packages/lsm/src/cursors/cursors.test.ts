import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BlockCache } from '../cache/block-cache.ts'
import { TableCache } from '../cache/table-cache.ts'
import type { Cursor } from '../cursor.ts'
import { PUT, SEQUENCE_MAX } from '../kind.ts'
import { type Op, runAsync, runSync, wait } from '../op.ts'
import {
  anyCacheBytes,
  anyCursorOptions,
  anyEntries,
  anyMoves,
  anyOptions,
  expectEntry,
  LIMIT_MS,
  runs,
  walk,
} from '../table/table-arbitrary.ts'
import {
  buildTable,
  compareEntries,
  drain,
  type Entry,
  MemoryReader,
  openTable,
  shown,
} from '../table/table-fixture.ts'
import type { TableMeta } from '../table-meta.ts'
import { LevelCursor } from './level-cursor.ts'
import { MergingCursor } from './merging-cursor.ts'

/** Each entry goes to a source of its own choice; several sources may have the same entry. */
function deal(list: readonly Entry[], picks: readonly number[], sources: number, copies: boolean): Entry[][] {
  const hands: Entry[][] = Array.from({ length: sources }, () => [])
  list.forEach((entry, i) => {
    const pick = picks[i % picks.length]! % sources
    hands[pick]!.push(entry)
    const second = (pick + 1) % sources
    if (copies && second !== pick && i % 7 === 0)
      hands[second]!.push({ ...entry, value: Buffer.from(`source ${second}`) })
  })
  return hands
}

function tablesOf(hands: readonly Entry[][], options: Parameters<typeof buildTable>[1], cache: BlockCache, max = 3) {
  const files = new Map<number, Buffer>()
  const metas: TableMeta[] = []
  hands.forEach((hand, i) => {
    if (hand.length === 0) return
    const { bytes, meta } = buildTable(hand, { ...options, number: i + 1 })
    files.set(meta.number, bytes)
    metas.push(meta)
  })
  const open = function* (number: number): Op<{ file: MemoryReader }> {
    return { file: new MemoryReader(files.get(number)!) }
  }
  return { metas, tables: new TableCache(open, cache, max) }
}

test(
  'a merging cursor is the sorted union of its sources, in both directions',
  () => {
    const picks = fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 })
    const count = fc.integer({ min: 1, max: 6 })
    fc.assert(
      fc.property(
        anyEntries,
        picks,
        count,
        fc.boolean(),
        anyOptions,
        anyMoves,
        (list, pick, sources, copies, o, moves) => {
          const hands = deal(list, pick, sources, copies)
          // Of equal entries that of the earlier source comes first.
          const union = hands
            .flatMap((hand, source) => hand.map((entry) => ({ entry, source })))
            .sort((a, b) => compareEntries(a.entry, b.entry) || a.source - b.source)
            .map(({ entry }) => entry)
          const cache = new BlockCache(20_000)
          const children = hands.map(
            (hand, i): Cursor =>
              hand.length === 0
                ? new MergingCursor([])
                : openTable(buildTable(hand, { ...o, number: i }), cache).cursor(),
          )
          const cursor = new MergingCursor(children)
          walk(cursor, union, moves)
          cursor.close()
        },
      ),
      runs(80),
    )
  },
  LIMIT_MS,
)

test(
  'a level cursor is its tables one after the other, in both directions',
  () => {
    const cuts = fc.array(fc.nat(200), { maxLength: 6 })
    fc.assert(
      fc.property(
        anyEntries,
        cuts,
        anyOptions,
        anyCacheBytes,
        anyCursorOptions,
        anyMoves,
        (list, at, o, bytes, c, moves) => {
          const { metas, tables } = tablesOf(cutBetweenKeys(list, at), o, new BlockCache(bytes))
          const cursor = new LevelCursor(metas, tables, c)
          walk(cursor, list, moves)
          cursor.close()
          expect(tables.size).toBeLessThanOrEqual(3)
        },
      ),
      runs(60),
    )
  },
  LIMIT_MS,
)

function cutBetweenKeys(list: readonly Entry[], at: readonly number[]): Entry[][] {
  const hands: Entry[][] = [[]]
  list.forEach((entry, i) => {
    const sameKey = i > 0 && list[i - 1]!.key.equals(entry.key)
    if (at.includes(i) && !sameKey) hands.push([])
    hands[hands.length - 1]!.push(entry)
  })
  return hands
}

const numbered = (count: number): Entry[] =>
  Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`key-${String(i).padStart(8, '0')}`),
    sequence: i + 1,
    kind: PUT,
    value: Buffer.alloc(100, i),
  }))

test('a cursor that could not move yet has not moved: it can turn round at the edge of a table', () => {
  const list = numbered(100)
  const { metas, tables } = tablesOf([list.slice(0, 50), list.slice(50)], {}, new BlockCache(0))
  const cursor = new LevelCursor(metas, tables)
  runSync(cursor.seek(list[49]!.key, SEQUENCE_MAX))
  expect(cursor.nextNow()).toBe(false)
  expectEntry(shown(cursor), list[49])
  if (!cursor.prevNow()) runSync(cursor.prev())
  expectEntry(shown(cursor), list[48])
  runSync(cursor.seek(list[50]!.key, SEQUENCE_MAX))
  expect(cursor.prevNow()).toBe(false)
  if (!cursor.nextNow()) runSync(cursor.next())
  expectEntry(shown(cursor), list[51])
})

test('tables whose prefix filter denies the prefix are not looked into', () => {
  const list = numbered(200)
  const hands = cutBetweenKeys(list, [50, 100, 150])
  const { metas, tables } = tablesOf(hands, { prefixBytes: 12 }, new BlockCache(2 ** 20), 10)
  const cursor = new LevelCursor(metas, tables, { prefix: list[120]!.key })
  runSync(cursor.first())
  expectEntry(shown(cursor), list[100])
  expect(drain(cursor).length).toBe(50)
})

test('cursors go on while their tables are evicted from the cache, and asynchronous files give the same', async () => {
  const list = numbered(3000)
  const hands = cutBetweenKeys(list, [500, 1000, 1500, 2000, 2500])
  const { metas, tables } = tablesOf(hands, {}, new BlockCache(10_000), 1)
  const slow = {
    peek: (number: number) => tables.peek(number),
    get: function* (meta: TableMeta) {
      yield* wait(() => Promise.resolve())
      return yield* tables.get(meta)
    },
  } as unknown as TableCache
  const cursors = [new LevelCursor(metas, slow), new LevelCursor(metas, slow), new LevelCursor(metas, slow)]
  await runAsync(cursors[0]!.first())
  await runAsync(cursors[1]!.seek(list[1200]!.key, SEQUENCE_MAX))
  await runAsync(cursors[2]!.last())
  const counts = [0, 0, 0]
  while (cursors.some(({ valid }) => valid)) {
    for (let i = 0; i < 3; i++) {
      const cursor = cursors[i]!
      if (!cursor.valid) continue
      counts[i]!++
      if (i === 2) {
        if (!cursor.prevNow()) await runAsync(cursor.prev())
      } else if (!cursor.nextNow()) await runAsync(cursor.next())
    }
  }
  expect(counts).toEqual([3000, 1800, 3000])
  expect(tables.size).toBe(1)
})

test('no sources, and sources without entries', () => {
  for (const cursor of [
    new MergingCursor([]),
    new MergingCursor([new MergingCursor([]), new LevelCursor([], {} as TableCache)]),
  ]) {
    runSync(cursor.first())
    expect(cursor.valid).toBe(false)
    runSync(cursor.seekBefore(Buffer.from('k'), 3))
    expect(cursor.valid).toBe(false)
  }
})
