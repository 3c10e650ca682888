import type { VersionEdit } from '../manifest/version-edit.ts'
import type { FileKind } from '../storage/storage.ts'
import type { Levels } from './next-levels.ts'
import { Version } from './version.ts'

/** A file that no version needs any more. */
export interface FreeFile {
  readonly kind: FileKind
  readonly number: number
}

/** A file that left the tree; versions with ids from `addedAt` to below `removedAt` hold it. */
interface Departed {
  readonly file: FreeFile
  readonly addedAt: number
  readonly removedAt: number
}

/** The versions that somebody reads, and the files that nobody will read again. */
export class VersionList {
  #current: Version
  readonly #live = new Set<Version>()
  readonly #addedAt = new Map<number, number>()
  #departed: Departed[] = []
  readonly #free: FreeFile[] = []
  readonly #released = (version: Version) => this.#release(version)

  /** Called when a version was let go of and files became free. */
  onFree: (() => void) | undefined

  constructor(levels: Levels) {
    this.#current = new Version(1, levels, this.#released).ref()
    this.#live.add(this.#current)
    for (const { meta } of this.#current.tables()) this.#addedAt.set(meta.number, 1)
  }

  get current(): Version {
    return this.#current
  }

  /** Makes the tables of `edits` current. */
  install(levels: Levels, edits: readonly VersionEdit[]): void {
    const before = this.#current
    const id = before.id + 1
    const version = new Version(id, levels, this.#released).ref()
    this.#current = version
    this.#live.add(version)
    const there = new Set<number>()
    for (const { meta } of version.tables()) there.add(meta.number)
    for (const { removed, added } of edits) {
      for (const { meta } of added ?? []) if (!this.#addedAt.has(meta.number)) this.#addedAt.set(meta.number, id)
      for (const { number } of removed ?? []) {
        if (there.has(number)) continue // moved to another level
        this.#departed.push({ file: { kind: 'table', number }, addedAt: this.#addedAt.get(number)!, removedAt: id })
        this.#addedAt.delete(number)
      }
    }
    before.unref()
  }

  /**
   * A file with values that tables of the current version do not refer to. Whoever reads an older version may: the memtables beside it had
   * pointers to the file before any table did.
   */
  retire(file: FreeFile): void {
    const { id } = this.#current
    if (this.#live.size === 1) this.#free.push(file)
    else this.#departed.push({ file, addedAt: 0, removedAt: id })
  }

  /** Makes `levels` current without knowing what changed; files are somebody else's to remove. */
  replace(levels: Levels): void {
    const before = this.#current
    this.#current = new Version(before.id + 1, levels, this.#released).ref()
    this.#live.add(this.#current)
    before.unref()
  }

  #release(version: Version): void {
    this.#live.delete(version)
    if (this.#departed.length === 0) return
    const ids = [...this.#live].map(({ id }) => id)
    const held: Departed[] = []
    for (const one of this.#departed) {
      const { addedAt, removedAt, file } = one
      if (ids.some((id) => id >= addedAt && id < removedAt)) held.push(one)
      else this.#free.push(file)
    }
    this.#departed = held
    if (this.#free.length > 0) this.onFree?.()
  }

  /** A file that no version refers to any more; each is answered once. */
  takeFree(): FreeFile | undefined {
    return this.#free.shift()
  }

  /** The file could not be removed. */
  giveBack(file: FreeFile): void {
    this.#free.push(file)
  }

  get freeCount(): number {
    return this.#free.length
  }

  /** Tables of all referenced versions. */
  liveTables(): Set<number> {
    const numbers = new Set<number>()
    for (const version of this.#live) for (const { meta } of version.tables()) numbers.add(meta.number)
    return numbers
  }
}
