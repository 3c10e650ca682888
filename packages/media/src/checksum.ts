/**
 * CRC-32 (ISO-HDLC: reflected polynomial 0xEDB88320, initial and final value all ones), the checksum of everything
 * that media write themselves. `zlib.crc32` where Node has it, a table elsewhere; both give the same numbers.
 */
import * as zlib from 'node:zlib'
import type { Bytes } from './medium.ts'

const table = new Uint32Array(256)
for (let i = 0; i < 256; i++) {
  let value = i
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  table[i] = value
}

/** The table version, exported so that tests can compare the two. `seed` is the checksum of the bytes before. */
export function crc32Table(bytes: Bytes, seed = 0): number {
  let crc = ~seed
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}

const native = (zlib as { crc32?: (data: Bytes, value?: number) => number }).crc32

/** CRC-32 of `bytes`, continued from `seed`; an unsigned 32-bit number. `bytes` is only read. */
export const crc32: (bytes: Bytes, seed?: number) => number =
  native === undefined ? crc32Table : (bytes, seed = 0) => native(bytes, seed)
