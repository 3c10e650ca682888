/** Collects findings: a bounded list, and a count of all. */
import type { TransferFinding } from './types.ts'

const FINDINGS_MAX_DEFAULT = 1000

const utf8 = new TextDecoder('utf-8', { fatal: true })

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`

/** Bytes of a name or path for people: UTF-8 as it is; control characters, and bytes that are not UTF-8, as `\xNN`. */
export function printable(bytes: Uint8Array): string {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return Array.from(bytes, (byte) => (byte < 0x20 || byte > 0x7e ? hex(byte) : String.fromCharCode(byte))).join('')
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not reach a terminal
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (each) => hex(each.charCodeAt(0)))
}

export class Findings {
  readonly list: TransferFinding[] = []
  readonly counts: Record<string, number> = {}
  count = 0
  readonly #max: number

  constructor(max = FINDINGS_MAX_DEFAULT) {
    this.#max = max
  }

  add(kind: string, path: Uint8Array, message: string, code?: string): void {
    this.count++
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
    if (this.list.length >= this.#max) return
    const text = path.length === 0 ? '.' : printable(path)
    this.list.push(code === undefined ? { kind, path: text, message } : { kind, path: text, message, code })
  }

  /** An error of one entry: `vanished` when the host lost it in the meantime. */
  addError(path: Uint8Array, error: unknown): void {
    const code = codeOf(error)
    if (code === 'ENOENT') this.add('vanished', path, 'it vanished before it was read', code)
    else this.add('failed', path, error instanceof Error ? error.message : String(error), code)
  }
}

/** The code of an error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Whether an error means that going on makes no sense: the volume is closed or its store failed, or the disk is full.
 */
export function isFatal(error: unknown): boolean {
  const code = codeOf(error)
  if (code === undefined) return true
  return code === 'ENOSPC' || code === 'EROFS' || code === 'EDQUOT' || code.startsWith('ERR_VIVEFS_')
}
