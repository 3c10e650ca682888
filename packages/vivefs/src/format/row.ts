/**
 * The frame around every value that vivefs stores (FORMAT.md, "Row frame"):
 *
 *     0      1         2       4        8
 *     | kind | version | extra | crc32  | body ...
 *
 * Big-endian. `crc32` (IEEE polynomial) covers the key, then the value with the crc field zero, so a row that landed
 * under a wrong key is caught too. `extra` belongs to the kind.
 */
import { invariant } from '../errors.ts'
import type { Bytes } from '../store/store.ts'
import { crcOf, crcOfFrame } from './checksum.ts'

export const FRAME_BYTES = 8
const CRC_OFFSET = 4

/** Kinds of rows. On disk: never renumber. */
export const RowKind = {
  superblock: 0x01,
  counters: 0x02,
  inodeLease: 0x03,
  user: 0x04,
  group: 0x05,
  accountName: 0x06,
  orphan: 0x07,
  job: 0x08,
  inode: 0x10,
  dirent: 0x11,
  xattr: 0x12,
  extent: 0x20,
  reference: 0x21,
  loan: 0x22,
  snapshotState: 0x30,
  snapshot: 0x31,
  fork: 0x32,
  absent: 0x33,
  quotaState: 0x34,
  quota: 0x35,
  feedState: 0x38,
  feedEntry: 0x39,
} as const

export type RowKind = (typeof RowKind)[keyof typeof RowKind]

/**
 * A new value of `FRAME_BYTES + bodyBytes`, framed but not sealed. The body's bytes are not cleared. Small rows share memory of a few
 * KiB, which is what Node does for small buffers: each of its own would cost more than all that is written into it.
 */
export function frame(kind: RowKind, version: number, bodyBytes: number, extra = 0): Buffer {
  const row = Buffer.allocUnsafe(FRAME_BYTES + bodyBytes)
  row[0] = kind
  row[1] = version
  row[2] = extra >>> 8
  row[3] = extra & 0xff
  return row
}

/** Writes the checksum; the last step of every encoder. Returns the row. */
export function seal(key: Bytes, row: Buffer): Buffer {
  const crc = crcOfRow(key, row)
  row[CRC_OFFSET] = crc >>> 24
  row[CRC_OFFSET + 1] = crc >>> 16
  row[CRC_OFFSET + 2] = crc >>> 8
  row[CRC_OFFSET + 3] = crc
  return row
}

/** The checksum of a row, whatever its field says. */
const crcOfRow = (key: Bytes, row: Bytes): number => crcOf(row, FRAME_BYTES, crcOfFrame(row, crcOf(key, 0, 0)))

/** Why bytes from the store are not a row. */
export type RowFault = 'short' | 'kind' | 'version' | 'checksum' | 'shape'

export type Verdict<T> = { ok: true; value: T } | { ok: false; fault: RowFault }

/** Checks frame, kind, version and checksum. Never throws on any input. */
export function check(key: Bytes, row: Bytes, kind: RowKind, versionMax: number): RowFault | undefined {
  if (row.length < FRAME_BYTES) return 'short'
  if (row[0] !== kind) return 'kind'
  if (row[1] === 0 || row[1] > versionMax) return 'version'
  const stored = (row[4] << 24) | (row[5] << 16) | (row[6] << 8) | row[7]
  return stored === crcOfRow(key, row) ? undefined : 'checksum'
}

export const extraOf = (row: Bytes): number => (row[2] << 8) | row[3]

/** The row as a Buffer over the same memory. */
export const asBuffer = (row: Bytes): Buffer =>
  Buffer.isBuffer(row) ? row : Buffer.from(row.buffer, row.byteOffset, row.byteLength)

let viewed: ArrayBufferLike = new ArrayBuffer(0)
let view: DataView = new DataView(viewed)

/**
 * All memory behind these bytes, whose own begin at `byteOffset` in it: what many integers are written and read by. Methods of Buffer check
 * each value in three calls. Valid until the next call.
 */
export function viewOf(bytes: Bytes): DataView {
  const { buffer } = bytes
  if (buffer !== viewed) {
    viewed = buffer
    view = new DataView(buffer)
  }
  return view
}

/** The upper half of an unsigned integer up to 2^53-1. */
function highOf(value: number): number {
  const high = Math.floor(value / 0x1_0000_0000)
  invariant(high >= 0 && high < 0x20_0000, 'an unsigned integer of 53 bits')
  return high
}

/** Writes 4 bytes. */
export function writeU32(into: Bytes, value: number, offset: number): void {
  into[offset] = value >>> 24
  into[offset + 1] = value >>> 16
  into[offset + 2] = value >>> 8
  into[offset + 3] = value
}

/** Writes an unsigned integer up to 2^53-1 as 8 bytes. */
export function writeU64(into: Bytes, value: number, offset: number): void {
  writeU32(into, highOf(value), offset)
  writeU32(into, value >>> 0, offset + 4)
}

/** Writes an unsigned integer below 2^48 as 6 bytes. */
export function writeU48(into: Bytes, value: number, offset: number): void {
  const high = highOf(value)
  into[offset] = high >>> 8
  into[offset + 1] = high
  writeU32(into, value >>> 0, offset + 2)
}

export const readU64 = (from: Bytes, offset: number): number => getU64(viewOf(from), from.byteOffset + offset)

/** As `writeU64`, where the view is at hand. */
export function setU64(into: DataView, at: number, value: number): void {
  into.setUint32(at, highOf(value))
  into.setUint32(at + 4, value >>> 0)
}

/** As `readU64`, where the view is at hand. */
export const getU64 = (from: DataView, at: number): number =>
  from.getUint32(at) * 0x1_0000_0000 + from.getUint32(at + 4)

/** 48 bits. */
export function setU48(into: DataView, at: number, value: number): void {
  into.setUint16(at, highOf(value))
  into.setUint32(at + 2, value >>> 0)
}

export const getU48 = (from: DataView, at: number): number =>
  from.getUint16(at) * 0x1_0000_0000 + from.getUint32(at + 2)
