/** The memtable against a plain sorted list. VIVEFS_SEED replays, VIVEFS_DEEP=1 digs. */
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { BatchEncoder } from '../batch/batch-encoder.ts'
import { compareBytes } from '../bytes.ts'
import type { Cursor } from '../cursor.ts'
import { DELETE, type Kind, MERGE, PUT, RANGE_DELETE, SEQUENCE_MAX } from '../kind.ts'
import { DELETED, FOUND, Lookup, SEARCHING } from '../lookup.ts'
import { runSync } from '../op.ts'
import { Memtable } from './memtable.ts'

const deep = process.env.VIVEFS_DEEP === '1'
vi.setConfig({ testTimeout: deep ? 1_200_000 : 60_000 })
const seed = process.env.VIVEFS_SEED === undefined ? undefined : Number(process.env.VIVEFS_SEED)

interface Row {
  readonly key: Buffer
  readonly sequence: number
  readonly kind: Kind
  readonly value: Buffer
}

const put = (key: Buffer, sequence: number, value: Buffer): Row => ({ key, sequence, kind: PUT, value })

const byInternalOrder = (a: Row, b: Row) => compareBytes(a.key, b.key) || b.sequence - a.sequence

function add(memtable: Memtable, { key, sequence, kind, value }: Row): void {
  memtable.add(sequence, kind, key, 0, key.length, value, 0, kind === DELETE ? 0 : value.length)
}

const row = (cursor: Cursor): Row => ({
  key: Buffer.from(cursor.keyBytes.subarray(cursor.keyStart, cursor.keyEnd)),
  sequence: cursor.sequence,
  kind: cursor.kind,
  value: Buffer.from(cursor.valueBytes.subarray(cursor.valueStart, cursor.valueEnd)),
})

const text = ({ key, sequence, kind, value }: Row) =>
  `${key.toString('hex')}/${sequence}/${kind}/${value.toString('hex')}`

function forward(memtable: Memtable): Row[] {
  const cursor = memtable.cursor()
  const rows: Row[] = []
  for (runSync(cursor.first()); cursor.valid; cursor.nextNow()) rows.push(row(cursor))
  return rows
}

function backward(memtable: Memtable): Row[] {
  const cursor = memtable.cursor()
  const rows: Row[] = []
  for (runSync(cursor.last()); cursor.valid; cursor.prevNow()) rows.push(row(cursor))
  return rows
}

/** Keys that collide: few bytes, shared prefixes of all lengths, zeros at the end, and the empty key. */
const keys = fc.oneof(
  fc.uint8Array({ maxLength: 3, max: 2 }),
  fc.tuple(fc.nat(12), fc.uint8Array({ maxLength: 6, max: 3 })).map(([n, tail]) => [...Buffer.alloc(n, 7), ...tail]),
  fc.nat(400).map((n) => Buffer.from(`key${String(n).padStart(12, '0')}`)),
  fc.uint8Array({ maxLength: 200 }),
)
const entries = fc.array(fc.tuple(keys, fc.constantFrom(DELETE, PUT, MERGE), fc.nat(300)), {
  maxLength: 700,
  size: 'max',
})

const rowsOf = (list: readonly (readonly [ArrayLike<number>, Kind, number])[]): Row[] =>
  list.map(([key, kind, length], i) => ({
    key: Buffer.from(Uint8Array.from(key)),
    sequence: i + 1,
    kind,
    value: kind === DELETE ? Buffer.alloc(0) : Buffer.alloc(length, i),
  }))

test('any entries come back in internal order, forward and backward, whatever order they came in', () => {
  const shuffled = entries.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list.keys()], { minLength: list.length })),
  )
  fc.assert(
    fc.property(shuffled, fc.boolean(), ([list, order], shared) => {
      const rows = rowsOf(list)
      const memtable = new Memtable({ bytesMax: 4096, shared })
      for (const i of order) add(memtable, rows[i]!)
      const sorted = [...rows].sort(byInternalOrder).map(text)
      expect(forward(memtable).map(text)).toEqual(sorted)
      expect(backward(memtable).map(text)).toEqual(sorted.reverse())
      expect(memtable.entries).toBe(rows.length)
      expect(memtable.firstSequence).toBe(rows.length === 0 ? 0 : 1)
      expect(memtable.lastSequence).toBe(rows.length)
      if (shared) expect(forward(Memtable.from(memtable.share())).map(text)).toEqual(forward(memtable).map(text))
    }),
    { numRuns: deep ? 3000 : 40, seed },
  )
})

