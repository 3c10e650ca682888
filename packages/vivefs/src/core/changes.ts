/**
 * What commits did to names and files, told to whoever listens: watchers. The kinds and their order are those of
 * inotify(7), so that fs.watch can show what it shows on Linux. Free while nobody listens.
 */
import type { Inode } from '../format/inode.ts'
import type { Bytes } from '../store/store.ts'

/** The name by which a file was reached. */
export interface NamedPlace {
  readonly directory: number
  readonly name: Bytes
}

/** A name came or went. */
export interface NameChange {
  readonly kind: 'create' | 'delete' | 'movedFrom' | 'movedTo'
  readonly ino: number
  readonly isDirectory: boolean
  readonly place: NamedPlace
}

/** A file itself changed: its content, its attributes, its place, or it is gone. */
export interface FileChange {
  readonly kind: 'modify' | 'attrib' | 'moveSelf' | 'deleteSelf'
  readonly ino: number
  readonly isDirectory: boolean
  /** Undefined when it was reached without a name. */
  readonly place: NamedPlace | undefined
}

export type Change = NameChange | FileChange

export type ChangeListener = (change: Change) => void

/** The listeners of a volume. */
export class Changes {
  readonly #listeners = new Set<ChangeListener>()
  /** Where files that are open were moved to meanwhile: an open file goes with its name. */
  readonly #moved = new Map<number, NamedPlace>()

  /** Whether commits tell the change feed (feed/). */
  isRecorded = false

  /** Whether anybody wants to know. */
  get isWatched(): boolean {
    return this.#listeners.size > 0 || this.isRecorded
  }

  /** `listener` is called at commit, in the order of commits, and must not throw. The answer ends it. */
  listen(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  publish(change: Change): void {
    for (const listener of this.#listeners) listener(change)
  }

  /** The inode is open and got another name. */
  move(ino: number, place: NamedPlace): void {
    this.#moved.set(ino, place)
  }

  /** It is not open any more. */
  forget(ino: number): void {
    if (this.#moved.size > 0) this.#moved.delete(ino)
  }

  /** The present place of a file that was opened at `place`. */
  placeOf(ino: number, place: NamedPlace | undefined): NamedPlace | undefined {
    return this.#moved.get(ino) ?? place
  }
}

/** Where a path led last: what an operation that goes on from there was reached by. */
export interface Reached {
  readonly directory: Inode
  readonly name: Bytes
  readonly last: string
  readonly inode: Inode | undefined
}

/** The place of `inode`, if it is what was reached, or what has been made there since. */
export function placeOf(reached: Reached | undefined, ino: number): NamedPlace | undefined {
  if (reached === undefined || reached.last !== 'name') return undefined
  if (reached.inode !== undefined && reached.inode.ino !== ino) return undefined
  return { directory: reached.directory.ino, name: reached.name }
}
