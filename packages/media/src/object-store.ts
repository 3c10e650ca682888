/**
 * A small object store: whole objects by key, put, create-once, list, range read, delete. In memory, or a directory:
 *
 *   DIR/objects/<key>     the object's bytes; every character of a key other than A-Z a-z 0-9 . _ - is written as
 *                         =XX for each of its UTF-8 bytes, and a leading '.' too, so a name is never special
 *   DIR/drafts/<uuid>     an object being written; anything here at open belongs to nobody
 *
 * O1  An object appears whole or not at all: it is written and synced as a draft, then linked (create-once: the link
 *     fails when the key exists) or renamed (put) to its name, then the directory is synced.
 */
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { readFully, syncDirectory, writeFully } from './durable-file.ts'
import type { Bytes } from './medium.ts'

/** Synchronous: the medium above adds modelled latency and counters. Bytes given are copied, bytes returned are the caller's. */
export interface ObjectStore {
  put(key: string, bytes: Bytes): void
  /** False when the key exists. */
  createOnce(key: string, bytes: Bytes): boolean
  /** Sorted by code unit. */
  list(prefix: string): string[]
  size(key: string): number | undefined
  /** Bytes filled; undefined when there is no such key. */
  read(key: string, offset: number, into: Bytes): number | undefined
  delete(key: string): boolean
}

export class MemoryObjects implements ObjectStore {
  readonly #objects = new Map<string, Bytes>()

  put(key: string, bytes: Bytes): void {
    this.#objects.set(key, bytes.slice())
  }
  createOnce(key: string, bytes: Bytes): boolean {
    if (this.#objects.has(key)) return false
    this.put(key, bytes)
    return true
  }
  list(prefix: string): string[] {
    return [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort()
  }
  size(key: string): number | undefined {
    return this.#objects.get(key)?.length
  }
  read(key: string, offset: number, into: Bytes): number | undefined {
    const object = this.#objects.get(key)
    if (object === undefined) return undefined
    const piece = object.subarray(offset, offset + into.length)
    into.set(piece)
    return piece.length
  }
  delete(key: string): boolean {
    return this.#objects.delete(key)
  }
}

const encoder = new TextEncoder()

/** The file name of a key; see the top of the file. */
export function fileNameOf(key: string): string {
  let name = ''
  for (const byte of encoder.encode(key)) {
    const character = String.fromCharCode(byte)
    const plain = /[A-Za-z0-9_-]/.test(character) || (character === '.' && name !== '')
    name += plain ? character : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return name
}

/** The key of a file name, or undefined when no key has it. */
export function keyOf(name: string): string | undefined {
  try {
    const key = decodeURIComponent(name.replace(/%/g, '=25').replace(/=/g, '%'))
    return fileNameOf(key) === name ? key : undefined
  } catch {
    return undefined
  }
}

export class DirectoryObjects implements ObjectStore {
  readonly #objects: string
  readonly #drafts: string

  constructor(path: string) {
    this.#objects = join(path, 'objects')
    this.#drafts = join(path, 'drafts')
    mkdirSync(this.#objects, { recursive: true })
    mkdirSync(this.#drafts, { recursive: true })
    syncDirectory(path)
  }

  #pathOf(key: string): string {
    return join(this.#objects, fileNameOf(key))
  }

  #draft(bytes: Bytes): string {
    const path = join(this.#drafts, randomUUID())
    const fd = openSync(path, 'wx')
    try {
      writeFully(fd, bytes, 0)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    return path
  }

  put(key: string, bytes: Bytes): void {
    renameSync(this.#draft(bytes), this.#pathOf(key))
    syncDirectory(this.#objects)
  }

  createOnce(key: string, bytes: Bytes): boolean {
    const path = this.#pathOf(key)
    if (existsSync(path)) return false
    const draft = this.#draft(bytes)
    try {
      linkSync(draft, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    } finally {
      unlinkSync(draft)
    }
    syncDirectory(this.#objects)
    return true
  }

  list(prefix: string): string[] {
    const keys = readdirSync(this.#objects).map(keyOf)
    return keys.filter((key): key is string => key?.startsWith(prefix) === true).sort()
  }

  size(key: string): number | undefined {
    return statSync(this.#pathOf(key), { throwIfNoEntry: false })?.size
  }

  read(key: string, offset: number, into: Bytes): number | undefined {
    let fd: number
    try {
      fd = openSync(this.#pathOf(key), 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    try {
      return readFully(fd, into, offset)
    } finally {
      closeSync(fd)
    }
  }

  delete(key: string): boolean {
    try {
      unlinkSync(this.#pathOf(key))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
    syncDirectory(this.#objects)
    return true
  }
}
