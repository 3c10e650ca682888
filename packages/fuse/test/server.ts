/** Mounts for tests. The serving process is a child: whoever uses a mount must not be the one who serves it. */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bundled, bundle } from './bundle.mjs'
import type { ServerOrder, ServerRole } from './programs/server.ts'

/** Why there can be no mounts here; undefined: there can. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'FUSE is Linux only'
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return 'no /dev/fuse, or no right to open it'
  }
  if (process.geteuid?.() !== 0) return 'only the superuser may mount'
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
  } catch {
    return 'no right to mount (CAP_SYS_ADMIN)'
  }
  return undefined
}

type Answer = { readonly result?: unknown; readonly error?: { code?: string; message: string } }

/** A child process that serves a mount. */
export class Server {
  readonly directory: string
  readonly child: ChildProcess
  readonly ended: Promise<NodeJS.Signals | number | null>
  readonly #answers: ((answer: Answer) => void)[] = []

  constructor(directory: string, child: ChildProcess) {
    this.directory = directory
    this.child = child
    this.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
  }

  /** Orders are answered in their order. */
  async tell(order: ServerOrder): Promise<unknown> {
    const answer = await new Promise<Answer>((resolve) => {
      this.#answers.push(resolve)
      this.child.send(order)
    })
    if (answer.error !== undefined) throw Object.assign(new Error(answer.error.message), answer.error)
    return answer.result
  }

  answered(answer: Answer): void {
    this.#answers.shift()?.(answer)
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.tell({ order: 'unmount' })
    await this.ended
  }
}

export interface Run {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

const RUN_MS_MAX = 60_000

/** A bundle, directories and servers that are gone after `clean`. */
export class Bench {
  #bundled: Promise<Bundled> | undefined
  readonly directory = mkdtempSync(join(tmpdir(), 'vivefs-mount-'))
  readonly #servers = new Set<Server>()
  #count = 0

  constructor() {
    // Ordinary users come along.
    chmodSync(this.directory, 0o755)
  }

  bundled(): Promise<Bundled> {
    this.#bundled ??= bundle('./programs/server.ts')
    return this.#bundled
  }

  path(name: string): string {
    return join(this.directory, `${name}-${++this.#count}`)
  }

  async serve(role: ServerRole): Promise<Server> {
    const { program } = await this.bundled()
    const child = fork(program('server'), [JSON.stringify(role)], {
      serialization: 'advanced',
    })
    const server = new Server(role.directory, child)
    this.#servers.add(server)
    server.ended.then(() => this.#servers.delete(server))
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: Answer & { mounted?: string; refused?: { message: string } }) => {
        if (message.mounted !== undefined) resolve()
        else if (message.refused !== undefined) reject(Object.assign(new Error(), message.refused))
        else server.answered(message)
      })
      child.once('exit', () => reject(new Error('the server ended before it had mounted')))
    })
    return server
  }

  async clean(): Promise<void> {
    for (const server of this.#servers) {
      server.child.kill('SIGKILL')
      await server.ended
      await run('umount', ['-l', server.directory])
    }
    rmSync(this.directory, { recursive: true, force: true })
    if (this.#bundled !== undefined) (await this.#bundled).remove()
  }
}

/** Runs a program to its end, which comes in a minute. */
export function run(
  program: string,
  args: readonly string[],
  o: { uid?: number; gid?: number; input?: string } = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const { input = '', ...who } = o
    const child = spawn(program, args, { ...who, stdio: 'pipe', timeout: RUN_MS_MAX, killSignal: 'SIGKILL' })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (text) => {
      stdout += text
    })
    child.stderr.on('data', (text) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** What a shell prints; throws when it fails. */
export async function sh(script: string, o: { uid?: number; gid?: number } = {}): Promise<string> {
  const { status, signal, stdout, stderr } = await run('sh', ['-euc', script], o)
  if (status !== 0) throw new Error(`${signal ?? status}: ${script}\n${stdout}${stderr}`)
  return stdout.trimEnd()
}
