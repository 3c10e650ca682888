/** Bytes that a number names, the same in every process. */
export function noise(seed: number, bytes: number): Buffer {
  const into = Buffer.alloc(bytes)
  for (let i = 0, x = seed + 1; i < bytes; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    into[i] = x >>> 24
  }
  return into
}
