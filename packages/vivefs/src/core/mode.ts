/** Mode bits, and what of a mode each caller may use: POSIX file access permissions. */
import { constants } from 'node:fs'
import { permits } from '../acl/acl.ts'
import type { Inode } from '../format/inode.ts'
import type { Client } from './lease-conflict.ts'

export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000
export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000
export const S_IXGRP = 0o010
export const PERMISSIONS = 0o7777

export const R_OK = constants.R_OK
export const W_OK = constants.W_OK
export const X_OK = constants.X_OK

/**
 * Who asks. `groups` are the supplementary groups; `umask` applies to what is created. uid 0 is the superuser.
 */
export interface Credentials {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  readonly umask: number
  /** In whose name as a client: leases of its own do not stand in its way (docs/locks.md). */
  readonly client?: Client
}

/** Whoever may do all: background work, repairs, the command. */
export const superuser: Credentials = { uid: 0, gid: 0, groups: [], umask: 0 }

type Moded = Pick<Inode, 'mode'>

export const isDirectory = (inode: Moded): boolean => (inode.mode & S_IFMT) === S_IFDIR
export const isFile = (inode: Moded): boolean => (inode.mode & S_IFMT) === S_IFREG
export const isSymlink = (inode: Moded): boolean => (inode.mode & S_IFMT) === S_IFLNK
export const typeOf = (inode: Moded): number => inode.mode & S_IFMT

export const isSuperuser = (who: Credentials): boolean => who.uid === 0
export const isOwner = (who: Credentials, inode: Pick<Inode, 'uid'>): boolean => who.uid === 0 || who.uid === inode.uid
export const isInGroup = (who: Credentials, gid: number): boolean => who.gid === gid || who.groups.includes(gid)

/**
 * Whether `who` may use `inode` in the ways of `mask` (R_OK, W_OK, X_OK combined). Exactly one class of bits decides:
 * owner, else group, else other; where there is an access control list, it decides about all but the owner. The superuser may
 * all but execute a file that nobody may execute.
 */
export function mayAccess(who: Credentials, inode: Inode, mask: number): boolean {
  if (who.uid === 0) {
    return (mask & X_OK) === 0 || isDirectory(inode) || (inode.mode & 0o111) !== 0
  }
  let bits = inode.mode & 7
  if (who.uid === inode.uid) bits = (inode.mode >>> 6) & 7
  else if (inode.acl !== undefined) return permits(inode.acl, inode.mode, inode.gid, who, mask)
  else if (isInGroup(who, inode.gid)) bits = (inode.mode >>> 3) & 7
  return (bits & mask) === mask
}

/** Whether the sticky bit of `directory` keeps `who` from removing or renaming `victim` in it. */
export const isStickyBound = (who: Credentials, directory: Inode, victim: Inode): boolean =>
  (directory.mode & S_ISVTX) !== 0 && who.uid !== 0 && who.uid !== victim.uid && who.uid !== directory.uid

/** The mode after content or owner changed: setuid goes, and setgid where it means execution. */
export const withoutSetId = (mode: number): number =>
  mode & ~(S_ISUID | ((mode & S_IXGRP) !== 0 && (mode & S_IFMT) !== S_IFDIR ? S_ISGID : 0))
