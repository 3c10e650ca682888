/** Growing writer and verdict-giving reader of the small types in FORMAT.md: u8, u16, u32, varint, text, bytes. */

/** Appends values to a buffer that grows. */
export class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256)
  #length = 0

  get length(): number {
    return this.#length
  }

  #room(bytes: number): number {
    const at = this.#length
    if (at + bytes > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, at + bytes))
      this.#bytes.copy(grown, 0, 0, at)
      this.#bytes = grown
    }
    this.#length = at + bytes
    return at
  }

  u8(value: number): this {
    const at = this.#room(1)
    this.#bytes[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeUInt16LE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeUInt32LE(value, at)
    return this
  }

  varint(value: number): this {
    let rest = value
    while (rest >= 128) {
      this.u8((rest % 128) | 128)
      rest = Math.floor(rest / 128)
    }
    return this.u8(rest)
  }

  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  text(value: string): this {
    const bytes = Buffer.from(value, 'utf8')
    return this.varint(bytes.length).raw(bytes)
  }

  /** A copy of what was written; the caller owns it. */
  take(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }
}

/** Reads values in order. After a fault every value is 0 or empty and `ok` stays false; nothing throws. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  ok = true

  constructor(bytes: Buffer, at = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#at = at
    this.#end = Math.min(end, bytes.length)
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#end - this.#at
  }

  #take(bytes: number): number {
    if (!this.ok || bytes > this.#end - this.#at) {
      this.ok = false
      return -1
    }
    const at = this.#at
    this.#at += bytes
    return at
  }

  u8(): number {
    const at = this.#take(1)
    return at < 0 ? 0 : this.#bytes[at]!
  }

  u16(): number {
    const at = this.#take(2)
    return at < 0 ? 0 : this.#bytes.readUInt16LE(at)
  }

  u32(): number {
    const at = this.#take(4)
    return at < 0 ? 0 : this.#bytes.readUInt32LE(at)
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.u8()
      value += (byte & 127) * scale
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) this.ok = false
        return this.ok ? value : 0
      }
      scale *= 128
    }
    this.ok = false
    return 0
  }

  /** A view; copy it to keep it. */
  raw(bytes: number): Buffer {
    const at = this.#take(bytes)
    return at < 0 ? Buffer.alloc(0) : this.#bytes.subarray(at, at + bytes)
  }

  text(bytesMax: number): string {
    const length = this.varint()
    if (length > bytesMax) this.ok = false
    return this.raw(length).toString('utf8')
  }

  /** A count of things of which each takes at least `bytesEach`: an impossible one is a fault, not an allocation. */
  count(bytesEach: number): number {
    const count = this.varint()
    if (count * bytesEach > this.left) this.ok = false
    return this.ok ? count : 0
  }
}
