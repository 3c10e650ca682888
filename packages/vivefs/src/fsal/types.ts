/**
 * The inner face: a filesystem by inode handle, in the vocabulary of an FSAL (NFS-Ganesha), for gateways and for whoever
 * needs exact control. Every call takes credentials, a handle and arguments and is one atomic operation; drive it with
 * `runAsync`, or with `runSync` where the store answers synchronously.
 *
 * Errors carry errno names (`error.code`). ESTALE: the handle's inode is gone. ENOTDIR, EACCES, ENOENT, ENAMETOOLONG and
 * EIO (a damaged row, with the cause attached) as in the manual pages; what else a call throws is said beside it.
 */
import type { AttributeChanges, Attributes } from '../core/attributes.ts'
import type { Change } from '../core/changes.ts'
import type { CopyRange } from '../core/copy-range.ts'
import type { Credentials } from '../core/mode.ts'
import type { OpenFile, Written } from '../core/open-file.ts'
import type { RenameFlags } from '../core/rename.ts'
import type { FallocateMode, SpaceReport } from '../core/space.ts'
import type { XattrMode } from '../core/xattr.ts'
import type { Lease } from '../lock/lease.ts'
import type { HeldLock, LockOwner, LockRange, LockType } from '../lock/types.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Handle } from './handle.ts'
import type { FsalLease } from './leases.ts'
import type { FsalFlock, FsalLock } from './locks.ts'

export type FsalCall<A, R> = (credentials: Credentials, handle: Handle, args: A) => Op<R>

/** An inode found or made, with its attributes at that instant. */
export interface Entry {
  readonly handle: Handle
  readonly attributes: Attributes
}

/** A line of a directory. `cookie` continues the listing behind it and stays valid over changes and restarts. */
export interface DirectoryLine {
  readonly name: Buffer
  readonly ino: number
  /** S_IFMT bits. */
  readonly type: number
  readonly cookie: bigint
  /** With `plus`. */
  readonly entry?: Entry
}

export interface DirectoryPage {
  readonly lines: readonly DirectoryLine[]
  /** Nothing follows. */
  readonly eof: boolean
}

/** `unchecked` opens what is there; `guarded` throws EEXIST; a verifier makes a repeated request find its own file. */
export type CreateMode = 'unchecked' | 'guarded' | { readonly verifier: number }

