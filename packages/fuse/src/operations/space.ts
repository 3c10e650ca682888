/** Space: statfs, fallocate, lseek, syncfs. */
import type { FallocateMode, Op } from 'vivefs/fsal'
import { Errno } from '../errno.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { readU64, writeU64 } from '../protocol/wire.ts'
import type { Request } from '../request.ts'
import type { Body, Operations, Session } from '../session.ts'
import { offsetAt } from './offset.ts'

const BLOCK_BYTES = 4096
const KEEP_SIZE = 1
const PUNCH_HOLE = 2
const ZERO_RANGE = 16
const SEEK_DATA = 3
const SEEK_HOLE = 4
/** What a store of which nothing is known is said to have free: programs that look first shall not refuse to begin. */
const UNKNOWN_FREE_BYTES = 2 ** 40

/** blocks64 free64 available64 files64 filesFree64 blockBytes32 nameBytes32 fragmentBytes32 padding32 spare[6 x 32]. */
function* statfs(session: Session, request: Request): Op<Body> {
  const report = yield* session.fsal.statfs(session.who(request), session.handle(request.nodeId), undefined)
  const used = Math.ceil(report.usedBytes / BLOCK_BYTES)
  const free = Math.floor((report.freeBytes ?? session.freeBytes?.() ?? UNKNOWN_FREE_BYTES) / BLOCK_BYTES)
  const filesFree = report.inodesMax - report.inodes
  const out = Buffer.alloc(80)
  for (const [i, value] of [used + free, free, free, report.inodesMax, filesFree].entries()) writeU64(out, value, 8 * i)
  out.writeUInt32LE(BLOCK_BYTES, 40)
  out.writeUInt32LE(report.nameBytesMax, 44)
  out.writeUInt32LE(BLOCK_BYTES, 48)
  return out
}

function modeOf(bits: number): { mode: FallocateMode; keepSize: boolean } {
  const keepSize = (bits & KEEP_SIZE) !== 0
  switch (bits & ~KEEP_SIZE) {
    case 0:
      return { mode: 'allocate', keepSize }
    case PUNCH_HOLE:
      return { mode: 'punch', keepSize }
    case ZERO_RANGE:
      return { mode: 'zero', keepSize }
    default:
      throw new Errno('EOPNOTSUPP')
  }
}

/** file64 offset64 length64 mode32 padding32. */
function* fallocate(session: Session, request: Request): Op<Body> {
  const { body } = request
  const file = session.file(readU64(body, 0))
  if (!file.canWrite) throw new Errno('EBADF')
  const args = { ...modeOf(body.readUInt32LE(24)), offset: offsetAt(body, 8), length: offsetAt(body, 16) }
  // The right to write was checked when the file was opened.
  const who = { ...session.who(request), uid: 0 }
  yield* session.fsal.fallocate(who, session.handle(request.nodeId), args)
  return undefined
}

/** file64 offset64 toNode64 toFile64 toOffset64 length64 flags64. */
function* copyFileRange(session: Session, request: Request): Op<Body> {
  const { body } = request
  const range = {
    file: session.file(readU64(body, 0)),
    offset: readU64(body, 8),
    to: session.file(readU64(body, 24)),
    toOffset: offsetAt(body, 32),
    // As much as there is: 2^63 and more means that.
    length: Math.min(readU64(body, 40), Number.MAX_SAFE_INTEGER),
  }
  const out = Buffer.alloc(8)
  out.writeUInt32LE(yield* session.fsal.copyRange(session.who(request), range), 0)
  return out
}

/** file64 offset64 whence32 padding32. */
function* lseek(session: Session, request: Request): Op<Body> {
  const { body } = request
  session.file(readU64(body, 0))
  const whence = body.readUInt32LE(16)
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new Errno('EINVAL')
  const args = { what: whence === SEEK_DATA ? ('data' as const) : ('hole' as const), offset: readU64(body, 8) }
  if (args.offset > Number.MAX_SAFE_INTEGER) throw new Errno('ENXIO')
  const out = Buffer.alloc(8)
  writeU64(out, yield* session.fsal.seek(session.who(request), session.handle(request.nodeId), args), 0)
  return out
}

function* syncfs(session: Session, request: Request): Op<Body> {
  yield* session.fsal.commit(session.who(request), session.fsal.root(), undefined)
  return undefined
}

export const spaceOperations: Operations = {
  [OPCODE.STATFS]: statfs,
  [OPCODE.FALLOCATE]: fallocate,
  [OPCODE.COPY_FILE_RANGE]: copyFileRange,
  [OPCODE.LSEEK]: lseek,
  [OPCODE.SYNCFS]: syncfs,
}
