/**
 * Blocked Bloom filters: all probes of a key lie in one 64-byte line. The bytes are drawn in FORMAT.md ("Filters"). Idea: Putze,
 * Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2007); RocksDB's FastLocalBloom.
 */
const HEADER_BYTES = 8
const LINE_BYTES = 64
const LINE_BITS = LINE_BYTES * 8
const KIND = 1
const PROBES_MAX = 16
const TWO_32 = 2 ** 32

/** The hashes of a table's keys while it is built; no key is kept. */
export class HashList {
  #hashes: Uint32Array = new Uint32Array(1024)
  count = 0

  add(hash: number): void {
    if (this.count === this.#hashes.length) {
      const grown = new Uint32Array(this.count * 2)
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    this.#hashes[this.count++] = hash
  }

  at(index: number): number {
    return this.#hashes[index]!
  }
}

/** Builds the filter of `hashes` with about `bitsPerKey` bits for each. */
export function buildFilter(hashes: HashList, bitsPerKey: number): Buffer {
  const lines = Math.max(1, Math.ceil((hashes.count * bitsPerKey) / LINE_BITS))
  const probes = Math.min(PROBES_MAX, Math.max(1, Math.round(bitsPerKey * 0.6)))
  const filter = Buffer.alloc(HEADER_BYTES + lines * LINE_BYTES)
  filter[0] = KIND
  filter[1] = probes
  filter.writeUInt32LE(lines, 4)
  for (let i = 0; i < hashes.count; i++) {
    let g = hashes.at(i)
    const line = HEADER_BYTES + Math.floor((g * lines) / TWO_32) * LINE_BYTES
    for (let probe = 0; probe < probes; probe++) {
      g = Math.imul(g, 0x9e3779b9)
      const bit = g >>> 23
      filter[line + (bit >>> 3)]! |= 1 << (bit & 7)
    }
  }
  return filter
}

/** A filter in memory. It answers for hashes made by `hashKey`. */
export class Filter {
  readonly #bytes: Buffer
  readonly #lines: number
  readonly #probes: number

  private constructor(bytes: Buffer, lines: number, probes: number) {
    this.#bytes = bytes
    this.#lines = lines
    this.#probes = probes
  }

  /** Undefined: these bytes are no filter. Keeps `bytes`. */
  static decode(bytes: Buffer): Filter | undefined {
    if (bytes.length < HEADER_BYTES + LINE_BYTES || bytes[0] !== KIND) return undefined
    const probes = bytes[1]!
    const lines = bytes.readUInt32LE(4)
    if (probes < 1 || probes > PROBES_MAX || HEADER_BYTES + lines * LINE_BYTES !== bytes.length) return undefined
    return new Filter(bytes, lines, probes)
  }

  /** False: no key with this hash is in the table. */
  mayContain(hash: number): boolean {
    const bytes = this.#bytes
    const line = HEADER_BYTES + Math.floor((hash * this.#lines) / TWO_32) * LINE_BYTES
    let g = hash
    for (let probe = this.#probes; probe > 0; probe--) {
      g = Math.imul(g, 0x9e3779b9)
      const bit = g >>> 23
      if ((bytes[line + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return false
    }
    return true
  }
}
