/** What the trial of every example needs: programs of this machine as clients, a place for files, and a place to write down what was seen. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Whether this machine has a program; says so when it has not. */
export function has(program) {
  const found = spawnSync('which', [program]).status === 0
  if (!found) console.log(`- skipped: ${program} is not installed`)
  return found
}

/** Runs a program to its end; answers what it printed. A failure throws with what it printed. `input` goes to its standard input. */
export async function run(program, args = [], { input, timeoutMs = 60_000, ...options } = {}) {
  const running = execute(program, args, { timeout: timeoutMs, maxBuffer: 1 << 26, ...options })
  // A program may end without reading.
  running.child.stdin.on('error', () => {}).end(input ?? '')
  try {
    const { stdout, stderr } = await running
    return stdout + stderr
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}: ${error.message}\n${error.stdout}${error.stderr}`)
  }
}

/** Runs `body` with a folder that is gone afterwards. */
export async function withFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), 'vivefs-example-'))
  try {
    return await body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** One thing that was tried and held. */
export function held(what) {
  console.log(`+ ${what}`)
}
