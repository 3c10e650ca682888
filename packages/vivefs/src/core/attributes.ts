/** Attributes: what stat shows and what chmod, chown, utimes and truncate change. */
import { FilesystemError } from '../errors.ts'
import type { Inode, Timespec } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import type { NamedPlace } from './changes.ts'
import { resize } from './content.ts'
import {
  isDirectory,
  isFile,
  isInGroup,
  isOwner,
  mayAccess,
  PERMISSIONS,
  S_IFMT,
  S_ISGID,
  W_OK,
  withoutSetId,
} from './mode.ts'
import { dropCapability } from './xattr.ts'

/** The block of st_blocks, bytes. */
export const STAT_BLOCK_BYTES = 512
/** What a directory's st_size counts for each entry. */
const ENTRY_SIZE_BYTES = 32

/** What is known of an inode. Times are whole seconds and nanoseconds. */
export interface Attributes {
  readonly ino: number
  readonly generation: number
  /** Type and permissions. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdevMajor: number
  readonly rdevMinor: number
  /** Bytes; of a directory 32 for each entry. */
  readonly size: number
  /** Allocated units of 512 bytes. */
  readonly blocks: number
  /** The best size of a transfer: one extent. */
  readonly blockBytes: number
  readonly atime: Timespec
  readonly mtime: Timespec
  readonly ctime: Timespec
  readonly birthtime: Timespec
  /** Grows with every change. */
  readonly change: number
}

export const attributesOf = (inode: Inode): Attributes => ({
  ino: inode.ino,
  generation: inode.generation,
  mode: inode.mode,
  nlink: inode.nlink,
  uid: inode.uid,
  gid: inode.gid,
  rdevMajor: inode.rdevMajor,
  rdevMinor: inode.rdevMinor,
  size: isDirectory(inode) ? inode.entries * ENTRY_SIZE_BYTES : inode.size,
  blocks: Math.ceil(inode.allocatedBytes / STAT_BLOCK_BYTES),
  blockBytes: inode.extentBytes,
  atime: inode.atime,
  mtime: inode.mtime,
  ctime: inode.ctime,
  birthtime: inode.birthtime,
  change: inode.change,
})

/** What to change. `'now'` is the time of the operation, which a writer may set without owning the file. */
export interface AttributeChanges {
  /** Permission bits. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  readonly atime?: Timespec | 'now'
  readonly mtime?: Timespec | 'now'
}

/**
 * Changes attributes, all or none. Errors: EPERM (not the owner; who may chown whom), EACCES (times to now, or size,
 * without write permission), EISDIR and EINVAL (size of what has none), EFBIG. `isOpenForWriting`: the size may be set
 * whatever the mode says now. `place`: by which name the inode is known, for watchers.
 */
export function* changeAttributes(
  call: Call,
  inode: Inode,
  changes: AttributeChanges,
  isOpenForWriting = false,
  place?: NamedPlace,
): Op<Inode> {
  const { who } = call
  assertMayChown(call, inode, changes)
  if (changes.mode !== undefined && !isOwner(who, inode)) throw new FilesystemError('EPERM')
  assertMaySetTimes(call, inode, changes)
  if (changes.size !== undefined) {
    if (isDirectory(inode)) throw new FilesystemError('EISDIR')
    if (!isFile(inode)) throw new FilesystemError('EINVAL')
    if (!Number.isSafeInteger(changes.size) || changes.size < 0) throw new FilesystemError('EINVAL')
    if (!isOpenForWriting && !mayAccess(who, inode, W_OK)) throw new FilesystemError('EACCES')
  }
  const edited = call.edit(inode, 'ctime')
  const changesHands = changes.uid !== undefined || changes.gid !== undefined
  if (changesHands) {
    edited.uid = changes.uid ?? edited.uid
    edited.gid = changes.gid ?? edited.gid
    if (!isDirectory(inode)) edited.mode = withoutSetId(edited.mode)
  }
  if (changes.mode !== undefined) {
    edited.mode = (edited.mode & S_IFMT) | (changes.mode & PERMISSIONS)
    if (who.uid !== 0 && !isInGroup(who, edited.gid)) edited.mode &= ~S_ISGID
  }
  if (changes.size !== undefined) {
    const isChange = changes.size !== inode.size
    yield* resize(call, edited, changes.size)
    edited.mtime = call.now
    if (isChange && who.uid !== 0) edited.mode = withoutSetId(edited.mode)
  }
  if (edited.xattrs > 0 && (changesHands || changes.size !== undefined)) yield* dropCapability(call, edited)
  if (changes.atime !== undefined) edited.atime = changes.atime === 'now' ? call.now : changes.atime
  if (changes.mtime !== undefined) edited.mtime = changes.mtime === 'now' ? call.now : changes.mtime
  call.tellOf(inode, changes.size !== undefined ? 'modify' : 'attrib', place)
  return edited
}

/** Only the superuser gives files away; an owner may hand a file to a group of his own. */
function assertMayChown({ who }: Call, inode: Inode, { uid, gid }: AttributeChanges): void {
  if (who.uid === 0) return
  if (uid === undefined && gid === undefined) return
  if (uid !== undefined && (uid !== inode.uid || who.uid !== inode.uid)) throw new FilesystemError('EPERM')
  const mayGroup = gid === undefined || (who.uid === inode.uid && (gid === inode.gid || isInGroup(who, gid)))
  if (!mayGroup) throw new FilesystemError('EPERM')
}

function assertMaySetTimes({ who }: Call, inode: Inode, { atime, mtime }: AttributeChanges): void {
  if (atime === undefined && mtime === undefined) return
  if (isOwner(who, inode)) return
  const isTouch = atime === 'now' && mtime === 'now'
  if (!isTouch) throw new FilesystemError('EPERM')
  if (!mayAccess(who, inode, W_OK)) throw new FilesystemError('EACCES')
}
