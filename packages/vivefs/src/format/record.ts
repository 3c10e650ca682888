/**
 * Rows that are read seldom and grow new fields: a msgpack map inside the row frame. A fresh decoder reads every row
 * alone (no shared record structures), as FORMAT.md demands.
 */
import { Packr } from 'msgpackr'
import type { Bytes } from '../store/store.ts'
import { check, FRAME_BYTES, frame, type RowKind, seal, type Verdict } from './row.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })

export function encodeRecord(kind: RowKind, version: number, key: Bytes, value: object): Buffer {
  const body = packr.pack(value)
  const row = frame(kind, version, body.length)
  row.set(body, FRAME_BYTES)
  return seal(key, row)
}

/** Never throws. `shape` answers whether the decoded value is what the caller expects. */
export function decodeRecord<T>(
  kind: RowKind,
  versionMax: number,
  key: Bytes,
  bytes: Bytes,
  shape: (value: unknown) => value is T,
): Verdict<T> {
  const fault = check(key, bytes, kind, versionMax)
  if (fault !== undefined) return { ok: false, fault }
  try {
    const value: unknown = packr.unpack(bytes.subarray(FRAME_BYTES))
    return shape(value) ? { ok: true, value } : { ok: false, fault: 'shape' }
  } catch {
    return { ok: false, fault: 'shape' }
  }
}

export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
