/** An open file as node:vfs wants it: one object with synchronous and promised methods, on a descriptor of the volume. */
import { promisify } from 'node:util'
import type { ViveFileSystem } from '../face/index.ts'

type Anything = (...args: unknown[]) => unknown
type Calls = Readonly<Record<string, Anything>>

/** Methods of a handle, and the function of a descriptor behind each. */
const calls: Readonly<Record<string, string>> = {
  chmod: 'fchmod',
  chown: 'fchown',
  datasync: 'fdatasync',
  read: 'read',
  readFile: 'readFile',
  readv: 'readv',
  stat: 'fstat',
  sync: 'fsync',
  truncate: 'ftruncate',
  utimes: 'futimes',
  write: 'write',
  writeFile: 'writeFile',
  appendFile: 'appendFile',
  writev: 'writev',
}

export class VolumeHandle {
  readonly path: string
  readonly flags: string | number
  readonly fd: number
  readonly #calls: Calls
  #isClosed = false

  /** `fd`: a descriptor of `fs`, which the handle closes. */
  constructor(fs: ViveFileSystem, fd: number, path: string, flags: string | number) {
    this.#calls = fs as unknown as Calls
    this.fd = fd
    this.path = path
    this.flags = flags
    for (const [method, name] of Object.entries(calls)) {
      const later = promisify(this.#calls[name]) as Anything
      Object.defineProperties(this, {
        [method]: { value: (...args: unknown[]) => later(this.#open, ...args) },
        [`${method}Sync`]: { value: (...args: unknown[]) => this.#calls[`${name}Sync`](this.#open, ...args) },
      })
    }
  }

  get closed(): boolean {
    return this.#isClosed
  }

  /** The descriptor; -1, which every call refuses, once it is closed: its number may be another's by then. */
  get #open(): number {
    return this.#isClosed ? CLOSED : this.fd
  }

  async close(): Promise<void> {
    const fd = this.#open
    this.#isClosed = true
    await (promisify(this.#calls.close) as Anything)(fd)
  }

  closeSync(): void {
    const fd = this.#open
    this.#isClosed = true
    this.#calls.closeSync(fd)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A number that no volume gives: EBADF. */
const CLOSED = 0x7fff_ffff
