import { crc32, maskCrc } from '@vivefs/pfaof'
import { decodeEdit, encodeEdit, type VersionEdit } from './version-edit.ts'

/** The frame of a manifest file: header and records, as drawn in FORMAT.md, "Manifest". Decoders never throw. */

export const MANIFEST_VERSION = 1
export const MANIFEST_HEADER_BYTES = 32
const RECORD_HEADER_BYTES = 8
/** No tree that this code can hold has a greater edit. */
const RECORD_BYTES_MAX = 1 << 30
/** The first byte is no text, the rest shows damage by text-mode transfer. */
const MAGIC = Buffer.from([0x89, 0x56, 0x4c, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a])

export interface ManifestHeader {
  readonly version: number
  readonly compat: number
  readonly roCompat: number
  readonly incompat: number
}

/** What is wrong, and whether another version of the code may read it. */
export interface ManifestFault {
  readonly fault: string
  readonly format?: boolean
}

export function encodeManifestHeader(): Buffer {
  const out = Buffer.alloc(MANIFEST_HEADER_BYTES)
  MAGIC.copy(out)
  out.writeUInt16LE(MANIFEST_VERSION, 8)
  out.writeUInt32LE(maskCrc(crc32(out.subarray(0, 28))), 28)
  return out
}

/** `readOnly`: features that only writers have to know are let pass. */
export function decodeManifestHeader(bytes: Buffer, readOnly: boolean): ManifestHeader | ManifestFault {
  if (bytes.length < MANIFEST_HEADER_BYTES) return { fault: 'the header is cut short' }
  if (!bytes.subarray(0, 8).equals(MAGIC)) return { fault: 'this is no manifest' }
  if (bytes.readUInt32LE(28) !== maskCrc(crc32(bytes.subarray(0, 28))))
    return { fault: 'the header has a wrong checksum' }
  const version = bytes.readUInt16LE(8)
  if (version !== MANIFEST_VERSION) {
    return { fault: `version ${version} is unknown, this code has version ${MANIFEST_VERSION}`, format: true }
  }
  const [compat, roCompat, incompat] = [12, 16, 20].map((at) => bytes.readUInt32LE(at)) as [number, number, number]
  if (incompat !== 0) return { fault: `features ${incompat} are unknown, this code has none`, format: true }
  if (roCompat !== 0 && !readOnly) {
    return { fault: `features ${roCompat} are unknown to this code: it can only be read`, format: true }
  }
  return { version, compat, roCompat, incompat }
}

/** One record: length, checksum, edit. The caller owns the result. */
export function encodeRecord(edit: VersionEdit): Buffer[] {
  const payload = encodeEdit(edit)
  const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES)
  head.writeUInt32LE(payload.length, 0)
  head.writeUInt32LE(maskCrc(crc32(payload)), 4)
  return [head, payload]
}

export interface ManifestRecord {
  readonly edit: VersionEdit
  /** Offset of the next record. */
  readonly end: number
}

/** The record at `at`; `bytes` ends where the file ends. */
export function decodeRecord(bytes: Buffer, at: number): ManifestRecord | ManifestFault {
  if (bytes.length - at < RECORD_HEADER_BYTES) return { fault: 'a record is cut short' }
  const length = bytes.readUInt32LE(at)
  const start = at + RECORD_HEADER_BYTES
  if (length > RECORD_BYTES_MAX || length > bytes.length - start) return { fault: 'a record is cut short' }
  const payload = bytes.subarray(start, start + length)
  if (bytes.readUInt32LE(at + 4) !== maskCrc(crc32(payload))) return { fault: 'a record has a wrong checksum' }
  const edit = decodeEdit(payload)
  return 'fault' in edit ? edit : { edit, end: start + length }
}