test('keys that come in order, in several runs at once, backwards, or in order with strays between them', () => {
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 4 }), fc.boolean(), fc.nat(20), (list, runs, backwards, strays) => {
      const rows = rowsOf(list)
      const sorted = [...rows].sort(byInternalOrder)
      const memtable = new Memtable({ bytesMax: 4096 })
      const order = Array.from({ length: runs }, (_, run) => sorted.filter((_, i) => i % runs === run)).flat()
      if (backwards) order.reverse()
      for (let i = 0; i < strays && order.length > 0; i++) order.push(order.splice((i * 7919) % order.length, 1)[0]!)
      for (const each of order) add(memtable, each)
      expect(forward(memtable).map(text)).toEqual(sorted.map(text))
    }),
    { numRuns: deep ? 3000 : 40, seed },
  )
})

test('seek and seekBefore stand where a plain search says', () => {
  fc.assert(
    fc.property(entries, fc.array(fc.tuple(keys, fc.nat(800)), { minLength: 1, maxLength: 50 }), (list, probes) => {
      const rows = rowsOf(list)
      const memtable = new Memtable({ bytesMax: 4096 })
      for (const each of rows) add(memtable, each)
      const sorted = [...rows].sort(byInternalOrder)
      const cursor = memtable.cursor()
      for (const [key, at] of probes) {
        const sequence = at > rows.length ? SEQUENCE_MAX : at
        const probe = put(Buffer.from(Uint8Array.from(key)), sequence, Buffer.alloc(0))
        const index = sorted.findIndex((each) => byInternalOrder(each, probe) >= 0)
        const after = index < 0 ? undefined : sorted[index]
        const before = index < 0 ? sorted[sorted.length - 1] : sorted[index - 1]
        runSync(cursor.seek(probe.key, sequence))
        expect(cursor.valid ? text(row(cursor)) : undefined).toBe(after && text(after))
        runSync(cursor.seekBefore(probe.key, sequence))
        expect(cursor.valid ? text(row(cursor)) : undefined).toBe(before && text(before))
      }
    }),
    { numRuns: deep ? 3000 : 40, seed },
  )
})

test('keys with one long prefix: probes beside it, and strays that shorten it step by step', () => {
  const prefix = 'a prefix of all keys/'
  const memtable = new Memtable({ bytesMax: 1 << 20 })
  const rows: Row[] = []
  const insert = (key: string) => {
    rows.push(put(Buffer.from(key), rows.length + 1, Buffer.from(key)))
    add(memtable, rows.at(-1)!)
  }
  const check = () => {
    const sorted = [...rows].sort(byInternalOrder)
    expect(forward(memtable).map(text)).toEqual(sorted.map(text))
    const cursor = memtable.cursor()
    const lookup = new Lookup()
    for (const probe of ['', 'a', 'a prefix', prefix, `${prefix}5`, 'a prefix of all keyz', 'a prefiw', 'b', '~'].map(
      (t) => Buffer.from(t),
    )) {
      runSync(cursor.seek(probe, SEQUENCE_MAX))
      const expected = sorted.find(({ key }) => compareBytes(key, probe) >= 0)
      expect(cursor.valid ? text(row(cursor)) : undefined).toBe(expected && text(expected))
      memtable.lookup(probe, lookup.start(SEQUENCE_MAX))
      expect(lookup.state === FOUND).toBe(rows.some(({ key }) => key.equals(probe)))
    }
  }
  for (let i = 0; i < 3000; i++) insert(prefix + String((i * 7919) % 3000).padStart(6, '0'))
  check()
  for (const stray of ['a prefix of all keyz', 'a prefix of a', 'a prefiw', 'a', 'b', '']) {
    insert(stray)
    for (let i = 0; i < 50; i++) insert(`${stray}${i}`)
    check()
  }
})

