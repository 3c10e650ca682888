/**
 * Shared extents (FORMAT.md, "Shared extents"): a reference stands for a base row that is another place's, its origin; a
 * loan, at the origin, says how many references lead there.
 *
 *     11 ino64 epoch32 index48 -> ino64 epoch32 index48 bytes32                      reference
 *     12 ino64 epoch32 index48 -> references32 bytes32, extra: owned                 loan
 */
import type { Bytes, KeyRange } from '../store/store.ts'
import { LOAN, REFERENCE } from './key-types.ts'
import { BASE_PART, extentKey } from './keys.ts'
import { asBuffer, check, extraOf, FRAME_BYTES, frame, RowKind, readU64, seal, type Verdict, writeU64 } from './row.ts'

const PLACE_BYTES = 18
const KEY_BYTES = 1 + PLACE_BYTES
const REFERENCE_BYTES = PLACE_BYTES + 4
const LOAN_BYTES = 8

/** Where a base row is, or would be. */
export interface Place {
  readonly ino: number
  readonly epoch: number
  readonly index: number
}

/** The place that content is read from, and how many bytes of data are there. */
export interface Reference extends Place {
  readonly bytes: number
}

export interface Loan {
  /** References that lead here; above 0. */
  readonly references: number
  /** Whether the inode of the place has not let go of it. */
  readonly isOwned: boolean
  /** Bytes of data in the base row. */
  readonly bytes: number
}

function writePlace(into: Buffer, { ino, epoch, index }: Place, offset: number): void {
  writeU64(into, ino, offset)
  into.writeUInt32BE(epoch, offset + 8)
  into.writeUIntBE(index, offset + 12, 6)
}

const readPlace = (from: Buffer, offset: number): Place => ({
  ino: readU64(from, offset),
  epoch: from.readUInt32BE(offset + 8),
  index: from.readUIntBE(offset + 12, 6),
})

function keyOf(type: number, place: Place): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES)
  key[0] = type
  writePlace(key, place, 1)
  return key
}

export const referenceKey = (place: Place): Buffer => keyOf(REFERENCE, place)
export const loanKey = (place: Place): Buffer => keyOf(LOAN, place)
/** The rows of a place: base, cover, pages. */
export const placeRange = ({ ino, epoch, index }: Place): KeyRange => ({
  gte: extentKey(ino, epoch, index, BASE_PART),
  lt: extentKey(ino, epoch, index + 1, BASE_PART),
})

/** The place that the key of a reference or a loan names; undefined when it is neither. */
export const placeOfKey = (key: Bytes): Place | undefined =>
  key.length === KEY_BYTES && (key[0] === REFERENCE || key[0] === LOAN) ? readPlace(asBuffer(key), 1) : undefined

/** The place of a row of an extent. Its key is one: an extent's. */
export function placeOfExtent(key: Bytes): Place {
  return readPlace(asBuffer(key), 1)
}

const epochRange = (type: number, { ino, epoch, index }: Place, limit: number | undefined): KeyRange => ({
  gte: keyOf(type, { ino, epoch, index }),
  lt: keyOf(type, { ino, epoch: epoch + 1, index: 0 }),
  ...(limit === undefined ? {} : { limit }),
})

/** References of one data epoch at `from.index` and above. */
export const referenceRange = (from: Place, limit?: number): KeyRange => epochRange(REFERENCE, from, limit)

/** All references of an inode. */
export const referencesOfInodeRange = (ino: number, limit: number): KeyRange => ({
  gte: keyOf(REFERENCE, { ino, epoch: 0, index: 0 }),
  lt: keyOf(REFERENCE, { ino: ino + 1, epoch: 0, index: 0 }),
  limit,
})

/** Loans from one place to another, both included. Its end is a place: views read the history of what lies before it. */
export const loanRange = (first: Place, last: Place): KeyRange => ({
  gte: loanKey(first),
  lt: loanKey({ ...last, index: last.index + 1 }),
})

export const allLoansRange: KeyRange = { gte: Buffer.of(LOAN), lt: Buffer.of(LOAN + 1) }

export function encodeReference(key: Bytes, reference: Reference): Buffer {
  const row = frame(RowKind.reference, 1, REFERENCE_BYTES)
  writePlace(row, reference, FRAME_BYTES)
  row.writeUInt32BE(reference.bytes, FRAME_BYTES + PLACE_BYTES)
  return seal(key, row)
}

/** Never throws. */
export function decodeReference(key: Bytes, bytes: Bytes): Verdict<Reference> {
  const fault = check(key, bytes, RowKind.reference, 1)
  if (fault !== undefined) return { ok: false, fault }
  if (bytes.length !== FRAME_BYTES + REFERENCE_BYTES) return { ok: false, fault: 'shape' }
  const row = asBuffer(bytes)
  return { ok: true, value: { ...readPlace(row, FRAME_BYTES), bytes: row.readUInt32BE(FRAME_BYTES + PLACE_BYTES) } }
}

export function encodeLoan(key: Bytes, { references, isOwned, bytes }: Loan): Buffer {
  const row = frame(RowKind.loan, 1, LOAN_BYTES, isOwned ? 1 : 0)
  row.writeUInt32BE(references, FRAME_BYTES)
  row.writeUInt32BE(bytes, FRAME_BYTES + 4)
  return seal(key, row)
}

/** Never throws. */
export function decodeLoan(key: Bytes, bytes: Bytes): Verdict<Loan> {
  const fault = check(key, bytes, RowKind.loan, 1)
  if (fault !== undefined) return { ok: false, fault }
  if (bytes.length !== FRAME_BYTES + LOAN_BYTES || extraOf(bytes) > 1) return { ok: false, fault: 'shape' }
  const row = asBuffer(bytes)
  const value = {
    references: row.readUInt32BE(FRAME_BYTES),
    isOwned: extraOf(row) === 1,
    bytes: row.readUInt32BE(FRAME_BYTES + 4),
  }
  return value.references === 0 ? { ok: false, fault: 'shape' } : { ok: true, value }
}
