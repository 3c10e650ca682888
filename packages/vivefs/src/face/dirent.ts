/** An entry of a directory, as readdir({ withFileTypes }) and Dir show it. */
import fs from 'node:fs'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../core/mode.ts'

export class Dirent {
  readonly name: string | Buffer
  readonly parentPath: string | Buffer
  /** The older name of `parentPath`. */
  declare readonly path: string | Buffer
  readonly #type: number

  /** `type`: S_IFMT bits. */
  constructor(name: string | Buffer, parentPath: string | Buffer, type: number) {
    this.name = name
    this.parentPath = parentPath
    this.#type = type
  }

  isDirectory(): boolean {
    return this.#type === S_IFDIR
  }
  isFile(): boolean {
    return this.#type === S_IFREG
  }
  isSymbolicLink(): boolean {
    return this.#type === S_IFLNK
  }
  isFIFO(): boolean {
    return this.#type === S_IFIFO
  }
  isSocket(): boolean {
    return this.#type === S_IFSOCK
  }
  isBlockDevice(): boolean {
    return this.#type === S_IFBLK
  }
  isCharacterDevice(): boolean {
    return this.#type === S_IFCHR
  }
}

Object.defineProperty(Dirent.prototype, 'path', {
  configurable: true,
  get(this: Dirent) {
    return this.parentPath
  },
})
Object.setPrototypeOf(Dirent.prototype, fs.Dirent.prototype)
