/** Dir: an open directory, read entry by entry. */
import nodeFs from 'node:fs'
import { isDirectory, S_IFDIR } from '../core/mode.ts'
import { O_DIRECTORY, openInode } from '../core/open-file.ts'
import { FilesystemError } from '../errors.ts'
import { drivenSync, type Op, runAsync, runSync } from '../op.ts'
import { assertFunction, assertInteger, coded, encoded, toOptions } from './arguments.ts'
import { type Face, located, resolvePath } from './context.ts'
import type { Description } from './descriptors.ts'
import { joined, listPage } from './directories.ts'
import { Dirent } from './dirent.ts'
import { type Path, toPath } from './paths.ts'

interface DirOptions {
  readonly encoding?: BufferEncoding | 'buffer' | null
  readonly bufferSize?: number
  readonly recursive?: boolean
}

const BUFFER_ENTRIES = 32

type Done<T> = (error: unknown, value?: T) => void

const dirClosed = (): Error => coded(Error, 'ERR_DIR_CLOSED', 'Directory handle was closed')
const dirBusy = (): Error =>
  coded(
    Error,
    'ERR_DIR_CONCURRENT_OPERATION',
    'Cannot do synchronous work on directory handle with concurrent asynchronous operations',
  )

/** Opens the directory at `path`. */
export function openDirectory(face: Face, path: unknown, options?: unknown): Op<Dir> {
  const at = toPath(path)
  const given = toOptions<DirOptions>(options, { encoding: 'utf8' })
  const { bufferSize = BUFFER_ENTRIES, recursive = false } = given
  assertInteger(bufferSize, 'options.bufferSize', 1, 0xffff_ffff)
  return open()

  function* open(): Op<Dir> {
    // Node's synchronous form does not name the path.
    const description = yield* located('opendir', drivenSync() ? undefined : at, openAt(face, at))
    return new Dir(face, at, description, { ...given, bufferSize, recursive: Boolean(recursive) })
  }
}

function* openAt(face: Face, path: Path): Op<Description> {
  const { core, who, descriptors } = face
  descriptors.assertRoom()
  const file = yield* core.read(who, function* (call) {
    const inode = yield* resolvePath(call, face, path, 'follow')
    if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR')
    return yield* openInode(call, inode, O_DIRECTORY)
  })
  return descriptors.add(file, face.session)
}

/** A directory that is being read: where it is open, and behind which entry the next page begins. */
interface Level {
  readonly path: Path
  readonly description: Description
  cookie: bigint
}

export class Dir {
  readonly #face: Face
  readonly #path: Path
  readonly #options: DirOptions
  /** The directory itself and, when recursive, those below it that are still to be read. */
  readonly #first: Level
  #level: Level | undefined
  readonly #below: Path[] = []
  #page: Dirent[] = []
  #next = 0
  #isClosed = false
  /** Reads that are under way, one behind the other. */
  #reads: Promise<unknown> | undefined

  constructor(face: Face, path: Path, description: Description, options: DirOptions) {
    this.#face = face
    this.#path = path
    this.#options = options
    this.#first = { path, description, cookie: 0n }
    this.#level = this.#first
  }

  get path(): string {
    return this.#path.shown
  }

  *#step(): Op<Dirent | null> {
    for (;;) {
      if (this.#next < this.#page.length) return this.#page[this.#next++]
      if (this.#level === undefined) {
        const path = this.#below.shift()
        if (path === undefined) return null
        this.#level = { path, description: yield* located('opendir', path, openAt(this.#face, path)), cookie: 0n }
      }
      yield* located('scandir', this.#level.path, this.#fill(this.#level))
    }
  }

  *#fill(level: Level): Op<void> {
    const { core, who } = this.#face
    const { bufferSize = BUFFER_ENTRIES, encoding } = this.#options
    const { ino } = level.description.file
    const entries = yield* core.read(who, function* (call) {
      const inode = yield* call.find(ino)
      return inode === undefined ? [] : yield* listPage(call, inode, level.cookie, bufferSize)
    })
    this.#page = entries.map(({ name, type }) => new Dirent(encoded(name, encoding), level.path.shown, type))
    this.#next = 0
    if (this.#options.recursive) {
      for (const { name, type } of entries) if (type === S_IFDIR) this.#below.push(pathBelow(level.path, name))
    }
    if (entries.length > 0) level.cookie = entries[entries.length - 1].cookie
    else {
      this.#level = undefined
      if (level !== this.#first) yield* this.#face.descriptors.close(level.description)
    }
  }

  read(): Promise<Dirent | null>
  read(callback: Done<Dirent | null>): void
  read(callback?: Done<Dirent | null>): Promise<Dirent | null> | undefined {
    if (callback === undefined) return this.#read()
    assertFunction(callback, 'callback')
    if (this.#isClosed) throw dirClosed()
    settle(this.#read(), callback)
    return undefined
  }

  async #read(): Promise<Dirent | null> {
    if (this.#isClosed) throw dirClosed()
    // An entry at hand needs no waiting, unless others wait for theirs.
    if (this.#reads === undefined && this.#next < this.#page.length) return this.#page[this.#next++]
    const before = this.#reads
    const read = (async () => {
      await before?.catch(() => {})
      return runAsync(this.#step())
    })()
    this.#reads = read
    try {
      return await read
    } finally {
      if (this.#reads === read) this.#reads = undefined
    }
  }

  readSync(): Dirent | null {
    if (this.#isClosed) throw dirClosed()
    if (this.#reads !== undefined) throw dirBusy()
    return runSync(this.#step(), 'readSync')
  }

  close(): Promise<void>
  close(callback: Done<void>): void
  close(callback?: Done<void>): Promise<void> | undefined {
    if (callback === undefined) return this.#close()
    assertFunction(callback, 'callback')
    if (this.#isClosed) process.nextTick(callback, dirClosed())
    else settle(this.#close(), callback)
    return undefined
  }

  async #close(): Promise<void> {
    if (this.#isClosed) throw dirClosed()
    this.#isClosed = true
    await this.#reads?.catch(() => {})
    await runAsync(this.#release())
  }

  closeSync(): void {
    if (this.#isClosed) throw dirClosed()
    if (this.#reads !== undefined) throw dirBusy()
    this.#isClosed = true
    runSync(this.#release(), 'closeSync')
  }

  *#release(): Op<void> {
    const { descriptors } = this.#face
    if (this.#level !== undefined && this.#level !== this.#first) yield* descriptors.close(this.#level.description)
    yield* located('close', undefined, descriptors.close(this.#first.description))
  }

  async *entries(): AsyncGenerator<Dirent, void> {
    try {
      for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry
    } finally {
      await this.close()
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Dirent, void> {
    return this.entries()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) await this.close()
  }

  [Symbol.dispose](): void {
    if (!this.#isClosed) this.closeSync()
  }
}

// `instanceof fs.Dir` holds.
Object.setPrototypeOf(Dir.prototype, nodeFs.Dir.prototype)

const pathBelow = (parent: Path, name: Buffer): Path => {
  const bytes = joined(parent.bytes, name) as Buffer
  return { bytes, shown: bytes.toString() }
}

function settle<T>(promise: Promise<T>, callback: Done<T>): void {
  promise.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error),
  )
}
