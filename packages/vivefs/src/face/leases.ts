/** Leases of open files, beyond node:fs: fcntl(2) F_SETLEASE (docs/locks.md). */
import { isFile, isOwner } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import type { Lease, LeaseType } from '../lock/lease.ts'
import { sessionOwner } from '../lock/types.ts'
import type { Op } from '../op.ts'
import { assertInteger, assertObject, wrongValue } from './arguments.ts'
import { type Face, located } from './context.ts'
import type { Description } from './descriptors.ts'

export interface LeaseOptions {
  /** Time to answer when the lease stands in somebody's way, ms, at least 1. Default 45,000. */
  readonly breakMs?: number
}

/**
 * A lease for the client that the view belongs to, through this open file, with whose close it goes. Errors: EAGAIN (somebody else
 * has the file open, or has a lease, in a way that excludes it), EACCES (not the owner of the file), EINVAL (not a file),
 * EBADF (closed, or not open for what the lease is for), ENOLCK.
 */
export function lease(face: Face, of: Description, type: LeaseType, options: LeaseOptions = {}): Op<Lease> {
  if (type !== 'read' && type !== 'write') throw wrongValue('type', type)
  assertObject(options, 'options')
  const { breakMs } = options
  if (breakMs !== undefined) assertInteger(breakMs, 'options.breakMs', 1, 0x7fff_ffff)
  return located('fcntl', undefined, acquire(face, of, type, breakMs))
}

function* acquire(face: Face, of: Description, type: LeaseType, breakMs: number | undefined): Op<Lease> {
  const { core, who } = face
  const { file } = of
  const { ino, generation, canRead, canWrite } = file
  core.guard?.(who)
  const inode = yield* core.read(who, (call) => call.inode(ino, generation))
  if (!isFile(inode)) throw new FilesystemError('EINVAL')
  if (!isOwner(who, inode)) throw new FilesystemError('EACCES')
  yield* core.startLeases()
  if (file.closed || !(type === 'read' ? canRead : canWrite)) throw new FilesystemError('EBADF')
  const all = core.openFiles.counts(ino)
  const own = face.descriptors.counts(ino, of.session)
  const others = { opens: all.opens - own.opens, writers: all.writers - own.writers }
  return core.leases.acquire(ino, others, { owner: sessionOwner(of.session), type, file, breakMs })
}
