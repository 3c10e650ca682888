/** What every operation of a face works with, and how its refusals get the call and the paths that node:fs shows. */
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import type { RootedPath } from '../core/lookups.ts'
import type { Credentials } from '../core/mode.ts'
import { type LastComponent, type Place, walk } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Descriptors } from './descriptors.ts'
import type { Path } from './paths.ts'

/** One caller's view of a volume. */
export interface Face {
  readonly core: Core
  readonly who: Credentials
  /** Shared by all views of a volume. */
  readonly descriptors: Descriptors
  /** st_dev of everything in the volume. */
  readonly device: number
  /** Where relative paths begin: absolute, without links and dots; undefined for the root. */
  readonly cwd: Buffer | undefined
  /** The client it belongs to: what a process is to POSIX locks. */
  readonly session: string
}

/** The current directory as text. */
export const cwdOf = ({ cwd }: Face): string => cwd?.toString() ?? '/'

/** The error with its call and paths, unless an inner step named them already. */
export function locate(error: unknown, syscall: string, path?: string, dest?: string): unknown {
  if (!FilesystemError.is(error) || error.syscall !== undefined) return error
  return error.locate({ syscall, path, dest })
}

/** Runs `op`; its refusals name `syscall` and the paths. */
export function* located<T>(syscall: string, path: Path | undefined, op: Op<T>, dest?: Path): Op<T> {
  try {
    return yield* op
  } catch (error) {
    throw locate(error, syscall, path?.shown, dest?.shown)
  }
}

const SLASH = 0x2f
const SLASH_BYTES = Buffer.from('/')

/** The bytes to walk from the root: a relative path begins at the view's current directory. */
export function absolute({ cwd }: Pick<Face, 'cwd'>, bytes: Buffer): Buffer {
  if (cwd === undefined || bytes.length === 0 || bytes[0] === SLASH) return bytes
  return Buffer.concat([cwd, SLASH_BYTES, bytes])
}

/** The path from the root. */
export const rooted = (face: Pick<Face, 'cwd'>, path: Path): RootedPath =>
  face.cwd === undefined || path.text?.charCodeAt(0) === SLASH ? path : { bytes: absolute(face, path.bytes) }

export function walkPath(call: Call, face: Face, path: Path, mode: LastComponent): Op<Place> {
  if (path.text?.charCodeAt(0) === SLASH) {
    const place = face.core.lookups.place(call.who, path.text)
    if (place !== undefined) return walk(call, place.ino, place.name, mode)
  }
  const bytes = absolute(face, path.bytes)
  const parent = face.core.lookups.parent(call.who, bytes)
  if (parent === undefined) return walk(call, face.core.superblock.rootIno, bytes, mode)
  return walk(call, parent.ino, bytes.subarray(parent.offset), mode)
}

export function* resolvePath(call: Call, face: Face, path: Path, mode: 'follow' | 'nofollow'): Op<Inode> {
  const { inode } = yield* walkPath(call, face, path, mode)
  if (inode === undefined) throw new FilesystemError('ENOENT')
  return inode
}
