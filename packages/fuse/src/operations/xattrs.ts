/** Extended attributes. */
import type { Op, XattrMode } from 'vivefs/fsal'
import { Errno } from '../errno.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { readName } from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'

const XATTR_CREATE = 1
const XATTR_REPLACE = 2
const SIZES_BYTES = 8

/** A caller with room 0 only asks for the size. */
function sized(value: Buffer, room: number): Buffer {
  if (room !== 0) {
    if (value.length > room) throw new Errno('ERANGE')
    return value
  }
  const out = Buffer.alloc(SIZES_BYTES)
  out.writeUInt32LE(value.length, 0)
  return out
}

/** size32 padding32 name. */
function* getxattr(session: Session, request: Request): Op<Body> {
  const name = readName(request.body, SIZES_BYTES)
  const room = request.body.readUInt32LE(0)
  const value = yield* session.fsal.getxattr(session.who(request), session.handle(request.nodeId), { name })
  return sized(value, room)
}

/** size32 flags32 name value. */
function* setxattr(session: Session, request: Request): Op<Body> {
  const { body } = request
  const flags = body.readUInt32LE(4)
  const name = readName(body, SIZES_BYTES)
  const at = SIZES_BYTES + name.length + 1
  const value = Buffer.from(body.subarray(at, at + body.readUInt32LE(0)))
  const mode: XattrMode = flags === XATTR_CREATE ? 'create' : flags === XATTR_REPLACE ? 'replace' : 'any'
  yield* session.fsal.setxattr(session.who(request), session.handle(request.nodeId), { name, value, mode })
  return undefined
}

const NUL = Buffer.alloc(1)

function* listxattr(session: Session, request: Request): Op<Body> {
  const room = request.body.readUInt32LE(0)
  const names = yield* session.fsal.listxattr(session.who(request), session.handle(request.nodeId), undefined)
  return sized(Buffer.concat(names.flatMap((name) => [name, NUL])), room)
}

const CAPABILITY = Buffer.from('security.capability')

/**
 * A file's capabilities go when somebody writes to it: the kernel takes them away in the name of the writer, whose right it is not. Those who
 * ask for it themselves it lets through only with CAP_SETFCAP.
 */
function* removexattr(session: Session, request: Request): Op<Body> {
  const name = readName(request.body, 0)
  const caller = session.who(request)
  const who = name.equals(CAPABILITY) ? { ...caller, uid: 0 } : caller
  yield* session.fsal.removexattr(who, session.handle(request.nodeId), { name })
  return undefined
}

export const xattrOperations: Operations = {
  [OPCODE.GETXATTR]: getxattr,
  [OPCODE.SETXATTR]: setxattr,
  [OPCODE.LISTXATTR]: listxattr,
  [OPCODE.REMOVEXATTR]: removexattr,
}
