import { Errno } from '../errno.ts'
import { readU64 } from '../protocol/wire.ts'

/** A place in a file, or a length. EFBIG: further than files of a volume reach, while the kernel goes on to 2^63. */
export function offsetAt(body: Buffer, at: number): number {
  const value = readU64(body, at)
  if (value > Number.MAX_SAFE_INTEGER) throw new Errno('EFBIG')
  return value
}
