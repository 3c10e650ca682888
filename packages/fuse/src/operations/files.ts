/** Open files: create, open, read, write, fsync, release. Closing one of several descriptors of a file (flush) only concerns locks. */
import { constants } from 'node:fs'
import type { Op, OpenFile } from 'vivefs/fsal'
import { Errno } from '../errno.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { ENTRY_BYTES, readName, readU64, writeU64 } from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'
import { ownerAt } from './locks.ts'
import { entryAnswer } from './names.ts'
import { offsetAt } from './offset.ts'

/** What the kernel adds to the flags of open(2) when a file is opened to be executed. */
const EXECUTES = 0o40
const OPEN_BYTES = 16
const X_OK = constants.X_OK
/** The kernel keeps what it has of the content: there are no changes elsewhere, or they are told, or found by their time. */
const KEEP_CACHE = 1 << 1
/** A write of the kernel's own, of pages that were changed in memory. */
const WRITE_CACHE = 1 << 0

const howOpen = ({ isAlone, options }: Session): number => (isAlone || options.attributeSeconds > 0 ? KEEP_CACHE : 0)

/** file64 openFlags32 padding32, into zeros. */
function writeOpened(out: Buffer, file: number, openFlags: number, at: number): Buffer {
  writeU64(out, file, at)
  out.writeUInt32LE(openFlags, at + 8)
  return out
}

export const openAnswer = (session: Session, file: OpenFile, openFlags: number): Buffer =>
  writeOpened(session.answers.scratch(OPEN_BYTES), session.keep(file), openFlags, 0)

/** flags32 openFlags32. */
function* open(session: Session, request: Request): Op<Body> {
  const flags = request.body.readUInt32LE(0)
  const who = session.who(request)
  const handle = session.handle(request.nodeId)
  const { fsal } = session
  if ((flags & EXECUTES) === 0) {
    return openAnswer(session, yield* fsal.open(who, handle, { flags }), howOpen(session))
  }
  // To execute a file is not to read it: the right to execute decides.
  const granted = yield* fsal.access(who, handle, { mask: X_OK })
  if (granted !== X_OK) throw new Errno('EACCES')
  const file = yield* fsal.open({ ...who, uid: 0 }, handle, { flags: flags & ~EXECUTES })
  return openAnswer(session, file, howOpen(session))
}

const umaskOf = (body: Buffer): number => body.readUInt32LE(8) & 0o777

/** flags32 mode32 umask32 openFlags32 name. */
function* create(session: Session, request: Request): Op<Body> {
  const { body } = request
  const flags = body.readUInt32LE(0)
  const mode = body.readUInt32LE(4)
  const name = readName(body, 16)
  const parent = session.handle(request.nodeId)
  const made = yield* session.fsal.openNew(session.who(request, umaskOf(body)), parent, {
    name,
    mode: mode & 0o7777,
    flags,
  })
  const number = session.keep(made.file)
  return writeOpened(entryAnswer(session, made, OPEN_BYTES), number, howOpen(session), ENTRY_BYTES)
}

/** The same record; the node is the directory. */
function* tmpfile(session: Session, request: Request): Op<Body> {
  const { body } = request
  const what = { flags: body.readUInt32LE(0), mode: body.readUInt32LE(4) & 0o7777 }
  const made = yield* session.fsal.openTemporary(
    session.who(request, umaskOf(body)),
    session.handle(request.nodeId),
    what,
  )
  const number = session.keep(made.file)
  session.nameless(number)
  return writeOpened(entryAnswer(session, made, OPEN_BYTES), number, howOpen(session), ENTRY_BYTES)
}

/** file64 offset64 size32 readFlags32 lockOwner64 flags32 padding32. */
function* read(session: Session, request: Request): Op<Body> {
  const { body } = request
  const opened = session.file(readU64(body, 0))
  // The kernel fills pages for what is written to them, through any open file it has; programs read through none that may not.
  const file = opened.canRead ? opened : { ...opened, canRead: true }
  const offset = readU64(body, 8)
  // No file reaches there.
  if (offset > Number.MAX_SAFE_INTEGER) return Buffer.alloc(0)
  const into = session.answers.room(body.readUInt32LE(16))
  const handle = session.handle(request.nodeId)
  const bytes = yield* session.fsal.read(session.who(request), handle, { offset, into, file })
  return into.subarray(0, bytes)
}

/** file64 offset64 size32 writeFlags32 lockOwner64 flags32 padding32 data. */
function* write(session: Session, request: Request): Op<Body> {
  const { body } = request
  const opened = session.file(readU64(body, 0))
  const data = body.subarray(40, 40 + body.readUInt32LE(16))
  const handle = session.handle(request.nodeId)
  // The end of the file is known here: what appends, appends here. Pages go where they were, by whatever open file they come.
  const isPages = (body.readUInt32LE(20) & WRITE_CACHE) !== 0
  const file = opened.append && isPages ? { ...opened, append: false } : opened
  const offset = file.append ? null : offsetAt(body, 8)
  yield* session.fsal.write(session.who(request), handle, { offset, data, file })
  const out = session.answers.scratch(8)
  out.writeUInt32LE(data.length, 0)
  return out
}

function* fsync(session: Session, request: Request): Op<Body> {
  session.file(readU64(request.body, 0))
  yield* session.fsal.commit(session.who(request), session.handle(request.nodeId), undefined)
  return undefined
}

/** A flock lock is held on the file; its owner follows. */
const FLOCK_UNLOCK = 1 << 1

/** The last close. file64 flags32 releaseFlags32 lockOwner64. */
function* release(session: Session, request: Request): Op<Body> {
  const { body, nodeId, pid } = request
  const file = session.drop(readU64(body, 0))
  if ((body.readUInt32LE(12) & FLOCK_UNLOCK) !== 0) {
    const owner = ownerAt(session, body, 16, pid, 'flock')
    yield* session.fsal.flock(session.who(request), session.handle(nodeId), { owner, operation: 'unlock' })
  }
  if (file !== undefined) yield* session.fsal.close(file)
  return undefined
}

export const fileOperations: Operations = {
  [OPCODE.OPEN]: open,
  [OPCODE.CREATE]: create,
  [OPCODE.READ]: read,
  [OPCODE.WRITE]: write,
  [OPCODE.TMPFILE]: tmpfile,
  [OPCODE.FSYNC]: fsync,
  [OPCODE.RELEASE]: release,
}
