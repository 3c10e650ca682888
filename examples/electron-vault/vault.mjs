/** What the vault does, without a window: the main process owns the volume, windows ask it. */
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { exportTree, importTree, ViveFS } from 'vivefs'

const PREVIEW_BYTES = 64 * 1024

/** One request of a window. What is not one of these is refused. */
const TEXT = (value, what) => {
  if (typeof value !== 'string' || value.includes('\0')) throw new TypeError(`${what} must be a text`)
  return value
}

/** An absolute path of the volume. */
const PATH = (value) => posix.resolve('/', TEXT(value, 'path'))

export class Vault {
  #vive

  constructor(vive) {
    this.#vive = vive
  }

  /** The volume in a directory, made the first time. A second program gets ERR_VIVEFS_LOCKED with the name of the first. */
  static async open(directory) {
    return new Vault(await ViveFS.open(directory, { engine: 'lsm' }))
  }

  /** The tree of a request: the volume, or a snapshot of it, which nobody can change. */
  #tree(snapshot) {
    return (snapshot === undefined ? this.#vive : this.#vive.snapshot(TEXT(snapshot, 'snapshot'))).fs.promises
  }

  /** What is in a directory, directories first. */
  async list({ path, snapshot }) {
    const fs = this.#tree(snapshot)
    const at = PATH(path)
    const entries = []
    for (const entry of await fs.readdir(at, { withFileTypes: true })) {
      const { size, mtimeMs } = await fs.lstat(posix.join(at, entry.name))
      entries.push({ name: entry.name, isDirectory: entry.isDirectory(), size, mtimeMs })
    }
    return entries.sort((a, b) => Number(b.isDirectory) - Number(a.isDirectory) || a.name.localeCompare(b.name))
  }

  /** The start of a file, as text. */
  async preview({ path, snapshot }) {
    const handle = await this.#tree(snapshot).open(PATH(path))
    try {
      const into = Buffer.alloc(PREVIEW_BYTES)
      const { bytesRead } = await handle.read(into, 0, into.length, 0)
      const { size } = await handle.stat()
      return { text: into.toString('utf8', 0, bytesRead), size, isWhole: bytesRead === size }
    } finally {
      await handle.close()
    }
  }

  /** Takes files and directories of the machine in, as by drag and drop; the names are theirs. `onProgress` hears of bytes. */
  async take({ sources, path }, onProgress) {
    const taken = []
    for (const source of sources) {
      const to = posix.join(PATH(path), basename(TEXT(source, 'source')))
      const stats = await stat(source)
      if (stats.isDirectory()) await importTree(this.#vive, source, to, { onProgress })
      else {
        const { size, mode } = stats
        await pipeline(createReadStream(source), this.#vive.fs.createWriteStream(to, { mode }))
        onProgress?.({ loaded: size, total: size })
      }
      taken.push(to)
    }
    await this.#vive.sync()
    return taken
  }

  /** Copies a file or a directory out to the machine, to a place where nothing is yet. */
  async give({ path, to }, onProgress) {
    const target = TEXT(to, 'to')
    const stats = await this.#vive.fs.promises.stat(PATH(path))
    if (stats.isDirectory()) await exportTree(this.#vive, PATH(path), target, { onProgress })
    else await pipeline(this.#vive.fs.createReadStream(PATH(path)), createWriteStream(target, { flags: 'wx' }))
  }

  async remove({ path }) {
    await this.#vive.fs.promises.rm(PATH(path), { recursive: true })
  }

  async takeSnapshot({ name }) {
    await this.#vive.snapshots.create(TEXT(name, 'name'))
  }

  async snapshots() {
    return this.#vive.snapshots
      .list()
      .map(({ name, created, inodes }) => ({ name, created: created.toISOString(), inodes }))
  }

  async rollback({ name }) {
    await this.#vive.snapshots.rollback(TEXT(name, 'name'))
  }

  close() {
    return this.#vive.close()
  }
}

/** What windows may ask for. Those of a snapshot only look. */
export const REQUESTS = ['list', 'preview', 'take', 'give', 'remove', 'takeSnapshot', 'snapshots', 'rollback']
export const LOOKING = ['list', 'preview', 'snapshots']

/**
 * Answers one request of a window. `snapshot`: the window shows that snapshot, whatever it says itself. Errors travel as data: Electron would
 * strip their codes.
 */
export async function answer(vault, { request, args = {}, snapshot, onProgress }) {
  try {
    const allowed = snapshot === undefined ? REQUESTS : LOOKING
    if (!allowed.includes(request)) throw Object.assign(new Error(`${request} is not allowed here`), { code: 'EPERM' })
    return { value: await vault[request](snapshot === undefined ? args : { ...args, snapshot }, onProgress) }
  } catch (error) {
    return { error: { code: error.code, message: error.message } }
  }
}
