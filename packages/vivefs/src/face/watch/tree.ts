/**
 * Watching a directory with all below it, as Node does it on Linux: names that come and go are `rename`, changes of
 * files are `change`, by their path below the watched directory.
 */
import { posix } from 'node:path'
import type { Call } from '../../core/call.ts'
import type { Change, NamedPlace } from '../../core/changes.ts'
import { listEntries } from '../../core/directory.ts'
import { isDirectory, mayAccess, R_OK, S_IFDIR } from '../../core/mode.ts'
import { type Op, runAsync } from '../../op.ts'
import { nodeMajor } from '../arguments.ts'
import type { Face } from '../context.ts'
import type { EventType } from './hub.ts'

const PAGE_ENTRIES = 1024
/** Changes that wait at most; what comes beyond is lost, as in an inotify queue. */
const INBOX_MAX = 16_384

interface Found {
  readonly ino: number
  readonly path: string
  readonly isDirectory: boolean
}

export class TreeWatch {
  readonly #face: Face
  readonly #root: number
  readonly #take: (event: EventType, path: string) => void
  readonly #fail: (error: unknown) => void
  readonly #unlisten: () => void
  /** Paths of the directories, below the watched one. */
  readonly #directories = new Map<number, string>()
  #inbox: Change[] = []
  #isPumping = true

  constructor(
    face: Face,
    root: number,
    take: (event: EventType, path: string) => void,
    fail: (error: unknown) => void,
  ) {
    this.#face = face
    this.#root = root
    this.#take = take
    this.#fail = fail
    this.#directories.set(root, '')
    this.#unlisten = face.core.changes.listen((change) => this.#receive(change))
    void this.#pump(true)
  }

  close(): void {
    this.#unlisten()
    this.#directories.clear()
    this.#inbox = []
  }

  #receive(change: Change): void {
    if (this.#inbox.length >= INBOX_MAX) return
    this.#inbox.push(change)
    if (this.#isPumping) return
    this.#isPumping = true
    setImmediate(() => void this.#pump(false))
  }

  async #pump(isFirst: boolean): Promise<void> {
    try {
      if (isFirst) await this.#enter(this.#root, '', false)
      while (this.#inbox.length > 0) {
        const batch = this.#inbox
        this.#inbox = []
        await this.#process(batch)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isPumping = false
    }
  }

  /** What came and went again within one batch was never seen; nor were changes of what was not watched yet. */
  async #process(batch: readonly Change[]): Promise<void> {
    const fresh = new Set<number>()
    /** What is being moved away. */
    let leaving: { readonly ino: number; readonly from: string; readonly to?: string | undefined } | undefined
    for (const [index, change] of batch.entries()) {
      const { place, ino } = change
      const path = place && this.#pathOf(place)
      switch (change.kind) {
        case 'create':
        case 'movedTo': {
          if (leaving?.ino === ino) leaving = { ...leaving, to: path }
          if (path === undefined || leaves(batch, index, change.place)) continue
          fresh.add(ino)
          this.#take('rename', path)
          if (change.isDirectory) await this.#enter(ino, path, true)
          break
        }
        case 'movedFrom':
          if (path === undefined || this.#cameWith(batch, index, change.place)) continue
          if (nodeMajor >= 26) this.#gone(change.isDirectory, path)
          else leaving = { ino, from: path }
          break
        case 'moveSelf':
          // Before Node 26 what was moved tells by itself where it is not any more, and, from its new place, that it has changed.
          if (leaving?.ino !== ino) continue
          this.#gone(change.isDirectory, leaving.from)
          if (!change.isDirectory && leaving.to !== undefined) this.#take('change', leaving.to)
          leaving = undefined
          break
        case 'delete':
          if (path === undefined || this.#cameWith(batch, index, change.place)) continue
          this.#gone(change.isDirectory, path)
          break
        case 'modify':
        case 'attrib':
          if (path !== undefined && !change.isDirectory && !fresh.has(ino)) this.#take('change', path)
          break
        case 'deleteSelf':
          if (ino === this.#root) this.#take('rename', '')
      }
    }
  }

  #gone(isDirectory: boolean, path: string): void {
    this.#take('rename', path)
    if (isDirectory) this.#leave(path)
  }

  #cameWith(batch: readonly Change[], end: number, place: NamedPlace): boolean {
    for (let i = end - 1; i >= 0; i--) if (isAt(batch[i], place) && isNameChange(batch[i])) return isComing(batch[i])
    return false
  }

  #pathOf({ directory, name }: NamedPlace): string | undefined {
    const parent = this.#directories.get(directory)
    return parent === undefined ? undefined : posix.join(parent, Buffer.from(name).toString())
  }

  #leave(path: string): void {
    for (const [ino, each] of this.#directories) {
      if (each === path || each.startsWith(`${path}/`)) this.#directories.delete(ino)
    }
  }

  /** Takes in a directory and what is below it. */
  async #enter(ino: number, path: string, tells: boolean): Promise<void> {
    this.#directories.set(ino, path)
    const queue: Found[] = [{ ino, path, isDirectory: true }]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const found of await runAsync(this.#list(next))) {
        if (tells) this.#take('rename', found.path)
        if (!found.isDirectory) continue
        this.#directories.set(found.ino, found.path)
        queue.push(found)
      }
    }
  }

  *#list({ ino, path }: Found): Op<Found[]> {
    const all: Found[] = []
    for (let cookie = 0n; ; ) {
      const from = cookie
      const page = yield* this.#face.core.read(this.#face.who, (call) => pageOf(call, ino, from))
      for (const entry of page) {
        const { name, type } = entry
        all.push({ ino: entry.ino, path: posix.join(path, name.toString()), isDirectory: type === S_IFDIR })
      }
      if (page.length < PAGE_ENTRIES) return all
      cookie = page[page.length - 1].cookie
    }
  }
}

function* pageOf(call: Call, ino: number, cookie: bigint) {
  const directory = yield* call.find(ino)
  if (directory === undefined || !isDirectory(directory) || !mayAccess(call.who, directory, R_OK)) return []
  return yield* listEntries(call, directory, cookie, PAGE_ENTRIES)
}

const isComing = ({ kind }: Change): boolean => kind === 'create' || kind === 'movedTo'
const isNameChange = (change: Change): boolean =>
  isComing(change) || change.kind === 'delete' || change.kind === 'movedFrom'
const isAt = ({ place }: Change, at: NamedPlace): boolean =>
  place !== undefined && place.directory === at.directory && Buffer.compare(place.name, at.name) === 0

const leaves = (batch: readonly Change[], from: number, place: NamedPlace): boolean =>
  batch.some((change, index) => index > from && isNameChange(change) && !isComing(change) && isAt(change, place))
