/** Runs a standard program of the system (blkzone, blkdiscard, fallocate, mt) and answers what it printed. */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { MediumError } from '../error.ts'
import { sleepMsSync } from '../timing.ts'

const LIMIT_MS = 600_000
const OUTPUT_BYTES_MAX = 256 << 20
/** Administrators' programs are not always on the path of a service. */
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  LC_ALL: 'C',
  PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`,
})

function failure(program: string, args: readonly string[], status: unknown, complaint: string): MediumError {
  if (status === 'ENOENT') {
    return new MediumError('MEDIA_TOOL_MISSING', `${program} is not installed (util-linux: blkzone; mt-st: mt)`)
  }
  const text = complaint.trim().split('\n')[0] ?? ''
  const code = /permission denied|not permitted/i.test(text)
    ? 'MEDIA_PERMISSION'
    : /busy/i.test(text)
      ? 'MEDIA_LOCKED'
      : /no medium/i.test(text)
        ? 'MEDIA_NO_CARTRIDGE'
        : 'MEDIA_IO'
  return new MediumError(code, `${program} ${args.join(' ')} failed with ${String(status)}: ${text}`)
}

/** Standard output; `started` hears the process id. MEDIA_TOOL_MISSING, MEDIA_PERMISSION, MEDIA_LOCKED, MEDIA_NO_CARTRIDGE, MEDIA_IO. */
export function runCommand(program: string, args: readonly string[], started?: (pid: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: environment(), timeout: LIMIT_MS, maxBuffer: OUTPUT_BYTES_MAX }
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(failure(program, args, error.code, stderr || error.message))
    })
    if (child.pid !== undefined) started?.(child.pid)
  })
}

/** Waits for a child of this process without its event loop: an ended child that nobody has asked for is a zombie. */
export function waitForChildNow(pid: number): void {
  for (;;) {
    let stat: string
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    } catch {
      return
    }
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return
    sleepMsSync(1)
  }
}

/** The same, while everything waits. */
export function runCommandNow(program: string, args: readonly string[]): string {
  const options = { env: environment(), timeout: LIMIT_MS, maxBuffer: OUTPUT_BYTES_MAX, encoding: 'utf8' } as const
  const { status, stdout, stderr, error } = spawnSync(program, args, options)
  if (status === 0) return stdout
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? status
  throw failure(program, args, code, stderr || (error?.message ?? ''))
}
