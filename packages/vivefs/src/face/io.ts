/** Operations on open files: open, close, read, write, and their vectors. Positions as POSIX has them. */
import { readAtHand } from '../core/at-hand.ts'
import type { Call } from '../core/call.ts'
import { readFile as readAt, truncateInode, writeFile as writeAt } from '../core/open-file.ts'
import {
  fallocate as allocate,
  FALLOCATE_MODES,
  type FallocateMode,
  isShift,
  seekData,
  seekHole,
} from '../core/space.ts'
import { FilesystemError } from '../errors.ts'
import { done, type Op } from '../op.ts'
import { assertInteger, bytesOfView, toMode, wrongValue } from './arguments.ts'
import { type Face, located } from './context.ts'
import type { Description } from './descriptors.ts'
import { toFlags } from './flags.ts'
import { openDescription } from './opening.ts'
import { toPath } from './paths.ts'
import { type ReadInto, toLoosePosition, toViews, type WriteFrom } from './transfer-arguments.ts'

export const FILE_MODE = 0o666

export function open(face: Face, path: unknown, flags?: unknown, mode?: unknown): Op<Description> {
  const at = toPath(path)
  const bits = toFlags(flags)
  return openDescription(face, at, bits, mode === undefined || mode === null ? FILE_MODE : toMode(mode, 'mode'))
}

export const close = (face: Face, of: Description): Op<void> =>
  face.descriptors.closeNow(of) ? done(undefined) : located('close', undefined, face.descriptors.close(of))

/** Reads; answers how many bytes, 0 at the end. */
export function read(face: Face, of: Description, { into, position }: ReadInto): Op<number> {
  if (position !== undefined || !of.isTaken) {
    const bytes = readAtHand(face.core, of.file, position ?? of.position, into)
    if (bytes !== undefined) {
      if (position === undefined) of.position += bytes
      return done(bytes)
    }
  }
  if (position !== undefined)
    return located('read', undefined, of.use(readAt(face.core, face.who, of.file, position, into)))
  return located('read', undefined, of.inTurn(readOn(face, of, into)))
}

/** Reads at the file's own position; only for the one whose turn it is. */
export function* readOn(face: Face, of: Description, into: Uint8Array): Op<number> {
  const bytes = yield* readAt(face.core, face.who, of.file, of.position, into)
  of.position += bytes
  return bytes
}

export function readv(face: Face, of: Description, buffers: unknown, position?: unknown): Op<number> {
  const views = toViews(buffers)
  const at = toLoosePosition(position)
  if (views.length === 0) return located('read', undefined, of.use(refuseNothing()))
  if (at === undefined) return located('read', undefined, of.inTurn(fill(face, of, views, undefined)))
  return located('read', undefined, of.use(fill(face, of, views, at)))
}

/** As readv(2) of no buffers. */
function* refuseNothing(): Op<never> {
  throw new FilesystemError('EINVAL')
}

/** One view after the other, from `position` or from the file's own on. */
function* fill(
  face: Face,
  of: Description,
  views: readonly NodeJS.ArrayBufferView[],
  position: number | undefined,
): Op<number> {
  let total = 0
  for (const view of views) {
    const into = bytesOfView(view)
    const bytes =
      position === undefined
        ? yield* readOn(face, of, into)
        : yield* readAt(face.core, face.who, of.file, position + total, into)
    total += bytes
    if (bytes < into.length) break
  }
  return total
}

/** Writes all of it; answers how many bytes (fewer only when the space ran out). */
export function write(face: Face, of: Description, { data, position }: WriteFrom): Op<number> {
  if (position === undefined && !of.file.append) return located('write', undefined, of.inTurn(writeOn(face, of, data)))
  return located('write', undefined, of.use(writeThere(face, of, position, data)))
}

/** Writes at `position`, or where O_APPEND says. */
function* writeThere(face: Face, of: Description, position: number | undefined, data: Uint8Array): Op<number> {
  const { bytes, end } = yield* writeAt(face.core, face.who, of.file, position ?? null, data)
  // Where nothing was written O_APPEND moves nothing.
  if (position === undefined && bytes > 0) of.position = end
  return bytes
}

/** Writes at the file's own position; only for the one whose turn it is. */
export function* writeOn(face: Face, of: Description, data: Uint8Array): Op<number> {
  const { bytes, end } = yield* writeAt(face.core, face.who, of.file, of.file.append ? null : of.position, data)
  if (bytes > 0) of.position = end
  return bytes
}

/** As one write of all buffers. */
export function writev(face: Face, of: Description, buffers: unknown, position?: unknown): Op<number> {
  const views = toViews(buffers)
  const data = views.length === 1 ? bytesOfView(views[0]) : Buffer.concat(views.map(bytesOfView))
  return write(face, of, { data, position: toLoosePosition(position) })
}

/** lseek(2) for SEEK_DATA and SEEK_HOLE, without moving the position. ENXIO behind the end. */
export function seek(face: Face, of: Description, what: 'data' | 'hole', offset: unknown): Op<number> {
  assertInteger(offset, 'offset', 0)
  if (what !== 'data' && what !== 'hole') throw wrongValue('what', what)
  const { ino, generation } = of.file
  const find = face.core.read(face.who, function* (call) {
    const inode = yield* call.inode(ino, generation)
    return yield* what === 'data' ? seekData(call, inode, offset) : seekHole(call, inode, offset)
  })
  return located('lseek', undefined, of.use(find))
}

export interface FallocateOptions {
  /** Default `allocate`. */
  readonly mode?: FallocateMode
  /** Default: true for `punch`, false otherwise. */
  readonly keepSize?: boolean
}

/** fallocate(2). EBADF when not open for writing, EINVAL, EFBIG (a size, or more than 32 MiB that have to move). */
export function fallocate(
  face: Face,
  of: Description,
  offset: unknown,
  length: unknown,
  options: FallocateOptions = {},
): Op<void> {
  assertInteger(offset, 'offset', 0)
  assertInteger(length, 'length', 1)
  const { mode = 'allocate' } = options
  const { keepSize = mode === 'punch' } = options
  if (!FALLOCATE_MODES.includes(mode)) throw wrongValue('options.mode', mode)
  const { ino, generation, canWrite } = of.file
  const { core, who } = face
  const body = function* (call: Call): Op<void> {
    if (!canWrite) throw new FilesystemError('EBADF')
    yield* allocate(call, yield* call.inode(ino, generation), mode, offset, length, keepSize)
  }
  const change = isShift(mode)
    ? truncateInode(core, who, ino, body)
    : core.run(who, body, { reclaims: mode === 'punch' })
  return located('fallocate', undefined, of.use(change))
}
