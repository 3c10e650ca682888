/** Open files: create, open, read, write, flush, fsync, release. */
import { constants } from 'node:fs'
import type { Op } from 'vivefs/fsal'
import { Errno } from '../errno.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { ENTRY_BYTES, readName, readU64, writeU64 } from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'
import { entryAnswer } from './names.ts'

/** What the kernel adds to the flags of open(2) when a file is opened to be executed. */
const EXECUTES = 0o40
const OPEN_BYTES = 16
const X_OK = constants.X_OK

/** file64 openFlags32 padding32. */
export function openAnswer(file: number, openFlags: number): Buffer {
  const out = Buffer.alloc(OPEN_BYTES)
  writeU64(out, file, 0)
  out.writeUInt32LE(openFlags, 8)
  return out
}

/** flags32 openFlags32. */
function* open(session: Session, request: Request): Op<Body> {
  const flags = request.body.readUInt32LE(0)
  const who = session.who(request)
  const handle = session.handle(request.nodeId)
  const { fsal } = session
  if ((flags & EXECUTES) === 0) return openAnswer(session.keep(yield* fsal.open(who, handle, { flags })), 0)
  // To execute a file is not to read it: the right to execute decides.
  const granted = yield* fsal.access(who, handle, { mask: X_OK })
  if (granted !== X_OK) throw new Errno('EACCES')
  return openAnswer(session.keep(yield* fsal.open({ ...who, uid: 0 }, handle, { flags: flags & ~EXECUTES })), 0)
}

/** flags32 mode32 umask32 openFlags32 name. */
function* create(session: Session, request: Request): Op<Body> {
  const { body } = request
  const flags = body.readUInt32LE(0)
  const mode = body.readUInt32LE(4)
  const name = Buffer.from(readName(body, 16))
  const parent = session.handle(request.nodeId)
  const made = yield* session.fsal.openNew(session.who(request), parent, { name, mode: mode & 0o7777, flags })
  const out = entryAnswer(session, made, OPEN_BYTES)
  openAnswer(session.keep(made.file), 0).copy(out, ENTRY_BYTES)
  return out
}

/** file64 offset64 size32 readFlags32 lockOwner64 flags32 padding32. */
function* read(session: Session, request: Request): Op<Body> {
  const { body } = request
  const file = session.file(readU64(body, 0))
  const offset = readU64(body, 8)
  const into = Buffer.allocUnsafe(body.readUInt32LE(16))
  const handle = session.handle(request.nodeId)
  // What the kernel reads ahead of a program that may only write (mmap) was opened to be read too.
  const bytes = yield* session.fsal.read(session.who(request), handle, { offset, into, file })
  return into.subarray(0, bytes)
}

/** file64 offset64 size32 writeFlags32 lockOwner64 flags32 padding32 data. */
function* write(session: Session, request: Request): Op<Body> {
  const { body } = request
  const file = session.file(readU64(body, 0))
  const data = body.subarray(40, 40 + body.readUInt32LE(16))
  const handle = session.handle(request.nodeId)
  // The kernel knows the end of the file of one mount only: what appends, appends here.
  const offset = file.append && !session.options.writeback ? null : readU64(body, 8)
  yield* session.fsal.write(session.who(request), handle, { offset, data, file })
  const out = Buffer.alloc(8)
  out.writeUInt32LE(data.length, 0)
  return out
}

/** Every close of a descriptor. What was written is with the store already. */
function* flush(): Op<Body> {
  return undefined
}

function* fsync(session: Session, request: Request): Op<Body> {
  session.file(readU64(request.body, 0))
  yield* session.fsal.commit(session.who(request), session.handle(request.nodeId), undefined)
  return undefined
}

/** The last close. */
function* release(session: Session, request: Request): Op<Body> {
  const file = session.drop(readU64(request.body, 0))
  if (file !== undefined) yield* session.fsal.close(file)
  return undefined
}

export const fileOperations: Operations = {
  [OPCODE.OPEN]: open,
  [OPCODE.CREATE]: create,
  [OPCODE.READ]: read,
  [OPCODE.WRITE]: write,
  [OPCODE.FLUSH]: flush,
  [OPCODE.FSYNC]: fsync,
  [OPCODE.RELEASE]: release,
}
