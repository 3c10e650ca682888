/**
 * Paths of directories by inode number. A directory knows its parent; its name there is found by looking through the
 * parent, once, and remembered; so is the name that a directory had before it was removed.
 */
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { findEntry, listEntries } from '../core/directory.ts'
import { isDirectory, superuser } from '../core/mode.ts'
import { type FeedChange, FeedKind } from '../format/feed.ts'
import type { Inode } from '../format/inode.ts'
import { type Op, runAsync } from '../op.ts'

interface Named {
  readonly parent: number
  readonly name: Buffer
}

/** Directories remembered; beyond it all are forgotten. */
const REMEMBERED_MAX = 16_384
const DEPTH_MAX = 2048
const PAGE_ENTRIES = 512
const SLASH = Buffer.from('/')

export class PathFinder {
  readonly #core: Core
  #named = new Map<number, Named>()

  constructor(core: Core) {
    this.#core = core
  }

  /** What an entry says of the names of directories. */
  note([kind, isDirectoryChanged, ino, directory, name, toDirectory, toName]: FeedChange): void {
    if (!isDirectoryChanged) return
    if (kind === FeedKind.create) this.#remember(ino, { parent: directory, name: Buffer.from(name) })
    else if (kind === FeedKind.rename) this.#remember(ino, { parent: toDirectory!, name: Buffer.from(toName!) })
  }

  /** The path of `name` in a directory; undefined when the directory is gone and was never seen. Not UTF-8: as latin1 would not do, replaced. */
  async path(directory: number, name: Buffer): Promise<string | undefined> {
    const parts: Buffer[] = [name]
    const { rootIno } = this.#core.superblock
    for (let at = directory, depth = 0; at !== rootIno; depth++) {
      if (depth > DEPTH_MAX) return undefined
      const named = await runAsync(this.#core.read(superuser, (call) => this.#find(call, at)))
      if (named === undefined) return undefined
      parts.push(named.name)
      at = named.parent
    }
    return Buffer.concat(parts.reverse().flatMap((part) => [SLASH, part])).toString()
  }

  *#find(call: Call, ino: number): Op<Named | undefined> {
    const known = this.#named.get(ino)
    const inode = yield* call.find(ino)
    if (inode === undefined || !isDirectory(inode) || inode.nlink === 0) return known
    if (known?.parent === inode.parent) {
      const parent = yield* call.find(known.parent)
      const entry = parent === undefined ? undefined : yield* findEntry(call, parent, known.name)
      if (entry?.ino === ino) return known
    }
    return yield* this.#search(call, inode)
  }

  /** Looks through the parent; what else is there of directories is remembered, too. */
  *#search(call: Call, inode: Inode): Op<Named | undefined> {
    const parent = yield* call.find(inode.parent)
    if (parent === undefined) return undefined
    for (let cookie = 0n; ; ) {
      const lines = yield* listEntries(call, parent, cookie, PAGE_ENTRIES)
      for (const line of lines) {
        if (isDirectory({ mode: line.type })) this.#remember(line.ino, { parent: parent.ino, name: line.name })
        cookie = line.cookie
      }
      const found = this.#named.get(inode.ino)
      if (found?.parent === parent.ino && lines.some(({ ino }) => ino === inode.ino)) return found
      if (lines.length < PAGE_ENTRIES) return undefined
    }
  }

  #remember(ino: number, named: Named): void {
    if (this.#named.size >= REMEMBERED_MAX) this.#named = new Map()
    this.#named.set(ino, { parent: named.parent, name: Buffer.from(named.name) })
  }
}
