/** The directory of one test: paths, people, trees to start from, and what they look like afterwards. */
import assert from 'node:assert/strict'
import type { BigIntStats } from 'node:fs'
import type { NodeKind, SuiteExtras, SuiteLocker } from './extras.ts'
import { type Person, people } from './people.ts'
import type { SuiteFs, SuiteHandle, SuitePromises } from './target.ts'

/** A node of a tree to start from. */
export interface Plant {
  readonly kind: 'directory' | 'symlink' | NodeKind
  readonly content?: string | Buffer
  readonly target?: string
  /** The path, in the tree, of the inode that this is one more name of. */
  readonly linkOf?: string
  readonly mode?: number
  readonly owner?: Person
  readonly gid?: number
}

/** Paths relative to the area, parents before children. */
export type Tree = Readonly<Record<string, Plant>>

type Details = Pick<Plant, 'mode' | 'owner' | 'gid'>

export const directory = (details: Details = {}): Plant => ({ kind: 'directory', ...details })
export const file = (content: string | Buffer = 'content', details: Details = {}): Plant => ({
  kind: 'file',
  content,
  ...details,
})
/** `target` is relative to the link, or begins with `@/`, which stands for the area. */
export const symlink = (target: string, details: Details = {}): Plant => ({ kind: 'symlink', target, ...details })
export const node = (kind: NodeKind, details: Details = {}): Plant => ({ kind, ...details })
export const hardLink = (linkOf: string): Plant => ({ kind: 'file', linkOf })

/** How the suite reaches the filesystem; answers of `fs` are good until the next remount. */
export interface Access {
  fs(who: Person): SuiteFs
  /** Closes and opens the filesystem again. */
  remount(): Promise<void>
}

export class Area {
  /** Absolute path of the area's directory. */
  readonly directory: string
  readonly #access: Access
  readonly #handles: SuiteHandle[] = []
  readonly #lockers: SuiteLocker[] = []
  readonly #afterwards: (() => Promise<unknown>)[] = []

  constructor(access: Access, directory: string) {
    this.#access = access
    this.directory = directory
  }

  /** Absolute path; an empty one stays empty. */
  path(relative: string): string {
    if (relative === '' || relative.startsWith('/')) return relative
    return relative === '.' ? this.directory : `${this.directory}/${relative}`
  }

  fs(who: Person = 'root'): SuiteFs {
    return this.#access.fs(who)
  }

  /** node:fs/promises as `who`. */
  as(who: Person): SuitePromises {
    return this.fs(who).promises
  }

  get promises(): SuitePromises {
    return this.as('root')
  }

  /** Closes and opens the filesystem again; handles are dead afterwards. */
  remount(): Promise<void> {
    this.#handles.length = 0
    this.#lockers.length = 0
    return this.#access.remount()
  }

  extras(who: Person = 'root'): Required<SuiteExtras> {
    return this.fs(who).extras as Required<SuiteExtras>
  }

  /** Opens a file, to be closed at the end of the test if it is still open. */
  async open(
    relative: string,
    flags: string | number = 'r',
    mode?: number,
    who: Person = 'root',
  ): Promise<SuiteHandle> {
    const handle = await this.as(who).open(this.path(relative), flags, mode)
    this.#handles.push(handle)
    return handle
  }

  /** Opens a file for locks, to be closed at the end of the test if it is still open. */
  async openLocker(relative: string, who: Person, flags: 'r' | 'r+' | 'a' = 'r+'): Promise<SuiteLocker> {
    const locker = await this.extras(who).openLocker(this.path(relative), flags)
    this.#lockers.push(locker)
    return locker
  }

  /** Does something at the end of the test, however it ends: what the test set outside its directory is taken back. */
  afterwards(undo: () => Promise<unknown>): void {
    this.#afterwards.push(undo)
  }

  stat(relative: string): Promise<BigIntStats> {
    return this.promises.stat(this.path(relative), { bigint: true })
  }

  lstat(relative: string): Promise<BigIntStats> {
    return this.promises.lstat(this.path(relative), { bigint: true })
  }

  async text(relative: string): Promise<string> {
    return (await this.promises.readFile(this.path(relative))).toString()
  }

