import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { COMPRESSIONS, compressionAvailable } from '../block/compression.ts'
import { TRAILER_BYTES, writeTrailer } from '../block/frame.ts'
import { BlockCache } from '../cache/block-cache.ts'
import { DELETE, MERGE, PUT, SEQUENCE_MAX } from '../kind.ts'
import { Lookup } from '../lookup.ts'
import { runSync } from '../op.ts'
import {
  anyCacheBytes,
  anyCursorOptions,
  anyEntries,
  anyKey,
  anyMoves,
  anyOptions,
  anySequence,
  anyTombstones,
  expectEntry,
  LIMIT_MS,
  runs,
  walk,
} from './table-arbitrary.ts'
import { TableBuilder } from './table-builder.ts'
import { buildTable, drain, type Entry, MemoryReader, openTable, stepBack, type Tombstone } from './table-fixture.ts'
import { TableReader } from './table-reader.ts'

test(
  'a cursor over a table moves like an index into the sorted entries',
  () => {
    fc.assert(
      fc.property(anyEntries, anyOptions, anyCacheBytes, anyCursorOptions, anyMoves, (list, o, bytes, c, moves) => {
        const reader = openTable(buildTable(list, o), new BlockCache(bytes))
        walk(reader.cursor(c), list, moves)
        const whole = reader.cursor(c)
        runSync(whole.first())
        const entries = drain(whole)
        expect(entries.length).toBe(list.length)
        for (let i = 0; i < list.length; i++) expectEntry(entries[i], list[i])
        expect(runSync(reader.verify())).toBeUndefined()
      }),
      runs(80),
    )
  },
  LIMIT_MS,
)

/** What a point read should answer: [state, value, operands, tombstone]. */
function ask(list: readonly Entry[], tombstones: readonly Tombstone[], key: Buffer, sequence: number): Lookup {
  const lookup = new Lookup().start(sequence)
  for (const { from, to, sequence: deleted } of tombstones) {
    if (deleted <= sequence && Buffer.compare(from, key) <= 0 && Buffer.compare(key, to) < 0) lookup.cover(deleted)
  }
  for (const entry of list) {
    if (entry.key.equals(key) && entry.sequence <= sequence) {
      if (lookup.offer(entry.sequence, entry.kind, entry.value, 0, entry.value.length)) break
    }
  }
  return lookup
}

function answer(lookup: Lookup): unknown[] {
  const { state, kind, tombstone, operands, valueBytes, valueStart, valueEnd } = lookup
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return [state, kind, tombstone, operands?.map(hex), hex(valueBytes.subarray(valueStart, valueEnd))]
}

test(
  'point reads see what the sorted entries and tombstones say, at any sequence, cached or not',
  () => {
    const questions = fc.array(fc.tuple(anyKey, anySequence), { minLength: 20, maxLength: 60, size: 'max' })
    fc.assert(
      fc.property(
        anyEntries,
        anyTombstones,
        anyOptions,
        anyCacheBytes,
        questions,
        (list, tombstones, o, bytes, asked) => {
          const reader = openTable(buildTable(list, o, tombstones), new BlockCache(bytes))
          const known = list.map(({ key, sequence }): [Buffer, number] => [key, sequence])
          for (const [key, sequence] of [...asked, ...known]) {
            const expected = answer(ask(list, tombstones, key, sequence))
            const lookup = new Lookup().start(sequence)
            if (reader.lookupNow(key, lookup)) expect(answer(lookup)).toEqual(expected)
            else {
              expect([lookup.state, lookup.operands]).toEqual([0, undefined])
              runSync(reader.lookup(key, lookup))
              expect(answer(lookup)).toEqual(expected)
            }
          }
        },
      ),
      runs(60),
    )
  },
  LIMIT_MS,
)

test('operands of an earlier source stay when a block is missing', () => {
  const key = Buffer.from('k')
  const list = [5, 4, 3, 2].map(
    (sequence): Entry => ({ key, sequence, kind: MERGE, value: Buffer.alloc(50, sequence) }),
  )
  const reader = openTable(buildTable(list, { blockBytes: 1 }))
  const cursor = reader.cursor()
  runSync(cursor.first()) // only the first of the key's four blocks is cached now
  const lookup = new Lookup().start(SEQUENCE_MAX)
  lookup.offer(9, MERGE, Buffer.from('new'), 0, 3)
  expect(reader.lookupNow(key, lookup)).toBe(false)
  expect(lookup.operands!.length).toBe(1)
  runSync(reader.lookup(key, lookup))
  expect(lookup.operands!.map((operand) => operand[0])).toEqual([...Buffer.from('n'), 5, 4, 3, 2])
})