test('a point read offers the visible entries of the key, newest first', () => {
  fc.assert(
    fc.property(entries, fc.array(fc.tuple(keys, fc.nat(800)), { minLength: 1, maxLength: 50 }), (list, probes) => {
      const rows = rowsOf(list)
      const memtable = new Memtable({ bytesMax: 4096 })
      for (const each of rows) add(memtable, each)
      const lookup = new Lookup()
      for (const [key, sequence] of [...probes, ...list.map(([key], i) => [key, i + 1] as const)]) {
        const oracle = new Lookup().start(sequence)
        const probe = Buffer.from(Uint8Array.from(key))
        rows
          .filter((each) => each.key.equals(probe) && each.sequence <= sequence)
          .sort(byInternalOrder)
          .some((each) => oracle.offer(each.sequence, each.kind, each.value, 0, each.value.length))
        memtable.lookup(probe, lookup.start(sequence))
        const answer = ({ state, operands, valueBytes, valueStart, valueEnd }: Lookup) =>
          [state, operands?.join(), valueBytes.subarray(valueStart, valueEnd).toString('hex')].join(' ')
        expect(answer(lookup)).toBe(answer(oracle))
      }
    }),
    { numRuns: deep ? 2000 : 25, seed },
  )
})

test('a cursor goes on from its entry while others are added around it', () => {
  fc.assert(
    fc.property(entries, fc.array(fc.boolean(), { minLength: 100, maxLength: 100 }), (list, steps) => {
      const rows = rowsOf(list)
      const memtable = new Memtable({ bytesMax: 4096 })
      const known: Row[] = []
      const cursor = memtable.cursor()
      let i = 0
      for (const forwards of steps) {
        for (const stop = Math.min(rows.length, i + 7); i < stop; i++) {
          add(memtable, rows[i]!)
          known.push(rows[i]!)
        }
        known.sort(byInternalOrder)
        if (!cursor.valid) runSync(forwards ? cursor.first() : cursor.last())
        else {
          const at = known.findIndex((each) => byInternalOrder(each, row(cursor)) === 0)
          const expected = known[forwards ? at + 1 : at - 1]
          expect(forwards ? cursor.nextNow() : cursor.prevNow()).toBe(true)
          expect(cursor.valid ? text(row(cursor)) : undefined).toBe(expected && text(expected))
        }
      }
    }),
    { numRuns: deep ? 2000 : 25, seed },
  )
})

