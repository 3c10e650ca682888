import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  allocatedBytes,
  applyExtent,
  copyOut,
  decodeExtent,
  encodeExtent,
  fold,
  type Segment,
  type Segments,
} from './extent.ts'
import { extentKey } from './keys.ts'

const SIZE = 64
const key = extentKey(1, 0, 0, 0)

/** Sorted, disjoint segments within SIZE bytes; holes where `holes`. */
const segments = (holes: boolean): fc.Arbitrary<Segments> =>
  fc
    .array(
      fc.record({ gap: fc.nat(8), length: fc.integer({ min: 1, max: 20 }), isHole: fc.boolean(), fill: fc.nat(255) }),
      { maxLength: 6 },
    )
    .map((runs) => {
      const out: Segment[] = []
      let at = 0
      for (const { gap, length, isHole, fill } of runs) {
        at += gap
        const end = Math.min(SIZE, at + length)
        if (end <= at) break
        const data = Buffer.alloc(end - at)
        for (let i = 0; i < data.length; i++) data[i] = (fill + i) & 0xff
        out.push({ offset: at, length: end - at, data: holes && isHole ? undefined : data })
        at = end
      }
      return out
    })

/** Bytes, and which of them are said: 0 nothing, 1 data, 2 hole. */
interface Picture {
  readonly bytes: Uint8Array
  readonly mask: Uint8Array
}

/** The oracle: an array of bytes and a mask, painted over and over. */
function paint(layers: readonly Segments[]): Picture {
  const bytes = new Uint8Array(SIZE)
  const mask = new Uint8Array(SIZE)
  for (const layer of layers) {
    for (const { offset, length, data } of layer) {
      for (let i = 0; i < length; i++) {
        bytes[offset + i] = data === undefined ? 0 : data[i]
        mask[offset + i] = data === undefined ? 2 : 1
      }
    }
  }
  return { bytes, mask }
}

function expectOrdered(result: Segments): void {
  let end = 0
  for (const { offset, length, data } of result) {
    if (length <= 0 || offset < end || (data !== undefined && data.length !== length)) expect(result).toBe('ordered')
    end = offset + length
  }
}

/** Two pictures in one comparison. */
function expectSame(a: Picture, b: Picture): void {
  const isSame = Buffer.compare(a.bytes, b.bytes) === 0 && Buffer.compare(a.mask, b.mask) === 0
  if (!isSame) expect(a).toEqual(b)
}

/** What segments say, whatever pieces they are cut into. */
const pictureOf = (result: Segments): Picture => paint([result])

describe('the extent', () => {
  test('fold is painting: byte array and mask', () => {
    fc.assert(
      fc.property(segments(true), segments(true), (under, over) => {
        const result = fold(under, over, false)
        expectOrdered(result)
        expectSame(pictureOf(result), paint([under, over]))
        const base = fold(under, over, true)
        expectOrdered(base)
        const painted = paint([under, over])
        expectSame(pictureOf(base), { bytes: painted.bytes, mask: painted.mask.map((bit) => (bit === 1 ? 1 : 0)) })
        expect(allocatedBytes(base)).toBe(painted.mask.filter((bit) => bit === 1).length)
      }),
      { numRuns: 2000 },
    )
  })

  test('law: fold(fold(a, b), c) = fold(a, fold(b, c)), early or late, with and without a base', () => {
    fc.assert(
      fc.property(segments(false), segments(true), segments(true), (a, b, c) => {
        const left = fold(fold(a, b, false), c, false)
        const right = fold(a, fold(b, c, false), false)
        expectSame(pictureOf(left), pictureOf(right))
        const early = fold(fold(a, b, true), c, true)
        const late = fold(a, fold(b, c, false), true)
        expectSame(pictureOf(early), pictureOf(late))
        expectSame(pictureOf(applyExtent(a, [b, c])), pictureOf(late))
        // As bytes on disk too: one content is one row.
        expect(encodeExtent(key, early).equals(encodeExtent(key, late))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('nothing is copied and nothing that was given is changed', () => {
    fc.assert(
      fc.property(segments(true), segments(true), (under, over) => {
        const before = JSON.stringify([under, over])
        fold(under, over, false)
        expect(JSON.stringify([under, over])).toBe(before)
      }),
    )
  })

  test('copyOut: any window, zeros where nothing is', () => {
    fc.assert(
      fc.property(segments(true), fc.nat(SIZE), fc.nat(SIZE), (layer, from, length) => {
        const into = new Uint8Array(Math.min(length, SIZE - from)).fill(0xee)
        copyOut(layer, from, into)
        expect(Buffer.compare(into, paint([layer]).bytes.subarray(from, from + into.length))).toBe(0)
      }),
      { numRuns: 2000 },
    )
  })

  test('round trip; neighbours become one entry', () => {
    fc.assert(
      fc.property(segments(true), (layer) => {
        const row = encodeExtent(key, layer)
        const verdict = decodeExtent(key, row)
        if (!verdict.ok) throw new Error(verdict.fault)
        expectOrdered(verdict.value)
        expectSame(pictureOf(verdict.value), pictureOf(layer))
        expect(verdict.value.length).toBeLessThanOrEqual(layer.length)
        expect(encodeExtent(key, verdict.value).equals(row)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