export interface Fsal {
  /** What `runSync` can drive: nothing, operations that only read, or everything. */
  readonly sync: 'none' | 'reads' | 'full'
  /**
   * `listener` hears of every change of names and files, whoever makes it, in the order of commits and at the instant of each; it must
   * not throw. The answer ends it.
   */
  listen(listener: (change: Change) => void): () => void
  /** The handle of the root directory. */
  root(): Handle
  /** The inode behind a name; `.` and `..` too. */
  lookup: FsalCall<{ name: Bytes }, Entry>
  getattr: FsalCall<undefined, Attributes>
  /**
   * EPERM, EINVAL, EISDIR, EFBIG. All changes are made, or none. With a `file` that is open for writing the size may change whatever
   * the mode says now (ftruncate).
   */
  setattr: FsalCall<AttributeChanges & { file?: OpenFile }, Attributes>
  /**
   * The part of `mask` (R_OK 4, W_OK 2, X_OK 1) that the caller is allowed, each right by itself: an access control list can grant two
   * rights by two groups and not both at once. `together`: all of `mask` at once or 0, as access(2) and open(2) ask.
   */
  access: FsalCall<{ mask: number; together?: boolean }, number>
  /** A regular file. EEXIST. */
  create: FsalCall<{ name: Bytes; mode: number; how?: CreateMode }, Entry>
  /**
   * open(2) with O_CREAT as one operation: the new file is open whatever its mode says. Without O_EXCL in `flags` a file that is there is
   * opened instead. EEXIST, EISDIR, ELOOP, ENXIO, EACCES.
   */
  openNew: FsalCall<{ name: Bytes; mode: number; flags: number }, Entry & { file: OpenFile }>
  /**
   * open(2) with O_TMPFILE: a regular file without a name in the directory of the handle; it lives as long as it is open, or gets a name by
   * `link`. EACCES, ENOTDIR.
   */
  openTemporary: FsalCall<{ mode: number; flags: number }, Entry & { file: OpenFile }>
  /** EEXIST, EMLINK. */
  mkdir: FsalCall<{ name: Bytes; mode: number }, Entry>
  /** FIFO, socket, character or block device, by the type bits of `mode`. EPERM: devices need the superuser. */
  mknode: FsalCall<{ name: Bytes; mode: number; rdevMajor?: number; rdevMinor?: number }, Entry>
  /** `target` is 1 to 4095 bytes. */
  symlink: FsalCall<{ name: Bytes; target: Bytes }, Entry>
  /** The target, a copy. EINVAL: not a symbolic link. */
  readlink: FsalCall<undefined, Buffer>
  /**
   * One more name for the inode of the handle. `isTemporary`: it was made by `openTemporary`, is open still, and may be given its first.
   * ENOENT: it has no name any more. EPERM: a directory. EEXIST, EMLINK, EXDEV.
   */
  link: FsalCall<{ directory: Handle; name: Bytes; isTemporary?: boolean }, Attributes>
  /** EEXIST, EISDIR, ENOTDIR, ENOTEMPTY, EINVAL, EPERM, EXDEV. */
  rename: FsalCall<{ name: Bytes; toDirectory: Handle; toName: Bytes; flags?: RenameFlags }, void>
  /** Of anything but a directory. EISDIR, EPERM. */
  unlink: FsalCall<{ name: Bytes }, void>
  /** ENOTDIR, ENOTEMPTY, EPERM. */
  rmdir: FsalCall<{ name: Bytes }, void>
  /** `.` and `..` are not listed. `cookie` 0n starts. `plus` adds handle and attributes. */
  readdir: FsalCall<{ cookie: bigint; limit: number; plus?: boolean }, DirectoryPage>
  /** Checks rights once, for open(2) `flags`, and keeps the inode until `close`. ELOOP, EISDIR, ENXIO. */
  open: FsalCall<{ flags: number }, OpenFile>
  close(file: OpenFile): Op<void>
  /** Into `into`, which is not kept; fewer bytes only at the end. Without `file` the right to read is checked now. */
  read: FsalCall<{ offset: number; into: Bytes; file?: OpenFile }, number>
  /** All of `data`, which is the caller's again on return; `offset` null appends. EFBIG, ENOSPC. */
  write: FsalCall<{ offset: number | null; data: Bytes; file?: OpenFile; durable?: boolean }, Written>
  /** What was acknowledged before survives power loss. */
  commit: FsalCall<undefined, void>
  /** Copies up to 4 MiB as one operation; answers how many bytes. EBADF, EINVAL (ranges of one file that overlap), EFBIG, ENOSPC. */
  copyRange(credentials: Credentials, range: CopyRange): Op<number>
  /** ENXIO: nothing of that kind at or behind `offset`. */
  seek: FsalCall<{ what: 'data' | 'hole'; offset: number }, number>
  /** EINVAL, EFBIG. */
  fallocate: FsalCall<{ mode: FallocateMode; offset: number; length: number; keepSize?: boolean }, Attributes>
  /** ENODATA. */
  getxattr: FsalCall<{ name: Bytes }, Buffer>
  /** EEXIST, ENODATA, E2BIG. */
  setxattr: FsalCall<{ name: Bytes; value: Bytes; mode?: XattrMode }, void>
  listxattr: FsalCall<undefined, Buffer[]>
  /** ENODATA. */
  removexattr: FsalCall<{ name: Bytes }, void>
  statfs: FsalCall<undefined, SpaceReport>
  /** A name for the lock owners of a gateway that nobody else has: `owner.session`. */
  lockSession(name: string): string
  /** The gateway, or its client, is gone: locks and leases that its owners hold are let go, all that they wait for fails with EINTR. */
  endLockSession(session: string): void
  /**
   * fcntl(F_SETLK), with `wait` F_SETLKW. EAGAIN, EDEADLK, EINTR (by `signal`), ETIMEDOUT, EBADF, ENOLCK, EINVAL, EOVERFLOW. Gateways
   * let go of an owner's locks by `unlock` when that owner closes the file; closing `file` lets go of flock locks and ends waits only.
   */
  lock: FsalCall<FsalLock, void>
  /** fcntl(F_GETLK): what stands in the way. EINVAL, EOVERFLOW. */
  testLock: FsalCall<LockRange & { owner: LockOwner; type: LockType }, HeldLock | undefined>
  /** EINVAL, EOVERFLOW. */
  unlock: FsalCall<LockRange & { owner: LockOwner }, void>
  /** flock(2); the owner is the open file. EAGAIN, EINTR, ETIMEDOUT, EBADF, ENOLCK. */
  flock: FsalCall<FsalFlock, void>
  /**
   * fcntl(F_SETLEASE) for a client of the gateway: an NFSv4 delegation, an SMB oplock. EAGAIN: others have the file open, or a lease of
   * it, so that it cannot be. EBADF: `files` are closed, of another file, or none is open for that. EISDIR, EINVAL, EACCES, ENOLCK.
   */
  lease: FsalCall<FsalLease, Lease>
  /** Who has leases of it. */
  leases: FsalCall<undefined, Lease[]>
}
