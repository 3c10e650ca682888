/** open(2) by path: creating, following links, unnamed files. */
import { constants } from 'node:fs'
import { openAtHand } from '../core/at-hand.ts'
import type { Call } from '../core/call.ts'
import { createEntry, makeInode } from '../core/create.ts'
import { assertWritableDirectory } from '../core/directory.ts'
import { isDirectory, isSymlink, PERMISSIONS, S_IFREG } from '../core/mode.ts'
import { O_DIRECTORY, O_NOFOLLOW, type OpenFile, openInode } from '../core/open-file.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { done, type Op } from '../op.ts'
import { type Face, located, rooted, walkPath } from './context.ts'
import type { Description } from './descriptors.ts'
import { endsWithSlash, type Path } from './paths.ts'

const { O_CREAT, O_EXCL, O_TRUNC, O_RDWR, O_WRONLY } = constants

/** O_TMPFILE as on Linux, its O_DIRECTORY included; node:fs has no name for it. Elsewhere a bit that is free there. */
export const O_TMPFILE = (process.platform === 'linux' ? 0o20_000_000 : 0x4000_0000) | O_DIRECTORY

const isTemporary = (flags: number): boolean => (flags & O_TMPFILE) === O_TMPFILE

/** The inode that an open with these flags is about, made if need be. */
export interface Opening {
  readonly inode: Inode
  readonly isNew: boolean
}

/**
 * Errors: ENOENT, EEXIST (O_EXCL), EISDIR (O_CREAT of a directory or with a trailing slash), ELOOP (O_NOFOLLOW), EINVAL
 * (O_TMPFILE for reading only), ENOTDIR, and those of walking and creating.
 */
export function* openPath(call: Call, face: Face, path: Path, flags: number, mode: number): Op<Opening> {
  if (isTemporary(flags)) return yield* makeTemporary(call, face, path, flags, mode)
  const creates = (flags & O_CREAT) !== 0
  // As Linux does since 6.4.
  if (creates && (flags & O_DIRECTORY) !== 0) throw new FilesystemError('EINVAL')
  const isExclusive = creates && (flags & O_EXCL) !== 0
  const follows = !isExclusive && (flags & O_NOFOLLOW) === 0
  const slash = endsWithSlash(path)
  const place = yield* walkPath(call, face, path, creates && slash ? 'parent' : follows ? 'follow' : 'nofollow')
  let { inode } = place
  if (creates) {
    if (place.last === 'name' && slash) throw new FilesystemError('EISDIR')
    if (inode !== undefined && isExclusive) throw new FilesystemError('EEXIST')
    if (inode !== undefined && isDirectory(inode)) throw new FilesystemError('EISDIR')
    if (inode === undefined && place.trailingSlash) throw new FilesystemError('EISDIR')
    if (inode === undefined) {
      inode = yield* createEntry(call, place.directory, place.name, { mode: S_IFREG | (mode & PERMISSIONS) })
      return { inode, isNew: true }
    }
  }
  if (inode === undefined) throw new FilesystemError('ENOENT')
  if (isSymlink(inode) && (flags & O_DIRECTORY) !== 0) throw new FilesystemError('ENOTDIR')
  return { inode, isNew: false }
}

/** A file without a name in the directory at `path`. It lives as long as it is open, or gets a name. */
function* makeTemporary(call: Call, face: Face, path: Path, flags: number, mode: number): Op<Opening> {
  if ((flags & (O_WRONLY | O_RDWR)) === 0 || (flags & O_CREAT) !== 0) throw new FilesystemError('EINVAL')
  const { inode: directory } = yield* walkPath(call, face, path, 'follow')
  if (directory === undefined) throw new FilesystemError('ENOENT')
  assertWritableDirectory(call, directory)
  return { inode: yield* makeInode(call, directory, { mode: S_IFREG | (mode & PERMISSIONS) }), isNew: true }
}

/** What flags ask of the volume: whether the transaction may only read. */
export function changesNothing(face: Face, flags: number): boolean {
  const changes = (flags & (O_CREAT | O_TRUNC)) !== 0 || isTemporary(flags)
  if (!face.core.options.readOnly) return !changes
  // Existing files open for reading whatever the flags say; anything else meets EROFS.
  if ((flags & (O_TRUNC | O_WRONLY | O_RDWR)) !== 0) throw new FilesystemError('EROFS')
  return true
}

/** Opens `path`; the description has a number. */
export function openDescription(face: Face, path: Path, flags: number, mode: number): Op<Description> {
  const { core, who, descriptors, session } = face
  const known = descriptors.hasRoom ? openAtHand(core, who, rooted(face, path), flags) : undefined
  if (known !== undefined) return done(descriptors.add(known, session))
  return located('open', path, openNumbered(face, path, flags, mode))
}

function* openNumbered(face: Face, path: Path, flags: number, mode: number): Op<Description> {
  const { core, who, descriptors, session } = face
  descriptors.assertRoom()
  const how = { readOnly: changesNothing(face, flags), reclaims: (flags & (O_TRUNC | O_CREAT)) === O_TRUNC }
  const file = yield* core.run(who, (call) => openFileAt(call, face, path, flags, mode), how)
  const description = descriptors.add(file, session)
  description.isLinkable = isTemporary(flags) && (flags & O_EXCL) === 0
  return description
}

function* openFileAt(call: Call, face: Face, path: Path, flags: number, mode: number): Op<OpenFile> {
  const { inode, isNew } = yield* openPath(call, face, path, flags, mode)
  return yield* openInode(call, inode, isTemporary(flags) ? flags & ~O_DIRECTORY : flags, isNew)
}
