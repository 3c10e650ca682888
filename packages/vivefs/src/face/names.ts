/** Operations on names: mkdir, rmdir, unlink, rename, link, symlink, readlink, mknod, mkdtemp. */

import { constants } from 'node:fs'
import { inspect } from 'node:util'
import type { Call } from '../core/call.ts'
import { createEntry } from '../core/create.ts'
import { linkInode, unlinkEntry } from '../core/link.ts'
import {
  isDirectory,
  isSymlink,
  PERMISSIONS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../core/mode.ts'
import { type RenameFlags, renameEntry } from '../core/rename.ts'
import { type Place, walk } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { drivenSync, type Op } from '../op.ts'
import {
  assertBoolean,
  assertUint32,
  coded,
  encoded,
  nodeMajor,
  toMode,
  toOptions,
  wrongType,
  wrongValue,
} from './arguments.ts'
import { absolute, type Face, located, resolvePath, walkPath } from './context.ts'
import type { Description } from './descriptors.ts'
import { type Path, toPath } from './paths.ts'

const SLASH = 0x2f
const RECLAIMS = { reclaims: true }
const LINK_MODE = S_IFLNK | 0o777

const walkTo = (call: Call, face: Face, path: Path): Op<Place> => walkPath(call, face, path, 'parent')

/** Where a name that does not exist can be made. A trailing slash is for directories only. */
function assertFree(place: Place, isDirectoryToBe: boolean): void {
  if (place.last !== 'name' || place.inode !== undefined) throw new FilesystemError('EEXIST')
  if (place.trailingSlash && !isDirectoryToBe) throw new FilesystemError('ENOENT')
}

export function mkdir(face: Face, path: unknown, options?: unknown): Op<string | undefined> {
  const at = toPath(path)
  let mode = 0o777
  let isRecursive = false
  if (typeof options === 'number' || typeof options === 'string') mode = toMode(options, 'mode')
  else if (typeof options === 'object' && options !== null) {
    const given = options as { mode?: unknown; recursive?: unknown }
    if (given.mode !== undefined && given.mode !== null) mode = toMode(given.mode, 'mode')
    if (given.recursive !== undefined) {
      assertBoolean(given.recursive, 'options.recursive')
      isRecursive = given.recursive
    }
  }
  mode = S_IFDIR | (mode & PERMISSIONS)
  if (isRecursive) return located('mkdir', at, makeDirectories(face, at, mode))
  const make = face.core.run(face.who, (call) => makeDirectory(call, face, at, mode))
  return located('mkdir', at, make)
}

function* makeDirectory(call: Call, face: Face, path: Path, mode: number): Op<undefined> {
  const place = yield* walkTo(call, face, path)
  assertFree(place, true)
  yield* createEntry(call, place.directory, place.name, { mode })
  return undefined
}

/** mkdir -p in one transaction; answers the first directory that was made, as the caller wrote it. */
function* makeDirectories(face: Face, path: Path, mode: number): Op<string | undefined> {
  const { bytes } = path
  return yield* face.core.run(face.who, function* (call) {
    const start = call.core.superblock.rootIno
    const upTo = (end: number): Buffer => absolute(face, bytes.subarray(0, end))
    // Back to the deepest name that exists, then forward.
    const missing: number[] = []
    for (let end = bytes.length; end > 0 || missing.length === 0; end = parentEnd(bytes, trimSlashes(bytes, end))) {
      const inode = yield* findOrMiss(call, start, upTo(end))
      if (inode === undefined) missing.push(end)
      else if (isDirectory(inode)) break
      else
        throw new FilesystemError(missing.length === 0 ? 'EEXIST' : 'ENOTDIR', at(missing[missing.length - 1] ?? end))
    }
    let first: string | undefined
    for (const end of missing.reverse()) {
      const place = yield* walk(call, start, upTo(end), 'parent')
      if (place.last !== 'name') continue
      // A dangling link is in the way of its own name.
      if (place.inode !== undefined) {
        // Node's synchronous form finds that out in another way.
        if (drivenSync()) throw new FilesystemError('ENOENT', at(bytes.length))
        throw new FilesystemError(end === bytes.length ? 'ENOENT' : 'ENOTDIR', at(end))
      }
      yield* createEntry(call, place.directory, place.name, { mode })
      first ??= bytes.toString('utf8', 0, end)
    }
    return first
  })

  function at(end: number): { syscall: string; path: string } {
    return { syscall: 'mkdir', path: bytes.toString('utf8', 0, end) }
  }
}

/** The inode at a path; undefined for ENOENT, whichever component it is of. */
function* findOrMiss(call: Call, start: number, bytes: Buffer): Op<Inode | undefined> {
  try {
    return (yield* walk(call, start, bytes, 'follow')).inode
  } catch (error) {
    if (FilesystemError.is(error) && error.code === 'ENOENT' && bytes.length > 0) return undefined
    throw error
  }
}

function trimSlashes(bytes: Buffer, from: number): number {
  let end = from
  while (end > 1 && bytes[end - 1] === SLASH) end--
  return end
}

function parentEnd(bytes: Buffer, end: number): number {
  const slash = bytes.lastIndexOf(SLASH, end - 1)
  return slash < 0 ? 0 : slash === 0 ? 0 : trimSlashes(bytes, slash)
}

export function unlink(face: Face, path: unknown): Op<void> {
  const at = toPath(path)
  return located(
    'unlink',
    at,
    face.core.run(face.who, (call) => unlinkAt(call, face, at), RECLAIMS),
  )
}

function* unlinkAt(call: Call, face: Face, path: Path): Op<void> {
  const place = yield* walkTo(call, face, path)
  if (place.last !== 'name') throw new FilesystemError('EISDIR')
  if (place.trailingSlash && place.inode !== undefined) {
    throw new FilesystemError(isDirectory(place.inode) ? 'EISDIR' : 'ENOTDIR')
  }
  yield* unlinkEntry(call, place.directory, place.name)
}

export function rename(face: Face, oldPath: unknown, newPath: unknown, flags?: RenameFlags): Op<void> {
  const from = toPath(oldPath, 'oldPath')
  const to = toPath(newPath, 'newPath')
  const how = flags ?? {}
  const move = face.core.run(face.who, (call) => renameAt(call, face, from, to, how), RECLAIMS)
  return located('rename', from, move, to)
}

function* renameAt(call: Call, face: Face, from: Path, to: Path, how: RenameFlags): Op<void> {
  if (how.noReplace && how.exchange) throw new FilesystemError('EINVAL')
  const source = yield* walkTo(call, face, from)
  const target = yield* walkTo(call, face, to)
  if (source.last !== 'name') throw new FilesystemError('EBUSY')
  if (target.last !== 'name') throw new FilesystemError(how.noReplace ? 'EEXIST' : 'EBUSY')
  if (source.inode === undefined) throw new FilesystemError('ENOENT')
  assertSlashes(source, target, how)
  yield* renameEntry(call, source, target, how)
}

/** Only a directory may be named with a slash behind it. */
function assertSlashes(source: Place, target: Place, { noReplace, exchange }: RenameFlags): void {
  if (noReplace && target.inode !== undefined) throw new FilesystemError('EEXIST')
  if (exchange) {
    if (target.inode === undefined) throw new FilesystemError('ENOENT')
    if (target.trailingSlash && !isDirectory(target.inode)) throw new FilesystemError('ENOTDIR')
  }
  if (source.inode === undefined || isDirectory(source.inode)) return
  if (source.trailingSlash || (!exchange && target.trailingSlash)) throw new FilesystemError('ENOTDIR')
}

export function link(face: Face, existingPath: unknown, newPath: unknown): Op<void> {
  const from = toPath(existingPath, 'existingPath')
  const to = toPath(newPath, 'newPath')
  const add = face.core.run(face.who, function* (call) {
    const inode = yield* resolvePath(call, face, from, 'nofollow')
    yield* enter(call, face, inode, to)
  })
  return located('link', from, add, to)
}

function* enter(call: Call, face: Face, inode: Inode, to: Path, isLinkable = false): Op<void> {
  const place = yield* walkTo(call, face, to)
  assertFree(place, false)
  yield* linkInode(call, inode, place.directory, place.name, isLinkable)
}

/** Gives an open file one more name; one made by O_TMPFILE its first. */
export function flink(face: Face, of: Description, newPath: unknown): Op<void> {
  const to = toPath(newPath, 'newPath')
  const { ino, generation } = of.file
  const add = face.core.run(face.who, function* (call) {
    yield* enter(call, face, yield* call.inode(ino, generation), to, of.isLinkable)
    call.tx.onCommit(() => {
      of.isLinkable = false
    })
  })
  return located('link', to, of.use(add))
}

const linkTypes = ['dir', 'file', 'junction']

export function symlink(face: Face, target: unknown, path: unknown, type?: unknown): Op<void> {
  const to = toPath(target, 'target')
  const at = toPath(path)
  const isChecked = nodeMajor >= 23 ? type !== undefined && type !== null : typeof type === 'string'
  if (isChecked && !linkTypes.includes(type as string)) {
    const text = `Symlink type must be one of "dir", "file", or "junction". Received "${typeof type === 'object' ? inspect(type) : String(type)}"`
    throw coded(Error, 'ERR_FS_INVALID_SYMLINK_TYPE', text)
  }
  const make = face.core.run(face.who, function* (call) {
    if (to.bytes.length === 0) throw new FilesystemError('ENOENT')
    const place = yield* walkTo(call, face, at)
    assertFree(place, false)
    yield* createEntry(call, place.directory, place.name, { mode: LINK_MODE, target: to.bytes })
  })
  return located('symlink', to, make, at)
}

export function readlink(face: Face, path: unknown, options?: unknown): Op<string | Buffer> {
  const { encoding } = toOptions(options, {})
  const at = toPath(path, 'oldPath')
  return located(
    'readlink',
    at,
    face.core.read(face.who, (call) => targetOf(call, face, at, encoding)),
  )
}

function* targetOf(call: Call, face: Face, path: Path, encoding: Parameters<typeof encoded>[1]): Op<string | Buffer> {
  const inode = yield* resolvePath(call, face, path, 'nofollow')
  if (!isSymlink(inode)) throw new FilesystemError('EINVAL')
  return encoded(Buffer.from(inode.target), encoding)
}

/** Kinds of nodes that mknod makes. */
export type NodeKind = 'file' | 'fifo' | 'socket' | 'block' | 'character'

const kinds: Readonly<Record<NodeKind, number>> = {
  file: S_IFREG,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  block: S_IFBLK,
  character: S_IFCHR,
}

export interface NodeOptions {
  readonly mode?: number | string
  /** Of devices. */
  readonly major?: number
  readonly minor?: number
}

/** mknod(2). EPERM: devices are for the superuser. */
export function mknod(face: Face, path: unknown, kind: NodeKind, options: NodeOptions = {}): Op<void> {
  const at = toPath(path)
  if (!Object.hasOwn(kinds, kind)) throw wrongValue('kind', kind)
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'of type object', options)
  const mode = toMode(options.mode ?? 0o666, 'options.mode') & ~S_IFMT
  const { major = 0, minor = 0 } = options
  assertUint32(major, 'options.major')
  assertUint32(minor, 'options.minor')
  const make = face.core.run(face.who, function* (call) {
    const place = yield* walkTo(call, face, at)
    assertFree(place, false)
    const what = { mode: kinds[kind] | mode, rdevMajor: major, rdevMinor: minor }
    yield* createEntry(call, place.directory, place.name, what)
  })
  return located('mknod', at, make)
}

export const mkfifo = (face: Face, path: unknown, mode?: number | string): Op<void> =>
  mknod(face, path, 'fifo', { mode: mode ?? 0o666 })

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const ATTEMPTS = 100

/** A directory of mode 0700 whose name is the prefix and six letters. */
export function mkdtemp(face: Face, prefix: unknown, options?: unknown): Op<string | Buffer> {
  const { encoding } = toOptions(options, {})
  const { bytes, shown } = toPath(prefix, 'prefix')
  const template = { bytes, shown: `${shown}XXXXXX` }
  return located('mkdtemp', template, make())

  function* make(): Op<string | Buffer> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const letters = Array.from(face.core.runtime.random(6), (byte) => LETTERS[byte % LETTERS.length])
      const path = Buffer.concat([bytes, Buffer.from(letters.join(''))])
      const isMade = yield* face.core.run(face.who, function* (call) {
        const place = yield* walk(call, face.core.superblock.rootIno, absolute(face, path), 'parent')
        if (place.inode !== undefined) return false
        yield* createEntry(call, place.directory, place.name, { mode: S_IFDIR | constants.S_IRWXU })
        return true
      })
      if (isMade) return encoded(path, encoding)
    }
    throw new FilesystemError('EEXIST')
  }
}
