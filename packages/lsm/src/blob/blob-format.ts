/**
 * A blob file (FORMAT.md, "Blob"), little-endian:
 *
 *      0  8 bytes  magic     89 76 4C 56 0D 0A 1A 0A   ("vLV")
 *      8  u16      version   1
 *     10  u16      0
 *     12  u32      number of the file
 *     16  u32      incompat  unknown feature bits: refuse
 *     20  u32      masked CRC-32 of bytes 0 .. 20
 *     24  entries of kind PUT, as in a batch
 */
import { crc32, maskCrc } from '@vivefs/pfaof'
import { copyBytes, lengthBytes, writeLength } from '../batch/entry.ts'
import type { Bytes } from '../bytes.ts'
import { PUT } from '../kind.ts'

export const BLOB_HEADER_BYTES = 24
export const BLOB_VERSION = 1
const MAGIC: Buffer = Buffer.from([0x89, 0x76, 0x4c, 0x56, 0x0d, 0x0a, 0x1a, 0x0a])
const FEATURES = 0

export type BlobHeaderVerdict =
  | { readonly ok: true }
  /** `format`: whole, but of a version or with a feature that this code does not know. */
  | { readonly ok: false; readonly format: boolean; readonly fault: string }

export function encodeBlobHeader(number: number): Buffer {
  const header = Buffer.alloc(BLOB_HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt16LE(BLOB_VERSION, 8)
  header.writeUInt32LE(number, 12)
  header.writeUInt32LE(FEATURES, 16)
  header.writeUInt32LE(maskCrc(crc32(header.subarray(0, 20))), 20)
  return header
}

/** Judges the first bytes of the blob file that should have this number. Never throws on input. */
export function checkBlobHeader(bytes: Buffer, number: number): BlobHeaderVerdict {
  const bad = (fault: string, format = false) => ({ ok: false, format, fault }) as const
  if (bytes.length < BLOB_HEADER_BYTES) return bad(`${bytes.length} bytes are no header of a blob file`)
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) return bad('no blob file: the magic number is missing')
  if (bytes.readUInt32LE(20) !== maskCrc(crc32(bytes.subarray(0, 20)))) return bad('the header is damaged')
  const version = bytes.readUInt16LE(8)
  if (version !== BLOB_VERSION) return bad(`blob file version ${version}, supported is ${BLOB_VERSION}`, true)
  const features = bytes.readUInt32LE(16)
  if (features !== FEATURES) return bad(`blob features ${features.toString(2)}, supported are ${FEATURES}`, true)
  const found = bytes.readUInt32LE(12)
  if (found !== number) return bad(`this is blob file ${found}, expected was ${number}`)
  return { ok: true }
}

/** The bytes of an entry before its value. The caller owns the result. */
export function encodeValueHead(keyBytes: Bytes, keyStart: number, keyEnd: number, valueBytes: number): Buffer {
  const key = keyEnd - keyStart
  const keyAt = 1 + lengthBytes(key)
  // Not from the pool: it may be posted to another thread, which would clone the pool.
  const head = Buffer.allocUnsafeSlow(keyAt + key + lengthBytes(valueBytes))
  head[0] = PUT
  writeLength(head, 1, key)
  copyBytes(head, keyAt, keyBytes, keyStart, keyEnd)
  writeLength(head, keyAt + key, valueBytes)
  return head
}
