/** Locks by handle, for gateways: who owns a lock is theirs to say (an NFS lock owner, a FUSE lock owner, an SMB open). */
import type { Core } from '../core/core.ts'
import { type Credentials, R_OK, W_OK } from '../core/mode.ts'
import type { OpenFile } from '../core/open-file.ts'
import { FilesystemError } from '../errors.ts'
import type { LockKind, LockRequest } from '../lock/lock-table.ts'
import type { HeldLock, LockOwner, LockRange, LockType, LockWait } from '../lock/types.ts'
import type { Op } from '../op.ts'
import type { Handle } from './handle.ts'

/** What a gateway asks for. With `file` that must be open for it, without the right is checked now. */
export interface FsalLock extends LockRange, LockWait {
  readonly owner: LockOwner
  readonly type: LockType
  readonly file?: OpenFile
}

export interface FsalFlock extends LockWait {
  readonly owner: LockOwner
  readonly operation: 'shared' | 'exclusive' | 'unlock'
  readonly file?: OpenFile
}

/** What the calls here need of the face that they are part of. */
export interface LockGround {
  readonly core: Core
  inoOf(handle: Handle): number
  /** ESTALE: checks that the inode is there. */
  exists(who: Credentials, handle: Handle): Op<unknown>
  /** EACCES: checks the right of R_OK or W_OK. */
  mayUse(who: Credentials, handle: Handle, mask: number): Op<unknown>
}

export function lockOperations({ core, inoOf, exists, mayUse }: LockGround) {
  function* acquire(handle: Handle, kind: LockKind, request: LockRequest): Op<void> {
    yield* core.locks.acquire(inoOf(handle), kind, request)
  }

  function* lock(who: Credentials, handle: Handle, args: FsalLock): Op<void> {
    const { file, type } = args
    if (file === undefined) yield* mayUse(who, handle, type === 'read' ? R_OK : W_OK)
    else if (file.closed || (type === 'read' ? !file.canRead : !file.canWrite)) throw new FilesystemError('EBADF')
    yield* acquire(handle, 'posix', args)
  }

  function* testLock(
    who: Credentials,
    handle: Handle,
    args: LockRange & { readonly owner: LockOwner; readonly type: LockType },
  ): Op<HeldLock | undefined> {
    yield* exists(who, handle)
    return core.locks.test(inoOf(handle), 'posix', args)
  }

  function* unlock(_who: Credentials, handle: Handle, args: LockRange & { readonly owner: LockOwner }): Op<void> {
    core.locks.release(inoOf(handle), 'posix', args.owner, args)
  }

  function* flock(who: Credentials, handle: Handle, { operation, ...args }: FsalFlock): Op<void> {
    if (operation === 'unlock') return core.locks.release(inoOf(handle), 'flock', args.owner)
    yield* exists(who, handle)
    if (args.file?.closed) throw new FilesystemError('EBADF')
    yield* acquire(handle, 'flock', { ...args, type: operation === 'exclusive' ? 'write' : 'read' })
  }

  return {
    lockSession: (name: string): string => core.locks.session(name),
    endLockSession: (session: string): void => {
      core.locks.endSession(session)
      core.leases.endSession(session)
    },
    lock,
    testLock,
    unlock,
    flock,
  }
}