test(
  'the meta data says what was added, and the reader rebuilds it',
  () => {
    fc.assert(
      fc.property(anyEntries, anyTombstones, anyOptions, (list, tombstones, o) => {
        const { bytes, meta } = buildTable(list, o, tombstones)
        const real = tombstones.filter(({ from, to }) => Buffer.compare(from, to) < 0)
        const sequences = [...list, ...real].map(({ sequence }) => sequence)
        const lows = [...list.map(({ key }) => key), ...real.map(({ from }) => from)].sort(Buffer.compare)
        const high = list[list.length - 1]!.key
        const end = real
          .map(({ to }) => to)
          .sort(Buffer.compare)
          .pop()
        const open = end !== undefined && Buffer.compare(end, high) > 0
        expect(meta).toMatchObject({
          number: 7,
          bytes: bytes.length,
          entries: list.length,
          deletions: list.filter(({ kind }) => kind === DELETE).length,
          rawBytes: list.reduce((sum, { key, value }) => sum + key.length + value.length, 0),
          largestIncluded: !open,
        })
        expect(meta.smallestSequence).toBe(Math.min(...sequences))
        expect(meta.largestSequence).toBe(Math.max(...sequences))
        expect(Buffer.compare(meta.smallest, lows[0]!)).toBe(0)
        expect(Buffer.compare(meta.largest, open ? end : high)).toBe(0)
        expect(openTable({ bytes, meta }).meta).toEqual(meta)
      }),
      runs(60),
    )
  },
  LIMIT_MS,
)

test('a table of range tombstones alone', () => {
  const tombstones = [{ from: Buffer.from('b'), to: Buffer.from('d'), sequence: 9 }]
  const { bytes, meta } = buildTable([], {}, tombstones)
  expect(meta).toMatchObject({ entries: 0, rangeDeletions: 1, largestIncluded: false })
  const reader = openTable({ bytes, meta })
  const cursor = reader.cursor()
  runSync(cursor.first())
  expect(cursor.valid).toBe(false)
  runSync(cursor.seekBefore(Buffer.from('c'), SEQUENCE_MAX))
  expect(cursor.valid).toBe(false)
  const lookup = new Lookup().start(SEQUENCE_MAX)
  expect(reader.lookupNow(Buffer.from('c'), lookup)).toBe(true)
  expect(lookup.tombstone).toBe(9)
  expect(runSync(reader.verify())).toBeUndefined()
})

const numbered = (count: number, valueBytes = 100): Entry[] =>
  Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`key-${String(i).padStart(8, '0')}`),
    sequence: i + 1,
    kind: PUT,
    value: Buffer.alloc(valueBytes, i),
  }))

test('an absent key is answered by the filter, nearly always without a block', () => {
  const reader = openTable(buildTable(numbered(20_000)))
  let asked = 0
  for (let i = 0; i < 20_000; i++) {
    const lookup = new Lookup().start(SEQUENCE_MAX)
    if (!reader.lookupNow(Buffer.from(`absent-${i}`), lookup)) asked++
    if (!reader.lookupNow(Buffer.from(`key-${String(i).padStart(8, '0')}x`), lookup.start(SEQUENCE_MAX))) asked++
  }
  // 10 bits a key in one cache line: about 1 %.
  expect(asked).toBeLessThan(40_000 * 0.016)
})

test('the prefix filter denies prefixes that no key has', () => {
  const reader = openTable(buildTable(numbered(5000), { prefixBytes: 9 }))
  for (let i = 0; i < 50; i++)
    expect(reader.mayHavePrefix(Buffer.from(`key-${String(i * 100).padStart(8, '0')}`))).toBe(true)
  expect(reader.mayHavePrefix(Buffer.from('key'))).toBe(true)
  let maybe = 0
  for (let i = 100; i < 1100; i++) if (reader.mayHavePrefix(Buffer.from(`key-${i}00`))) maybe++
  expect(maybe).toBeLessThan(100)
})

test('approximate offsets grow with the key and end at the end of the data', () => {
  const list = numbered(5000)
  const reader = openTable(buildTable(list))
  let before = 0
  for (const { key } of list) {
    const offset = reader.approximateOffset(key)
    expect(offset).toBeGreaterThanOrEqual(before)
    before = offset
  }
  expect(reader.approximateOffset(Buffer.from('a'))).toBe(16)
  expect(reader.approximateOffset(Buffer.from('z'))).toBeGreaterThan(5000 * 100)
})

