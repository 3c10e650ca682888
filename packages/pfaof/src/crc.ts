import * as zlib from 'node:zlib'
import { CRC_BYTES_MAX, type CrcKernel, crcKernel, STAGING_AT } from './crc-kernel.ts'

/**
 * CRC-32 of zlib and gzip (polynomial 0xEDB88320, reflected): by the kernel in WebAssembly, else by `zlib.crc32`, else in JavaScript with
 * four tables; all give the same. The mask is LevelDB's (`util/crc32c.h`): checked data may hold CRCs itself.
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

const native: (data: Uint8Array, start?: number) => number =
  (zlib as { crc32?: (data: Uint8Array, start?: number) => number }).crc32 ?? crc32Fallback

/** Bytes of the staging area: the largest chunk with its header, and what pads it to a block. */
export const STAGING_BYTES: number = (1 << 20) + (64 << 10)

/** The same as the kernel, for engines without vectors. */
function plainKernel(): CrcKernel {
  const memory = Buffer.allocUnsafeSlow(STAGING_AT + STAGING_BYTES)
  const crc = (at: number, bytes: number, start: number) => native(memory.subarray(at, at + bytes), start)
  return {
    memory,
    view: new DataView(memory.buffer, memory.byteOffset, memory.length),
    crc,
    pages(at, bytes, into) {
      for (let done = 0, to = into; done < bytes; done += PAGE_BYTES, to += 4)
        memory.writeUInt32LE(crc(at + done, Math.min(PAGE_BYTES, bytes - done), 0), to)
    },
  }
}

const PAGE_BYTES = 4096
let shared: { kernel: CrcKernel; folds: boolean } | undefined

function start(): { kernel: CrcKernel; folds: boolean } {
  const kernel = crcKernel(STAGING_BYTES)
  shared = { kernel: kernel ?? plainKernel(), folds: kernel !== undefined }
  return shared
}

/**
 * The kernel of this thread. What lies in its staging area (from {@link STAGING_AT}) belongs to whoever put it there until control goes
 * back to the event loop or anything else computes a CRC.
 */
export function sharedKernel(): CrcKernel {
  return (shared ?? start()).kernel
}

/** CRC-32 of `data`, continued from `from`. Uses the staging area. */
export function crc32(data: Uint8Array, from = 0): number {
  const { kernel, folds } = shared ?? start()
  if (!folds) return native(data, from)
  const { memory } = kernel
  if (data.length <= CRC_BYTES_MAX) {
    memory.set(data, STAGING_AT)
    return kernel.crc(STAGING_AT, data.length, from) >>> 0
  }
  let crc = from
  for (let at = 0; at < data.length; at += CRC_BYTES_MAX) {
    const bytes = Math.min(CRC_BYTES_MAX, data.length - at)
    memory.set(data.subarray(at, at + bytes), STAGING_AT)
    crc = kernel.crc(STAGING_AT, bytes, crc)
  }
  return crc >>> 0
}

/** What is stored of a CRC. */
export function maskCrc(crc: number): number {
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0
}
