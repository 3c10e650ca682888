/**
 * All kinds of rows at once: round trips, golden bytes of format version 1, and decoders that take any bytes without
 * throwing. 20,000 inputs for each decoder; 100,000 with VIVEFS_DEEP=1.
 */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Bytes } from '../store/store.ts'
import { decodeAccountName, decodeGroup, decodeUser, encodeAccountName, encodeGroup, encodeUser } from './account.ts'
import { decodeDirent, encodeDirent, hashName } from './dirent.ts'
import { decodeExtent, encodeExtent } from './extent.ts'
import { decodeInode, encodeInode, type Inode, NO_CUT } from './inode.ts'
import { decodeJob, encodeJob, encodeOrphan, encodeXattr, type Job } from './job.ts'
import {
  accountKey,
  accountNameKey,
  countersKey,
  direntKey,
  extentKey,
  inodeKey,
  inodeLeaseKey,
  jobKey,
  orphanKey,
  superblockKey,
  xattrKey,
} from './keys.ts'
import { check, RowKind, type Verdict } from './row.ts'
import {
  decodeCounters,
  decodeInodeLease,
  decodeSuperblock,
  encodeCounters,
  encodeInodeLease,
  encodeSuperblock,
  FORMAT_VERSION,
  type Superblock,
} from './superblock.ts'

const FUZZ_RUNS = process.env.VIVEFS_DEEP === '1' ? 100_000 : 20_000

const superblock: Superblock = {
  format: FORMAT_VERSION,
  volumeId: '000102030405060708090a0b0c0d0e0f',
  createdMs: 1_700_000_000_123,
  extentBytes: 65_536,
  nameSeedHigh: -5,
  nameSeedLow: 77,
  rootIno: 1,
  features: { compat: 0, roCompat: 0, incompat: 0 },
  label: 'a volume',
}

const file: Inode = {
  ino: 0x1_0000_0002,
  mode: 0o100644,
  uid: 1000,
  gid: 1001,
  nlink: 2,
  size: 2 ** 40 + 5,
  allocatedBytes: 70_000,
  rdevMajor: 8,
  rdevMinor: 1,
  atime: { sec: -1, nsec: 999_999_999 },
  mtime: { sec: 1_700_000_000, nsec: 1 },
  ctime: { sec: 2 ** 33, nsec: 2 },
  birthtime: { sec: 0, nsec: 0 },
  generation: 1,
  change: 9,
  parent: 0,
  projectId: 3,
  flags: 4,
  birth: 5,
  extentBytes: 65_536,
  nextEpoch: 3,
  exclusiveVerifier: 2 ** 52 + 1,
  keyId: 6,
  baseIno: 0,
  baseEpoch: 0,
  entries: 0,
  xattrs: 1,
  epochs: [
    { epoch: 2, end: NO_CUT },
    { epoch: 0, end: 12 },
  ],
  tails: [{ index: 3, smalls: 2, mids: 1, bytes: 300 }],
  target: Buffer.alloc(0),
}
const link: Inode = {
  ...file,
  mode: 0o120777,
  size: 3,
  allocatedBytes: 0,
  epochs: [],
  tails: [],
  target: Buffer.from('a/b'),
}
const purge: Job = { kind: 'purge', ino: 12, dataBytes: 5000 }
const trim: Job = { kind: 'trim', ino: 12, epoch: 1, from: 64, dataBytes: -1 }
const name = Buffer.from('na\xefve', 'latin1')

interface Sample {
  readonly key: Bytes
  readonly row: Buffer
  readonly decode: (key: Bytes, row: Bytes) => Verdict<unknown>
  /** Hexadecimal, format version 1. */
  readonly golden: string
}

const framed =
  (kind: RowKind) =>
  (key: Bytes, row: Bytes): Verdict<unknown> => {
    const fault = check(key, row, kind, 1)
    return fault === undefined ? { ok: true, value: undefined } : { ok: false, fault }
  }
