/** Listings: readdir. */
import { types } from 'node:util'
import type { Call } from '../core/call.ts'
import { cookieOf, type ListedEntry, listEntries, listNames, type NamedEntry } from '../core/directory.ts'
import type { ListedName } from '../core/lookups.ts'
import { isDirectory, mayAccess, R_OK, S_IFDIR } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import { assertBoolean, toOptions } from './arguments.ts'
import { type Face, located, resolvePath, rooted } from './context.ts'
import { Dirent } from './dirent.ts'
import { type Path, toPath } from './paths.ts'

/** Entries that one transaction lists. */
export const PAGE_ENTRIES = 4096

/** ENOTDIR, EACCES. */
export function assertReadable(call: Call, inode: Inode): void {
  if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR')
  if (!mayAccess(call.who, inode, R_OK)) throw new FilesystemError('EACCES')
}

/** One page of a directory behind `cookie`. */
export function* listPage(call: Call, directory: Inode, cookie: bigint, limit: number): Op<ListedEntry[]> {
  const entries = directory.entries === 0 ? [] : yield* listEntries(call, directory, cookie, limit)
  call.tx.onCommit(() => call.core.lazyTimes.touch(directory, call.now))
  return entries
}

/** A page of a directory as readdir wants it. */
function* namesPage(call: Call, directory: Inode, cookie: bigint): Op<NamedEntry[]> {
  const entries = directory.entries === 0 ? [] : yield* listNames(call, directory, cookie, PAGE_ENTRIES)
  call.tx.onCommit(() => call.core.lazyTimes.touch(directory, call.now))
  return entries
}

function* firstPage(call: Call, face: Face, path: Path, encoding: NameEncoding): Op<{ ino: number; all: Listing }> {
  const directory = yield* resolvePath(call, face, path, 'follow')
  assertReadable(call, directory)
  const { ino } = directory
  const entries = yield* namesPage(call, directory, 0n)
  if (entries.length === PAGE_ENTRIES) return { ino, all: { entries, names: undefined } }
  const names = named(entries, encoding)
  if (isUtf8(encoding)) {
    call.tx.onCommit(() => call.core.lookups.rememberNames(ino, names as readonly ListedName[]))
  }
  return { ino, all: { entries, names } }
}

function* nextPage(call: Call, ino: number, cookie: bigint): Op<NamedEntry[]> {
  const directory = yield* call.find(ino)
  return directory === undefined ? [] : yield* namesPage(call, directory, cookie)
}

/** A directory: `names` when they are all there. */
interface Listing {
  readonly entries: NamedEntry[]
  readonly names: readonly ListedAs[] | undefined
}

/** All names of the directory at `path`, by pages; rights are checked once, as for an open directory. */
function* listPath(face: Face, path: Path, encoding: NameEncoding): Op<readonly ListedAs[]> {
  const { core, who } = face
  const known = isUtf8(encoding) ? namesAtHand(face, path) : undefined
  if (known !== undefined) return known
  const { ino, all } = yield* core.read(who, (call) => firstPage(call, face, path, encoding))
  if (all.names !== undefined) return all.names
  const { entries } = all
  for (let page = entries; page.length === PAGE_ENTRIES; ) {
    const cookie = cookieOf(core, page[page.length - 1].name)
    page = yield* core.read(who, (call) => nextPage(call, ino, cookie))
    for (const entry of page) entries.push(entry)
  }
  return named(entries, encoding)
}

/** Without a transaction (core/at-hand.ts). */
function namesAtHand(face: Face, path: Path): readonly ListedName[] | undefined {
  const { core, who } = face
  const directory = core.lookups.findPath(who, rooted(face, path), true)
  if (directory === undefined || directory === null || !isDirectory(directory)) return undefined
  const names = core.lookups.names(directory.ino)
  if (names === undefined || !mayAccess(who, directory, R_OK)) return undefined
  core.lazyTimes.touch(directory, core.runtime.now())
  return names
}

interface ReaddirOptions {
  readonly withFileTypes?: boolean
  readonly recursive?: boolean
}

