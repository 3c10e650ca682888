/**
 * Directory entries and inodes as last committed, decoded, by number and name: what most calls resolve their paths by.
 *
 * I1: an entry is what the newest commit left: it is read from the store at an instant, and goes when a later commit
 *     writes its row (the store tells of every row in the step in which it orders a commit).
 * I2: rights are asked at every step of a resolution, of whoever asks now.
 * I3: whatever is not plain (links, dots, no right, not at hand) has no answer here; the walk of the core gives it.
 * I4: of a path, or the directory part of one, that is remembered as text, every name is among the entries and every directory on the way among the inodes, with the
 *     rights that its caller had: when one of them changes or is forgotten, all such paths are.
 *
 * A resolution is one synchronous step, so it is as of one instant. It joins no conflict set: an operation that goes on
 * from a directory found here acts as if it had opened that directory first, as a path walk of POSIX may.
 */
import { decodeDirent } from '../format/dirent.ts'
import { decodeInode, type Inode, InodeFlag } from '../format/inode.ts'
import { inodeKey } from '../format/keys.ts'
import type { Bytes } from '../store/store.ts'
import { aclAtHand, aclKey } from './acl.ts'
import type { NamedPlace } from './changes.ts'
import type { Core } from './core.ts'
import { entryKey } from './directory.ts'
import { type Credentials, isDirectory, isSymlink, mayAccess, X_OK } from './mode.ts'

const SLASH = 0x2f
const DOT = 0x2e
const PATH_BYTES_MAX = 4096
const NAME_BYTES_MAX = 255
/** Entries and inodes remembered; beyond it all are forgotten. */
const REMEMBERED_MAX = 16_384
/** Listings that are remembered, and the names in them. */
const LISTED_MAX = 65_536
/** Paths remembered as text. */
const PATHS_MAX = 8192
const DIRECTORIES_MAX = 1024
/** In UTF-8 no more than a path may have. */
const PLACE_CHARACTERS_MAX = 1024
/** Types of rows in keys (format/keys.ts). */
const NODE = 0x10
const KIND_AT = 9
const NAME_AT = 16

/** In the place of an inode number: there is no such entry. */
const ABSENT = 0

/** Where a path's last name is to be looked up. */
export interface Parent {
  readonly ino: number
  /** Where the last name begins in the path. */
  readonly offset: number
}

/** A path from the root: its bytes, and its text where that is what it was given as. */
export interface RootedPath {
  readonly bytes: Buffer
  readonly text?: string | undefined
}

/** Where a path led its caller. */
interface KnownPath {
  readonly who: Credentials
  readonly ino: number
  readonly directory: number
  /** Where the last name begins in the bytes. */
  readonly offset: number
  /** Made when it is first asked for. */
  place: NamedPlace | undefined
}

/** The name at the end of a path, which led there. */
export function placeAt(path: RootedPath, known: KnownPath): NamedPlace {
  known.place ??= { directory: known.directory, name: Buffer.from(path.bytes.subarray(known.offset)) }
  return known.place
}

/** An inode and how its path led to it. */
export interface Found {
  readonly inode: Inode
  readonly known: KnownPath
}

/** A name of a listing, and its inode's S_IFMT bits. */
export interface ListedName {
  readonly name: string
  readonly type: number
}

export class Lookups {
  readonly #core: Core
  #inodes = new Map<number, Inode>()
  #entries = new Map<number, Map<string, number>>()
  #remembered = 0
  #listings = new Map<number, readonly ListedName[]>()
  #listed = 0
  #paths = new Map<string, KnownPath>()
  /** Where the directory part of a path leads. */
  #directories = new Map<string, Pick<KnownPath, 'who' | 'ino'>>()
  /** How often inodes and entries were all forgotten. */
  #clearings = 0

