/** Paths as callers give them: strings in UTF-8, bytes, or `file:` URLs. */
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { wrongType, wrongValue } from './arguments.ts'

export type PathLike = string | Buffer | Uint8Array | URL

/** A path in bytes, and as errors show it. */
export interface Path {
  readonly bytes: Buffer
  readonly shown: string
  /** Where it was given as text. */
  readonly text?: string
}

/** A path that was given as text: its bytes are made when somebody walks it. */
class TextPath implements Path {
  readonly text: string
  private made: Buffer | undefined

  constructor(text: string) {
    this.text = text
    this.made = undefined
  }

  get shown(): string {
    return this.text
  }

  get bytes(): Buffer {
    this.made ??= Buffer.from(this.text)
    return this.made
  }
}

const isUrl = (value: unknown): value is URL =>
  typeof value === 'object' && value !== null && 'href' in value && 'protocol' in value && !('path' in value)

/** ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE (a NUL byte), ERR_INVALID_URL_SCHEME and those of fileURLToPath. */
export function toPath(value: unknown, name = 'path'): Path {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw nulByte(name, value)
    return new TextPath(value)
  }
  if (types.isUint8Array(value)) {
    if (value.includes(0)) throw nulByte(name, value)
    const bytes = Buffer.from(value)
    return { bytes, shown: bytes.toString() }
  }
  if (isUrl(value)) {
    // Paths of a volume are POSIX paths on every system.
    const text = fileURLToPath(value, { windows: false })
    if (text.includes('\0')) throw nulByte(name, text)
    return { bytes: Buffer.from(text), shown: text }
  }
  throw wrongType(name, 'of type string or an instance of Buffer or URL', value)
}

const nulByte = (name: string, value: unknown): Error =>
  wrongValue(name, value, 'must be a string, Uint8Array, or URL without null bytes')

const SLASH = 0x2f

export const endsWithSlash = (path: Path): boolean =>
  path.text === undefined
    ? path.bytes[path.bytes.length - 1] === SLASH
    : path.text.charCodeAt(path.text.length - 1) === SLASH
