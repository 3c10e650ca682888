import fc from 'fast-check'
import { expect, test } from 'vitest'
import { STATE_DEFAULT } from '../quota/quotas.ts'
import { quotaKey, quotaOwnerOfKey } from './keys.ts'
import { decodeQuota, decodeQuotaState, encodeQuota, encodeQuotaState, type QuotaRow } from './quota.ts'

const key = quotaKey('project', 7)
const count = fc.maxSafeNat()
const rows: fc.Arbitrary<QuotaRow> = fc.record({
  bytes: count,
  inodes: count,
  bytesSoft: count,
  bytesHard: count,
  inodesSoft: count,
  inodesHard: count,
  bytesSince: count,
  inodesSince: count,
})

test('a golden row of version 1', () => {
  const row = encodeQuota(key, {
    bytes: 1,
    inodes: 2,
    bytesSoft: 3,
    bytesHard: 2 ** 40,
    inodesSoft: 5,
    inodesHard: 6,
    bytesSince: 1_700_000_000_000,
    inodesSince: 0,
  })
  expect(key.toString('hex')).toBe('0a0200000007')
  expect(row.subarray(0, 4).toString('hex')).toBe('35010000')
  expect(row.subarray(8).toString('hex')).toBe(
    `${['0000000000000001', '0000000000000002', '0000000000000003', '0000010000000000'].join('')}${['0000000000000005', '0000000000000006', '0000018bcfe56800', '0000000000000000'].join('')}`,
  )
})

test('what is written is read; any bytes are a verdict, never an exception', () => {
  fc.assert(
    fc.property(rows, (quota) => {
      expect(decodeQuota(key, encodeQuota(key, quota))).toEqual({ ok: true, value: quota })
    }),
  )
  const row = encodeQuota(key, sample)
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 120 }),
      fc.nat(row.length - 1),
      fc.integer({ min: 1, max: 255 }),
      (bytes, at, bits) => {
        expect(decodeQuota(key, bytes).ok).toBe(false)
        expect(typeof decodeQuotaState(bytes).ok).toBe('boolean')
        const spoiled = Buffer.from(row)
        spoiled[at]! ^= bits
        expect(decodeQuota(key, spoiled).ok).toBe(false)
        expect(decodeQuota(quotaKey('user', 7), row).ok).toBe(false)
      },
    ),
  )
})

const sample: QuotaRow = {
  bytes: 1,
  inodes: 2,
  bytesSoft: 3,
  bytesHard: 4,
  inodesSoft: 5,
  inodesHard: 6,
  bytesSince: 7,
  inodesSince: 8,
}

test('the state, and whose quota a key is', () => {
  const state = { ...STATE_DEFAULT, isOn: true }
  expect(decodeQuotaState(encodeQuotaState(state))).toEqual({ ok: true, value: state })
  expect(quotaOwnerOfKey(key)).toEqual({ kind: 'project', id: 7 })
  expect(quotaOwnerOfKey(Buffer.of(0x0a, 3, 0, 0, 0, 1))).toBe(undefined)
  expect(quotaOwnerOfKey(key.subarray(0, 5))).toBe(undefined)
})