  constructor(core: Core) {
    this.#core = core
    core.store.observe((key, value) => this.#forget(key, value))
  }

  /** The inode at an absolute path; null when there is none; undefined when it cannot be said here. */
  find(who: Credentials, path: Buffer, follows: boolean): Inode | null | undefined {
    const parent = this.parent(who, path)
    return parent === undefined ? undefined : this.child(parent, path, follows)
  }

  /** As `find`, of a path that may be known by its text. */
  findPath(who: Credentials, path: RootedPath, follows: boolean): Inode | null | undefined {
    const found = this.locate(who, path, follows)
    return found === undefined || found === null ? found : found.inode
  }

  /** As `findPath`, with the place. */
  locate(who: Credentials, path: RootedPath, follows: boolean): Found | null | undefined {
    const { text } = path
    const known = text === undefined ? undefined : this.#paths.get(text)
    if (known?.who === who && this.#isUsable) {
      const inode = this.#inode(known.ino)
      if (inode === undefined || (follows && isSymlink(inode))) return undefined
      return { inode: this.#core.lazyTimes.apply(inode), known }
    }
    const { bytes } = path
    const clearings = this.#clearings
    const parent = this.parent(who, bytes)
    if (parent === undefined) return undefined
    const inode = this.child(parent, bytes, follows)
    if (inode === undefined || inode === null) return inode
    const here = { who, ino: inode.ino, directory: parent.ino, offset: parent.offset, place: undefined }
    // What was met on the way must still be remembered (I4).
    if (text !== undefined && clearings === this.#clearings) {
      if (this.#paths.size >= PATHS_MAX) this.#paths = new Map()
      this.#paths.set(text, here)
    }
    return { inode, known: here }
  }

  /** The inode of the last name of an absolute path whose `parent` was found in this same step; as `find`. */
  child(parent: Parent, path: Buffer, follows: boolean): Inode | null | undefined {
    if (path[path.length - 1] === SLASH) return undefined
    const ino = this.#entry(parent.ino, path, parent.offset, path.length)
    if (ino === undefined) return undefined
    if (ino === ABSENT) return null
    const inode = this.#inode(ino)
    if (inode === undefined || (follows && isSymlink(inode))) return undefined
    return this.#core.lazyTimes.apply(inode)
  }

  /** The inode of a handle or an open file; undefined when it cannot be said here. */
  inode(ino: number, generation: number): Inode | undefined {
    const inode = this.#isUsable ? this.#inode(ino) : undefined
    return inode === undefined || inode.generation !== generation ? undefined : this.#core.lazyTimes.apply(inode)
  }

  get #isUsable(): boolean {
    return this.#core.store.isUsable && !this.#core.isSealed
  }

  /** The directory in which an absolute path's last name is to be looked up. */
  parent(who: Credentials, path: Buffer): Parent | undefined {
    if (path.length >= PATH_BYTES_MAX || path[0] !== SLASH || !this.#isUsable) return undefined
    let ino = this.#core.superblock.rootIno
    for (let at = 0; ; ) {
      while (path[at] === SLASH) at++
      if (at === path.length) return undefined
      let end = path.indexOf(SLASH, at)
      if (end < 0) end = path.length
      if (end - at > NAME_BYTES_MAX || isDots(path, at, end)) return undefined
      const directory = this.#inode(ino)
      if (directory === undefined || !isDirectory(directory) || directory.nlink === 0) return undefined
      if (!mayAccess(who, directory, X_OK)) return undefined
      let next = end
      while (path[next] === SLASH) next++
      if (next === path.length) return { ino, offset: at }
      const inner = this.#entry(ino, path, at, end)
      if (inner === undefined || inner === ABSENT) return undefined
      ino = inner
      at = next
    }
  }

  /** As `parent`, of a path whose directory may be known by its text; with the bytes of the last name. */
  place(who: Credentials, text: string): { readonly ino: number; readonly name: Buffer } | undefined {
    const slash = text.lastIndexOf('/')
    // A long path is measured, a last name of dots or with a slash behind it is walked.
    if (slash <= 0 || slash >= text.length - 3 || text.length > PLACE_CHARACTERS_MAX) return undefined
    const directory = text.slice(0, slash)
    const known = this.#directories.get(directory)
    if (known?.who === who && this.#isUsable) return { ino: known.ino, name: Buffer.from(text.slice(slash + 1)) }
    const bytes = Buffer.from(text)
    const clearings = this.#clearings
    const parent = this.parent(who, bytes)
    if (parent === undefined) return undefined
    // What was met on the way must still be remembered (I4).
    if (clearings === this.#clearings) {
      if (this.#directories.size >= DIRECTORIES_MAX) this.#directories = new Map()
      this.#directories.set(directory, { who, ino: parent.ino })
    }
    return { ino: parent.ino, name: bytes.subarray(parent.offset) }
  }

  /** What a directory holds, in the order in which it was given to `rememberNames`. */
  names(directory: number): readonly ListedName[] | undefined {
    return this.#listings.get(directory)
  }

  /** All names of a directory as of the newest commit. */
  rememberNames(directory: number, names: readonly ListedName[]): void {
    this.#forgetNames(directory)
    if (this.#listed + names.length + 1 > LISTED_MAX) {
      this.#listings = new Map()
      this.#listed = 0
    }
    if (names.length >= LISTED_MAX) return
    this.#listings.set(directory, names)
    this.#listed += names.length + 1
  }

  #forgetNames(directory: number): void {
    const names = this.#listings.get(directory)
    if (names === undefined) return
    this.#listings.delete(directory)
    this.#listed -= names.length + 1
  }

  #inode(ino: number): Inode | undefined {
    const known = this.#inodes.get(ino)
    if (known !== undefined) return known
    const key = inodeKey(ino)
    const row = this.#core.store.peek(key)
    if (row === undefined || row === null) return undefined
    const { decodedInodes } = this.#core
    let plain = decodedInodes.get(ino, row)
    if (plain === undefined) {
      const verdict = decodeInode(key, row)
      if (!verdict.ok) return undefined
      plain = verdict.value
      decodedInodes.set(row, plain)
    }
    const inode = (plain.flags & InodeFlag.accessAcl) === 0 ? plain : this.#withAcl(plain)
    if (inode === undefined) return undefined
    this.#remember()
    this.#inodes.set(ino, inode)
    return inode
  }

  #withAcl(inode: Inode): Inode | undefined {
    const key = aclKey(inode.ino, 'access')
    const row = this.#core.store.peek(key)
    if (row === undefined || row === null) return undefined
    const acl = aclAtHand(key, row)
    return acl === undefined ? undefined : { ...inode, acl }
  }

  #entry(directory: number, path: Buffer, from: number, to: number): number | undefined {
    const text = path.toString('latin1', from, to)
    const known = this.#entries.get(directory)?.get(text)
    if (known !== undefined) return known
    const key = entryKey(this.#core, directory, path.subarray(from, to))
    const row = this.#core.store.peek(key)
    if (row === undefined) return undefined
    let ino = ABSENT
    if (row !== null) {
      const verdict = decodeDirent(key, row)
      if (!verdict.ok) return undefined
      ino = verdict.value.ino
    }
    this.#remember()
    let entries = this.#entries.get(directory)
    if (entries === undefined) {
      entries = new Map()
      this.#entries.set(directory, entries)
    }
    entries.set(text, ino)
    return ino
  }

  #remember(): void {
    if (++this.#remembered <= REMEMBERED_MAX) return
    this.#inodes = new Map()
    this.#entries = new Map()
    this.#forgetPaths()
    this.#clearings++
    this.#remembered = 1
  }

  /** The row of an inode is being committed. */
  #forgetInode(ino: number, value: Bytes | undefined): void {
    const known = this.#inodes.get(ino)
    if (known === undefined) return
    if (!isDirectory(known)) {
      this.#inodes.delete(ino)
      return
    }
    const row = value ?? this.#core.store.peek(inodeKey(ino))
    const now = row === undefined || row === null ? undefined : this.#core.decodedInodes.get(ino, row)
    if (now !== undefined && hasSameRights(known, now)) {
      this.#inodes.set(ino, now)
      return
    }
    this.#inodes.delete(ino)
    this.#forgetPaths()
  }

  #forgetPaths(): void {
    if (this.#paths.size > 0) this.#paths = new Map()
    if (this.#directories.size > 0) this.#directories = new Map()
  }

  /** A row is being committed. */
  #forget(key: string, value: Bytes | undefined): void {
    if (key.charCodeAt(0) !== NODE) return
    const ino = numberOf(key)
    const kind = key.charCodeAt(KIND_AT)
    // Whoever writes an access control list writes the inode too.
    if (kind === 0) this.#forgetInode(ino, value)
    else if (kind === 1) {
      const entries = this.#entries.get(ino)
      const name = key.slice(NAME_AT)
      if (entries?.get(name)) this.#forgetPaths()
      entries?.delete(name)
      if (this.#listings.size > 0) this.#forgetNames(ino)
    }
  }
}

/** Whether a resolution goes on from both as it did, whoever asks. Lists are not compared. */
const hasSameRights = (a: Inode, b: Inode): boolean =>
  a.mode === b.mode &&
  a.uid === b.uid &&
  a.gid === b.gid &&
  a.nlink > 0 &&
  b.nlink > 0 &&
  ((a.flags | b.flags) & InodeFlag.accessAcl) === 0

/** The inode number in a key's bytes 1 to 8. */
function numberOf(key: string): number {
  let number = 0
  for (let at = 1; at < KIND_AT; at++) number = number * 256 + key.charCodeAt(at)
  return number
}

const isDots = (path: Buffer, from: number, to: number): boolean =>
  path[from] === DOT && (to - from === 1 || (to - from === 2 && path[from + 1] === DOT))
