/**
 * Advisory locks on open files, beyond node:fs, which has none: fcntl(2) byte ranges and flock(2), in their words. They
 * hold between all views, ports and gateways of a volume (docs/locks.md).
 */
import { FilesystemError } from '../errors.ts'
import type { LockKind, LockRequest } from '../lock/lock-table.ts'
import {
  type HeldLock,
  type LockOwner,
  type LockRange,
  type LockType,
  type LockWait,
  sessionOwner,
} from '../lock/types.ts'
import type { Op } from '../op.ts'
import { abortError, assertBoolean, assertInteger, assertObject, assertSignal, wrongValue } from './arguments.ts'
import { type Face, located } from './context.ts'
import type { Description } from './descriptors.ts'

/** Whose lock it is. */
export interface LockOwnerOption {
  /**
   * `description` (default): this open file's own, as F_OFD_SETLK; it goes with the close of this file. `session`: one
   * for the whole view or port, as F_SETLK is for a process; it goes with any close of the same file by that session.
   */
  readonly owner?: 'description' | 'session'
}

export interface LockOptions extends LockRange, LockOwnerOption, LockWait {
  /** Default `write`. */
  readonly type?: LockType
}

export type TestLockOptions = LockRange & LockOwnerOption & Pick<LockOptions, 'type'>
export type UnlockOptions = LockRange & LockOwnerOption
/** As LOCK_SH, LOCK_EX and LOCK_UN. */
export type FlockOperation = 'shared' | 'exclusive' | 'unlock'

const NONE = {}

function ownerOf(face: Face, of: Description, { owner = 'description' }: LockOwnerOption): LockOwner {
  if (owner !== 'description' && owner !== 'session') throw wrongValue('options.owner', owner)
  return owner === 'session' ? sessionOwner(of.session) : face.core.locks.ownerOf(of.file, of.session)
}

function rangeOf({ start = 0, length = 0 }: LockRange): Required<LockRange> {
  assertInteger(start, 'options.start', 0)
  assertInteger(length, 'options.length', 0)
  return { start, length }
}

function typeOf({ type = 'write' }: Pick<LockOptions, 'type'>): LockType {
  if (type !== 'read' && type !== 'write') throw wrongValue('options.type', type)
  return type
}

function waitOf({ wait = false, timeoutMs, signal }: LockWait): LockWait {
  assertBoolean(wait, 'options.wait')
  if (timeoutMs !== undefined) assertInteger(timeoutMs, 'options.timeoutMs', 0, 0x7fff_ffff)
  assertSignal(signal, 'options.signal')
  return { wait, timeoutMs, signal }
}

/** An abort of the caller's own is shown as node:fs shows it. */
function* acquire(face: Face, of: Description, kind: LockKind, request: LockRequest): Op<void> {
  const { file } = of
  if (file.closed) throw new FilesystemError('EBADF')
  try {
    yield* face.core.locks.acquire(file.ino, kind, request)
  } catch (error) {
    const { signal } = request
    if (signal?.aborted && FilesystemError.is(error) && error.code === 'EINTR') throw abortError(signal)
    throw error
  }
}

function* lockOpen(face: Face, of: Description, request: LockRequest): Op<void> {
  const { canRead, canWrite } = of.file
  if (request.type === 'read' ? !canRead : !canWrite) throw new FilesystemError('EBADF')
  yield* acquire(face, of, 'posix', request)
}

/**
 * fcntl(F_SETLK), with `wait` F_SETLKW. Errors: EAGAIN, EDEADLK, EBADF (closed, or not open for what the lock is for), ETIMEDOUT,
 * EINTR (the session ended), ENOLCK, EOVERFLOW; an AbortError by `signal`.
 */
export function lock(face: Face, of: Description, options: LockOptions = NONE): Op<void> {
  assertObject(options, 'options')
  const request: LockRequest = {
    ...rangeOf(options),
    ...waitOf(options),
    type: typeOf(options),
    owner: ownerOf(face, of, options),
    file: of.file,
  }
  return located('fcntl', undefined, lockOpen(face, of, request))
}

function* letGo(face: Face, of: Description, kind: LockKind, owner: LockOwner, range: LockRange): Op<void> {
  if (of.file.closed) throw new FilesystemError('EBADF')
  face.core.locks.release(of.file.ino, kind, owner, range)
}

/** fcntl(F_SETLK) with F_UNLCK: by default all that the owner has. Errors: EBADF, EOVERFLOW. */
export function unlock(face: Face, of: Description, options: UnlockOptions = NONE): Op<void> {
  assertObject(options, 'options')
  return located('fcntl', undefined, letGo(face, of, 'posix', ownerOf(face, of, options), rangeOf(options)))
}

function* look(face: Face, of: Description, request: LockRange & { owner: LockOwner; type: LockType }) {
  if (of.file.closed) throw new FilesystemError('EBADF')
  return face.core.locks.test(of.file.ino, 'posix', request)
}

/** fcntl(F_GETLK): the lock that stands in the way, or undefined. Errors: EBADF, EOVERFLOW. */
export function testLock(face: Face, of: Description, options: TestLockOptions = NONE): Op<HeldLock | undefined> {
  assertObject(options, 'options')
  const request = { ...rangeOf(options), type: typeOf(options), owner: ownerOf(face, of, options) }
  return located('fcntl', undefined, look(face, of, request))
}

/**
 * flock(2): one lock on the whole file, held by this open file. Taking the other kind lets go of the one before first, whether or
 * not the new one is got. Errors: EAGAIN, EBADF, ETIMEDOUT, EINTR, ENOLCK; an AbortError by `signal`.
 */
export function flock(face: Face, of: Description, operation: FlockOperation, options: LockWait = NONE): Op<void> {
  if (!['shared', 'exclusive', 'unlock'].includes(operation)) throw wrongValue('operation', operation)
  assertObject(options, 'options')
  const owner = ownerOf(face, of, NONE)
  if (operation === 'unlock') return located('flock', undefined, letGo(face, of, 'flock', owner, NONE))
  const type = operation === 'exclusive' ? ('write' as const) : ('read' as const)
  return located('flock', undefined, acquire(face, of, 'flock', { ...waitOf(options), type, owner, file: of.file }))
}
