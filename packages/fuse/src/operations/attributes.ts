/** Attributes: getattr, setattr, access, readlink. */
import { constants } from 'node:fs'
import type { AttributeChanges, Attributes, Op, Timespec } from 'vivefs/fsal'
import { Errno } from '../errno.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { ATTRIBUTES_BYTES, encodeAttributes, encodeStatx, readI64, readU64, STATX_BYTES } from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'
import { offsetAt } from './offset.ts'

/** Which fields of a setattr count. */
const SET = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  FH: 1 << 6,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
} as const

const told = ({ answers, nodes, trust }: Session, attributes: Attributes): Buffer =>
  encodeAttributes(answers.scratch(ATTRIBUTES_BYTES), attributes, nodes.idOf(attributes.ino), trust)

function* getattr(session: Session, request: Request): Op<Body> {
  return told(session, yield* session.fsal.getattr(session.who(request), session.handle(request.nodeId), undefined))
}

/** What getattr tells, and when the file was made. */
function* statx(session: Session, request: Request): Op<Body> {
  const { answers, fsal, nodes } = session
  const attributes = yield* fsal.getattr(session.who(request), session.handle(request.nodeId), undefined)
  return encodeStatx(answers.scratch(STATX_BYTES), attributes, nodes.idOf(attributes.ino), session.trust)
}

const timeAt = (body: Buffer, seconds: number, nanoseconds: number): Timespec => ({
  sec: readI64(body, seconds),
  nsec: body.readUInt32LE(nanoseconds),
})

/**
 * valid32 padding32 file64 size64 lockOwner64 atime64 mtime64 ctime64 atimeNs32 mtimeNs32 ctimeNs32 mode32 unused32 uid32 gid32
 * unused32.
 */
function decodeChanges(body: Buffer): AttributeChanges {
  const valid = body.readUInt32LE(0)
  const has = (bit: number) => (valid & bit) !== 0
  return {
    ...(has(SET.MODE) && { mode: body.readUInt32LE(68) & 0o7777 }),
    ...(has(SET.UID) && { uid: body.readUInt32LE(76) }),
    ...(has(SET.GID) && { gid: body.readUInt32LE(80) }),
    ...(has(SET.SIZE) && { size: offsetAt(body, 16) }),
    ...(has(SET.ATIME) && { atime: has(SET.ATIME_NOW) ? 'now' : timeAt(body, 32, 56) }),
    ...(has(SET.MTIME) && { mtime: has(SET.MTIME_NOW) ? 'now' : timeAt(body, 40, 60) }),
  }
}

function* setattr(session: Session, request: Request): Op<Body> {
  const { body } = request
  const { fsal } = session
  const changes = decodeChanges(body)
  const handle = session.handle(request.nodeId)
  // ftruncate: the right to write was checked when the file was opened.
  const throughFile = changes.size !== undefined && (body.readUInt32LE(0) & SET.FH) !== 0
  const file = throughFile ? session.file(readU64(body, 8)) : undefined
  if (file !== undefined && !file.canWrite) throw new Errno('EINVAL')
  return told(session, yield* fsal.setattr(session.who(request), handle, { ...changes, file }))
}

/** mask32 padding32. */
function* access(session: Session, request: Request): Op<Body> {
  const mask = request.body.readUInt32LE(0) & (constants.R_OK | constants.W_OK | constants.X_OK)
  const how = { mask, together: true }
  if ((yield* session.fsal.access(session.who(request), session.handle(request.nodeId), how)) !== mask)
    throw new Errno('EACCES')
  return undefined
}

function* readlink(session: Session, request: Request): Op<Body> {
  return yield* session.fsal.readlink(session.who(request), session.handle(request.nodeId), undefined)
}

export const attributeOperations: Operations = {
  [OPCODE.GETATTR]: getattr,
  [OPCODE.STATX]: statx,
  [OPCODE.SETATTR]: setattr,
  [OPCODE.ACCESS]: access,
  [OPCODE.READLINK]: readlink,
}
