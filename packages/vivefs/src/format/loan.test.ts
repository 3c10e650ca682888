import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { extentKey } from './keys.ts'
import {
  decodeLoan,
  decodeReference,
  encodeLoan,
  encodeReference,
  loanKey,
  loanRange,
  placeOfExtent,
  placeOfKey,
  placeRange,
  referenceKey,
  referenceRange,
} from './loan.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const place = { ino: 5, epoch: 1, index: 2 }
const origin = { ino: 4, epoch: 3, index: 0x10 }
const isIn = (key: Uint8Array, { gte, lt }: { gte?: Uint8Array; lt: Uint8Array }): boolean =>
  Buffer.compare(key, gte!) >= 0 && Buffer.compare(key, lt) < 0

describe('references and loans', () => {
  test('keys, byte by byte', () => {
    expect(hex(referenceKey(place))).toBe('11000000000000000500000001000000000002')
    expect(hex(loanKey(place))).toBe('12000000000000000500000001000000000002')
    expect(placeOfKey(referenceKey(place))).toEqual(place)
    expect(placeOfKey(loanKey(place))).toEqual(place)
    expect(placeOfKey(extentKey(5, 1, 2, 0))).toBeUndefined()
    expect(placeOfExtent(extentKey(5, 1, 2, 7))).toEqual(place)
  })

  test('golden rows', () => {
    const reference = encodeReference(referenceKey(place), { ...origin, bytes: 0x10000 })
    expect(hex(reference.subarray(0, 4))).toBe('21010000')
    expect(hex(reference.subarray(8))).toBe('0000000000000004' + '00000003' + '000000000010' + '00010000')
    expect(decodeReference(referenceKey(place), reference)).toEqual({ ok: true, value: { ...origin, bytes: 0x10000 } })
    expect(decodeReference(referenceKey(origin), reference)).toEqual({ ok: false, fault: 'checksum' })
    const loan = { references: 2, isOwned: true, bytes: 0x1234 }
    const row = encodeLoan(loanKey(origin), loan)
    expect(hex(row.subarray(0, 4))).toBe('22010001')
    expect(hex(row.subarray(8))).toBe('00000002' + '00001234')
    expect(decodeLoan(loanKey(origin), row)).toEqual({ ok: true, value: loan })
    expect(decodeLoan(loanKey(place), row)).toEqual({ ok: false, fault: 'checksum' })
    const none = encodeLoan(loanKey(origin), { ...loan, references: 0 })
    expect(decodeLoan(loanKey(origin), none)).toEqual({ ok: false, fault: 'shape' })
  })

  test('ranges hold what they are about and nothing else', () => {
    for (const part of [0, 1, 127, 255]) expect(isIn(extentKey(5, 1, 2, part), placeRange(place))).toBe(true)
    expect(isIn(extentKey(5, 1, 3, 0), placeRange(place))).toBe(false)
    const range = referenceRange({ ...place, index: 1 })
    expect(isIn(referenceKey(place), range)).toBe(true)
    expect(isIn(referenceKey({ ...place, index: 0 }), range)).toBe(false)
    expect(isIn(referenceKey({ ...place, epoch: 2 }), range)).toBe(false)
    const loans = loanRange(place, { ...place, index: 4 })
    expect(isIn(loanKey(place), loans) && isIn(loanKey({ ...place, index: 4 }), loans)).toBe(true)
    expect(isIn(loanKey({ ...place, index: 5 }), loans) || isIn(loanKey({ ...place, index: 1 }), loans)).toBe(false)
  })

  test('any bytes are a verdict', () => {
    const bytes = fc.uint8Array({ maxLength: 60 })
    fc.assert(
      fc.property(bytes, bytes, (key, row) => {
        decodeReference(key, row)
        decodeLoan(key, row)
        placeOfKey(key)
      }),
      { numRuns: 3000 },
    )
  })
})
