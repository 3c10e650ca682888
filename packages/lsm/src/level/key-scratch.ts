import type { Bytes } from '../bytes.ts'

/** Views of the scratch for keys up to this length are made once. */
const VIEWS = 512

interface Utf8Write {
  utf8Write(text: string, offset: number, length: number): number
}

/** Encodes text keys of point reads without allocating: the bytes hold until the next key. */
export class KeyScratch {
  #bytes: Buffer = Buffer.allocUnsafeSlow(4096)
  #views: Buffer[] = []

  of(key: string | Bytes): Buffer {
    if (typeof key !== 'string') return key as Buffer
    const { length } = key
    if (length * 3 > this.#bytes.length) this.#grow(length * 3)
    const bytes = this.#bytes
    let end = 0
    for (; end < length && end < VIEWS; end++) {
      const code = key.charCodeAt(end)
      if (code >= 0x80) break
      bytes[end] = code
    }
    if (end < length) end = (bytes as unknown as Utf8Write).utf8Write(key, 0, bytes.length)
    if (end >= VIEWS) return bytes.subarray(0, end)
    const view = this.#views[end]
    if (view !== undefined) return view
    const made = bytes.subarray(0, end)
    this.#views[end] = made
    return made
  }

  #grow(bytes: number): void {
    this.#bytes = Buffer.allocUnsafeSlow(bytes * 2)
    this.#views = []
  }
}
