import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asBuffer, check, extraOf, FRAME_BYTES, frame, RowKind, readU64, seal, writeU64 } from './row.ts'

const kinds = Object.values(RowKind)
const kind = fc.constantFrom(...kinds)
const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

describe('the row frame', () => {
  test('a sealed row is accepted under its key and kind only', () => {
    fc.assert(
      fc.property(bytes(40), kind, fc.integer({ min: 0, max: 0xffff }), bytes(100), (key, its, extra, body) => {
        const row = frame(its, 1, body.length, extra)
        row.set(body, FRAME_BYTES)
        seal(key, row)
        expect(check(key, row, its, 1)).toBeUndefined()
        expect(extraOf(row)).toBe(extra)
        const other = kinds.find((each) => each !== its)!
        expect(check(key, row, other, 1)).toBe('kind')
        expect(check(Buffer.concat([key, Buffer.of(0)]), row, its, 1)).toBe('checksum')
        expect(check(key, row, its, 0)).toBe('version')
        expect(check(key, row.subarray(0, FRAME_BYTES - 1), its, 1)).toBe('short')
      }),
    )
  })

  test('every single flipped bit is detected', () => {
    fc.assert(
      fc.property(bytes(20), kind, bytes(40), (key, its, body) => {
        const row = frame(its, 1, body.length, 7)
        row.set(body, FRAME_BYTES)
        seal(key, row)
        for (let bit = 0; bit < row.length * 8; bit++) {
          row[bit >> 3] ^= 1 << (bit & 7)
          if (check(key, row, its, 1) === undefined) throw new Error(`bit ${bit}`)
          row[bit >> 3] ^= 1 << (bit & 7)
        }
      }),
    )
  })

  test('64-bit numbers come back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const into = Buffer.alloc(10)
        writeU64(into, value, 1)
        expect(readU64(into, 1)).toBe(value)
        expect(into.readBigUInt64BE(1)).toBe(BigInt(value))
      }),
    )
  })

  test('asBuffer shares memory', () => {
    const view = new Uint8Array(8).subarray(2, 5)
    asBuffer(view)[0] = 9
    expect(view[0]).toBe(9)
  })
})
