/** Sources as programs of their own: for child processes and worker threads, which cannot load TypeScript. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export interface Bundled {
  /** A directory of its own, for databases too. */
  readonly directory: string
  readonly program: string
  readonly worker: string
  remove(): void
}

/** Tests that are not about disks need none. */
export const fastDirectory = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())

/**
 * @param entry relative to this directory
 * @param parent where the directory is made
 */
export async function bundle(entry: string, parent: string = tmpdir()): Promise<Bundled> {
  const directory = mkdtempSync(join(parent, 'lsm-test-'))
  const program = join(directory, 'program.cjs')
  const worker = join(directory, 'worker.cjs')
  const shared = {
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
    logOverride: { 'empty-import-meta': 'silent' },
    alias: { '@vivefs/media': source('../../media/src/index.ts'), '@vivefs/pfaof': source('../../pfaof/src/index.ts') },
  } as const
  await build({ ...shared, entryPoints: [source(`./${entry}`)], outfile: program })
  await build({ ...shared, entryPoints: [source('../src/worker/index.ts')], outfile: worker })
  return { directory, program, worker, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

export interface Run {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>
}

/** Runs a program; its output is collected, and given to `line` a line at a time. */
export function run(program: string, args: readonly string[], line?: (text: string) => void): Run {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let rest = ''
  const take = (text: string): void => {
    output += text
    if (line === undefined) return
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const one of lines) line(one)
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  const ended = new Promise<Awaited<Run['ended']>>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
  return { child, ended }
}
