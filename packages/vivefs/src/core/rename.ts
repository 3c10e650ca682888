/** rename(2) and renameat2(2): POSIX rules, NOREPLACE, EXCHANGE. */
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
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
  isDot,
  isDotDot,
  removeEntry,
  replaceEntry,
} from './directory.ts'
import { dropDirectory, dropLink } from './link.ts'
import { isDirectory, isStickyBound, mayAccess, W_OK } from './mode.ts'

import { assertNoBorder, assertOneTree } from './trees.ts'

export interface RenameFlags {
  /** EEXIST instead of replacing. */
  readonly noReplace?: boolean
  /** Both names change places; both must exist. */
  readonly exchange?: boolean
}

/** One end of a rename. */
export interface NamePlace {
  readonly directory: Inode
  readonly name: Bytes
}

/**
 * Errors: ENOENT, EEXIST (noReplace), EISDIR, ENOTDIR, ENOTEMPTY, EINVAL (into its own subtree; both flags), EBUSY (`.`
 * and `..`), EACCES, EPERM (sticky directory), EMLINK, EXDEV (another project). Two names of one inode: nothing happens.
 */
export function* renameEntry(call: Call, from: NamePlace, to: NamePlace, flags: RenameFlags = {}): Op<void> {
  if (flags.noReplace && flags.exchange) throw new FilesystemError('EINVAL')
  for (const { name } of [from, to]) {
    if (isDot(name) || isDotDot(name)) throw new FilesystemError('EBUSY')
    assertName(name)
  }
  assertSearchable(call, from.directory)
  assertSearchable(call, to.directory)
  assertOneTree(from.directory, to.directory)
  const source = yield* findChild(call, from.directory, from.name)
  if (source === undefined) throw new FilesystemError('ENOENT')
  const target = yield* findChild(call, to.directory, to.name)
  if (flags.noReplace && target !== undefined) throw new FilesystemError('EEXIST')
  if (flags.exchange && target === undefined) throw new FilesystemError('ENOENT')

  assertNoBorder(from.directory, source)
  assertNoBorder(to.directory, target)
  yield* assertNotBelow(call, source, to.directory, 'EINVAL')
  if (target !== undefined) {
    yield* assertNotBelow(call, target, from.directory, flags.exchange ? 'EINVAL' : 'ENOTEMPTY')
  }
  if (target !== undefined && source.ino === target.ino) return
  assertMovable(call, from.directory, source, to.directory)
  assertWritableDirectory(call, to.directory)
  if (target !== undefined) {
    if (flags.exchange) assertMovable(call, to.directory, target, from.directory)
    else assertReplaceable(call, to.directory, source, target)
  }
  if (source.projectId !== to.directory.projectId) throw new FilesystemError('EXDEV')
  const isExchangedOut = flags.exchange === true && target?.projectId !== from.directory.projectId
  if (isExchangedOut) throw new FilesystemError('EXDEV')
  if (flags.exchange && target !== undefined) return exchange(call, from, source, to, target)
  move(call, from, source, to, target)
}

/** A directory cannot move below itself. */
function* assertNotBelow(call: Call, inode: Inode, directory: Inode, code: 'EINVAL' | 'ENOTEMPTY'): Op<void> {
  if (!isDirectory(inode)) return
  let at = directory
  for (;;) {
    if (at.ino === inode.ino) throw new FilesystemError(code)
    if (at.ino === call.core.superblock.rootIno || at.parent === 0) return
    at = yield* call.referenced(at.parent)
  }
}

function assertMovable(call: Call, directory: Inode, inode: Inode, to: Inode): void {
  assertWritableDirectory(call, directory)
  if (isStickyBound(call.who, directory, inode)) throw new FilesystemError('EPERM')
  // Its `..` changes.
  const changesParent = isDirectory(inode) && directory.ino !== to.ino
  if (changesParent && !mayAccess(call.who, inode, W_OK)) throw new FilesystemError('EACCES')
  if (changesParent && to.nlink >= LINKS_MAX) throw new FilesystemError('EMLINK')
}

function assertReplaceable(call: Call, directory: Inode, source: Inode, target: Inode): void {
  if (isStickyBound(call.who, directory, target)) throw new FilesystemError('EPERM')
  if (isDirectory(source) && !isDirectory(target)) throw new FilesystemError('ENOTDIR')
  if (!isDirectory(source) && isDirectory(target)) throw new FilesystemError('EISDIR')
  if (isDirectory(target) && target.entries > 0) throw new FilesystemError('ENOTEMPTY')
}

function move(call: Call, from: NamePlace, source: Inode, to: NamePlace, target: Inode | undefined): void {
  const moved = call.edit(source, 'ctime')
  const left = removeEntry(call, from.directory, from.name)
  if (target === undefined) {
    addEntry(call, to.directory, to.name, moved)
  } else {
    replaceEntry(call, to.directory, to.name, moved)
    if (isDirectory(target)) {
      dropDirectory(call, target)
      call.edit(to.directory).nlink--
    } else {
      dropLink(call, target)
    }
  }
  if (isDirectory(moved) && from.directory.ino !== to.directory.ino) {
    moved.parent = to.directory.ino
    left.nlink--
    call.edit(to.directory).nlink++
  }
  tellMove(call, from, source, to)
}

/** As fsnotify_move: both directories, then what was moved. Open files go with their name. */
function tellMove(call: Call, from: NamePlace, inode: Inode, to: NamePlace): void {
  const { changes, openFiles } = call.core
  const { ino } = inode
  const place = { directory: to.directory.ino, name: to.name }
  call.tx.onCommit(() => {
    if (openFiles.has(ino)) changes.move(ino, place)
  })
  if (!changes.isWatched) return
  const what = { ino, isDirectory: isDirectory(inode) }
  call.tell({ kind: 'movedFrom', ...what, place: { directory: from.directory.ino, name: from.name } })
  call.tell({ kind: 'movedTo', ...what, place })
  call.tell({ kind: 'moveSelf', ...what, place: undefined })
}

function exchange(call: Call, from: NamePlace, source: Inode, to: NamePlace, target: Inode): void {
  const first = call.edit(source, 'ctime')
  const second = call.edit(target, 'ctime')
  replaceEntry(call, from.directory, from.name, second)
  replaceEntry(call, to.directory, to.name, first)
  tellMove(call, from, source, to)
  tellMove(call, to, target, from)
  if (from.directory.ino === to.directory.ino) return
  if (isDirectory(first)) {
    first.parent = to.directory.ino
    call.edit(from.directory).nlink--
    call.edit(to.directory).nlink++
  }
  if (isDirectory(second)) {
    second.parent = from.directory.ino
    call.edit(to.directory).nlink--
    call.edit(from.directory).nlink++
  }
}
