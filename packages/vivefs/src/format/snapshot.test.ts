import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { extentKey, inodeKey, snapshotStateKey } from './keys.ts'
import {
  checkAbsent,
  decodeFork,
  decodeSnapshot,
  decodeSnapshotState,
  encodeAbsent,
  encodeFork,
  encodeSnapshot,
  encodeSnapshotState,
  isAbsent,
} from './snapshot.ts'
import {
  forkedKey,
  forkKey,
  historyKey,
  historyRange,
  inoOfVersioned,
  parseForkedKey,
  parseHistoryKey,
  snapshotKey,
} from './snapshot-keys.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('rows of snapshots', () => {
  test('keys, byte by byte', () => {
    expect(hex(snapshotStateKey)).toBe('0103')
    expect(hex(snapshotKey(7))).toBe('0c00000007')
    expect(hex(forkKey(7))).toBe('0d00000007')
    expect(hex(historyKey(inodeKey(5), 9))).toBe('181000000000000000050000' + '00000009')
    expect(hex(historyKey(extentKey(5, 1, 2, 3), 9))).toBe('4840000000000000000500000001000000000002030000000009')
    expect(hex(forkedKey(3, inodeKey(5)))).toBe('1c0000000310000000000000000500')
    expect(hex(forkedKey(3, extentKey(5, 1, 2, 3)))).toBe('4c000000034000000000000000050000000100000000000203')
  })

  test('golden rows', () => {
    expect(hex(encodeAbsent(historyKey(inodeKey(5), 9)))).toMatch(/^33010000[0-9a-f]{8}$/)
    const record = { name: 'a', createdMs: 1, nextIno: 2, inodes: 3, dataBytes: 4, isHidden: false }
    const row = encodeSnapshot(snapshotKey(1), record)
    expect(hex(row.subarray(0, 4))).toBe('31010000')
    expect(hex(row.subarray(8))).toBe(
      '86a46e616d65a161a9637265617465644d7301a76e657874496e6f02a6696e6f64657303a96461746142797465730' +
        '4a8697348696464656ec2',
    )
    expect(decodeSnapshot(snapshotKey(1), row)).toEqual({ ok: true, value: record })
    expect(decodeSnapshot(snapshotKey(2), row)).toEqual({ ok: false, fault: 'checksum' })
    const fork = { name: 'f', createdMs: 1, base: 2 }
    expect(decodeFork(forkKey(1), encodeFork(forkKey(1), fork))).toEqual({ ok: true, value: fork })
    const state = { next: 3, nextFork: 2, rollback: { tag: 1, after: Buffer.of(1, 2) } }
    expect(decodeSnapshotState(encodeSnapshotState(state))).toEqual({ ok: true, value: state })
  })

  test('absent rows know their key', () => {
    const key = historyKey(inodeKey(5), 9)
    const row = encodeAbsent(key)
    expect(isAbsent(row) && checkAbsent(key, row)).toBe(true)
    expect(checkAbsent(historyKey(inodeKey(5), 10), row)).toBe(false)
  })

  test('all tags of a key lie together, in order, before those of longer keys', () => {
    const inner = fc
      .tuple(
        fc.integer({ min: 1, max: 3 }),
        fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', '\x01') }),
      )
      .map(([ino, name]) => Buffer.concat([inodeKey(ino).subarray(0, 9), Buffer.of(2), Buffer.from(name)]))
    fc.assert(
      fc.property(inner, inner, fc.nat(0xffff_fffe), fc.nat(0xffff_fffe), (a, b, first, second) => {
        const [left, right] = [historyKey(a, first), historyKey(b, second)]
        const order = Buffer.compare(a, b) || Math.sign(first - second)
        expect(Buffer.compare(left, right)).toBe(order)
        const { gte, lt } = historyRange(a, first)
        const isIn = Buffer.compare(right, gte!) >= 0 && Buffer.compare(right, lt) < 0
        expect(isIn).toBe(a.equals(b) && second >= first)
        expect(parseHistoryKey(left)).toEqual({ key: a, tag: first })
        expect(inoOfVersioned(parseHistoryKey(left)!.key)).toBe(Number(a.readBigUInt64BE(1)))
        expect(parseForkedKey(forkedKey(first, a))).toEqual({ tag: first, key: a })
      }),
    )
  })

  test('decoders and parsers never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        parseHistoryKey(bytes)
        parseForkedKey(bytes)
        decodeSnapshot(snapshotKey(1), bytes)
        decodeFork(forkKey(1), bytes)
        decodeSnapshotState(bytes)
        isAbsent(bytes)
        checkAbsent(inodeKey(1), bytes)
      }),
      { numRuns: 2000 },
    )
  })
})
