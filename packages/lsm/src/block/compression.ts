import * as zlib from 'node:zlib'
import type { Bytes } from '../bytes.ts'

/** How the data blocks of a table are compressed. `zstd` needs a Node that has it (22.15, 23.8 and later). */
export type Compression = 'none' | 'deflate' | 'zstd'

/** Index = number on disk: never reorder. */
export const COMPRESSIONS: readonly Compression[] = ['none', 'deflate', 'zstd']

type Zstd = {
  zstdCompressSync?: (data: Bytes) => Buffer
  zstdDecompressSync?: (data: Bytes, options: { maxOutputLength: number }) => Buffer
}
const { zstdCompressSync, zstdDecompressSync } = zlib as Zstd

/** Can this runtime write and read it? */
export function compressionAvailable(compression: Compression): boolean {
  return compression !== 'zstd' || (zstdCompressSync !== undefined && zstdDecompressSync !== undefined)
}

/** The compressed form; the caller owns it. `compression` must be available. */
export function compress(compression: Compression, data: Bytes): Buffer {
  if (compression === 'zstd') return zstdCompressSync!(data)
  return zlib.deflateRawSync(data, { level: 3 })
}

/** The `rawBytes` bytes that were compressed to `data`, or undefined: it is not the compressed form of so many bytes. */
export function decompress(compression: Compression, data: Bytes, rawBytes: number): Buffer | undefined {
  try {
    const raw =
      compression === 'zstd'
        ? zstdDecompressSync!(data, { maxOutputLength: rawBytes })
        : zlib.inflateRawSync(data, { maxOutputLength: rawBytes })
    return raw.length === rawBytes ? raw : undefined
  } catch {
    return undefined // zlib's way to say that the input is damaged
  }
}
