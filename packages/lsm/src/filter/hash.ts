import type { Bytes } from '../bytes.ts'

const SEED = 0x9747b28c

function mixWord(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}

/**
 * 32-bit hash of `bytes[start, end)` for filters and in-block hash indexes: MurmurHash3 x86_32 by Austin Appleby. On disk: never to
 * change.
 */
export function hashKey(bytes: Bytes, start: number, end: number): number {
  let hash = SEED
  let at = start
  for (const whole = end - 3; at < whole; at += 4) {
    hash ^= mixWord(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64
  }
  if (at < end) {
    let word = bytes[at]!
    if (at + 1 < end) word |= bytes[at + 1]! << 8
    if (at + 2 < end) word |= bytes[at + 2]! << 16
    hash ^= mixWord(word)
  }
  hash ^= end - start
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
