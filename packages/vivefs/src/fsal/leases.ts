/** Leases by handle, for gateways: what NFSv4 delegations and SMB oplocks stand on. */
import type { Core } from '../core/core.ts'
import { type Credentials, R_OK, W_OK } from '../core/mode.ts'
import type { OpenFile } from '../core/open-file.ts'
import { FilesystemError } from '../errors.ts'
import type { Lease, LeaseType } from '../lock/lease.ts'
import type { LockOwner } from '../lock/types.ts'
import type { Op } from '../op.ts'
import type { Handle } from './handle.ts'

export interface FsalLease {
  /** Whose it is; calls that carry the same one as `client` in their credentials do not break it. */
  readonly owner: LockOwner
  readonly type: LeaseType
  /** What the owner has open of that file. The lease goes with the close of the first one. */
  readonly files?: readonly OpenFile[]
  /** Time to answer a break, ms. Default 45,000. */
  readonly breakMs?: number
}

/** What the calls here need of the face that they are part of. */
export interface LeaseGround {
  readonly core: Core
  inoOf(handle: Handle): number
  /** ESTALE, EACCES, EISDIR, EINVAL: that it is a file, and may be used as the mask says. */
  mayUse(who: Credentials, handle: Handle, mask: number): Op<unknown>
  /** ESTALE. */
  exists(who: Credentials, handle: Handle): Op<unknown>
}

const isFor = (type: LeaseType, { canRead, canWrite }: OpenFile): boolean => (type === 'read' ? canRead : canWrite)

export function leaseOperations({ core, inoOf, mayUse, exists }: LeaseGround) {
  function* lease(who: Credentials, handle: Handle, { owner, type, files = [], breakMs }: FsalLease): Op<Lease> {
    const ino = inoOf(handle)
    const own = { ...who, client: owner }
    if (breakMs !== undefined && !(breakMs >= 1 && breakMs <= 0x7fff_ffff)) throw new FilesystemError('EINVAL')
    if (files.length === 0) yield* mayUse(own, handle, type === 'read' ? R_OK : W_OK)
    else yield* exists(own, handle)
    yield* core.startLeases()
    if (files.some((file) => file.closed || file.ino !== ino)) throw new FilesystemError('EBADF')
    if (files.length > 0 && !files.some((file) => isFor(type, file))) throw new FilesystemError('EBADF')
    const all = core.openFiles.counts(ino)
    const others = {
      opens: all.opens - files.length,
      writers: all.writers - files.filter(({ canWrite }) => canWrite).length,
    }
    return core.leases.acquire(ino, others, { owner, type, file: files[0], breakMs })
  }

  function* leases(who: Credentials, handle: Handle): Op<Lease[]> {
    yield* exists(who, handle)
    return core.leases.list(inoOf(handle))
  }

  return { lease, leases }
}