describe('batches', () => {
  test('a batch takes consecutive numbers; range tombstones go their own way', () => {
    const memtable = new Memtable({ bytesMax: 1 << 16 })
    const batch = new BatchEncoder()
    const long = Buffer.alloc(5000, 1)
    batch.put('a', 'one')
    batch.deleteRange('b', 'd')
    batch.put(Buffer.from('c'), long)
    batch.del('a')
    memtable.addEncoded(batch, 2 ** 40)
    expect(
      forward(memtable).map(({ key, sequence, kind, value }) => [`${key}`, sequence - 2 ** 40, kind, value.length]),
    ).toEqual([
      ['a', 3, DELETE, 0],
      ['a', 0, PUT, 3],
      ['c', 2, PUT, 5000],
    ])
    expect(memtable.rangeTombstones.size).toBe(1)
    const state = (key: string, sequence: number) => {
      const lookup = new Lookup().start(sequence)
      memtable.lookup(Buffer.from(key), lookup)
      return lookup.state
    }
    expect(state('c', 2 ** 40 + 2)).toBe(FOUND)
    expect(state('c', 2 ** 40 + 1)).toBe(SEARCHING)
    expect(state('a', 2 ** 40 + 2)).toBe(FOUND)
    expect(state('a', SEQUENCE_MAX)).toBe(DELETED)
    expect(memtable.firstSequence).toBe(2 ** 40)
    expect(memtable.lastSequence).toBe(2 ** 40 + 3)
  })

  test('a range tombstone hides older entries and lives in the shared form', () => {
    const memtable = new Memtable({ bytesMax: 1 << 16, shared: true })
    add(memtable, { key: Buffer.from('k'), sequence: 1, kind: PUT, value: Buffer.from('v') })
    memtable.add(2, RANGE_DELETE, Buffer.from('k'), 0, 1, Buffer.from('l'), 0, 1)
    for (const each of [memtable, Memtable.from(memtable.share())]) {
      const lookup = new Lookup().start(SEQUENCE_MAX)
      each.lookup(Buffer.from('k'), lookup)
      expect(lookup.state).toBe(DELETED)
      each.lookup(Buffer.from('k'), lookup.start(1))
      expect(lookup.state).toBe(FOUND)
      expect(each.rangeTombstones.size).toBe(1)
    }
  })

  test('a batch bigger than the memtable makes it grow; views from before stay true', () => {
    const memtable = new Memtable({ bytesMax: 4096 })
    add(memtable, { key: Buffer.from('first'), sequence: 1, kind: PUT, value: Buffer.from('value') })
    const lookup = new Lookup().start(SEQUENCE_MAX)
    memtable.lookup(Buffer.from('first'), lookup)
    const view = lookup.valueBytes.subarray(lookup.valueStart, lookup.valueEnd)
    const batch = new BatchEncoder()
    for (let i = 0; i < 100; i++) batch.put(`key${i}`, Buffer.alloc(70_000, i))
    memtable.addEncoded(batch, 2)
    expect(memtable.full).toBe(true)
    expect(view.toString()).toBe('value')
    expect(forward(memtable).length).toBe(101)
    memtable.lookup(Buffer.from('key99'), lookup.start(SEQUENCE_MAX))
    expect(lookup.valueBytes.subarray(lookup.valueStart, lookup.valueEnd)).toEqual(Buffer.alloc(70_000, 99))
  })
})

test('what was shared is immutable, and only what was made to be shared can be', () => {
  const memtable = new Memtable({ bytesMax: 4096, shared: true })
  const one = put(Buffer.from('k'), 1, Buffer.from('v'))
  add(memtable, one)
  const other = Memtable.from(memtable.share())
  expect(() => add(memtable, { ...one, sequence: 2 })).toThrow(/immutable/)
  expect(() => add(other, { ...one, sequence: 2 })).toThrow(/immutable/)
  expect(() => new Memtable({ bytesMax: 4096 }).share()).toThrow(/not made to be shared/)
})

test('sequence numbers that are too far apart for one memtable are refused', () => {
  const memtable = new Memtable({ bytesMax: 4096 })
  const one = put(Buffer.from('k'), SEQUENCE_MAX, Buffer.from('v'))
  add(memtable, one)
  expect(() => add(memtable, { ...one, sequence: 1 })).toThrow(RangeError)
  const lookup = new Lookup().start(SEQUENCE_MAX)
  memtable.lookup(one.key, lookup)
  expect(lookup.state).toBe(FOUND)
  memtable.lookup(one.key, lookup.start(SEQUENCE_MAX - 1))
  expect(lookup.state).toBe(SEARCHING)
})

test('keys of all lengths up to the limit', () => {
  const memtable = new Memtable({ bytesMax: 1 << 20 })
  const lengths = [0, 1, 3, 4, 5, 126, 127, 128, 129, 16_383, 16_384, 65_535, 65_536]
  const rows = lengths.flatMap((length, i) => [
    put(Buffer.alloc(length, 1), 2 * i + 1, Buffer.from([i])),
    put(Buffer.concat([Buffer.alloc(length, 1), Buffer.from([2])]).subarray(-65_536), 2 * i + 2, Buffer.from([i])),
  ])
  // Many, so that nodes split between them.
  for (let round = 0; round < 5; round++)
    for (const each of rows) add(memtable, { ...each, sequence: each.sequence + 100 * round })
  const sorted = forward(memtable)
  expect(sorted.length).toBe(rows.length * 5)
  for (let i = 1; i < sorted.length; i++) expect(byInternalOrder(sorted[i - 1]!, sorted[i]!)).toBeLessThan(0)
})
