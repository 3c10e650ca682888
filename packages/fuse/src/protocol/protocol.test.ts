/** The codec: what the kernel's header file says, field by field. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Attributes } from 'vivefs/fsal'
import { decodeRequest } from '../request.ts'
import { decodeInit, encodeInit, FEATURE, TRANSFER_BYTES_MAX } from './init.ts'
import {
  deviceMajor,
  deviceMinor,
  direntBytes,
  encodeAttributes,
  encodeDevice,
  encodeStatx,
  negativeEntry,
  readI64,
  readName,
  readU64,
  writeDirent,
  writeEntry,
  writeI64,
  writeU64,
} from './wire.ts'

const attributes = {
  ino: 77,
  generation: 5,
  mode: 0o104755,
  nlink: 3,
  uid: 1000,
  gid: 4_294_967_295,
  size: 2 ** 40 + 9,
  blocks: 2 ** 33,
  blockBytes: 65_536,
  rdevMajor: 259,
  rdevMinor: 70_000,
  atime: { sec: -1, nsec: 999_999_999 },
  mtime: { sec: 2 ** 32 + 1, nsec: 0 },
  ctime: { sec: 1, nsec: 2 },
  birthtime: { sec: 3, nsec: 4 },
} as unknown as Attributes

const trust = { entrySeconds: 1.5, attributeSeconds: 0.25 }

describe('numbers', () => {
  test('64-bit numbers go there and back, as long as a double holds them', () => {
    const bytes = Buffer.alloc(8)
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        writeU64(bytes, value, 0)
        expect(bytes.readBigUInt64LE(0)).toBe(BigInt(value))
        expect(readU64(bytes, 0)).toBe(value)
      }),
    )
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        writeI64(bytes, value, 0)
        expect(bytes.readBigInt64LE(0)).toBe(BigInt(value))
        expect(readI64(bytes, 0)).toBe(value)
      }),
    )
  })

  test('device numbers: 12 bits of major, 20 of minor', () => {
    fc.assert(
      fc.property(fc.nat(0xfff), fc.nat(0xfffff), (major, minor) => {
        const device = encodeDevice(major, minor)
        expect([deviceMajor(device), deviceMinor(device)]).toEqual([major, minor])
      }),
    )
    // makedev(8, 1)
    expect(encodeDevice(8, 1)).toBe(0x801)
  })
})

describe('records', () => {
  test('attributes: 104 bytes', () => {
    const out = encodeAttributes(Buffer.alloc(104), attributes, 99, trust)
    expect(out.length).toBe(104)
    expect(out.readUInt32LE(8)).toBe(250_000_000)
    expect(readU64(out, 16)).toBe(99)
    expect(readU64(out, 24)).toBe(2 ** 40 + 9)
    expect(readU64(out, 32)).toBe(2 ** 33)
    expect([readI64(out, 40), readI64(out, 48), readI64(out, 56)]).toEqual([-1, 2 ** 32 + 1, 1])
    expect([64, 68, 72].map((at) => out.readUInt32LE(at))).toEqual([999_999_999, 0, 2])
    expect([76, 80, 84, 88].map((at) => out.readUInt32LE(at))).toEqual([0o104755, 3, 1000, 4_294_967_295])
    expect(out.readUInt32LE(92)).toBe(encodeDevice(259, 70_000))
    expect(out.readUInt32LE(96)).toBe(65_536)
  })

  test('an entry: 128 bytes, times to trust it included; one of nothing has node 0', () => {
    const out = Buffer.alloc(130, 0xee)
    writeEntry(out, attributes, 99, trust, 1)
    expect([readU64(out, 1), readU64(out, 9), readU64(out, 17), readU64(out, 25)]).toEqual([99, 5, 1, 0])
    expect([out.readUInt32LE(33), out.readUInt32LE(37)]).toEqual([500_000_000, 250_000_000])
    expect([out[0], out[129]]).toEqual([0xee, 0xee])
    const none = negativeEntry(Buffer.alloc(128), trust)
    expect([none.length, readU64(none, 0), readU64(none, 16)]).toEqual([128, 0, 1])
  })

  test('statx: 288 bytes, with the time of birth', () => {
    const out = encodeStatx(Buffer.alloc(288), attributes, 99, trust)
    expect(out.length).toBe(288)
    expect(out.readUInt32LE(32)).toBe(0xfff)
    expect([out.readUInt16LE(60), readU64(out, 64), readU64(out, 72)]).toEqual([0o104755, 99, 2 ** 40 + 9])
    expect([readI64(out, 112), out.readUInt32LE(120)]).toEqual([3, 4])
    expect([out.readUInt32LE(160), out.readUInt32LE(164)]).toEqual([259, 70_000])
  })

  test('lines of a directory: padded to 8 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 255 }), (bytes) => {
        const name = Buffer.from(bytes)
        const out = Buffer.alloc(400, 0xee)
        const end = writeDirent(out, { ino: 7, name, type: 0o100000, offset: 1n << 40n }, 0)
        expect(end).toBe(direntBytes(name.length, false))
        expect(end % 8).toBe(0)
        expect(out.readUInt32LE(16)).toBe(name.length)
        expect(out.readUInt32LE(20)).toBe(8)
        expect(out.subarray(24, 24 + name.length).equals(name)).toBe(true)
        expect(out[end]).toBe(0xee)
      }),
    )
  })

  test('names end with NUL, or with the request', () => {
    expect(readName(Buffer.from('ab\0cd\0'), 0).toString()).toBe('ab')
    expect(readName(Buffer.from('ab\0cd\0'), 3).toString()).toBe('cd')
    expect(readName(Buffer.from('abc'), 1).toString()).toBe('bc')
  })
})

describe('requests', () => {
  const request = (change: (bytes: Buffer) => void = () => {}): Buffer => {
    const bytes = Buffer.alloc(45)
    bytes.writeUInt32LE(bytes.length, 0)
    bytes.writeUInt32LE(1, 4)
    bytes.writeBigUInt64LE(1234n, 8)
    bytes.writeBigUInt64LE(9n, 16)
    for (const [i, value] of [1000, 1001, 4321].entries()) bytes.writeUInt32LE(value, 24 + 4 * i)
    bytes.write('name\0', 40)
    change(bytes)
    return bytes
  }

  test('the header', () => {
    expect(decodeRequest(request(), 45)).toMatchObject({
      opcode: 1,
      unique: 1234,
      nodeId: 9,
      uid: 1000,
      gid: 1001,
      pid: 4321,
    })
    expect(decodeRequest(request(), 45)?.body.toString()).toBe('name\0')
  })

  test('what is no whole request is none', () => {
    expect(decodeRequest(Buffer.alloc(39), 39)).toBe(undefined)
    expect(
      decodeRequest(
        request((bytes) => bytes.writeUInt32LE(46, 0)),
        45,
      ),
    ).toBe(undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void decodeRequest(Buffer.from(bytes), bytes.length)),
    )
  })

  test('the first exchange: never more than the kernel offers', () => {
    const asked = Buffer.alloc(64)
    for (const [i, value] of [7, 45, 131_072, FEATURE.BIG_WRITES | FEATURE.POSIX_ACL].entries()) {
      asked.writeUInt32LE(value, 4 * i)
    }
    const out = encodeInit(decodeInit(asked), FEATURE.BIG_WRITES | FEATURE.ASYNC_READ)
    expect(out.length).toBe(64)
    expect([out.readUInt32LE(0), out.readUInt32LE(4)]).toEqual([7, 39])
    expect(out.readUInt32LE(12)).toBe(FEATURE.BIG_WRITES)
    expect(out.readUInt32LE(20)).toBe(TRANSFER_BYTES_MAX)
    asked.writeUInt32LE(33, 4)
    expect(encodeInit(decodeInit(asked), 0).readUInt32LE(4)).toBe(33)
  })
})
