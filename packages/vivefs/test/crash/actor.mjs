/**
 * A sequence of operations that depends on nothing but a seed, each of them one transaction: the child process plays it
 * on a volume, the parent plays it on this model and knows what must be there after every operation.
 */
import { createHash } from 'node:crypto'

const WRITE_END_MAX = 400_000
const FILES_MAX = 10

export class Actor {
  /** Names to content. Directories are null. Names of one file share one object. */
  tree = new Map()
  #state
  #count = 0

  constructor(seed) {
    this.#state = seed >>> 0
  }

  #next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }

  #upTo(end) {
    return Math.floor(this.#next() * end)
  }

  #bytes(length) {
    const bytes = Buffer.allocUnsafe(length)
    let word = this.#upTo(0x1_0000_0000)
    for (let i = 0; i < length; i++) {
      word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0
      bytes[i] = word >>> 24
    }
    return bytes
  }

  /** The next operation. It is in the model already. */
  next() {
    this.#count++
    const names = [...this.tree.keys()]
    const files = names.filter((name) => this.tree.get(name) !== null)
    const directories = names.filter((name) => this.tree.get(name) === null)
    const fresh = `n${this.#count}`
    const roll = this.#next()
    if (files.length === 0 || (roll < 0.15 && files.length < FILES_MAX)) {
      this.tree.set(fresh, { content: Buffer.alloc(0) })
      return { kind: 'create', name: fresh }
    }
    const name = files[this.#upTo(files.length)]
    const file = this.tree.get(name)
    if (roll < 0.2) {
      this.tree.set(fresh, null)
      return { kind: 'mkdir', name: fresh }
    }
    if (roll < 0.25 && directories.length > 0) {
      const directory = directories[this.#upTo(directories.length)]
      this.tree.delete(directory)
      return { kind: 'rmdir', name: directory }
    }
    if (roll < 0.33) {
      this.tree.delete(name)
      return { kind: 'unlink', name }
    }
    if (roll < 0.38) {
      this.tree.set(fresh, file)
      return { kind: 'link', name, to: fresh }
    }
    if (roll < 0.48) {
      const to = this.#next() < 0.5 ? fresh : files[this.#upTo(files.length)]
      // Two names of one file: nothing happens.
      if (this.tree.get(to) !== file) {
        this.tree.delete(name)
        this.tree.set(to, file)
      }
      return { kind: 'rename', name, to }
    }
    if (roll < 0.6) {
      const size = this.#next() < 0.3 ? file.content.length + this.#upTo(50_000) : this.#upTo(file.content.length + 1)
      const content = Buffer.alloc(size)
      file.content.copy(content)
      file.content = content
      return { kind: 'truncate', name, size }
    }
    const appends = this.#next() < 0.6
    const length = [10, 100, 100, 100, 5000, 70_000, 300_000][this.#upTo(7)]
    const offset = appends ? file.content.length : this.#upTo(file.content.length + 1000)
    if (offset + length > WRITE_END_MAX) {
      file.content = Buffer.alloc(0)
      return { kind: 'truncate', name, size: 0 }
    }
    const data = this.#bytes(length)
    const content = Buffer.alloc(Math.max(file.content.length, offset + length))
    file.content.copy(content)
    data.copy(content, offset)
    file.content = content
    return { kind: 'write', name, offset: appends ? null : offset, data }
  }

  /** One line for each name. */
  fingerprint() {
    const names = (file) => [...this.tree.values()].filter((each) => each === file).length
    return [...this.tree]
      .map(([name, file]) => lineOf(name, file?.content ?? null, file === null ? 2 : names(file)))
      .sort()
  }
}

/** `content` is null for a directory. */
export function lineOf(name, content, nlink) {
  const what = content === null ? 'directory' : `${content.length} ${createHash('sha1').update(content).digest('hex')}`
  return `${name} ${nlink} ${what}`
}
