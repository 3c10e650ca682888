import type { Bytes } from '../bytes.ts'

/** Values of keys with this prefix are separated from this size on. */
export interface SeparationRule {
  readonly prefix: Bytes
  /** Infinity: never. */
  readonly bytes: number
}

/** Which values lie apart from their keys. Structured-clonable. */
export interface SeparationOptions {
  /** For keys that no rule is for; Infinity: never. */
  readonly bytes: number
  readonly rules: readonly SeparationRule[]
}

/** Decides whether a value lies apart from its key: by its size, and by the longest prefix of the key that there is a rule for. */
export class Separation {
  /** Of no value below it. */
  readonly least: number
  readonly #bytes: number
  /** Longest prefix first. */
  readonly #rules: readonly SeparationRule[]

  constructor({ bytes, rules }: SeparationOptions) {
    this.#bytes = bytes
    this.#rules = [...rules].sort((a, b) => b.prefix.length - a.prefix.length)
    this.least = rules.reduce((least, rule) => Math.min(least, rule.bytes), bytes)
  }

  separates(keyBytes: Bytes, keyStart: number, keyEnd: number, valueBytes: number): boolean {
    if (valueBytes < this.least) return false
    for (const { prefix, bytes } of this.#rules) {
      if (startsWith(keyBytes, keyStart, keyEnd, prefix)) return valueBytes >= bytes
    }
    return valueBytes >= this.#bytes
  }
}

/** Undefined: nothing is separated, so nobody has to ask. */
export function separationOf(options: SeparationOptions | undefined): Separation | undefined {
  if (options === undefined) return undefined
  const separation = new Separation(options)
  return separation.least === Number.POSITIVE_INFINITY ? undefined : separation
}

function startsWith(bytes: Bytes, start: number, end: number, prefix: Bytes): boolean {
  if (end - start < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false
  return true
}
