/**
 * An entry of a batch, in the log and in the memtable alike (FORMAT.md, "Batch"):
 *
 *     u8 kind, varint key bytes, key, and unless the kind is DELETE: varint value bytes, value
 *
 * A varint is LEB128 in at most 4 bytes.
 */
import type { Bytes } from '../bytes.ts'
import { DELETE, type Kind, RANGE_DELETE } from '../kind.ts'

/** Most bytes of a key. */
export const KEY_BYTES_MAX: number = 2 ** 16
/** Most bytes of a value. */
export const VALUE_BYTES_MAX: number = 2 ** 26
/** More than the bytes of an entry beside key and value. */
export const ENTRY_HEAD_BYTES_MAX = 16

const NOTHING: Buffer = Buffer.alloc(0)

/** Bytes of the varint of a length. */
export function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4
}

/** Writes the varint of a length; returns where it ends. */
export function writeLength(bytes: Bytes, at: number, length: number): number {
  let rest = length
  let end = at
  while (rest >= 0x80) {
    bytes[end++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[end++] = rest
  return end
}

/** Bytes of a whole entry. */
export function entryBytes(kind: Kind, keyBytes: number, valueBytes: number): number {
  const key = 1 + lengthBytes(keyBytes) + keyBytes
  return kind === DELETE ? key : key + lengthBytes(valueBytes) + valueBytes
}

/** Up to this length a loop is faster than a native copy. */
const LOOP_BYTES = 48

/** `into[at ...) = from[start, end)`. */
export function copyBytes(into: Buffer, at: number, from: Bytes, start: number, end: number): void {
  if (end - start <= LOOP_BYTES) for (let i = start, to = at; i < end; i++, to++) into[to] = from[i]!
  else if (start === 0 && end === from.length) into.set(from, at)
  else into.set(from.subarray(start, end), at)
}

/** One entry where it lies; reused, it allocates nothing. */
export class EntryView {
  bytes: Buffer = NOTHING
  kind: Kind = DELETE
  keyStart = 0
  keyEnd = 0
  valueStart = 0
  valueEnd = 0

  /** Where the entry ends. */
  get end(): number {
    return this.valueEnd
  }

  /** Reads the entry at `at`. False: the bytes below `limit` are no whole entry, or one outside the limits. */
  read(bytes: Buffer, at: number, limit: number): boolean {
    if (at >= limit) return false
    const kind = bytes[at]! as Kind
    if (kind > RANGE_DELETE) return false
    let keyBytes = at + 1 < limit ? bytes[at + 1]! : 0x80
    let keyStart = at + 2
    if (keyBytes >= 0x80) {
      keyBytes = readLength(bytes, at + 1, limit)
      if (keyBytes < 0 || keyBytes > KEY_BYTES_MAX) return false
      keyStart = at + 1 + lengthBytes(keyBytes)
    }
    const keyEnd = keyStart + keyBytes
    if (keyEnd > limit) return false
    let valueStart = keyEnd
    let valueEnd = keyEnd
    if (kind !== DELETE) {
      let valueBytes = keyEnd < limit ? bytes[keyEnd]! : 0x80
      valueStart = keyEnd + 1
      if (valueBytes >= 0x80) {
        valueBytes = readLength(bytes, keyEnd, limit)
        if (valueBytes < 0 || valueBytes > VALUE_BYTES_MAX) return false
        valueStart = keyEnd + lengthBytes(valueBytes)
      }
      valueEnd = valueStart + valueBytes
      if (valueEnd > limit) return false
    }
    this.bytes = bytes
    this.kind = kind
    this.keyStart = keyStart
    this.keyEnd = keyEnd
    this.valueStart = valueStart
    this.valueEnd = valueEnd
    return true
  }
}

/** The length at `at`; -1: cut off, longer than 4 bytes, or not in its shortest form. */
function readLength(bytes: Bytes, at: number, limit: number): number {
  let length = 0
  for (let i = 0; i < 4 && at + i < limit; i++) {
    const byte = bytes[at + i]!
    length |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return i > 0 && byte === 0 ? -1 : length
  }
  return -1
}
