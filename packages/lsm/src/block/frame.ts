import { crc32, maskCrc } from '@vivefs/pfaof'
import { COMPRESSIONS, compressionAvailable, decompress } from './compression.ts'

/**
 * A block on disk:
 *
 *     payload | u8 compression | u32 masked CRC-32 of payload and compression byte
 */
export const TRAILER_BYTES = 5

/** Most bytes of a block's payload: the greatest key and value with room to spare. */
export const BLOCK_BYTES_MAX: number = 2 ** 27

/** Writes the trailer of `file[start, end)` at `end`; `compression` is a number of `COMPRESSIONS`. */
export function writeTrailer(file: Buffer, start: number, end: number, compression: number): void {
  file[end] = compression
  file.writeUInt32LE(maskCrc(crc32(file.subarray(start, end + 1))), end + 1)
}

/** What is wrong with a block, or what this runtime cannot do. */
export type FrameFault = 'checksum' | 'compressed data' | 'unknown compression' | 'unavailable compression'

/**
 * The payload of a framed block, decompressed, or what is wrong with it. A view of `frame` when the block is not compressed.
 * `verify` checks the CRC, otherwise pfaof's check of the page stands for it.
 */
export function openFrame(frame: Buffer, verify: boolean): Buffer | FrameFault {
  const end = frame.length - TRAILER_BYTES
  if (end < 0) return 'checksum'
  if (verify && frame.readUInt32LE(end + 1) !== maskCrc(crc32(frame.subarray(0, end + 1)))) return 'checksum'
  const number = frame[end]!
  if (number === 0) return frame.subarray(0, end)
  const compression = COMPRESSIONS[number]
  if (compression === undefined) return 'unknown compression'
  if (!compressionAvailable(compression)) return 'unavailable compression'
  if (end < 4) return 'compressed data'
  const rawBytes = frame.readUInt32LE(0)
  if (rawBytes > BLOCK_BYTES_MAX) return 'compressed data'
  return decompress(compression, frame.subarray(4, end), rawBytes) ?? 'compressed data'
}
