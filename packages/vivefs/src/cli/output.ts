/** What a command says: results to stdout as text or JSON, errors to stderr in one line. */
import type { Writable } from 'node:stream'
import { codeOf } from '../transfer/findings.ts'

/** Where a command reads and writes. */
export interface Streams {
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}

/** The reader of stdout went away (`| head`): not an error. */
export class PipeClosed extends Error {}

export class Output {
  readonly streams: Streams
  /** Set by `--json`. */
  json = false

  constructor(streams: Streams) {
    this.streams = streams
  }

  /** Writes and waits while the reader is slow. */
  async write(data: string | Uint8Array): Promise<void> {
    const { stdout } = this.streams
    if (stdout.destroyed || stdout.errored) throw new PipeClosed()
    if (stdout.write(data)) return
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        stdout.off('drain', settle).off('error', settle).off('close', settle)
        if (stdout.destroyed || stdout.errored) reject(new PipeClosed())
        else resolve()
      }
      stdout.on('drain', settle).on('error', settle).on('close', settle)
    })
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`)
  }

  /** One JSON document, or with text the text. */
  result(document: unknown, text: string): Promise<void> {
    return this.line(this.json ? JSON.stringify(document) : text)
  }

  /** One item of a long list: a JSON line, or a line of text. */
  item(item: unknown, text: string): Promise<void> {
    return this.line(this.json ? JSON.stringify(item) : text)
  }

  /** An error in one line, with its code, why, and what may help; with `--json` as `{"error":{...}}`. */
  error(error: unknown, hint?: string): void {
    const code = codeOf(error) ?? 'ERR'
    const message = oneLine(error)
    const { stderr } = this.streams
    if (this.json) {
      const { syscall, path, dest, holder, found, supported } = error as Record<string, unknown>
      const details = { syscall, path: textOf(path), dest: textOf(dest), holder, found, supported, hint }
      stderr.write(`${JSON.stringify({ error: { code, message, ...details } })}\n`)
    } else {
      const help = hint === undefined ? '' : ` (${hint})`
      stderr.write(`vivefs: ${message.startsWith(code) ? message : `${code}: ${message}`}${help}\n`)
    }
  }

  note(text: string): void {
    if (!this.json) this.streams.stderr.write(`vivefs: ${text}\n`)
  }
}

/** The message, with those of its causes that say more. */
function oneLine(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ')
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error)) return text
  const why = oneLine(cause)
  return text.includes(why) ? text : `${text}: ${why}`
}

const textOf = (path: unknown): unknown => (Buffer.isBuffer(path) ? path.toString('utf8') : path)

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Bytes for people, in powers of 1024. */
export function humanBytes(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

export const humanCount = (count: number): string => count.toLocaleString('en-US')

/** Columns of text; `right` tells which are aligned to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly boolean[]): string[] {
  const widths = right.map((_, column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}
