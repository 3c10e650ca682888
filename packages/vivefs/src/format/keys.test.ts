import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyRange } from '../store/store.ts'
import {
  accountIdOfKey,
  accountKey,
  accountNameKey,
  accountNameOfKey,
  accountRange,
  allExtentsRange,
  allNodesRange,
  countersKey,
  direntKey,
  direntRange,
  extentKey,
  extentRange,
  extentsOfInodeRange,
  hashOfDirentKey,
  inodeKey,
  inodeLeaseKey,
  jobKey,
  jobRange,
  kindOfKey,
  midPart,
  nameOfDirentKey,
  nameOfXattrKey,
  nodeRange,
  numberOfKey,
  orphanKey,
  orphanRange,
  parseExtentKey,
  parseNodeKey,
  smallPart,
  superblockKey,
  xattrKey,
  xattrRange,
} from './keys.ts'
import { loanKey, referenceKey } from './loan.ts'
import { forkedKey, forkKey, historyKey, snapshotKey } from './snapshot-keys.ts'

const ino = fc.maxSafeNat()
const hash = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const name = fc.uint8Array({ minLength: 1, maxLength: 255 })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const part = fc.integer({ min: 0, max: 32 })

const isIn = (key: Uint8Array, { gte, gt, lt }: KeyRange): boolean =>
  Buffer.compare(key, lt) < 0 &&
  (gte === undefined || Buffer.compare(key, gte) >= 0) &&
  (gt === undefined || Buffer.compare(key, gt) > 0)

/** The order of tuples of numbers and bytes. */
function order(a: readonly (number | Uint8Array)[], b: readonly (number | Uint8Array)[]): number {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]]
    const sign =
      typeof x === 'number' && typeof y === 'number'
        ? Math.sign(x - y)
        : Buffer.compare(x as Uint8Array, y as Uint8Array)
    if (sign !== 0) return sign
  }
  return 0
}

