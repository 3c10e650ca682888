/**
 * Locks: fcntl(2) byte ranges and flock(2), kept by the volume, so that all its mounts, views and ports see them. The kernel
 * names owners by a number: of a process' descriptor table for byte ranges, of an open file for flock.
 *
 *     in   file64 owner64 lock flags32 padding32                                        48 bytes
 *     lock start64 end64 type32 pid32                    `end` is included; 2^63-1 is the end of the file
 */
import type { HeldLock, LockOwner, LockType, Op } from 'vivefs/fsal'
import { Errno } from '../errno.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { readU64, writeU64 } from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'

const F_RDLCK = 0
const F_WRLCK = 1
const F_UNLCK = 2
/** The lock is flock's. */
const IS_FLOCK = 1 << 0
const LOCK_BYTES = 24
const OWNER_AT = 8
const END_OF_FILE = 2n ** 63n - 1n
/** Behind the last byte that a file of a volume can have. */
const OFFSETS_END = 2n ** 53n

interface Asked {
  readonly owner: LockOwner
  /** Undefined: unlock. */
  readonly type: LockType | undefined
  readonly start: number
  /** 0: to the end. */
  readonly length: number
  readonly isFlock: boolean
}

/** The owner that the kernel names in the eight bytes at `at`. */
export const ownerAt = (
  session: Session,
  body: Buffer,
  at: number,
  pid: number,
  kind: 'posix' | 'flock',
): LockOwner => ({
  session: session.lockSession,
  id: `${kind} ${body.toString('hex', at, at + 8)}`,
  pid,
})

/** Ranges reach behind 2^53 where no file does: what lies there is one byte to the volume. EOVERFLOW for a range that begins there. */
function decode(session: Session, { body }: Request): Asked {
  const start = body.readBigUInt64LE(16)
  const end = body.readBigUInt64LE(24)
  const type = body.readUInt32LE(32)
  const isFlock = (body.readUInt32LE(40) & IS_FLOCK) !== 0
  if (start >= OFFSETS_END) throw new Errno('EOVERFLOW')
  const toEnd = end >= OFFSETS_END - 1n
  return {
    owner: ownerAt(session, body, OWNER_AT, body.readUInt32LE(36), isFlock ? 'flock' : 'posix'),
    type: type === F_UNLCK ? undefined : type === F_RDLCK ? 'read' : 'write',
    start: Number(start),
    length: toEnd ? 0 : Number(end - start + 1n),
    isFlock,
  }
}

function encode(held: HeldLock | undefined): Buffer {
  const out = Buffer.alloc(LOCK_BYTES)
  if (held === undefined) {
    out.writeUInt32LE(F_UNLCK, 16)
    return out
  }
  writeU64(out, held.start, 0)
  out.writeBigUInt64LE(held.length === 0 ? END_OF_FILE : BigInt(held.start + held.length - 1), 8)
  out.writeUInt32LE(held.type === 'write' ? F_WRLCK : F_RDLCK, 16)
  out.writeInt32LE(held.owner.pid ?? 0, 20)
  return out
}

function* getlk(session: Session, request: Request): Op<Body> {
  const { owner, type = 'write', start, length } = decode(session, request)
  const args = { owner, type, start, length }
  return encode(yield* session.fsal.testLock(session.who(request), session.handle(request.nodeId), args))
}

function* setlk(session: Session, request: Request, wait: boolean): Op<Body> {
  const { owner, type, start, length, isFlock } = decode(session, request)
  const { fsal } = session
  const who = session.who(request)
  const handle = session.handle(request.nodeId)
  if (type === undefined) {
    if (isFlock) yield* fsal.flock(who, handle, { owner, operation: 'unlock' })
    else yield* fsal.unlock(who, handle, { owner, start, length })
    return undefined
  }
  const file = session.file(readU64(request.body, 0))
  const { unique } = request
  const signal = wait ? session.interruptible(unique) : undefined
  try {
    if (isFlock) {
      const operation = type === 'write' ? ('exclusive' as const) : ('shared' as const)
      yield* fsal.flock(who, handle, { owner, operation, wait, signal, file })
    } else yield* fsal.lock(who, handle, { owner, type, start, length, wait, signal, file })
  } finally {
    if (wait) session.uninterruptible(unique)
  }
  return undefined
}

/** A descriptor is closed: POSIX lets go of all that its process has locked in the file. file64 unused32 padding32 owner64. */
function* flush(session: Session, request: Request): Op<Body> {
  const owner = ownerAt(session, request.body, 16, request.pid, 'posix')
  yield* session.fsal.unlock(session.who(request), session.handle(request.nodeId), { owner })
  return undefined
}

export const lockOperations: Operations = {
  [OPCODE.GETLK]: getlk,
  [OPCODE.SETLK]: (session, request) => setlk(session, request, false),
  [OPCODE.SETLKW]: (session, request) => setlk(session, request, true),
  [OPCODE.FLUSH]: flush,
}
