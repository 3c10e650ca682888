/** The types of a face: those of node:fs for what exists, and what POSIX has beyond it. */
import type fs from 'node:fs'
import type { Acl } from '../acl/acl.ts'
import type { RenameFlags } from '../core/rename.ts'
import type { Lease, LeaseType } from '../lock/lease.ts'
import type { HeldLock, LockWait } from '../lock/types.ts'
import type { AclOptions } from './acls.ts'
import type { FallocateOptions } from './io.ts'
import type { LeaseOptions } from './leases.ts'
import type { FlockOperation, LockOptions, TestLockOptions, UnlockOptions } from './locks.ts'
import type { NodeKind, NodeOptions } from './names.ts'
import type { SetXattrOptions, XattrOptions } from './xattrs.ts'

type NodeFs = typeof fs
type NodePromises = NodeFs['promises']
type PathLike = fs.PathLike
type Handle = fs.promises.FileHandle

/** A FileHandle of node:fs/promises with what POSIX has beyond it. */
export interface ViveFileHandle extends Handle {
  /** Gives the file one more name; one opened with O_TMPFILE its first. */
  link(newPath: PathLike): Promise<void>
  /** Where data, or a hole, begins at or behind `offset`. ENXIO: nowhere. */
  seek(what: 'data' | 'hole', offset: number): Promise<number>
  /** fallocate(2). */
  allocate(offset: number, length: number, options?: FallocateOptions): Promise<void>
  /** fcntl(2) F_SETLK; with `wait` F_SETLKW. EAGAIN, EDEADLK, EBADF, ETIMEDOUT, ENOLCK, an AbortError by `signal`. */
  lock(options?: LockOptions): Promise<void>
  /** fcntl(2) F_GETLK: the lock that stands in the way, or undefined. */
  testLock(options?: TestLockOptions): Promise<HeldLock | undefined>
  /** fcntl(2) F_UNLCK. */
  unlock(options?: UnlockOptions): Promise<void>
  /**
   * fcntl(2) F_SETLEASE, for the client of this view: who wants to use the file otherwise has to wait until the lease was given back.
   * EAGAIN, EACCES, EBADF, EINVAL, ENOLCK.
   */
  lease(type: LeaseType, options?: LeaseOptions): Promise<Lease>
  /** flock(2). EAGAIN, EBADF, ETIMEDOUT, ENOLCK, an AbortError by `signal`. */
  flock(operation: FlockOperation, options?: LockWait): Promise<void>
}

/** Extended attributes and nodes, promised. */
export interface PosixPromises {
  open(path: PathLike, flags?: string | number, mode?: fs.Mode): Promise<ViveFileHandle>
  rename(oldPath: PathLike, newPath: PathLike, flags?: RenameFlags): Promise<void>
  mknod(path: PathLike, kind: NodeKind, options?: NodeOptions): Promise<void>
  mkfifo(path: PathLike, mode?: fs.Mode): Promise<void>
  getxattr(file: PathLike | Handle, name: string | Buffer, options?: XattrOptions): Promise<Buffer>
  setxattr(
    file: PathLike | Handle,
    name: string | Buffer,
    value: string | NodeJS.ArrayBufferView,
    options?: SetXattrOptions,
  ): Promise<void>
  listxattr(file: PathLike | Handle, options?: XattrOptions): Promise<string[]>
  removexattr(file: PathLike | Handle, name: string | Buffer, options?: XattrOptions): Promise<void>
  /** The access control list; of a file without one that of its mode. `default`: undefined where there is none. */
  getAcl(file: PathLike | Handle, options?: AclOptions): Promise<Acl | undefined>
  /** `acl`: entries, or text as setfacl(1) takes it; `null` removes. EPERM, EACCES, ENOTSUP. */
  setAcl(file: PathLike | Handle, acl: Acl | string | null, options?: AclOptions): Promise<void>
}

export type ViveConstants = NodeFs['constants'] & { readonly O_TMPFILE: number }

export type VivePromises = Omit<NodePromises, keyof PosixPromises | 'constants'> &
  PosixPromises & { readonly constants: ViveConstants }

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void

