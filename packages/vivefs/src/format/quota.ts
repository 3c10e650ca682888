/**
 * Rows of quotas (FORMAT.md, "Quotas"). One for each user, group and project that has ever owned something or has limits while
 * quotas are on:
 *
 *      0 bytes64   8 inodes64
 *     16 bytesSoft64  24 bytesHard64  32 inodesSoft64  40 inodesHard64     0: no limit
 *     48 bytesSince64 56 inodesSince64      ms since 1970 when use passed the soft limit; 0: it is not above
 */
import type { Bytes } from '../store/store.ts'
import { quotaStateKey } from './keys.ts'
import type { QuotaKind } from './quota-kind.ts'
import { decodeRecord, encodeRecord, isCount, isMap } from './record.ts'
import { asBuffer, check, FRAME_BYTES, frame, RowKind, readU64, seal, type Verdict, writeU64 } from './row.ts'

/** 0: no limit. Bytes and counts. */
export interface QuotaLimits {
  readonly bytesSoft: number
  readonly bytesHard: number
  readonly inodesSoft: number
  readonly inodesHard: number
}

export interface QuotaRow extends QuotaLimits {
  /** In use: data bytes as `blocks` of stat counts them. */
  readonly bytes: number
  readonly inodes: number
  readonly bytesSince: number
  readonly inodesSince: number
}

/** How long use may stay above a soft limit, ms. */
export interface QuotaGrace {
  readonly bytesMs: number
  readonly inodesMs: number
}

export interface QuotaState {
  readonly isOn: boolean
  /** Use was not followed for a while: it has to be counted anew. */
  readonly isStale: boolean
  readonly grace: Readonly<Record<QuotaKind, QuotaGrace>>
}

const FIELDS = [
  'bytes',
  'inodes',
  'bytesSoft',
  'bytesHard',
  'inodesSoft',
  'inodesHard',
  'bytesSince',
  'inodesSince',
] as const

export function encodeQuota(key: Bytes, quota: QuotaRow): Buffer {
  const row = frame(RowKind.quota, 1, FIELDS.length * 8)
  for (const [n, field] of FIELDS.entries()) writeU64(row, quota[field], FRAME_BYTES + n * 8)
  return seal(key, row)
}

/** Never throws. */
export function decodeQuota(key: Bytes, bytes: Bytes): Verdict<QuotaRow> {
  const fault = check(key, bytes, RowKind.quota, 1)
  if (fault !== undefined) return { ok: false, fault }
  if (bytes.length !== FRAME_BYTES + FIELDS.length * 8) return { ok: false, fault: 'shape' }
  const row = asBuffer(bytes)
  const value = Object.fromEntries(FIELDS.map((field, n) => [field, readU64(row, FRAME_BYTES + n * 8)]))
  return { ok: true, value: value as unknown as QuotaRow }
}

const isGrace = (value: unknown): value is QuotaGrace =>
  isMap(value) && isCount(value.bytesMs) && isCount(value.inodesMs)

const isState = (value: unknown): value is QuotaState =>
  isMap(value) &&
  typeof value.isOn === 'boolean' &&
  typeof value.isStale === 'boolean' &&
  isMap(value.grace) &&
  isGrace(value.grace.user) &&
  isGrace(value.grace.group) &&
  isGrace(value.grace.project)

export const encodeQuotaState = (state: QuotaState): Buffer => encodeRecord(RowKind.quotaState, 1, quotaStateKey, state)
/** Never throws. */
export const decodeQuotaState = (bytes: Bytes): Verdict<QuotaState> =>
  decodeRecord(RowKind.quotaState, 1, quotaStateKey, bytes, isState)
