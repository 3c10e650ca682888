/** What is measured side by side: servers of mounts, a directory of the system, a volume without a mount; and how one round is measured. */
import { execFileSync, fork, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Node asks for the time of birth as well, which the kernel then has for good: the first stat of a file costs one request more. */
export const METADATA = ['create', 'stat', 'stat again', 'open+read+close', 'unlink']
export const CONTENT = ['write MiB', 'read MiB']
/** How many callers there are at once in a round of names; content has one. */
export const CALLERS = [1, 4]

/** What is done before a phase and not measured. */
const BEFORE = { stat: 'fill', 'read MiB': 'cool' }

/** A server is at rest when it takes less than a twentieth of the time between two looks; after so many looks it is measured all the same. */
const LOOK_MS = 100
const LOOKS_MAX = 50

/** The columns of a table: a phase, and how many callers. */
export const columnOf = (phase, callers) => (callers === 1 ? phase : `${phase}, ${callers} callers`)

function answerOf(client, what) {
  return new Promise((done, failed) => {
    const end = () => failed(new Error(`${what} failed`))
    client.once('exit', end)
    client.once('message', (message) => {
      client.off('exit', end)
      done(message)
    })
  })
}

/** Processor time that the threads of a process have had, us; those that ended do not count. */
function processorUs(pid) {
  let ns = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    } catch {
      // It has just ended.
    }
  }
  return ns / 1000
}

/** Nothing pays for what a store still has to do from the phase before. */
async function atRest(pid) {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const before = processorUs(pid)
    await sleep(LOOK_MS)
    if (processorUs(pid) - before < LOOK_MS * 50) return
  }
}

export class Routes {
  #list = []
  #base
  #bundled
  #callers
  constructor(base, bundled) {
    this.#base = base
    this.#bundled = bundled
    this.#callers = Array.from({ length: Math.max(...CALLERS) }, () => fork(bundled.program('client')))
  }

  get names() {
    return this.#list.map(({ name }) => name)
  }

  /** Starts a server of a mount and waits until it serves. */
  async add(name, phases, program, { backend, options, peer, env = {} }) {
    const n = this.#list.length
    const directory = join(this.#base, `mnt${n}`)
    mkdirSync(directory)
    const role = { backend, directory, options, where: join(this.#base, `volume${n}`), peer }
    const child = spawn(process.execPath, [this.#bundled.program(program), JSON.stringify(role)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    const ended = new Promise((done) => child.once('exit', done))
    const begun = await Promise.race([new Promise((done) => child.stdout.once('data', () => done(true))), ended])
    if (begun !== true) throw new Error(`${name}: the server ended with ${begun} before it had mounted`)
    this.#list.push({ name, phases, directory, child, ended })
  }

  addDirectory(name, phases) {
    const directory = join(this.#base, 'host')
    mkdirSync(directory)
    this.#list.push({ name, phases, directory })
  }

  addDirect(name, phases) {
    const client = fork(this.#bundled.program('direct'), [join(this.#base, 'direct')])
    const ended = new Promise((done) => client.once('exit', done))
    this.#list.push({ name, phases, directory: '', direct: { client, ended } })
  }

  /** One phase of one route: `{ rate }` per second, and for a server `us`, its processor time for each. */
  async #measure({ name, directory, child, direct }, phase, count, callers) {
    const { files, mib } = count
    const clients = direct === undefined ? this.#callers.slice(0, callers) : [direct.client]
    const each = files / callers
    const tell = (what) =>
      Promise.all(
        clients.map((client, n) => {
          client.send({ phase: what, directory, prefix: `c${callers}-${n}-`, files: each, mib })
          return answerOf(client, `${name}: ${what}`)
        }),
      )
    if (BEFORE[phase] !== undefined && (child !== undefined || phase === 'stat')) await tell(BEFORE[phase])
    if (child !== undefined) await atRest(child.pid)
    const amount = CONTENT.includes(phase) ? mib : files
    const before = child === undefined ? 0 : processorUs(child.pid)
    const ms = Math.max(...(await tell(phase)).map((answer) => answer.ms))
    const us = child === undefined ? undefined : (processorUs(child.pid) - before) / amount
    return { rate: (amount * 1000) / ms, us }
  }

  /** One round: answers `{ rate, us }` by route and column. */
  async round(count, n) {
    const found = Object.fromEntries(this.#list.map(({ name }) => [name, {}]))
    // Another begins in each round, after what the stores still had to do from the one before.
    const first = n % this.#list.length
    const inTurn = [...this.#list.slice(first), ...this.#list.slice(0, first)]
    const columns = [
      ...CALLERS.flatMap((callers) => METADATA.map((phase) => ({ phase, callers }))),
      ...CONTENT.map((phase) => ({ phase, callers: 1 })),
    ]
    for (const { phase, callers } of columns) {
      for (const route of inTurn) {
        if (!route.phases.includes(phase)) continue
        found[route.name][columnOf(phase, callers)] = await this.#measure(route, phase, count, callers)
      }
    }
    return found
  }

  async close() {
    for (const caller of this.#callers) if (caller.connected) caller.disconnect()
    for (const { directory, child, ended, direct } of this.#list) {
      if (direct !== undefined) {
        if (direct.client.connected) direct.client.disconnect()
        await direct.ended
      }
      if (child === undefined) continue
      execFileSync('umount', ['-l', directory])
      child.kill('SIGTERM')
      await ended
    }
  }
}