/** What POSIX has beyond node:fs, with callbacks. */
export interface PosixCallbacks {
  lchmod(path: PathLike, mode: fs.Mode, done: fs.NoParamCallback): void
  rename(oldPath: PathLike, newPath: PathLike, done: fs.NoParamCallback): void
  rename(oldPath: PathLike, newPath: PathLike, flags: RenameFlags, done: fs.NoParamCallback): void
  mknod(path: PathLike, kind: NodeKind, options: NodeOptions, done: fs.NoParamCallback): void
  mkfifo(path: PathLike, mode: fs.Mode, done: fs.NoParamCallback): void
  getxattr(file: PathLike, name: string | Buffer, done: Done<Buffer>): void
  setxattr(
    file: PathLike,
    name: string | Buffer,
    value: string | NodeJS.ArrayBufferView,
    done: fs.NoParamCallback,
  ): void
  listxattr(file: PathLike, done: Done<string[]>): void
  removexattr(file: PathLike, name: string | Buffer, done: fs.NoParamCallback): void
  getAcl(file: PathLike, options: AclOptions, done: Done<Acl | undefined>): void
  setAcl(file: PathLike, acl: Acl | string | null, options: AclOptions, done: fs.NoParamCallback): void
  lease(fd: number, type: LeaseType, options: LeaseOptions, done: Done<Lease>): void
  lock(fd: number, options: LockOptions, done: fs.NoParamCallback): void
  testLock(fd: number, options: TestLockOptions, done: Done<HeldLock | undefined>): void
  unlock(fd: number, options: UnlockOptions, done: fs.NoParamCallback): void
  flock(fd: number, operation: FlockOperation, done: fs.NoParamCallback): void
  flock(fd: number, operation: FlockOperation, options: LockWait, done: fs.NoParamCallback): void
}

type SyncName = Extract<keyof NodeFs, `${string}Sync`>

/** The functions with callbacks, streams, watchers and classes. */
export type ViveCallbacks = Omit<NodeFs, SyncName | keyof PosixCallbacks | 'promises' | 'constants'> & PosixCallbacks

/** What POSIX has beyond node:fs, at once. */
export interface PosixSync {
  lchmodSync(path: PathLike, mode: fs.Mode): void
  renameSync(oldPath: PathLike, newPath: PathLike, flags?: RenameFlags): void
  mknodSync(path: PathLike, kind: NodeKind, options?: NodeOptions): void
  mkfifoSync(path: PathLike, mode?: fs.Mode): void
  getxattrSync(file: PathLike, name: string | Buffer, options?: XattrOptions): Buffer
  setxattrSync(
    file: PathLike,
    name: string | Buffer,
    value: string | NodeJS.ArrayBufferView,
    options?: SetXattrOptions,
  ): void
  listxattrSync(file: PathLike, options?: XattrOptions): string[]
  removexattrSync(file: PathLike, name: string | Buffer, options?: XattrOptions): void
  getAclSync(file: PathLike, options?: AclOptions): Acl | undefined
  setAclSync(file: PathLike, acl: Acl | string | null, options?: AclOptions): void
  leaseSync(fd: number, type: LeaseType, options?: LeaseOptions): Lease
  /** Throws ERR_VIVEFS_SYNC_UNAVAILABLE where it would have to wait: nothing in this thread could let go of the lock meanwhile. */
  lockSync(fd: number, options?: LockOptions): void
  testLockSync(fd: number, options?: TestLockOptions): HeldLock | undefined
  unlockSync(fd: number, options?: UnlockOptions): void
  flockSync(fd: number, operation: FlockOperation, options?: LockWait): void
}

export type ViveSync = Omit<Pick<NodeFs, SyncName>, keyof PosixSync> & PosixSync

/**
 * Shaped like node:fs. What the running Node does not have is not there; what newer ones have than these types know is.
 */
export interface ViveFileSystem extends ViveCallbacks, ViveSync {
  readonly promises: VivePromises
  readonly constants: ViveConstants
}