const sample = (key: Bytes, row: Buffer, decode: Sample['decode'], golden: string): Sample => ({
  key,
  row,
  decode,
  golden,
})
const entry = direntKey(1, 0x123456789abc, name)
const attribute = xattrKey(7, Buffer.from('user.a'))
const extent = extentKey(7, 1, 2, 0)
const user = { name: 'ada', uid: 1000, gid: 1000, groups: [4, 27] }

const samples: Record<string, Sample> = {
  superblock: sample(
    superblockKey,
    encodeSuperblock(superblock),
    (_, row) => decodeSuperblock(row),
    '01010000b74f1bbd89a6666f726d617401a8766f6c756d654964d9203030303130323033303430353036303730383039306130623063306430653066a9637265617465644d73cb4278bcfe5687b000ab657874656e744279746573ce00010000ac6e616d655365656448696768fbab6e616d65536565644c6f774da7726f6f74496e6f01a8666561747572657383a6636f6d70617400a8726f436f6d70617400a8696e636f6d70617400a56c6162656ca86120766f6c756d65',
  ),
  counters: sample(
    countersKey,
    encodeCounters({ inodes: 3, dataBytes: 2 ** 41 }),
    (_, row) => decodeCounters(row),
    '02010000db7733be00000000000000030000020000000000',
  ),
  lease: sample(
    inodeLeaseKey,
    encodeInodeLease({ next: 4098 }),
    (_, row) => decodeInodeLease(row),
    '03010000688af50c0000000000001002',
  ),
  user: sample(
    accountKey('user', 1000),
    encodeUser(accountKey('user', 1000), user),
    decodeUser,
    '04010000aafe105f84a46e616d65a3616461a3756964cd03e8a3676964cd03e8a667726f75707392041b',
  ),
  group: sample(
    accountKey('group', 27),
    encodeGroup(accountKey('group', 27), { name: 'sudo', gid: 27 }),
    decodeGroup,
    '050100005e31f27982a46e616d65a47375646fa36769641b',
  ),
  accountName: sample(
    accountNameKey('user', 'ada'),
    encodeAccountName(accountNameKey('user', 'ada'), 1000),
    decodeAccountName,
    '060100005590fb3e81a26964cd03e8',
  ),
  orphan: sample(orphanKey(9), encodeOrphan(orphanKey(9)), framed(RowKind.orphan), '070100002fee0ad5'),
  purge: sample(
    jobKey(1),
    encodeJob(jobKey(1), purge),
    decodeJob,
    '08010000890b5c1b83a46b696e64a57075726765a3696e6f0ca9646174614279746573cd1388',
  ),
  trim: sample(
    jobKey(2),
    encodeJob(jobKey(2), trim),
    decodeJob,
    '080100002972a8c885a46b696e64a47472696da3696e6f0ca565706f636801a466726f6d40a9646174614279746573ff',
  ),
  file: sample(
    inodeKey(file.ino),
    encodeInode(inodeKey(file.ino), file),
    decodeInode,
    '10010000d3a40a62000081a4000003e8000003e900000002000001000000000500000000000111700000000800000001ffffffffffffffff3b9ac9ff000000006553f100000000010000000200000000000000020000000000000000000000000000000100000000000000090000000000000000000000030000000400000005000100000000000300100000000000010000000600000000000000000000000000000000000000010201000000000002ffffffffffff0000000000000000000c00000000000302010000012c',
  ),
  link: sample(
    inodeKey(link.ino),
    encodeInode(inodeKey(link.ino), link),
    decodeInode,
    '1001000019fed9340000a1ff000003e8000003e900000002000000000000000300000000000000000000000800000001ffffffffffffffff3b9ac9ff000000006553f1000000000100000002000000000000000200000000000000000000000000000001000000000000000900000000000000000000000300000004000000050001000000000003001000000000000100000006000000000000000000000000000000000000000100000003612f62',
  ),
  dirent: sample(
    entry,
    encodeDirent(entry, { ino: 2 ** 40 + 3, type: 0o040000 }),
    decodeDirent,
    '1101000452830cb20000010000000003',
  ),
  xattr: sample(
    attribute,
    encodeXattr(attribute, Buffer.from('value')),
    framed(RowKind.xattr),
    '12010000745d48ca76616c7565',
  ),
  extent: sample(
    extent,
    encodeExtent(extent, [
      { offset: 0, length: 3, data: Buffer.from('abc') },
      { offset: 10, length: 4, data: undefined },
      { offset: 20, length: 2, data: Buffer.from('de') },
    ]),
    decodeExtent,
    '20010003f145bbd400000000000000030000000a8000000400000014000000026162636465',
  ),
}
const kinds = Object.entries(samples)