/** An entry with its name as the caller wants it. */
interface ListedAs {
  readonly name: string | Buffer
  readonly type: number
}

type NameEncoding = BufferEncoding | 'buffer' | null | undefined

const isUtf8 = (encoding: NameEncoding): boolean => !encoding || encoding === 'utf8' || encoding === 'utf-8'

/** Sorted by the bytes of the names, as libuv does it. */
function named(entries: NamedEntry[], encoding: NameEncoding): ListedAs[] {
  if (isUtf8(encoding)) {
    let isAscii = true
    const out = entries.map(({ name, type }) => {
      const text = name.toString()
      if (text.length !== name.length) isAscii = false
      return { name: text, type }
    })
    if (isAscii) return out.sort((a, b) => (a.name < b.name ? -1 : 1))
  }
  entries.sort((a, b) => a.name.compare(b.name))
  return entries.map(({ name, type }) => ({
    name: encoding === 'buffer' ? name : name.toString(encoding || 'utf8'),
    type,
  }))
}

/** Joins as path.join does it for one name. */
export function joined(parent: string | Buffer, name: string | Buffer): string | Buffer {
  if (typeof parent === 'string' && typeof name === 'string') {
    return parent === '' ? name : parent.endsWith('/') ? parent + name : `${parent}/${name}`
  }
  const [a, b] = [Buffer.from(parent), Buffer.from(name)]
  if (a.length === 0) return b
  return Buffer.concat(a[a.length - 1] === 0x2f ? [a, b] : [a, Buffer.from('/'), b])
}

export const toEntryPath = (parent: Path, name: string | Buffer): Path => {
  const bytes = joined(parent.bytes, Buffer.from(name)) as Buffer
  return { bytes, shown: bytes.toString() }
}

/** With promises `recursive` may be anything. */
export const readdirAsync = (face: Face, path: unknown, options?: unknown): Op<string[] | Buffer[] | Dirent[]> => {
  const isLoose = typeof options === 'object' && options !== null && 'recursive' in options
  return readdir(face, path, isLoose ? { ...options, recursive: Boolean(options.recursive) } : options)
}

export function readdir(face: Face, path: unknown, options?: unknown): Op<string[] | Buffer[] | Dirent[]> {
  const { encoding, withFileTypes = false, recursive = false } = toOptions<ReaddirOptions>(options, {})
  const at = toPath(path)
  /** As the caller gave it. */
  const parentOf = (of: Path): string | Buffer => (types.isUint8Array(path) ? of.bytes : of.shown)
  if (recursive !== undefined && recursive !== null) assertBoolean(recursive, 'options.recursive')
  const how = { encoding, withFileTypes: Boolean(withFileTypes), parentOf }
  return located('scandir', at, recursive ? deep(face, at, how) : flat(face, at, how))
}

interface How {
  readonly encoding: NameEncoding
  readonly withFileTypes: boolean
  parentOf(of: Path): string | Buffer
}

function* flat(face: Face, path: Path, how: How): Op<string[] | Buffer[] | Dirent[]> {
  const entries = yield* listPath(face, path, how.encoding)
  if (!how.withFileTypes) return entries.map(({ name }) => name) as string[]
  const parent = how.parentOf(path)
  return entries.map(({ name, type }) => new Dirent(name, parent, type))
}

function* deep(face: Face, top: Path, { encoding, withFileTypes, parentOf }: How): Op<string[] | Buffer[] | Dirent[]> {
  const names: (string | Buffer)[] = []
  const dirents: Dirent[] = []
  const queue: { path: Path; below: string | Buffer }[] = [{ path: top, below: '' }]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { path, below } = next
    for (const { name, type } of yield* listPath(face, path, encoding)) {
      const relative = joined(below, name)
      if (withFileTypes) dirents.push(new Dirent(name, parentOf(path), type))
      else names.push(relative)
      if (type === S_IFDIR) queue.push({ path: toEntryPath(path, name), below: relative })
    }
  }
  return withFileTypes ? dirents : (names as string[])
}
