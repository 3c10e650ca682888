/** CRC-32 (IEEE) of rows: short runs by a table, since a call of zlib costs as much as two hundred bytes. */
import { crc32 } from 'node:zlib'
import type { Bytes } from '../store/store.ts'

const POLYNOMIAL = 0xedb88320
/** From here on zlib is faster. */
const ZLIB_BYTES_MIN = 96

const table = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let word = byte
  for (let bit = 0; bit < 8; bit++) word = (word & 1) === 0 ? word >>> 1 : (word >>> 1) ^ POLYNOMIAL
  table[byte] = word
}

/** The CRC of `bytes` from `from` on, behind what has the CRC `before`; a signed 32-bit integer. */
export function crcOf(bytes: Bytes, from: number, before: number): number {
  const to = bytes.length
  if (to - from >= ZLIB_BYTES_MIN) return crc32(from === 0 ? bytes : bytes.subarray(from), before >>> 0) | 0
  let crc = ~before
  for (let i = from; i < to; i++) crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8)
  return ~crc
}

/** The CRC behind `before` of four bytes of a row and of four zeros: its frame, as it is summed up. */
export function crcOfFrame(row: Bytes, before: number): number {
  let crc = ~before
  for (let i = 0; i < 4; i++) crc = table[(crc ^ row[i]) & 0xff] ^ (crc >>> 8)
  for (let i = 0; i < 4; i++) crc = table[crc & 0xff] ^ (crc >>> 8)
  return ~crc
}