describe('rows', () => {
  test.each(kinds)('%s: the bytes of format version 1', (_, { key, row, decode, golden }) => {
    expect(row.toString('hex')).toBe(golden)
    expect(decode(key, Buffer.from(golden, 'hex')).ok).toBe(true)
  })

  test.each(kinds)('%s: every single flipped bit of row and key is detected', (_, { key, row, decode }) => {
    const spoiled = Buffer.from(row)
    for (let bit = 0; bit < row.length * 8; bit++) {
      spoiled[bit >> 3] ^= 1 << (bit & 7)
      if (decode(key, spoiled).ok) throw new Error(`bit ${bit} of the row`)
      spoiled[bit >> 3] ^= 1 << (bit & 7)
    }
    if (key.length === 2) return
    const otherKey = Buffer.from(key)
    for (let bit = 0; bit < key.length * 8; bit++) {
      otherKey[bit >> 3] ^= 1 << (bit & 7)
      if (decode(otherKey, row).ok) throw new Error(`bit ${bit} of the key`)
      otherKey[bit >> 3] ^= 1 << (bit & 7)
    }
  })

  test.each(kinds)('%s: any bytes are a verdict, never an exception', (_, { key, row, decode }) => {
    const cut = fc
      .tuple(fc.nat(row.length), fc.nat(row.length))
      .map(([a, b]) => Buffer.concat([row.subarray(0, a), row.subarray(b)]))
    const spoiled = fc
      .array(fc.tuple(fc.nat(row.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 })
      .map((changes) => {
        const copy = Buffer.from(row)
        for (const [at, byte] of changes) copy[at] = byte
        return copy
      })
    /** With a checksum that fits, so that the decoder looks at what is behind it. */
    const resealed = fc.oneof(cut, spoiled).map((bytes) => reseal(key, bytes))
    const inputs = fc.oneof(fc.uint8Array({ maxLength: 300 }), cut, spoiled, resealed, resealed)
    fc.assert(
      fc.property(inputs, (bytes) => {
        const verdict = decode(key, bytes)
        if (verdict.ok !== true && typeof verdict.fault !== 'string') throw new Error('no verdict')
      }),
      { numRuns: FUZZ_RUNS },
    )
  })

  test('round trips', () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
    const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 })
    const safe = fc.maxSafeNat()
    const time = fc.record({ sec: fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), nsec: fc.nat(999_999_999) })
    const inode: fc.Arbitrary<Inode> = fc.record({
      ino: safe,
      mode: u32,
      uid: u32,
      gid: u32,
      nlink: u32,
      size: safe,
      allocatedBytes: safe,
      rdevMajor: u32,
      rdevMinor: u32,
      atime: time,
      mtime: time,
      ctime: time,
      birthtime: time,
      generation: u32,
      change: safe,
      parent: safe,
      projectId: u32,
      flags: u32,
      birth: u32,
      extentBytes: u32,
      nextEpoch: u32,
      exclusiveVerifier: safe,
      keyId: u32,
      baseIno: safe,
      baseEpoch: u32,
      entries: u32,
      xattrs: u32,
      epochs: fc.array(fc.record({ epoch: u32, end: u48 }), { maxLength: 16 }),
      tails: fc.array(fc.record({ index: u48, smalls: fc.nat(255), mids: fc.nat(255), bytes: u32 }), { maxLength: 4 }),
      target: fc.uint8Array({ maxLength: 4095 }).map((bytes) => Buffer.from(bytes)),
    })
    fc.assert(
      fc.property(inode, (value) => {
        const key = inodeKey(value.ino)
        const verdict = decodeInode(key, encodeInode(key, value))
        expect(verdict).toEqual({ ok: true, value })
      }),
    )
    fc.assert(
      fc.property(
        safe,
        fc.constantFrom(0o040000, 0o100000, 0o120000, 0o010000, 0o140000, 0o020000, 0o060000),
        (ino, type) => {
          expect(decodeDirent(entry, encodeDirent(entry, { ino, type }))).toEqual({ ok: true, value: { ino, type } })
        },
      ),
    )
    fc.assert(
      fc.property(safe, safe, u32, u48, (ino, dataBytes, epoch, from) => {
        for (const job of [
          { kind: 'purge', ino, dataBytes },
          { kind: 'trim', ino, epoch, from, dataBytes },
          { kind: 'trim', ino, epoch, from, dataBytes: -1 },
        ] as const) {
          expect(decodeJob(jobKey(1), encodeJob(jobKey(1), job))).toEqual({ ok: true, value: job })
        }
        expect(decodeCounters(encodeCounters({ inodes: ino, dataBytes }))).toEqual({
          ok: true,
          value: { inodes: ino, dataBytes },
        })
        expect(decodeInodeLease(encodeInodeLease({ next: ino }))).toEqual({ ok: true, value: { next: ino } })
      }),
    )
    expect(decodeSuperblock(encodeSuperblock(superblock))).toEqual({ ok: true, value: superblock })
    expect(decodeUser(accountKey('user', 1000), encodeUser(accountKey('user', 1000), user))).toEqual({
      ok: true,
      value: user,
    })
  })

  test('a version from the future is refused, not misread', () => {
    for (const { key, row, decode } of Object.values(samples)) {
      const future = Buffer.from(row)
      future[1] = 99
      expect(decode(key, reseal(key, future))).toEqual({ ok: false, fault: 'version' })
    }
  })

  test('an extent is read by itself: no segment reaches out of the row', () => {
    const key = extentKey(1, 0, 0, 0)
    const { row } = samples.extent
    const greedy = Buffer.from(row)
    greedy.writeUInt32BE(1000, 8 + 4)
    expect(decodeExtent(key, reseal(key, greedy)).ok).toBe(false)
  })

  test('the hash of names never changes', () => {
    const seed = { high: 0x01234567, low: -0x76543211 }
    const hashes = ['a', 'b', 'file', 'node_modules', 'n'.repeat(255), '\xff\x00\xfe'].map((text) =>
      hashName(seed, Buffer.from(text, 'latin1')),
    )
    expect(hashes).toEqual([
      236534317865715, 54317362605421, 59165933506554, 195592653260413, 114689484262523, 189336424694642,
    ])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 255 }), (text) => {
        const hash = hashName(seed, text)
        return Number.isSafeInteger(hash) && hash >= 0 && hash < 2 ** 48 && hash === hashName(seed, Buffer.from(text))
      }),
    )
  })

  test('hashes spread: 20,000 names of one directory, no collision in 48 bits', () => {
    const seed = { high: 1, low: 2 }
    const seen = new Set<number>()
    for (let n = 0; n < 20_000; n++) seen.add(hashName(seed, Buffer.from(`file-${n}.txt`)))
    expect(seen.size).toBe(20_000)
  })
})

/** The same bytes with the checksum that belongs to them. */
function reseal(key: Bytes, bytes: Buffer): Buffer {
  if (bytes.length < 8) return bytes
  const row = Buffer.from(bytes)
  row.writeUInt32BE(0, 4)
  row.writeUInt32BE(crc32(row, crc32(key)), 4)
  return row
}
