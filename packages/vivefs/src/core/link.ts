/** Names come and go: link, unlink, rmdir. */
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { orphanKey } from '../format/keys.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import { LINKS_MAX } from './create.ts'
import {
  addEntry,
  assertName,
  assertSearchable,
  assertWritableDirectory,
  findChild,
  findEntry,
  isDot,
  isDotDot,
  removeEntry,
} from './directory.ts'
import { isDirectory, isStickyBound } from './mode.ts'
import { assertNoBorder, assertOneTree } from './trees.ts'

/**
 * Gives an inode one more name. Errors: EPERM (a directory), EEXIST, EMLINK, ENOENT (the inode has no name, and is not
 * `isLinkable`: made by O_TMPFILE), EXDEV (another project), and those of adding a name.
 */
export function* linkInode(call: Call, inode: Inode, directory: Inode, name: Bytes, isLinkable = false): Op<Inode> {
  assertName(name)
  if (isDot(name) || isDotDot(name)) throw new FilesystemError('EEXIST')
  assertSearchable(call, directory)
  if ((yield* findEntry(call, directory, name)) !== undefined) throw new FilesystemError('EEXIST')
  assertWritableDirectory(call, directory)
  if (isDirectory(inode)) throw new FilesystemError('EPERM')
  assertOneTree(inode, directory)
  if (inode.nlink === 0) {
    if (!isLinkable) throw new FilesystemError('ENOENT')
    call.tx.del(orphanKey(inode.ino))
  }
  if (inode.nlink >= LINKS_MAX) throw new FilesystemError('EMLINK')
  if (inode.projectId !== directory.projectId) throw new FilesystemError('EXDEV')
  const edited = call.edit(inode, 'ctime')
  edited.nlink++
  addEntry(call, directory, name, edited)
  call.tellOf(inode, 'attrib', NOWHERE)
  call.tell({ kind: 'create', ino: inode.ino, isDirectory: false, place: { directory: directory.ino, name } })
  return edited
}

/** A count of links concerns the file itself, not the directory that it is in. */
const NOWHERE = { directory: 0, name: Buffer.alloc(0) }

/** Takes the name of a file that is open under no name (O_TMPFILE) or counts one link less. */
export function dropLink(call: Call, inode: Inode): void {
  call.edit(inode, 'ctime').nlink--
  call.tellOf(inode, 'attrib', NOWHERE)
}

/** Removes a name of anything but a directory. Errors: ENOENT, EISDIR, EACCES, EPERM (sticky directory). */
export function* unlinkEntry(call: Call, directory: Inode, name: Bytes): Op<void> {
  assertName(name)
  if (isDot(name) || isDotDot(name)) throw new FilesystemError('EISDIR')
  assertSearchable(call, directory)
  const inode = yield* findChild(call, directory, name)
  if (inode === undefined) throw new FilesystemError('ENOENT')
  assertWritableDirectory(call, directory)
  if (isStickyBound(call.who, directory, inode)) throw new FilesystemError('EPERM')
  if (isDirectory(inode)) throw new FilesystemError('EISDIR')
  removeEntry(call, directory, name)
  dropLink(call, inode)
  call.tell({ kind: 'delete', ino: inode.ino, isDirectory: false, place: { directory: directory.ino, name } })
}

/**
 * Removes an empty directory. Errors: ENOENT, ENOTDIR, ENOTEMPTY, EINVAL (`.`), EBUSY (the root), EACCES, EPERM (sticky
 * directory).
 */
export function* removeDirectory(call: Call, directory: Inode, name: Bytes): Op<void> {
  if (isDot(name)) throw new FilesystemError('EINVAL')
  if (isDotDot(name)) throw new FilesystemError('ENOTEMPTY')
  assertName(name)
  assertSearchable(call, directory)
  const inode = yield* findChild(call, directory, name)
  if (inode === undefined) throw new FilesystemError('ENOENT')
  assertWritableDirectory(call, directory)
  if (isStickyBound(call.who, directory, inode)) throw new FilesystemError('EPERM')
  if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR')
  assertNoBorder(directory, inode)
  if (inode.entries > 0) throw new FilesystemError('ENOTEMPTY')
  removeEntry(call, directory, name).nlink--
  dropDirectory(call, inode)
  call.tell({ kind: 'delete', ino: inode.ino, isDirectory: true, place: { directory: directory.ino, name } })
}

/** An empty directory loses its name and its own `.`. */
export function dropDirectory(call: Call, inode: Inode): void {
  call.edit(inode, 'ctime').nlink = 0
}
