/**
 * The directory entry's row and the name hash that orders a directory (FORMAT.md, "Directory entry").
 *
 *     frame (extra = file type, the S_IFMT bits shifted right by 12) | ino64
 *
 * The name is in the key. Two names with one hash are two keys, so nothing is lost by a collision.
 */
import type { Bytes } from '../store/store.ts'
import { asBuffer, check, extraOf, FRAME_BYTES, frame, RowKind, readU64, seal, type Verdict, writeU64 } from './row.ts'

export const DIRENT_VERSION = 1
export const NAME_BYTES_MAX = 255

export interface Dirent {
  readonly ino: number
  /** S_IFMT bits of the target's mode. */
  readonly type: number
}

export function encodeDirent(key: Bytes, dirent: Dirent): Buffer {
  const row = frame(RowKind.dirent, DIRENT_VERSION, 8, dirent.type >>> 12)
  writeU64(row, dirent.ino, FRAME_BYTES)
  return seal(key, row)
}

/** Never throws. */
export function decodeDirent(key: Bytes, bytes: Bytes): Verdict<Dirent> {
  const fault = check(key, bytes, RowKind.dirent, DIRENT_VERSION)
  if (fault !== undefined) return { ok: false, fault }
  if (bytes.length !== FRAME_BYTES + 8) return { ok: false, fault: 'shape' }
  return { ok: true, value: { ino: readU64(asBuffer(bytes), FRAME_BYTES), type: extraOf(bytes) << 12 } }
}

/** Two 32-bit words of the volume's secret, so that nobody can prepare names that collide. */
export interface NameSeed {
  readonly high: number
  readonly low: number
}

/**
 * 48 bits of hash of a name: two multiply-xor lanes with the finalizer of MurmurHash3 (Appleby, public domain). On disk:
 * never change it without a new format version.
 */
export function hashName(seed: NameSeed, name: Bytes): number {
  let a = seed.high ^ name.length
  let b = seed.low ^ Math.imul(name.length, 0x9e3779b1)
  for (let i = 0; i < name.length; i++) {
    const byte = name[i]
    a = Math.imul(a ^ byte, 0x85ebca77)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b ^ byte, 0xc2b2ae3d)
    b = (b << 17) | (b >>> 15)
  }
  const high = finalize(a ^ Math.imul(b, 0x27d4eb2f)) >>> 16
  const low = finalize(b ^ Math.imul(a, 0x165667b1)) >>> 0
  return high * 0x1_0000_0000 + low
}

function finalize(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
