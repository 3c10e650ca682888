/** Directories: open, list, close. */
import { constants } from 'node:fs'
import type { DirectoryLine, Entry, Op } from 'vivefs/fsal'
import { OPCODE } from '../protocol/opcode.ts'
import { type Dirent, direntBytes, ENTRY_BYTES, readU64, writeDirent, writeEntry } from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'
import { openAnswer } from './files.ts'

const S_IFDIR = 0o040000

/**
 * Where a listing goes on behind `.` and behind `..`. The volume's own cookies carry a tag of 1 and more in their lowest 15 bits, so they
 * are never these.
 */
const BEHIND_DOT = 1n << 15n
const BEHIND_DOT_DOT = 2n << 15n

const DOTS = [
  { name: Buffer.from('.'), offset: BEHIND_DOT },
  { name: Buffer.from('..'), offset: BEHIND_DOT_DOT },
]

function* opendir(session: Session, request: Request): Op<Body> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY
  const file = yield* session.fsal.open(session.who(request), session.handle(request.nodeId), { flags })
  return openAnswer(session, file, 0)
}

/** file64 offset64 size32 flags32 lockOwner64 flags32 padding32. */
function* list(session: Session, request: Request, plus: boolean): Op<Body> {
  const { body } = request
  const out = Buffer.allocUnsafe(body.readUInt32LE(16))
  let offset = body.readBigUInt64LE(8)
  let at = 0
  /** False: no room for it. */
  const emit = (dirent: Dirent, entry: Entry | undefined): boolean => {
    if (at + direntBytes(dirent.name.length, plus) > out.length) return false
    if (plus) {
      if (entry === undefined) out.fill(0, at, at + ENTRY_BYTES)
      else writeEntry(out, entry.attributes, session.nodes.remember(entry), session.trust, at)
      at += ENTRY_BYTES
    }
    at = writeDirent(out, dirent, at)
    return true
  }
  session.file(readU64(body, 0))
  for (const dot of DOTS) {
    if (offset >= dot.offset || (offset !== 0n && offset !== BEHIND_DOT)) continue
    // Only the type matters to readers; the kernel asks for `..` by lookup when it needs it.
    if (!emit({ ...dot, ino: request.nodeId, type: S_IFDIR }, undefined)) return out.subarray(0, at)
    offset = dot.offset
  }
  let cookie = offset === BEHIND_DOT_DOT ? 0n : offset
  // The right to list was checked when the directory was opened; what a line tells the kernel beyond that, the kernel does not pass on.
  const who = { ...session.who(request), uid: 0 }
  const handle = session.handle(request.nodeId)
  for (;;) {
    const limit = Math.max(1, Math.ceil((out.length - at) / direntBytes(16, plus)))
    const page = yield* session.fsal.readdir(who, handle, { cookie, limit, plus })
    for (const line of page.lines) {
      if (!emit(direntOf(session, line), line.entry)) return out.subarray(0, at)
      cookie = line.cookie
    }
    if (page.eof) return out.subarray(0, at)
  }
}

const direntOf = (session: Session, { ino, name, type, cookie }: DirectoryLine): Dirent => ({
  ino: session.nodes.idOf(ino),
  name,
  type,
  offset: cookie,
})

function* releasedir(session: Session, request: Request): Op<Body> {
  const file = session.drop(readU64(request.body, 0))
  if (file !== undefined) yield* session.fsal.close(file)
  return undefined
}

function* fsyncdir(session: Session, request: Request): Op<Body> {
  yield* session.fsal.commit(session.who(request), session.handle(request.nodeId), undefined)
  return undefined
}

export const directoryOperations: Operations = {
  [OPCODE.OPENDIR]: opendir,
  [OPCODE.READDIR]: (session, request) => list(session, request, false),
  [OPCODE.READDIRPLUS]: (session, request) => list(session, request, true),
  [OPCODE.RELEASEDIR]: releasedir,
  [OPCODE.FSYNCDIR]: fsyncdir,
}