  /** Plants a tree, as root, with the modes and owners that it says. */
  async plant(tree: Tree): Promise<void> {
    const plants = Object.entries(tree)
    const depths = plants.map(([relative, { linkOf }]) => relative.split('/').length + (linkOf === undefined ? 0 : 100))
    for (const depth of [...new Set(depths)].sort((one, other) => one - other)) {
      const level = plants.filter((_, at) => depths[at] === depth)
      await inParallel(level, ([relative, plant]) => this.#plant(this.path(relative), plant))
    }
    // Modes last: a parent that nobody may write can have children.
    await inParallel(plants, ([relative, plant]) => this.#dress(this.path(relative), plant))
  }

  async #plant(path: string, plant: Plant): Promise<void> {
    const { kind, content = '', target = '', linkOf } = plant
    if (linkOf !== undefined) return this.promises.link(this.path(linkOf), path)
    if (kind === 'directory') {
      if (path !== this.directory) await this.promises.mkdir(path)
    } else if (kind === 'file') await this.promises.writeFile(path, content)
    else if (kind === 'symlink') await this.promises.symlink(target.replace(/^@\//, `${this.directory}/`), path)
    else await this.extras().mknod(path, kind, { mode: plant.mode ?? 0o644 })
  }

  async #dress(path: string, { kind, mode, owner, gid, linkOf }: Plant): Promise<void> {
    if (linkOf !== undefined) return
    if (owner !== undefined || gid !== undefined) {
      const { uid } = people[owner ?? 'root']
      await this.promises.lchown(path, uid, gid ?? people[owner ?? 'root'].gid)
    }
    if (mode !== undefined && kind !== 'symlink') await this.promises.chmod(path, mode)
  }

  /** Every path of the area, `.` first. Reads directories. */
  async paths(relative = '.'): Promise<string[]> {
    if (!(await this.lstat(relative)).isDirectory()) return [relative]
    const names = (await this.promises.readdir(this.path(relative))).sort()
    const below = await Promise.all(names.map((name) => this.paths(relative === '.' ? name : `${relative}/${name}`)))
    return [relative, ...below.flat()]
  }

  /** Closes what was opened and takes back what was set. */
  async close(): Promise<void> {
    for (const handle of this.#handles) if (handle.fd >= 0) await handle.close().catch(() => {})
    for (const locker of this.#lockers) await locker.close().catch(() => {})
    for (const undo of this.#afterwards) await undo()
  }
}

/** Does something with every item, a hundred at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += 100) await Promise.all(items.slice(at, at + 100).map(work))
}

/** Removes everything below `path`, and `path` itself. */
export async function removeTree(promises: SuitePromises, path: Buffer): Promise<void> {
  try {
    await promises.unlink(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // EPERM is what POSIX says of directories, EISDIR what Linux says.
    if (code !== 'EISDIR' && code !== 'EPERM') throw error
    const names = await promises.readdir(path, 'buffer')
    await inParallel(names, (name) => removeTree(promises, Buffer.concat([path, Buffer.from('/'), name])))
    await promises.rmdir(path)
  }
}

let tickMs = 12

/** Waits until the clock that stamps files has moved on; `measureTick` says how long that takes. */
export const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, tickMs))

/** Finds out how coarse the clock of a filesystem is (Linux: up to 10 ms, or fine where a file was looked at). */
export async function measureTick(promises: SuitePromises, path: string): Promise<void> {
  await promises.mkdir(path)
  let longest = 0
  for (let round = 0; round < 5; round++) {
    const { ctimeNs } = await promises.stat(path, { bigint: true })
    const begin = performance.now()
    do await promises.chmod(path, 0o700)
    while ((await promises.stat(path, { bigint: true })).ctimeNs === ctimeNs)
    longest = Math.max(longest, performance.now() - begin)
  }
  await promises.rmdir(path)
  tickMs = Math.min(Math.ceil(longest), 20) + 1
}

/** Fails unless `action` is refused with `code`. */
export async function refuses(code: string, action: Promise<unknown>, what = code): Promise<void> {
  const error = await action.then(
    () => undefined,
    (reason: NodeJS.ErrnoException) => reason,
  )
  assert.ok(error !== undefined, `${what}: ${code} expected, but it succeeded`)
  assert.equal(error.code, code, `${what}: ${error.message}`)
}