test('read-ahead reads a table in few reads, and every finished chunk is alone in its ArrayBuffer', () => {
  const { bytes, meta } = buildTable(numbered(20_000))
  const file = new MemoryReader(bytes)
  const reader = runSync(TableReader.open(file, meta, new BlockCache(0)))
  const { reads } = file
  const cursor = reader.cursor({ readAheadBytes: 2 ** 20, fillCache: false })
  runSync(cursor.first())
  expect(drain(cursor).length).toBe(20_000)
  expect(file.reads - reads).toBeLessThan(12)
  const back = reader.cursor({ readAheadBytes: 2 ** 20, fillCache: false })
  const before = file.reads
  let entries = 0
  for (runSync(back.last()); back.valid; stepBack(back)) entries++
  expect([entries, file.reads - before < 12]).toEqual([20_000, true])

  const builder = new TableBuilder({
    blockBytes: 4096,
    restartInterval: 16,
    filterBitsPerKey: 10,
    compression: 'none',
    createdMs: 1,
    number: 1,
  })
  const taken: Uint8Array[] = []
  for (const { key, value } of numbered(20_000)) {
    builder.add(key, 0, key.length, 1, PUT, value, 0, value.length)
    for (const part of builder.take()) taken.push(structuredClone(part, { transfer: [part.buffer as ArrayBuffer] }))
  }
  const total = builder.finish().bytes
  taken.push(...builder.take())
  expect(taken.length).toBeGreaterThan(2)
  expect(Buffer.concat(taken).length).toBe(total)
})

test('entries out of order and impossible options are refused', () => {
  const options = {
    blockBytes: 4096,
    restartInterval: 16,
    filterBitsPerKey: 10,
    compression: 'none',
    createdMs: 1,
    number: 1,
  } as const
  const add = (builder: TableBuilder, key: string, sequence: number) =>
    builder.add(Buffer.from(key), 0, key.length, sequence, PUT, Buffer.alloc(0), 0, 0)
  for (const [key, sequence] of [
    ['b', 5],
    ['b', 6],
    ['a', 1],
    ['', 9],
  ] as const) {
    const builder = new TableBuilder(options)
    add(builder, 'b', 5)
    expect(() => add(builder, key, sequence)).toThrow('T1')
  }
  expect(() => new TableBuilder(options).finish()).toThrow(TypeError)
  expect(() => new TableBuilder({ ...options, blockBytes: 0 })).toThrow('LEVEL_ARGUMENT')
  expect(() => new TableBuilder({ ...options, restartInterval: 1.5 })).toThrow('LEVEL_ARGUMENT')
  expect(() => new TableBuilder({ ...options, filterBitsPerKey: Number.NaN })).toThrow('LEVEL_ARGUMENT')
  expect(() => new TableBuilder({ ...options, compression: 'lz4' as 'none' })).toThrow('LEVEL_ARGUMENT')
})

test('compression saves space where it can, and one that the runtime lacks is said so', () => {
  const list = numbered(2000)
  const plain = buildTable(list)
  expect(buildTable(list, { compression: 'deflate' }).bytes.length).toBeLessThan(plain.bytes.length / 3)
  const noise = numbered(50, 0).map((entry) => ({ ...entry, value: randomBytes(200) }))
  expect(buildTable(noise, { compression: 'deflate' }).bytes.length).toBe(buildTable(noise).bytes.length)
  if (compressionAvailable('zstd')) {
    const reader = openTable(buildTable(list, { compression: 'zstd' }))
    expect(reader.meta.bytes).toBeLessThan(plain.bytes.length / 3)
    expect(runSync(reader.verify())).toBeUndefined()
    const cursor = reader.cursor()
    runSync(cursor.first())
    for (const [i, entry] of drain(cursor).entries()) expectEntry(entry, list[i])
  } else {
    expect(() => buildTable(list, { compression: 'zstd' })).toThrow('LEVEL_ARGUMENT')
    const end = openTable(plain).index.offsets[1]! - TRAILER_BYTES
    writeTrailer(plain.bytes, 16, end, COMPRESSIONS.indexOf('zstd'))
    expect(() => runSync(openTable(plain).cursor().first())).toThrow('LEVEL_FORMAT: table-7: block 0')
  }
})
