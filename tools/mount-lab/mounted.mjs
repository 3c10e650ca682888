/** Volumes and mounts for the lab. This process serves none of them: it may use them. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Runs a program to its end; a process group that takes longer than `seconds` is killed. `{ status, output }`. */
export function run(program, args, { seconds = 60, env = {}, cwd } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let output = ''
    let timedOut = false
    const take = (text) => {
      output = (output + text).slice(-20_000)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const timer = setTimeout(() => {
      timedOut = true
      process.kill(-child.pid, 'SIGKILL')
    }, seconds * 1000)
    child.on('error', (error) => resolve({ status: -1, output: error.message }))
    child.on('exit', (status, signal) => {
      clearTimeout(timer)
      const why = timedOut ? `took longer than ${seconds} s` : signal === null ? '' : `ended by ${signal}`
      resolve({ status: status ?? -1, output: `${output}${why}` })
    })
  })
}

/** Whether a process runs: one that nobody has waited for yet does not. */
function isAlive(pid) {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return false
    throw error
  }
}

/** The command `vivefs` of a bundle, and what it has mounted. */
export class Lab {
  #cli
  #mounts = new Map()
  constructor(cli, parent) {
    this.#cli = cli
    mkdirSync(parent, { recursive: true })
    this.directory = mkdtempSync(join(parent, 'vivefs-mount-lab-'))
    spawnSync('chmod', ['755', this.directory])
  }

  path(name) {
    return join(this.directory, name)
  }

  async vivefs(...args) {
    const { status, output } = await run(process.execPath, [this.#cli, ...args], { seconds: 300 })
    if (status !== 0) throw new Error(`vivefs ${args.join(' ')}: ${output.trim()}`)
    return output
  }

  /** Mounts a volume; answers the process that serves it. */
  async mount(volume, directory, ...flags) {
    // After a kill it is there, and cannot be looked at.
    if (!this.#mounts.has(directory)) mkdirSync(directory, { recursive: true })
    const { pid } = JSON.parse(await this.vivefs('mount', volume, directory, '--background', '--json', ...flags))
    this.#mounts.set(directory, pid)
    return pid
  }

  async umount(directory) {
    await this.vivefs('umount', directory)
    this.#mounts.delete(directory)
  }

  /** Kills the server of a mount and waits until it is dead. */
  async kill(directory) {
    const pid = this.#mounts.get(directory)
    if (pid === undefined || !isAlive(pid)) return
    process.kill(pid, 'SIGKILL')
    while (isAlive(pid)) await sleep(5)
  }

  close() {
    for (const [directory, pid] of this.#mounts) {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      spawnSync('umount', ['-l', directory])
    }
    rmSync(this.directory, { recursive: true, force: true })
  }
}
