/** Runs the program in this process and catches what it says. */
import { Writable } from 'node:stream'
import { run } from '../../src/cli/program.ts'

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

class Catcher extends Writable {
  readonly pieces: Buffer[] = []
  isTTY = false
  columns = 120

  override _write(piece: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.pieces.push(Buffer.from(piece))
    done()
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString('utf8')
  }
}

export async function vivefs(...argv: string[]): Promise<Said> {
  return await vivefsWith({}, ...argv)
}

export async function vivefsWith(options: { signal?: AbortSignal; isTTY?: boolean }, ...argv: string[]): Promise<Said> {
  const stdout = new Catcher()
  const stderr = new Catcher()
  stderr.isTTY = options.isTTY === true
  const code = await run(argv, { stdout, stderr }, options.signal)
  return { code, out: stdout.text, err: stderr.text }
}

/** The same, expected to succeed; answers what went to stdout. */
export async function ok(...argv: string[]): Promise<string> {
  const { code, out, err } = await vivefs(...argv)
  if (code !== 0) throw new Error(`vivefs ${argv.join(' ')} ended with ${code}: ${err}${out}`)
  return out
}

export const json = async (...argv: string[]): Promise<unknown> => JSON.parse(await ok(...argv, '--json'))

export const jsonLines = async (...argv: string[]): Promise<Record<string, unknown>[]> =>
  (await ok(...argv, '--json'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
