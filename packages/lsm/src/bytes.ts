/** Bytes as they travel between the parts. Buffers inside the engine are `Buffer`s, so that text is decoded without a copy. */
export type Bytes = Uint8Array

/** Bytewise order of `a[aFrom, aTo)` and `b[bFrom, bTo)`: negative, zero or positive; a prefix comes first. */
export function compareRanges(a: Bytes, aFrom: number, aTo: number, b: Bytes, bFrom: number, bTo: number): number {
  const aBytes = aTo - aFrom
  const bBytes = bTo - bFrom
  const shared = Math.min(aBytes, bBytes)
  for (let i = 0; i < shared; i++) {
    const difference = a[aFrom + i]! - b[bFrom + i]!
    if (difference !== 0) return difference
  }
  return aBytes - bBytes
}

/** Bytewise order of whole keys. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return compareRanges(a, 0, a.length, b, 0, b.length)
}
