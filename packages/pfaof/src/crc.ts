import * as zlib from 'node:zlib'

/**
 * CRC-32 of zlib and gzip (polynomial 0xEDB88320, reflected). `zlib.crc32` where Node has it (20.15, 22.2 and later), otherwise
 * the same in JavaScript with four tables. The mask is LevelDB's (`util/crc32c.h`): checked data may hold CRCs itself.
 */

const TABLES: readonly Uint32Array[] = (() => {
  const tables = [new Uint32Array(256), new Uint32Array(256), new Uint32Array(256), new Uint32Array(256)] as const
  for (let i = 0; i < 256; i++) {
    let c = i
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
    tables[0][i] = c >>> 0
  }
  for (let i = 0; i < 256; i++) {
    for (let t = 1; t < 4; t++) {
      const before = tables[t - 1]![i]!
      tables[t]![i] = ((before >>> 8) ^ tables[0][before & 255]!) >>> 0
    }
  }
  return tables
})()

/** CRC-32 in plain JavaScript; `start` is the CRC of what came before (0 at the start). */
export function crc32Fallback(data: Uint8Array, start = 0): number {
  const [t0, t1, t2, t3] = TABLES as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let c = ~start >>> 0
  let i = 0
  for (const end = data.length - 3; i < end; i += 4) {
    c ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24)
    c = t3[c & 255]! ^ t2[(c >>> 8) & 255]! ^ t1[(c >>> 16) & 255]! ^ t0[c >>> 24]!
  }
  for (; i < data.length; i++) c = (c >>> 8) ^ t0[(c ^ data[i]!) & 255]!
  return ~c >>> 0
}

const native = (zlib as { crc32?: (data: Uint8Array, start?: number) => number }).crc32

/** CRC-32 of `data`, continued from `start`. */
export const crc32: (data: Uint8Array, start?: number) => number = native ?? crc32Fallback

/** What is stored of a CRC. */
export function maskCrc(crc: number): number {
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0
}
