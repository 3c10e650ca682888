/** Making inodes: open(O_CREAT), mkdir, mknod, symlink. */
import { FilesystemError } from '../errors.ts'
import { freshInode, type Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import { inheritedAcl } from './acl.ts'
import type { Call } from './call.ts'
import { addEntry, assertName, assertWritableDirectory, findEntry, isDot, isDotDot } from './directory.ts'
import {
  isInGroup,
  PERMISSIONS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  S_ISGID,
  S_IXGRP,
} from './mode.ts'

export const LINKS_MAX = 0xffff_ffff
export const TARGET_BYTES_MAX = 4095
const TYPES: ReadonlySet<number> = new Set([S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK])

/** What a new inode is. */
export interface NewInode {
  /** Type and permissions; the directory's default list or the caller's umask is applied here, except to symbolic links. */
  readonly mode: number
  readonly rdevMajor?: number
  readonly rdevMinor?: number
  readonly target?: Bytes
  /** NFS exclusive create: repeats of one request find it. */
  readonly exclusiveVerifier?: number
}

/** A new inode owned by the caller, by the rules of its directory, not entered anywhere yet: `nlink` is 0. */
export function* makeInode(call: Call, directory: Inode, what: NewInode): Op<Inode> {
  const { who, now, core } = call
  const type = what.mode & S_IFMT
  const inheritsGroup = (directory.mode & S_ISGID) !== 0
  const gid = inheritsGroup ? directory.gid : who.gid
  let permissions = what.mode & PERMISSIONS
  const inherited = type === S_IFLNK ? undefined : yield* inheritedAcl(call, directory, permissions)
  if (inherited !== undefined) permissions = inherited.permissions
  if (type === S_IFDIR && inheritsGroup) permissions |= S_ISGID
  const isSetGidProgram = type === S_IFREG && (permissions & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)
  if (isSetGidProgram && who.uid !== 0 && !isInGroup(who, gid)) permissions &= ~S_ISGID
  const ino = yield* core.allocateIno(call)
  const { extentBytes } = core.superblock
  const inode = freshInode({ ino, mode: type | permissions, uid: who.uid, gid, extentBytes, now })
  inode.projectId = directory.projectId
  inode.exclusiveVerifier = what.exclusiveVerifier ?? 0
  inode.rdevMajor = what.rdevMajor ?? 0
  inode.rdevMinor = what.rdevMinor ?? 0
  if (what.target !== undefined) {
    // A copy: the inode outlives the call.
    inode.target = Buffer.from(what.target)
    inode.size = what.target.length
  }
  call.add(inode)
  if (inherited?.give !== undefined) yield* inherited.give(inode)
  return inode
}

/**
 * Makes an inode and enters it. Errors: EEXIST, EACCES, ENOENT (removed directory), ENOTDIR, ENAMETOOLONG, EINVAL (a
 * type that cannot be made), EPERM (devices need the superuser), EMLINK.
 */
export function* createEntry(call: Call, directory: Inode, name: Bytes, what: NewInode): Op<Inode> {
  assertName(name)
  if (isDot(name) || isDotDot(name)) throw new FilesystemError('EEXIST')
  if ((yield* findEntry(call, directory, name)) !== undefined) throw new FilesystemError('EEXIST')
  assertWritableDirectory(call, directory)
  const type = what.mode & S_IFMT
  if ((type === S_IFCHR || type === S_IFBLK) && call.who.uid !== 0) throw new FilesystemError('EPERM')
  if (!TYPES.has(type)) throw new FilesystemError('EINVAL')
  if (what.target !== undefined) {
    if (what.target.length === 0) throw new FilesystemError('ENOENT')
    if (what.target.length > TARGET_BYTES_MAX) throw new FilesystemError('ENAMETOOLONG')
  }
  if (type === S_IFDIR && directory.nlink >= LINKS_MAX) throw new FilesystemError('EMLINK')
  const inode = yield* makeInode(call, directory, what)
  inode.nlink = 1
  const parent = addEntry(call, directory, name, inode)
  if (type === S_IFDIR) {
    inode.nlink = 2
    inode.parent = directory.ino
    parent.nlink++
  }
  const place = { directory: directory.ino, name }
  call.tell({ kind: 'create', ino: inode.ino, isDirectory: type === S_IFDIR, place })
  return inode
}
