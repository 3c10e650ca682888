/**
 * The head of a log file (FORMAT.md, "Log"), little-endian:
 *
 *      0  8 bytes  magic     89 76 4C 4C 0D 0A 1A 0A   ("vLL")
 *      8  u16      version   1
 *     10  u16      0
 *     12  u32      log number
 *     16  u32      incompat  unknown feature bits: refuse
 *     20  u32      masked CRC-32 of bytes 0 .. 20
 */
import { crc32, maskCrc } from '@vivefs/pfaof'

export const LOG_HEADER_BYTES = 24
export const LOG_VERSION = 1
const MAGIC: Buffer = Buffer.from([0x89, 0x76, 0x4c, 0x4c, 0x0d, 0x0a, 0x1a, 0x0a])
const FEATURES = 0

export type LogHeaderVerdict =
  | { readonly ok: true }
  /** `format`: whole, but of a version or with a feature that this code does not know. */
  | { readonly ok: false; readonly format: boolean; readonly fault: string }

export function encodeLogHeader(number: number): Buffer {
  const header = Buffer.alloc(LOG_HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt16LE(LOG_VERSION, 8)
  header.writeUInt32LE(number, 12)
  header.writeUInt32LE(FEATURES, 16)
  header.writeUInt32LE(maskCrc(crc32(header.subarray(0, 20))), 20)
  return header
}

/** Judges the first bytes of a log that should have this number. Never throws on input. */
export function checkLogHeader(bytes: Buffer, number: number): LogHeaderVerdict {
  const bad = (fault: string, format = false) => ({ ok: false, format, fault }) as const
  if (bytes.length < LOG_HEADER_BYTES) return bad(`${bytes.length} bytes are no log header`)
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) return bad('no log: the magic number is missing')
  if (bytes.readUInt32LE(20) !== maskCrc(crc32(bytes.subarray(0, 20)))) return bad('the log header is damaged')
  const version = bytes.readUInt16LE(8)
  if (version !== LOG_VERSION) return bad(`log version ${version}, supported is ${LOG_VERSION}`, true)
  const features = bytes.readUInt32LE(16)
  if (features !== FEATURES) return bad(`log features ${features.toString(2)}, supported are ${FEATURES}`, true)
  const found = bytes.readUInt32LE(12)
  if (found !== number) return bad(`this is log ${found}, expected was ${number}`)
  return { ok: true }
}
