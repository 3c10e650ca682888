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
import { assertInt32, assertInteger, bytesOfView, outOfRange, toMode, wrongType, wrongValue } from './arguments.ts'
import { type Face, located } from './context.ts'
import type { Description } from './descriptors.ts'
import { toFlags } from './flags.ts'
import { openDescription } from './opening.ts'
import { toPath } from './paths.ts'

export const FILE_MODE = 0o666

export function open(face: Face, path: unknown, flags?: unknown, mode?: unknown): Op<Description> {
  const at = toPath(path)
  const bits = toFlags(flags)
  return openDescription(face, at, bits, mode === undefined || mode === null ? FILE_MODE : toMode(mode, 'mode'))
}

export const close = (face: Face, of: Description): Op<void> => located('close', undefined, face.descriptors.close(of))

/** A position; undefined is the file's own. */
function toPosition(position: unknown): number | undefined {
  if (position === undefined || position === null) return undefined
  if (typeof position === 'bigint') {
    if (position < -1n || position > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw outOfRange('position', `>= -1 && <= ${Number.MAX_SAFE_INTEGER}`, position)
    }
    return position < 0n ? undefined : Number(position)
  }
  if (typeof position !== 'number') throw wrongType('position', 'an integer or of type bigint', position)
  assertInteger(position, 'position', -1)
  return position < 0 ? undefined : position
}

const isView = (value: unknown): value is NodeJS.ArrayBufferView => ArrayBuffer.isView(value)

function assertView(value: unknown, name: string): asserts value is NodeJS.ArrayBufferView {
  if (!isView(value)) throw wrongType(name, 'an instance of Buffer, TypedArray, or DataView', value)
}

/** Where a read puts its bytes. */
export interface ReadInto {
  readonly buffer: NodeJS.ArrayBufferView
  readonly into: Uint8Array
  readonly position: number | undefined
}

const READ_BYTES_DEFAULT = 16 * 1024

/**
 * The forms of read: (buffer, offset, length, position), (buffer, { offset, length, position }),
 * ({ buffer, offset, length, position }), ().
 */
export function toReadInto(first: unknown, second?: unknown, third?: unknown, fourth?: unknown): ReadInto {
  let buffer = first
  let [offset, length, position] = [second, third, fourth]
  if (!isView(buffer) && (buffer === undefined || buffer === null || typeof buffer === 'object')) {
    const options = (buffer ?? {}) as Record<string, unknown>
    buffer = options.buffer === undefined ? Buffer.alloc(READ_BYTES_DEFAULT) : options.buffer
    ;[offset, length, position] = [options.offset, options.length, options.position]
  } else if (offset !== null && typeof offset === 'object') {
    const options = offset as Record<string, unknown>
    ;[offset, length, position] = [options.offset, options.length, options.position]
  }
  assertView(buffer, 'buffer')
  const start = offset ?? 0
  assertInteger(start, 'offset', 0)
  const { byteLength } = buffer
  const bytes = length === undefined ? byteLength - start : Number(length) | 0
  const into = bytesOfView(buffer)
  if (bytes === 0) return { buffer, into: into.subarray(0, 0), position: toPosition(position) }
  if (byteLength === 0) throw wrongValue('buffer', buffer, 'is empty and cannot be written')
  if (bytes < 0) throw outOfRange('length', '>= 0', bytes)
  if (start + bytes > byteLength) throw outOfRange('length', `<= ${byteLength - start}`, bytes)
  return { buffer, into: into.subarray(start, start + bytes), position: toPosition(position) }
}

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

function toViews(buffers: unknown): readonly NodeJS.ArrayBufferView[] {
  if (!Array.isArray(buffers)) throw wrongType('buffers', 'an ArrayBufferView[]', buffers)
  for (const each of buffers) if (!isView(each)) throw wrongType('buffers', 'an ArrayBufferView[]', buffers)
  return buffers
}

const toVectorPosition = (position: unknown): number | undefined =>
  typeof position === 'number' ? toPosition(position) : undefined

export function readv(face: Face, of: Description, buffers: unknown, position?: unknown): Op<number> {
  const views = toViews(buffers)
  const at = toVectorPosition(position)
  if (at === undefined) return located('read', undefined, of.inTurn(fill(face, of, views, undefined)))
  return located('read', undefined, of.use(fill(face, of, views, at)))
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

/** What a write takes. */
export interface WriteFrom {
  readonly data: Uint8Array
  readonly position: number | undefined
}

/** The forms of write: (buffer, offset, length, position), (buffer, { ... }), (string, position, encoding). */
export function toWriteFrom(first: unknown, second?: unknown, third?: unknown, fourth?: unknown): WriteFrom {
  if (typeof first === 'string') {
    const encoding = typeof third === 'string' ? third : 'utf8'
    if (!Buffer.isEncoding(encoding)) throw wrongValue('encoding', encoding, 'is invalid encoding')
    return { data: Buffer.from(first, encoding), position: writePosition(second) }
  }
  if (!isView(first)) {
    throw wrongType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', first)
  }
  let [offset, length, position] = [second, third, fourth]
  if (offset !== null && typeof offset === 'object') {
    const options = offset as Record<string, unknown>
    ;[offset, length, position] = [options.offset, options.length, options.position]
  }
  const { byteLength } = first
  const start = offset === undefined || offset === null || typeof offset === 'function' ? 0 : offset
  assertInteger(start, 'offset', 0)
  const bytes = typeof length === 'number' ? length : byteLength - start
  if (start > byteLength) throw outOfRange('offset', `<= ${byteLength}`, start)
  if (bytes > byteLength - start) throw outOfRange('length', `<= ${byteLength - start}`, bytes)
  if (bytes < 0) throw outOfRange('length', '>= 0', bytes)
  assertInt32(bytes, 'length')
  return { data: bytesOfView(first).subarray(start, start + bytes), position: writePosition(position) }
}

const writePosition = (position: unknown): number | undefined =>
  (typeof position === 'number' && position >= 0) || typeof position === 'bigint' ? toPosition(position) : undefined

/** Writes all of it; answers how many bytes (fewer only when the space ran out). */
export function write(face: Face, of: Description, { data, position }: WriteFrom): Op<number> {
  if (position === undefined && !of.file.append) return located('write', undefined, of.inTurn(writeOn(face, of, data)))
  return located('write', undefined, of.use(writeThere(face, of, position, data)))
}

/** Writes at `position`, or where O_APPEND says. */
function* writeThere(face: Face, of: Description, position: number | undefined, data: Uint8Array): Op<number> {
  const { bytes, end } = yield* writeAt(face.core, face.who, of.file, position ?? null, data)
  if (position === undefined) of.position = end
  return bytes
}

/** Writes at the file's own position; only for the one whose turn it is. */
export function* writeOn(face: Face, of: Description, data: Uint8Array): Op<number> {
  const { bytes, end } = yield* writeAt(face.core, face.who, of.file, of.file.append ? null : of.position, data)
  of.position = end
  return bytes
}

/** As one write of all buffers. */
export function writev(face: Face, of: Description, buffers: unknown, position?: unknown): Op<number> {
  const views = toViews(buffers)
  const data = views.length === 1 ? bytesOfView(views[0]) : Buffer.concat(views.map(bytesOfView))
  return write(face, of, { data, position: toVectorPosition(position) })
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