describe('keys', () => {
  test('the order of keys is the order of what they name', () => {
    const entry = fc.tuple(ino, hash, name)
    const extent = fc.tuple(ino, u32, hash, part)
    const sameOrder = <T extends readonly (number | Uint8Array)[]>(what: fc.Arbitrary<T>, make: (parts: T) => Buffer) =>
      fc.assert(fc.property(what, what, (a, b) => Math.sign(Buffer.compare(make(a), make(b))) === order(a, b)))
    sameOrder(entry, (parts) => direntKey(...parts))
    sameOrder(extent, (parts) => extentKey(...parts))
    sameOrder(fc.tuple(ino), ([n]) => inodeKey(n))
    sameOrder(fc.tuple(ino), ([n]) => jobKey(n))
    sameOrder(fc.tuple(u32), ([id]) => accountKey('user', id))
    sameOrder(fc.tuple(ino, name), ([n, text]) => xattrKey(n, text))
  })

  test('what a key names is read back from it', () => {
    fc.assert(
      fc.property(ino, hash, name, u32, part, (n, h, text, epoch, p) => {
        const entry = direntKey(n, h, text)
        expect(parseNodeKey(entry)).toEqual({ ino: n, sub: 'dirent' })
        expect(hashOfDirentKey(entry)).toBe(h)
        expect(nameOfDirentKey(entry)).toEqual(Buffer.from(text))
        const attribute = xattrKey(n, text)
        expect(parseNodeKey(attribute)).toEqual({ ino: n, sub: 'xattr' })
        expect(nameOfXattrKey(attribute)).toEqual(Buffer.from(text))
        expect(parseNodeKey(inodeKey(n))).toEqual({ ino: n, sub: 'inode' })
        expect(parseExtentKey(extentKey(n, epoch, h, p))).toEqual({ ino: n, epoch, index: h, part: p })
        expect(numberOfKey(orphanKey(n))).toBe(n)
        expect(numberOfKey(jobKey(n))).toBe(n)
        expect(accountIdOfKey(accountKey('group', epoch))).toBe(epoch)
      }),
    )
    expect(accountNameOfKey(accountNameKey('user', 'ada'))).toBe('ada')
  })

  test('inode, entries and attributes of one inode are neighbours, and nothing of another lies between', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 53 - 3 }), hash, name, u32, (n, h, text, epoch) => {
        for (const key of [inodeKey(n), direntKey(n, h, text), xattrKey(n, text)]) {
          expect(isIn(key, nodeRange(n))).toBe(true)
          expect(isIn(key, nodeRange(n + 1))).toBe(false)
          expect(isIn(key, nodeRange(n - 1))).toBe(false)
          expect(isIn(key, allNodesRange)).toBe(true)
        }
        expect(isIn(direntKey(n, h, text), direntRange(n))).toBe(true)
        expect(isIn(direntKey(n, h, text), direntRange(n, h))).toBe(true)
        if (h < 2 ** 48 - 1) expect(isIn(direntKey(n, h, text), direntRange(n, h + 1))).toBe(false)
        expect(isIn(inodeKey(n), direntRange(n))).toBe(false)
        expect(isIn(xattrKey(n, text), direntRange(n))).toBe(false)
        expect(isIn(xattrKey(n, text), xattrRange(n))).toBe(true)
        expect(isIn(direntKey(n, h, text), xattrRange(n))).toBe(false)
        const extent = extentKey(n, epoch, h, 3)
        expect(isIn(extent, extentsOfInodeRange(n))).toBe(true)
        expect(isIn(extent, extentsOfInodeRange(n + 1))).toBe(false)
        expect(isIn(extent, allExtentsRange)).toBe(true)
        if (epoch < 0xffff_ffff) {
          expect(isIn(extent, extentRange(n, epoch, h))).toBe(true)
          expect(isIn(extent, extentRange(n, epoch + 1 === 0xffff_ffff ? 0 : epoch + 1, 0))).toBe(false)
        }
      }),
    )
  })

  test('metadata comes before data, and every kind has a place of its own', () => {
    expect(Buffer.compare(direntKey(2 ** 53 - 1, 2 ** 48 - 1, Buffer.alloc(255, 0xff)), extentKey(0, 0, 0, 0))).toBe(-1)
    const keys = {
      marker: Buffer.of(0),
      superblock: superblockKey,
      counters: countersKey,
      inodeLease: inodeLeaseKey,
      user: accountKey('user', 1),
      group: accountKey('group', 1),
      userName: accountNameKey('user', 'a'),
      groupName: accountNameKey('group', 'a'),
      orphan: orphanKey(1),
      job: jobKey(1),
      snapshot: snapshotKey(1),
      fork: forkKey(1),
      node: inodeKey(1),
      reference: referenceKey({ ino: 1, epoch: 0, index: 0 }),
      loan: loanKey({ ino: 1, epoch: 0, index: 0 }),
      history: historyKey(inodeKey(1), 1),
      forked: forkedKey(1, inodeKey(1)),
      extent: extentKey(1, 0, 0, 0),
    }
    for (const [kind, key] of Object.entries(keys)) expect(kindOfKey(key)).toBe(kind)
    const sorted = Object.values(keys).toSorted((a, b) => Buffer.compare(a, b))
    expect(sorted).toEqual(Object.values(keys))
    expect(isIn(keys.orphan, orphanRange) && isIn(keys.job, jobRange) && !isIn(keys.job, orphanRange)).toBe(true)
    expect(isIn(keys.user, accountRange('user')) && !isIn(keys.group, accountRange('user'))).toBe(true)
  })

  test('parsers of keys never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (key) => {
        parseNodeKey(key)
        parseExtentKey(key)
        kindOfKey(key)
      }),
      { numRuns: 5000 },
    )
  })

  test('parts of an extent: base, 16 mids, 16 smalls, in the order they apply', () => {
    expect([midPart(1), midPart(16), smallPart(1), smallPart(16)]).toEqual([1, 16, 17, 32])
  })
})
