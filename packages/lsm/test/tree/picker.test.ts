import { expect, test } from 'vitest'
import { COMPACTION_DEFAULTS } from '../../src/compaction/defaults.ts'
import type { CompactionOptions } from '../../src/compaction/engine.ts'
import { levelTargets, tableBytesOf } from '../../src/compaction/level-targets.ts'
import { isTrivialMove, pick } from '../../src/compaction/picker.ts'
import type { TableMeta } from '../../src/table-meta.ts'
import { LEVELS, Version } from '../../src/version/version.ts'

const MIB = 1 << 20
const options: CompactionOptions = { ...COMPACTION_DEFAULTS, baseBytes: 64 * MIB }
let next = 1

function table(from: string, to: string, o: Partial<TableMeta> = {}): TableMeta {
  const number = next++
  return {
    number,
    bytes: 8 * MIB,
    smallest: Buffer.from(from),
    largest: Buffer.from(to),
    largestIncluded: true,
    smallestSequence: number,
    largestSequence: number,
    entries: 1000,
    deletions: 0,
    rangeDeletions: 0,
    rawBytes: 8 * MIB,
    createdMs: 0,
    ...o,
  }
}

/** `bytes` in tables that lie side by side. */
function level(bytes: number, tables = 10): TableMeta[] {
  return Array.from({ length: tables }, (_, i) =>
    table(String(i * 100).padStart(5, '0'), String(i * 100 + 99).padStart(5, '0'), { bytes: bytes / tables }),
  )
}

function version(levels: Record<number, TableMeta[]>): Version {
  return new Version(
    1,
    Array.from({ length: LEVELS }, (_, i) => levels[i] ?? []),
    () => {},
  )
}

test('the last level decides how big the others may be', () => {
  expect(levelTargets(version({}), options)).toMatchObject({ base: 6 })
  expect(levelTargets(version({ 6: level(50 * MIB) }), options).base).toBe(6)
  expect(levelTargets(version({ 6: level(600 * MIB) }), options).base).toBe(5)
  const big = levelTargets(version({ 6: level(20_000 * MIB) }), options)
  expect(big.base).toBe(3)
  expect(big.bytes.map((bytes) => Math.round(bytes / MIB))).toEqual([0, 0, 0, 20, 200, 2000, 20_000])
  // A level that holds something is not passed over, however small the tree has become.
  expect(levelTargets(version({ 4: level(10 * MIB), 6: level(20 * MIB) }), options).base).toBe(4)
  expect([3, 4, 5, 6].map((one) => tableBytesOf(one, 3, options) / MIB)).toEqual([8, 16, 32, 32])
})

test('level 0 is compacted by count, all of it, and with everything that it overlaps', () => {
  const level0 = ['a', 'b', 'c', 'd'].map((key) => table(key, `${key}z`))
  expect(pick(version({ 0: level0.slice(0, 3) }), options, undefined)).toBeUndefined()
  const below = [table('a', 'b'), table('c', 'c'), table('x', 'y')]
  const picked = pick(version({ 0: level0, 6: below }), options, undefined)
  expect(picked).toMatchObject({ level: 0, outputLevel: 6, inputs: level0, overlapped: below.slice(0, 2) })
})

test('of a level that is too big the table goes that costs least', () => {
  const cheap = table('50', '59', { bytes: 8 * MIB })
  const levels = {
    5: [table('10', '19', { bytes: 100 * MIB }), table('30', '39', { bytes: 8 * MIB }), cheap],
    6: [
      table('10', '15', { bytes: 300 * MIB }),
      table('16', '19', { bytes: 200 * MIB }),
      table('30', '39', { bytes: 100 * MIB }),
    ],
  }
  expect(pick(version(levels), options, undefined)).toMatchObject({
    level: 5,
    outputLevel: 6,
    inputs: [cheap],
    overlapped: [],
  })
  expect(isTrivialMove(version(levels), pick(version(levels), options, undefined)!, 80 * MIB)).toBe(true)
  const dead = table('50', '59', { deletions: 10 })
  const withTombstones = { ...levels, 5: [...levels[5].slice(0, 2), dead] }
  const picked = pick(version(withTombstones), options, undefined)!
  expect(picked.inputs).toEqual([dead])
  expect(isTrivialMove(version(withTombstones), picked, 80 * MIB)).toBe(false)
})

test('a tree in shape gets rid of tombstones, as soon as no snapshot needs them', () => {
  const dead = table('m', 'n', { entries: 100, deletions: 80, largestSequence: 500 })
  const inLast = version({ 6: [table('a', 'b'), dead] })
  expect(pick(inLast, options, 499)).toBeUndefined()
  expect(pick(inLast, options, 500)).toMatchObject({ level: 6, outputLevel: 6, inputs: [dead] })
  expect(pick(inLast, options, undefined)).toMatchObject({ inputs: [dead], reason: 'tombstones' })
  const ranges = table('p', 'q', { entries: 0, rangeDeletions: 1 })
  expect(pick(version({ 5: [ranges], 6: [table('a', 'z')] }), options, 1)).toMatchObject({ level: 5, inputs: [ranges] })
})

test('level 0 tables that overlap nothing are moved, and not when they overlap each other', () => {
  const apart = ['a', 'b', 'c', 'd'].map((key) => table(key, key))
  const tree = version({ 0: apart })
  expect(isTrivialMove(tree, pick(tree, options, undefined)!, MIB)).toBe(true)
  const touching = version({ 0: [...apart.slice(0, 3), table('c', 'd')] })
  expect(isTrivialMove(touching, pick(touching, options, undefined)!, MIB)).toBe(false)
})
