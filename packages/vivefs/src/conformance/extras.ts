/** What the suite asks of a filesystem beyond the shape of node:fs. */
import type { SuiteHandle } from './target.ts'

export type NodeKind = 'file' | 'fifo' | 'socket' | 'block' | 'character'

/** Whether the last link of a path is followed; default true. */
export interface XattrTarget {
  readonly follow?: boolean
}

/** Bytes of a file; `length` 0 (default): to the end, however far the file grows. `start`: default 0. */
export interface SuiteLockRange {
  readonly start?: number
  readonly length?: number
}

export interface SuiteLockRequest extends SuiteLockRange {
  readonly type: 'read' | 'write'
  /** Waits for who is in the way (F_SETLKW). Default: EAGAIN. */
  readonly wait?: boolean
}

/** A lock that somebody holds, joined with what of the same owner and type touches it. */
export interface SuiteHeldLock extends Required<SuiteLockRange> {
  readonly type: 'read' | 'write'
  readonly owner: string | number
}

/**
 * A file that one person has open for locks. Its byte ranges belong to the person, as fcntl(2)'s belong to a process: any
 * close of the file by that person lets go of all of them. Its flock belongs to this open file. Errors name the syscalls
 * `fcntl` and `flock` and no path.
 */
export interface SuiteLocker {
  /** What `test` of somebody else calls the owner of this one's byte ranges. */
  readonly owner: string | number
  lock(request: SuiteLockRequest): Promise<void>
  unlock(range: SuiteLockRange): Promise<void>
  /** The first lock in the way of a request (F_GETLK), or undefined. */
  test(request: SuiteLockRequest): Promise<SuiteHeldLock | undefined>
  flock(operation: 'shared' | 'exclusive' | 'unlock', options?: { wait?: boolean }): Promise<void>
  close(): Promise<void>
}

/** 0 is no limit; what is not named stays. */
export interface QuotaLimits {
  readonly bytesSoft?: number
  readonly bytesHard?: number
  readonly inodesSoft?: number
  readonly inodesHard?: number
}

export interface QuotaUse {
  readonly bytes: number
  readonly inodes: number
}

/** What node:fs has no function for. Each is asked for by a capability of its own. */
export interface SuiteExtras {
  /** Capability `mknod`. Applies the umask. Errors name the syscall `mknod`. */
  mknod?(path: string, kind: NodeKind, options: { mode: number; major?: number; minor?: number }): Promise<void>
  /** Capability `renameFlags`: renameat2(2). Errors name the syscall `rename`. */
  rename?(from: string, to: string, flags: { noReplace?: boolean; exchange?: boolean }): Promise<void>
  /** Capability `linkTemporary`: gives a file made by O_TMPFILE a name. */
  linkHandle?(handle: SuiteHandle, to: string): Promise<void>
  /** Capability `xattr`. Errors name the syscalls of Linux: getxattr, setxattr, listxattr, removexattr. */
  getxattr?(path: string, name: string, target?: XattrTarget): Promise<Buffer>
  setxattr?(
    path: string,
    name: string,
    value: Buffer,
    how?: 'any' | 'create' | 'replace',
    target?: XattrTarget,
  ): Promise<void>
  listxattr?(path: string, target?: XattrTarget): Promise<string[]>
  removexattr?(path: string, name: string, target?: XattrTarget): Promise<void>
  /** Capability `locks`. */
  openLocker?(path: string, flags: 'r' | 'r+' | 'a'): Promise<SuiteLocker>
  /** Capabilities `quotas` and `projects`; called for the superuser only. Limits hold at once. */
  setQuota?(kind: 'user' | 'group' | 'project', id: number, limits: QuotaLimits): Promise<void>
  /** Bytes as `blocks` of stat counts them. */
  quotaUse?(kind: 'user' | 'group' | 'project', id: number): Promise<QuotaUse>
  /** How long use may stay above a soft limit, ms, for every owner of that kind. */
  setQuotaGrace?(kind: 'user' | 'group' | 'project', grace: { bytesMs?: number; inodesMs?: number }): Promise<void>
  /** Capability `projects`: an empty directory, and what will be in it, counts for the project. */
  assignProject?(path: string, id: number): Promise<void>
}
