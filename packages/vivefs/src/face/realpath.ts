/** realpath: the name of a file without links, dots and double slashes. */

import type { Call } from '../core/call.ts'
import { assertSearchable, findEntry, isDot, isDotDot } from '../core/directory.ts'
import { isDirectory, isSymlink } from '../core/mode.ts'
import { SYMLINKS_MAX } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import { NAME_BYTES_MAX } from '../format/dirent.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import { encoded, toOptions } from './arguments.ts'
import { absolute, type Face, located } from './context.ts'
import { type Path, toPath } from './paths.ts'

const SLASH = 0x2f
const SLASH_BYTES = Buffer.from('/')

const joinNames = (names: readonly Buffer[]): Buffer =>
  names.length === 0 ? SLASH_BYTES : Buffer.concat(names.flatMap((name) => [SLASH_BYTES, name]))

/** How far a resolution came. */
interface Progress {
  /** The names from the root, the one that was looked up last included. */
  names: Buffer[]
  /** The outermost link whose target is being resolved. */
  link: Buffer[] | undefined
}

/** As libuv's realpath: the refusal names the path that was asked for, and a file has no slash behind it. */
export function realpath(face: Face, path: unknown, options?: unknown): Op<string | Buffer> {
  const { encoding } = toOptions(options, {})
  const at = toPath(path)
  return located('realpath', at, canonical())

  function* canonical(): Op<string | Buffer> {
    return encoded(yield* resolveNames(face, at, { names: [], link: undefined }, true), encoding)
  }
}

/** As node's own realpath in JavaScript: the refusal names the component, or the link, that it looked at. */
export function realpathByLstat(face: Face, path: unknown, options?: unknown): Op<string | Buffer> {
  const { encoding } = toOptions(options, {})
  const at = toPath(path)
  return canonical()

  function* canonical(): Op<string | Buffer> {
    const progress: Progress = { names: [], link: undefined }
    try {
      return encoded(yield* resolveNames(face, at, progress, false), encoding)
    } catch (error) {
      if (!FilesystemError.is(error)) throw error
      const { names, link } = progress
      throw error.locate({ syscall: link === undefined ? 'lstat' : 'stat', path: joinNames(link ?? names).toString() })
    }
  }
}

const resolveNames = (face: Face, path: Path, progress: Progress, isStrict: boolean): Op<Buffer> =>
  face.core.read(face.who, (call) => expand(call, absolute(face, path.bytes), progress, isStrict))

function* expand(call: Call, bytes: Buffer, progress: Progress, isStrict: boolean): Op<Buffer> {
  progress.names = []
  progress.link = undefined
  const { rootIno } = call.core.superblock
  if (bytes.length === 0) throw new FilesystemError('ENOENT')
  let rest = bytes
  let at = 0
  let links = 0
  /** Bytes of the caller's own path behind the outermost link. */
  let own = 0
  let current = yield* call.inode(rootIno)
  for (;;) {
    while (at < rest.length && rest[at] === SLASH) at++
    if (rest.length - at <= own) progress.link = undefined
    if (at >= rest.length) return joinNames(progress.names)
    let end = rest.indexOf(SLASH, at)
    if (end < 0) end = rest.length
    const name = rest.subarray(at, end)
    at = end
    if (!isDirectory(current) || !isDot(name)) progress.names.push(name)
    assertSearchable(call, current)
    if (isDot(name)) continue
    if (isDotDot(name)) {
      progress.names.splice(-2)
      current = yield* call.inode(current.ino === rootIno ? rootIno : current.parent)
      continue
    }
    if (name.length > NAME_BYTES_MAX) throw new FilesystemError('ENAMETOOLONG')
    const entry = yield* findEntry(call, current, name)
    if (entry === undefined) throw new FilesystemError('ENOENT')
    current = yield* enter(entry.ino)
  }

  /** The inode of a component, or where a link leads on from. */
  function* enter(ino: number): Op<Inode> {
    const inode = yield* call.referenced(ino)
    if (!isSymlink(inode)) {
      if (isStrict && at < rest.length && !isDirectory(inode)) throw new FilesystemError('ENOTDIR')
      return inode
    }
    if (progress.link === undefined) {
      progress.link = [...progress.names]
      own = rest.length - at
    }
    if (++links > SYMLINKS_MAX) throw new FilesystemError('ELOOP')
    progress.names.pop()
    rest = Buffer.concat([inode.target, rest.subarray(at)])
    at = 0
    if (rest[0] !== SLASH) return current
    progress.names = []
    return yield* call.inode(rootIno)
  }
}
