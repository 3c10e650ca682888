import fc from 'fast-check'
import { expect } from 'vitest'
import type { Cursor } from '../cursor.ts'
import { DELETE, type Kind, MERGE, PUT } from '../kind.ts'
import { runSync } from '../op.ts'
import { compareEntries, type Entry, shown, step, stepBack, type Tombstone } from './table-fixture.ts'

/** For property tests: arbitrary entries, and cursors walked beside a sorted array. */

/** VIVEFS_DEEP=1 for the full counts; VIVEFS_SEED replays one run. */
export const DEEP: boolean = process.env.VIVEFS_DEEP === '1'
/** Of one property test. */
export const LIMIT_MS: number = DEEP ? 7_200_000 : 120_000
const seed = process.env.VIVEFS_SEED === undefined ? undefined : Number(process.env.VIVEFS_SEED)
export function runs(few: number): { numRuns: number; seed?: number } {
  return { numRuns: DEEP ? few * 50 : few, ...(seed === undefined ? {} : { seed }) }
}

/** Keys that share prefixes and are prefixes of each other. */
export const anyKey: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte % 3) * 127))),
  fc.integer({ min: 0, max: 400 }).map((n) => Buffer.from(`key-${String(n).padStart(6, '0')}`)),
  fc.tuple(fc.nat(20), fc.nat(300)).map(([n, length]) => Buffer.concat([Buffer.alloc(length, 65), Buffer.from([n])])),
)
export const anySequence: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 40 }) },
  { weight: 1, arbitrary: fc.maxSafeNat() },
)
const kind: fc.Arbitrary<Kind> = fc.constantFrom<Kind>(PUT, PUT, PUT, DELETE, MERGE)
const value = fc.oneof(
  { weight: 9, arbitrary: fc.nat(300).map((length) => Buffer.alloc(length, length)) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 90_000 }).map((length) => Buffer.alloc(length, length)) },
)
const entry: fc.Arbitrary<Entry> = fc.record({ key: anyKey, sequence: anySequence, kind, value })

/** In internal order, without two of the same key and sequence. */
export const anyEntries: fc.Arbitrary<Entry[]> = fc
  .array(entry, { minLength: 1, maxLength: 200, size: 'max' })
  .map((entries) => {
    const unique = new Map(entries.map((e) => [`${e.key.toString('hex')}/${e.sequence}`, e]))
    return [...unique.values()].sort(compareEntries)
  })

export const anyTombstones: fc.Arbitrary<Tombstone[]> = fc.array(
  fc.record({ from: anyKey, to: anyKey, sequence: anySequence }),
  { maxLength: 12 },
)

export const anyOptions = fc.record({
  blockBytes: fc.constantFrom(1, 64, 500, 4096),
  restartInterval: fc.constantFrom(1, 2, 5, 16),
  filterBitsPerKey: fc.constantFrom(0, 10),
  prefixBytes: fc.constantFrom(0, 2, 6),
  compression: fc.constantFrom<'none' | 'deflate'>('none', 'deflate'),
})
export const anyCacheBytes: fc.Arbitrary<number> = fc.constantFrom(0, 20_000, 2 ** 24)
export const anyCursorOptions = fc.record({
  fillCache: fc.boolean(),
  readAheadBytes: fc.constantFrom(0, 3000, 100_000),
  verify: fc.boolean(),
})

export type Move =
  | 'next'
  | 'prev'
  | 'first'
  | 'last'
  | { readonly to: 'seek' | 'seekBefore'; readonly key: Buffer; readonly sequence: number }

export const anyMoves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<Move>('next', 'prev') },
    { weight: 1, arbitrary: fc.constantFrom<Move>('first', 'last') },
    {
      weight: 2,
      arbitrary: fc.record({
        to: fc.constantFrom('seek' as const, 'seekBefore' as const),
        key: anyKey,
        sequence: anySequence,
      }),
    },
  ),
  { maxLength: 80, size: 'max' },
)

export function expectEntry(got: Entry | undefined, expected: Entry | undefined): void {
  if (expected === undefined || got === undefined) expect(got).toBe(expected)
  else {
    expect(got.key.equals(expected.key) && got.value.equals(expected.value)).toBe(true)
    expect([got.sequence, got.kind]).toEqual([expected.sequence, expected.kind])
  }
}

/** Walks `cursor` and an index into `oracle` side by side. */
export function walk(cursor: Cursor, oracle: readonly Entry[], moves: readonly Move[]): void {
  let at = -1
  for (const move of moves) {
    if (typeof move === 'object') {
      const after = oracle.findIndex((e) => (Buffer.compare(e.key, move.key) || move.sequence - e.sequence) >= 0)
      const from = after < 0 ? oracle.length : after
      at = move.to === 'seek' ? from : from - 1
      if (move.to === 'seekBefore') runSync(cursor.seekBefore(move.key, move.sequence))
      else if (move.sequence % 2 === 0 || cursor.seekNow?.(move.key, move.sequence) !== true)
        runSync(cursor.seek(move.key, move.sequence))
    } else if (move === 'first' || move === 'last') {
      at = move === 'first' ? 0 : oracle.length - 1
      runSync(move === 'first' ? cursor.first() : cursor.last())
    } else if (cursor.valid) {
      at += move === 'next' ? 1 : -1
      if (move === 'next') step(cursor)
      else stepBack(cursor)
    }
    expectEntry(shown(cursor), oracle[at])
  }
}
