/**
 * A sequence of what the services of a volume do (clones, snapshots, transactions, quotas) that depends on nothing but a seed. Whoever
 * plays it acknowledges each step; whoever knows the seed knows what must be there after every step: each is there whole or not at all.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'

const FILES = 8
const BYTES_MAX = 300_000
const SNAPSHOTS_MAX = 3

/** mulberry32 */
function randomOf(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

const hash = (bytes) => createHash('sha1').update(bytes).digest('hex').slice(0, 12)
export const lineOf = (name, content) => `${name} ${content.length} ${hash(content)}`

export class ServicesActor {
  /** Names to content. */
  files = new Map()
  /** Names of snapshots to the files in them. */
  snapshots = new Map()
  #random
  #home
  #bytesMax
  #count = 0

  /** `home`: the directory it plays in; begins the names of its snapshots. */
  constructor(seed, home, bytesMax = BYTES_MAX) {
    this.#random = randomOf(seed)
    this.#home = home
    this.#bytesMax = bytesMax
  }

  #upTo = (end) => Math.floor(this.#random() * end)
  #bytes = (length) => Buffer.alloc(length, `${this.#upTo(1e9)} `)
  #name = () => `f${this.#upTo(FILES)}`

  /** The next step. It is in the model already. */
  next() {
    this.#count++
    const roll = this.#random()
    const names = [...this.files.keys()]
    const name = names[this.#upTo(names.length)]
    if (names.length === 0 || roll < 0.2) {
      const write = { kind: 'write', name: this.#name(), data: this.#bytes(this.#upTo(this.#bytesMax)) }
      this.files.set(write.name, write.data)
      return write
    }
    if (roll < 0.4) {
      const old = this.files.get(name)
      const offset = this.#upTo(old.length + 1)
      const data = this.#bytes(1 + this.#upTo(20_000))
      const content = Buffer.alloc(Math.max(old.length, offset + data.length))
      content.set(old)
      content.set(data, offset)
      this.files.set(name, content)
      return { kind: 'patch', name, offset, data }
    }
    if (roll < 0.6) {
      const to = this.#name()
      if (to !== name) this.files.set(to, this.files.get(name))
      return { kind: 'clone', name, to }
    }
    if (roll < 0.7) {
      this.files.delete(name)
      return { kind: 'unlink', name }
    }
    if (roll < 0.8) {
      const data = this.#bytes(this.#upTo(30_000))
      const both = [this.#name(), this.#name()]
      for (const each of both) this.files.set(each, data)
      return { kind: 'both', names: both, data }
    }
    if (roll < 0.9 && this.snapshots.size < SNAPSHOTS_MAX) {
      const snapshot = `${this.#home}-${this.#count}`
      this.snapshots.set(snapshot, new Map(this.files))
      return { kind: 'snapshot', snapshot }
    }
    const [snapshot] = this.snapshots.keys()
    if (snapshot === undefined) {
      const size = this.#upTo(this.files.get(name).length + 1)
      this.files.set(name, this.files.get(name).subarray(0, size))
      return { kind: 'truncate', name, size }
    }
    this.snapshots.delete(snapshot)
    return { kind: 'unsnap', snapshot }
  }

  fingerprint() {
    const lines = [...this.files].map(([name, content]) => lineOf(name, content))
    for (const [snapshot, files] of this.snapshots) {
      for (const [name, content] of files) lines.push(`${snapshot} ${lineOf(name, content)}`)
      lines.push(snapshot)
    }
    return lines.sort()
  }
}

/** Does a step in the directory `home` of a volume; one transaction. */
export async function perform(vive, home, step) {
  const fs = vive.fs.promises
  const at = (name) => `${home}/${name}`
  switch (step.kind) {
    case 'write':
      return await fs.writeFile(at(step.name), step.data)
    case 'patch': {
      const file = await fs.open(at(step.name), 'r+')
      await file.write(step.data, 0, step.data.length, step.offset)
      return await file.close()
    }
    case 'clone':
      return await fs.copyFile(at(step.name), at(step.to), constants.COPYFILE_FICLONE)
    case 'unlink':
      return await fs.unlink(at(step.name))
    case 'truncate':
      return await fs.truncate(at(step.name), step.size)
    case 'both':
      return await vive.transaction(async (tx) => {
        for (const name of step.names) await tx.fs.writeFile(at(name), step.data)
      })
    case 'snapshot':
      return void (await vive.snapshots.create(step.snapshot))
    default:
      return await vive.snapshots.delete(step.snapshot)
  }
}

async function linesOf(fs, home) {
  const lines = []
  for (const name of await fs.readdir(home)) lines.push(lineOf(name, await fs.readFile(`${home}/${name}`)))
  return lines
}

/** What is there of the actor that plays in `home`; undefined when the directory is not. */
export async function found(vive, home) {
  const isThere = await vive.fs.promises.stat(home).then(
    () => true,
    () => false,
  )
  if (!isThere) return undefined
  const prefix = `${home.slice(1)}-`
  const lines = await linesOf(vive.fs.promises, home)
  for (const { name } of vive.snapshots.list()) {
    if (!name.startsWith(prefix)) continue
    for (const line of await linesOf(vive.snapshot(name).fs.promises, home)) lines.push(`${name} ${line}`)
    lines.push(name)
  }
  return lines.sort()
}
