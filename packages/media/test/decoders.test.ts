import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRecordHeader } from '../src/cartridge.ts'
import { crc32, crc32Table } from '../src/checksum.ts'
import { parseMounts } from '../src/describe.ts'
import { decodeSlotCopy } from '../src/file-zones.ts'
import { decodeLock } from '../src/lock.ts'
import { fileNameOf, keyOf } from '../src/object-store.ts'
import { SeededRandom } from '../src/random.ts'
import { decodeSuperblock, encodeSuperblock } from '../src/superblock.ts'

const deep = process.env.VIVEFS_DEEP === '1'
const inputs = deep ? 100_000 : 3000
const seed = 20_260_101

describe('decoders judge any bytes and never throw', () => {
  it(`superblock: ${inputs} inputs, seed ${seed}`, () => {
    const good = encodeSuperblock('zns', { id: '00000000-0000-4000-8000-000000000000', zoneCount: 7 })
    expect(decodeSuperblock(good)).toMatchObject({ ok: true, kind: 'zns', body: { zoneCount: 7 } })
    const random = new SeededRandom(seed)
    for (let i = 0; i < inputs; i++) {
      const used = 24 + new DataView(good.buffer).getUint32(12, true)
      const bytes = good.slice()
      bytes[random.below(used)]! ^= 1 << random.below(8)
      expect(decodeSuperblock(bytes).ok).toBe(false)
      decodeSuperblock(random.fill(new Uint8Array(random.below(64))))
      decodeSuperblock(bytes.subarray(0, random.below(200)))
    }
  })

  it('names what it does not know', () => {
    const newer = encodeSuperblock('tape', { id: 'x' })
    newer[8] = 9
    expect(decodeSuperblock(newer)).toEqual({ ok: false, problem: 'format version 9, this code knows 1' })
    const body = encodeSuperblock('tape', { id: 'x' })
    new DataView(body.buffer).setUint32(16, 4, true)
    const length = new DataView(body.buffer).getUint32(12, true)
    const crc = crc32(body.subarray(24, 24 + length), crc32(body.subarray(0, 20)))
    new DataView(body.buffer).setUint32(20, crc, true)
    expect(decodeSuperblock(body)).toEqual({ ok: false, problem: 'unknown features 0x4' })
    expect(() => encodeSuperblock('pool', { id: 'x'.repeat(5000) })).toThrow(/MEDIA_ARGUMENT/)
  })

  it(`lock, slot, tape record, mounts, key names: ${inputs} inputs each, seed ${seed}`, () => {
    const parameters = { numRuns: inputs, seed }
    fc.assert(
      fc.property(fc.string(), (text) => decodeLock(text) === undefined),
      parameters,
    )
    fc.assert(
      fc.property(fc.json(), (text) => decodeLock(text) === undefined),
      parameters,
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => decodeSlotCopy(bytes, 0) === undefined),
      parameters,
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => decodeRecordHeader(bytes) === undefined),
      parameters,
    )
    fc.assert(
      fc.property(fc.string(), (text) => Array.isArray(parseMounts(text))),
      parameters,
    )
    const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(key, (text) => keyOf(fileNameOf(text)) === text),
      parameters,
    )
    fc.assert(
      fc.property(fc.string(), (text) => keyOf(text) === undefined || fileNameOf(keyOf(text)!) === text),
      parameters,
    )
  })

  it('both checksums are CRC-32', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 30 }), (a, b) => {
        return (
          crc32Table(b, crc32Table(a)) === crc32(b, crc32(a)) && crc32(b, crc32(a)) === crc32(Buffer.concat([a, b]))
        )
      }),
      { numRuns: 500, seed },
    )
  })
})
