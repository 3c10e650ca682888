import type { Bytes } from '../bytes.ts'

/** 32-bit hash of `bytes[start, end)` for filters and in-block hash indexes; drawn in FORMAT.md, never to change. */
export function hashKey(bytes: Bytes, start: number, end: number): number {
  let hash = (0x9747b28c ^ (end - start)) | 0
  let at = start
  for (const whole = end - 3; at < whole; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash = Math.imul(hash ^ word, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  if (at < end) {
    let word = bytes[at]!
    if (at + 1 < end) word |= bytes[at + 1]! << 8
    if (at + 2 < end) word |= bytes[at + 2]! << 16
    hash = Math.imul(hash ^ word, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x27d4eb2f)
  hash ^= hash >>> 15
  return hash >>> 0
}
