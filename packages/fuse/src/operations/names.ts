/** Names: lookup, and what makes, moves and removes them. */
import type { Entry, Op, RenameFlags } from 'vivefs/fsal'
import { Errno } from '../errno.ts'
import { OPCODE } from '../protocol/opcode.ts'
import {
  deviceMajor,
  deviceMinor,
  ENTRY_BYTES,
  negativeEntry,
  readName,
  readU64,
  writeEntry,
} from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'

const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2

/** The answer for an inode that was found or made: the kernel counts it. */
export function entryAnswer(session: Session, entry: Entry, extraBytes = 0): Buffer {
  const out = session.answers.scratch(ENTRY_BYTES + extraBytes)
  writeEntry(out, entry.attributes, session.nodes.remember(entry), session.trust, 0)
  return out
}

function* lookup(session: Session, request: Request): Op<Body> {
  const name = readName(request.body, 0)
  try {
    const entry = yield* session.fsal.lookup(session.who(request), session.handle(request.nodeId), { name })
    return entryAnswer(session, entry)
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'ENOENT'
    if (missing && session.trust.entrySeconds > 0)
      return negativeEntry(session.answers.scratch(ENTRY_BYTES), session.trust)
    throw error
  }
}

/** mode32 rdev32 umask32 padding32 name. */
function* mknod(session: Session, request: Request): Op<Body> {
  const { body } = request
  const mode = body.readUInt32LE(0)
  const device = body.readUInt32LE(4)
  const name = readName(body, 16)
  const who = session.who(request, body.readUInt32LE(8) & 0o777)
  const parent = session.handle(request.nodeId)
  const type = mode & 0o170000
  const what = { name, mode, rdevMajor: deviceMajor(device), rdevMinor: deviceMinor(device) }
  const entry = yield* type === 0o100000 || type === 0
    ? session.fsal.create(who, parent, { name, mode })
    : session.fsal.mknode(who, parent, what)
  return entryAnswer(session, entry)
}

/** mode32 umask32 name. */
function* mkdir(session: Session, request: Request): Op<Body> {
  const name = readName(request.body, 8)
  const mode = request.body.readUInt32LE(0)
  const who = session.who(request, request.body.readUInt32LE(4) & 0o777)
  return entryAnswer(session, yield* session.fsal.mkdir(who, session.handle(request.nodeId), { name, mode }))
}

function* symlink(session: Session, request: Request): Op<Body> {
  const name = readName(request.body, 0)
  const target = readName(request.body, name.length + 1)
  return entryAnswer(
    session,
    yield* session.fsal.symlink(session.who(request), session.handle(request.nodeId), { name, target }),
  )
}

/** oldNode64 name. */
function* link(session: Session, request: Request): Op<Body> {
  const node = readU64(request.body, 0)
  const handle = session.handle(node)
  const name = readName(request.body, 8)
  const directory = session.handle(request.nodeId)
  // Whether a file of O_TMPFILE may have a name (O_EXCL) the kernel knows.
  const what = { directory, name, isTemporary: session.isNameless(node) }
  const attributes = yield* session.fsal.link(session.who(request), handle, what)
  return entryAnswer(session, { handle, attributes })
}

function* unlink(session: Session, request: Request): Op<Body> {
  const name = readName(request.body, 0)
  yield* session.fsal.unlink(session.who(request), session.handle(request.nodeId), { name })
  return undefined
}

function* rmdir(session: Session, request: Request): Op<Body> {
  const name = readName(request.body, 0)
  yield* session.fsal.rmdir(session.who(request), session.handle(request.nodeId), { name })
  return undefined
}

function* move(session: Session, request: Request, namesAt: number, bits: number): Op<Body> {
  if ((bits & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) throw new Errno('EINVAL')
  const flags: RenameFlags = {
    noReplace: (bits & RENAME_NOREPLACE) !== 0,
    exchange: (bits & RENAME_EXCHANGE) !== 0,
  }
  const name = readName(request.body, namesAt)
  const toName = readName(request.body, namesAt + name.length + 1)
  const toDirectory = session.handle(readU64(request.body, 0))
  const args = { name, toDirectory, toName, flags }
  yield* session.fsal.rename(session.who(request), session.handle(request.nodeId), args)
  return undefined
}

export const nameOperations: Operations = {
  [OPCODE.LOOKUP]: lookup,
  [OPCODE.MKNOD]: mknod,
  [OPCODE.MKDIR]: mkdir,
  [OPCODE.SYMLINK]: symlink,
  [OPCODE.LINK]: link,
  [OPCODE.UNLINK]: unlink,
  [OPCODE.RMDIR]: rmdir,
  /** newDirectory64 names. */
  [OPCODE.RENAME]: (session, request) => move(session, request, 8, 0),
  /** newDirectory64 flags32 padding32 names. */
  [OPCODE.RENAME2]: (session, request) => move(session, request, 16, request.body.readUInt32LE(8)),
}
