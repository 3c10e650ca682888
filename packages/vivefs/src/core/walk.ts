/** Path resolution: POSIX.1 "Pathname Resolution", with the limits of D13 and Linux's treatment of trailing slashes. */
import { FilesystemError } from '../errors.ts'
import { NAME_BYTES_MAX } from '../format/dirent.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import { assertSearchable, findEntry, isDot, isDotDot } from './directory.ts'
import { isDirectory, isSymlink } from './mode.ts'

export const PATH_BYTES_MAX = 4096
export const SYMLINKS_MAX = 40

const SLASH = 0x2f

/** Where a path leads. */
export interface Place {
  /** The directory that holds, or would hold, the last name. For `/`, `.` and `..` the place itself. */
  readonly directory: Inode
  /** The last name; empty for the root. */
  readonly name: Buffer
  /** Whether the last component is an ordinary name: only those can be made, removed or renamed. */
  readonly last: 'name' | 'dot' | 'dotdot' | 'root'
  readonly trailingSlash: boolean
  /** What is there. */
  readonly inode: Inode | undefined
}

/**
 * How the last component is treated: `follow` and `nofollow` look it up; `parent` is for operations on the name itself,
 * for which a trailing slash does not follow a link.
 */
export type LastComponent = 'follow' | 'nofollow' | 'parent'

/**
 * Resolves `path` from `start` (or from the root). Errors: ENOENT, ENOTDIR, EACCES (no search permission), ELOOP,
 * ENAMETOOLONG. A missing last component is not an error: `inode` is undefined.
 */
export function* walk(call: Call, start: number, path: Buffer, mode: LastComponent): Op<Place> {
  if (path.length === 0) throw new FilesystemError('ENOENT')
  if (path.length >= PATH_BYTES_MAX) throw new FilesystemError('ENAMETOOLONG')
  const rootIno = call.core.superblock.rootIno
  let rest = path
  let at = 0
  let links = 0
  let current = yield* call.inode(rest[0] === SLASH ? rootIno : start)

  for (;;) {
    while (at < rest.length && rest[at] === SLASH) at++
    if (at === rest.length) {
      return reach(call, { directory: current, name: EMPTY, last: 'root', trailingSlash: true, inode: current })
    }
    let end = rest.indexOf(SLASH, at)
    if (end < 0) end = rest.length
    const name = rest.subarray(at, end)
    at = end
    while (at < rest.length && rest[at] === SLASH) at++
    const isLast = at === rest.length
    const trailingSlash = isLast && at > end

    assertSearchable(call, current)
    if (isDot(name) || isDotDot(name)) {
      const last = isDot(name) ? 'dot' : 'dotdot'
      if (last === 'dotdot') current = yield* call.inode(current.ino === rootIno ? rootIno : current.parent)
      if (isLast) return reach(call, { directory: current, name, last, trailingSlash, inode: current })
      continue
    }
    if (name.length > NAME_BYTES_MAX) throw new FilesystemError('ENAMETOOLONG')
    if (current.nlink === 0) throw new FilesystemError('ENOENT')

    const entry = yield* findEntry(call, current, name)
    if (entry === undefined) {
      if (!isLast) throw new FilesystemError('ENOENT')
      return reach(call, { directory: current, name, last: 'name', trailingSlash, inode: undefined })
    }
    const inode = yield* call.referenced(entry.ino)
    const follows = isSymlink(inode) && (!isLast || mode === 'follow' || (trailingSlash && mode === 'nofollow'))
    if (follows) {
      if (++links > SYMLINKS_MAX) throw new FilesystemError('ELOOP')
      if (inode.target.length === 0) throw new FilesystemError('ENOENT')
      rest = Buffer.concat([inode.target, rest.subarray(end)])
      at = 0
      if (rest[0] === SLASH) current = yield* call.inode(rootIno)
      continue
    }
    if (isLast) {
      if (trailingSlash && mode !== 'parent' && !isDirectory(inode)) throw new FilesystemError('ENOTDIR')
      return reach(call, { directory: current, name, last: 'name', trailingSlash, inode })
    }
    if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR')
    current = inode
  }
}

const EMPTY = Buffer.alloc(0)

function reach(call: Call, place: Place): Place {
  call.reached = place
  return place
}

/** The inode at a path. Errors as of `walk`, and ENOENT when nothing is there. */
export function* resolve(call: Call, start: number, path: Buffer, mode: 'follow' | 'nofollow'): Op<Inode> {
  const { inode } = yield* walk(call, start, path, mode)
  if (inode === undefined) throw new FilesystemError('ENOENT')
  return inode
}
