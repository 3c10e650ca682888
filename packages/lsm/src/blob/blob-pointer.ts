/**
 * Where a separated value lies: the value of an entry of kind BLOB (FORMAT.md, "Blob"), little-endian:
 *
 *      0  u32  number of the file
 *      4  u32  bytes of the value
 *      8  u48  offset of the value's first byte in the file
 *     14  u8   kind of the file: 0 log, 1 blob
 *     15  u8   0
 */

import { VALUE_BYTES_MAX } from '../batch/entry.ts'

/** A file that holds values. */
export type ValueFileKind = 'log' | 'blob'

export interface BlobPointer {
  readonly kind: ValueFileKind
  readonly file: number
  readonly offset: number
  readonly length: number
}

export const POINTER_BYTES = 16

/** Kinds by their number on disk: never renumber. */
export const VALUE_FILE_KINDS: readonly ValueFileKind[] = ['log', 'blob']

export function writePointer(
  into: Buffer,
  at: number,
  kind: ValueFileKind,
  file: number,
  offset: number,
  length: number,
): void {
  into.writeUInt32LE(file, at)
  into.writeUInt32LE(length, at + 4)
  into.writeUIntLE(offset, at + 8, 6)
  into[at + 14] = kind === 'log' ? 0 : 1
  into[at + 15] = 0
}

/** Undefined: these bytes are no pointer. Never throws on input. */
export function readPointer(bytes: Buffer, start: number, end: number): BlobPointer | undefined {
  if (end - start !== POINTER_BYTES || bytes[start + 15] !== 0) return undefined
  const kind = VALUE_FILE_KINDS[bytes[start + 14]!]
  const length = bytes.readUInt32LE(start + 4)
  if (kind === undefined || length > VALUE_BYTES_MAX) return undefined
  return { kind, file: bytes.readUInt32LE(start), offset: bytes.readUIntLE(start + 8, 6), length }
}
