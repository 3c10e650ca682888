/** realpath: the name of a file without links, dots and double slashes. */

import type { Call } from '../core/call.ts'
import { assertSearchable, findEntry, isDot, isDotDot } from '../core/directory.ts'
import { isDirectory, isSymlink } from '../core/mode.ts'
import { SYMLINKS_MAX } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import type { Op } from '../op.ts'
import { encoded, toOptions } from './arguments.ts'
import { type Face, located } from './context.ts'
import { type Path, toPath } from './paths.ts'

const SLASH = 0x2f
const SLASH_BYTES = Buffer.from('/')

const joinNames = (names: readonly Buffer[]): Buffer =>
  names.length === 0 ? SLASH_BYTES : Buffer.concat(names.flatMap((name) => [SLASH_BYTES, name]))

/** As libuv's realpath: the refusal names the path that was asked for. */
export function realpath(face: Face, path: unknown, options?: unknown): Op<string | Buffer> {
  const { encoding } = toOptions(options, {})
  const at = toPath(path)
  return located('realpath', at, canonical())

  function* canonical(): Op<string | Buffer> {
    return encoded(yield* resolveNames(face, at, []), encoding)
  }
}

/** As node's own realpath in JavaScript: the refusal names the component it met. */
export function realpathByLstat(face: Face, path: unknown, options?: unknown): Op<string | Buffer> {
  const { encoding } = toOptions(options, {})
  const at = toPath(path)
  return canonical()

  function* canonical(): Op<string | Buffer> {
    const met: Buffer[] = []
    try {
      return encoded(yield* resolveNames(face, at, met), encoding)
    } catch (error) {
      if (!FilesystemError.is(error)) throw error
      const syscall = error.code === 'ELOOP' ? 'stat' : 'lstat'
      throw error.locate({ syscall, path: joinNames(met).toString() })
    }
  }
}

/** `met` holds the names of the component that was looked up last. */
function* resolveNames(face: Face, path: Path, met: Buffer[]): Op<Buffer> {
  return yield* face.core.read(face.who, (call) => expand(call, path, met))
}

function* expand(call: Call, path: Path, met: Buffer[]): Op<Buffer> {
  met.length = 0
  const { rootIno } = call.core.superblock
  if (path.bytes.length === 0) throw new FilesystemError('ENOENT')
  let rest: Buffer = path.bytes
  let at = 0
  let links = 0
  let current = yield* call.inode(rootIno)
  for (;;) {
    while (at < rest.length && rest[at] === SLASH) at++
    if (at >= rest.length) return joinNames(met)
    let end = rest.indexOf(SLASH, at)
    if (end < 0) end = rest.length
    const name = rest.subarray(at, end)
    at = end
    if (!isDirectory(current) || !isDot(name)) met.push(name)
    assertSearchable(call, current)
    if (isDot(name)) continue
    if (isDotDot(name)) {
      met.splice(-2)
      current = yield* call.inode(current.ino === rootIno ? rootIno : current.parent)
      continue
    }
    if (name.length > 255) throw new FilesystemError('ENAMETOOLONG')
    const entry = yield* findEntry(call, current, name)
    if (entry === undefined) throw new FilesystemError('ENOENT')
    const inode = yield* call.referenced(entry.ino)
    if (!isSymlink(inode)) {
      current = inode
      if (at < rest.length && !isDirectory(inode)) assertOnlySlashes(rest, at, met)
      continue
    }
    if (++links > SYMLINKS_MAX) throw new FilesystemError('ELOOP')
    met.pop()
    rest = Buffer.concat([inode.target, rest.subarray(end)])
    at = 0
    if (rest[0] === SLASH) {
      current = yield* call.inode(rootIno)
      met.length = 0
    }
  }
}

/** A file with a slash behind it is refused as a directory it is not. */
function assertOnlySlashes(rest: Buffer, at: number, _met: Buffer[]): void {
  for (let i = at; i < rest.length; i++) if (rest[i] !== SLASH) return
  throw new FilesystemError('ENOTDIR')
}
