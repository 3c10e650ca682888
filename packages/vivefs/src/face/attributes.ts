/** Operations on attributes: stat, access, chmod, chown, utimes, statfs; by path and by descriptor. */
import { type BigIntStats, type BigIntStatsFs, type Stats, type StatsFs, statfsSync } from 'node:fs'
import { type AttributeChanges, changeAttributes } from '../core/attributes.ts'
import type { Call } from '../core/call.ts'
import {
  type Credentials,
  isDirectory,
  isFile,
  isSymlink,
  mayAccess,
  PERMISSIONS,
  R_OK,
  W_OK,
  X_OK,
} from '../core/mode.ts'
import { placeOfOpen, truncateFile, truncateInode } from '../core/open-file.ts'
import { spaceReport } from '../core/space.ts'
import { isShown } from '../core/trees.ts'
import { type ErrnoCode, FilesystemError } from '../errors.ts'
import type { Inode, Timespec } from '../format/inode.ts'
import { done, drivenSync, type Op } from '../op.ts'
import { assertInteger, nodeMajor, toFlagBits, toId, toMode, wrongType } from './arguments.ts'
import { type Face, locate, located, resolvePath, rooted, walkPath } from './context.ts'
import { askExists } from './deprecated.ts'
import type { Description } from './descriptors.ts'
import { type Path, toPath } from './paths.ts'
import { statsOf } from './stats.ts'

type Following = 'follow' | 'nofollow'

/** Numbers of seconds, numeric strings and Dates, as node:fs takes them. */
export function toTime(value: unknown, name = 'time'): Timespec {
  let seconds: number
  if (typeof value === 'string' && !Number.isNaN(+value)) seconds = +value
  else if (typeof value === 'number' && Number.isFinite(value)) seconds = value < 0 ? Date.now() / 1000 : value
  else if (value instanceof Date) seconds = value.getTime() / 1000
  else throw wrongType(name, 'an instance of Date or an Time in seconds', value)
  return timespec(seconds)
}

/** What libuv passes on of a double of seconds: microseconds, since Node 24 all that it holds. */
const UNIT_NS = nodeMajor < 24 ? 1000 : 1

function timespec(seconds: number): Timespec {
  let sec = Math.floor(seconds)
  let nsec = Math.floor((seconds - sec) * (1e9 / UNIT_NS)) * UNIT_NS
  if (nsec >= 1_000_000_000) {
    sec++
    nsec = 0
  }
  return { sec, nsec }
}

/** What `look` says of the inode at a path; undefined when there is none and `isForgiving`. */
function inspectPath<T>(
  face: Face,
  path: Path,
  how: Following,
  syscall: string,
  look: (who: Credentials, inode: Inode) => T,
  isForgiving = false,
): Op<T> {
  const known = face.core.lookups.findPath(face.who, rooted(face, path), how === 'follow')
  if (known !== undefined) return inspectKnown(face, path, syscall, known, look, isForgiving)
  const inspect = face.core.read(face.who, (call) => lookAt(call, face, path, how, syscall, look, isForgiving))
  return located(syscall, path, inspect)
}

function* lookAt<T>(
  call: Call,
  face: Face,
  path: Path,
  how: Following,
  syscall: string,
  look: (who: Credentials, inode: Inode) => T,
  isForgiving: boolean,
): Op<T> {
  const { inode } = yield* walkPath(call, face, path, how)
  if (inode !== undefined) return look(call.who, inode)
  if (isForgiving) return undefined as T
  // The most frequent refusal: made once, with its place.
  throw new FilesystemError('ENOENT', { syscall, path: path.shown })
}

/** The same for what needs no walk. */
function* inspectKnown<T>(
  face: Face,
  path: Path,
  syscall: string,
  known: Inode | null,
  look: (who: Credentials, inode: Inode) => T,
  isForgiving: boolean,
): Op<T> {
  if (known === null) {
    if (isForgiving) return undefined as T
    throw new FilesystemError('ENOENT', { syscall, path: path.shown })
  }
  try {
    return look(face.who, known)
  } catch (error) {
    throw locate(error, syscall, path.shown)
  }
}

const changePath = (face: Face, path: Path, how: Following, changes: AttributeChanges): Op<void> =>
  face.core.run(face.who, (call) => changeAt(call, face, path, how, changes))

function* changeAt(call: Call, face: Face, path: Path, how: Following, changes: AttributeChanges): Op<void> {
  yield* changeAttributes(call, yield* resolvePath(call, face, path, how), changes)
}

function changeOpen(face: Face, of: Description, syscall: string, changes: AttributeChanges): Op<void> {
  const change = face.core.run(face.who, (call) => changeFile(call, of, changes))
  return located(syscall, undefined, of.use(change))
}

function* changeFile(call: Call, { file }: Description, changes: AttributeChanges): Op<void> {
  const inode = yield* call.inode(file.ino, file.generation)
  yield* changeAttributes(call, inode, changes, false, placeOfOpen(call, file))
}

export interface BigOption {
  readonly bigint?: boolean
  readonly throwIfNoEntry?: boolean
}

/** `null` is no object to look into: the TypeError of that is node's own, too. */
const wantsBig = (options: BigOption | null | undefined): boolean =>
  options === undefined ? false : (options as BigOption).bigint === true

function statBy(syscall: 'stat' | 'lstat', how: Following) {
  return (face: Face, path: unknown, options?: BigOption | null): Op<Stats | BigIntStats> => {
    const at = toPath(path)
    const isBig = wantsBig(options)
    return inspectPath(face, at, how, syscall, (_call, inode) => statsOf(inode, face.device, isBig))
  }
}

export const stat = statBy('stat', 'follow')
export const lstat = statBy('lstat', 'nofollow')

/** The synchronous forms: `throwIfNoEntry: false` answers undefined. */
function forgivingStatBy(syscall: 'stat' | 'lstat', how: Following) {
  return (face: Face, path: unknown, options?: BigOption | null): Op<Stats | BigIntStats | undefined> => {
    const at = toPath(path)
    const isBig = wantsBig(options)
    const isForgiving = options?.throwIfNoEntry === false
    const op = inspectPath(face, at, how, syscall, (_call, inode) => statsOf(inode, face.device, isBig), isForgiving)
    return isForgiving ? orUndefined(op) : op
  }
}

/** A component on the way may be missing, too. */
function* orUndefined<T>(op: Op<T>): Op<T | undefined> {
  try {
    return yield* op
  } catch (error) {
    if (FilesystemError.is(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
    throw error
  }
}

export const statSync = forgivingStatBy('stat', 'follow')
export const lstatSync = forgivingStatBy('lstat', 'nofollow')

function* openStats(call: Call, face: Face, of: Description, isBig: boolean): Op<Stats | BigIntStats> {
  return statsOf(yield* call.inode(of.file.ino, of.file.generation), face.device, isBig)
}

export function fstat(face: Face, of: Description, options?: BigOption | null): Op<Stats | BigIntStats> {
  const isBig = wantsBig(options)
  const { ino, generation } = of.file
  const known = face.core.lookups.inode(ino, generation)
  if (known !== undefined) return done(statsOf(known, face.device, isBig))
  const look = face.core.read(face.who, (call) => openStats(call, face, of, isBig))
  return located('fstat', undefined, of.use(look))
}

const ACCESS_MASK = R_OK | W_OK | X_OK

export function access(face: Face, path: unknown, mode?: unknown): Op<void> {
  const at = toPath(path)
  const mask = toFlagBits(mode, ACCESS_MASK)
  return inspectPath(face, at, 'follow', 'access', (who, inode) => {
    if (!mayAccess(who, inode, mask)) throw new FilesystemError('EACCES')
    const isStored = isFile(inode) || isDirectory(inode)
    if ((mask & W_OK) !== 0 && isStored && (face.core.options.readOnly || isShown(inode.ino)))
      throw new FilesystemError('EROFS')
  })
}

/** Whether something is there; no argument and no refusal makes it throw. */
export function* exists(face: Face, path: unknown): Op<boolean> {
  try {
    const at = toPath(path)
    return (yield* inspectPath(face, at, 'follow', 'access', () => true, true)) === true
  } catch (error) {
    if (error instanceof TypeError && drivenSync()) askExists(path)
    if (FilesystemError.is(error) || error instanceof TypeError) return false
    throw error
  }
}

export function chmod(face: Face, path: unknown, mode: unknown): Op<void> {
  const at = toPath(path)
  const bits = toMode(mode ?? undefined, 'mode') & PERMISSIONS
  return located('chmod', at, changePath(face, at, 'follow', { mode: bits }))
}

/** As on Linux, a symbolic link has no mode of its own to change. */
export function lchmod(face: Face, path: unknown, mode: unknown): Op<void> {
  const at = toPath(path)
  const bits = toMode(mode ?? undefined, 'mode') & PERMISSIONS
  const change = face.core.run(face.who, function* (call) {
    const inode = yield* resolvePath(call, face, at, 'nofollow')
    if (isSymlink(inode)) throw new FilesystemError('EOPNOTSUPP')
    yield* changeAttributes(call, inode, { mode: bits })
  })
  return located('lchmod', at, change)
}

export const fchmod = (face: Face, of: Description, mode: unknown): Op<void> =>
  changeOpen(face, of, 'fchmod', { mode: toMode(mode ?? undefined, 'mode') & PERMISSIONS })

function chownBy(syscall: 'chown' | 'lchown', how: Following) {
  return (face: Face, path: unknown, uid: unknown, gid: unknown): Op<void> => {
    const at = toPath(path)
    const owner = { uid: toId(uid, 'uid'), gid: toId(gid, 'gid') }
    return located(syscall, at, changePath(face, at, how, owner))
  }
}

export const chown = chownBy('chown', 'follow')
export const lchown = chownBy('lchown', 'nofollow')

export const fchown = (face: Face, of: Description, uid: unknown, gid: unknown): Op<void> =>
  changeOpen(face, of, 'fchown', { uid: toId(uid, 'uid'), gid: toId(gid, 'gid') })

/** A Date may be none: up to Node 20 that is refused, since then it leaves the time alone. */
function toTimes(atime: Timespec, mtime: Timespec): AttributeChanges | undefined {
  const isWhole = !Number.isNaN(atime.sec) && !Number.isNaN(mtime.sec)
  if (!isWhole && nodeMajor < 22) return undefined
  const omitted = (time: Timespec): Timespec | undefined => (Number.isNaN(time.sec) ? undefined : time)
  return { atime: omitted(atime), mtime: omitted(mtime) }
}

function* refuse(code: ErrnoCode): Op<never> {
  throw new FilesystemError(code)
}

function utimesBy(syscall: 'utime' | 'lutime', how: Following) {
  return (face: Face, path: unknown, atime: unknown, mtime: unknown): Op<void> => {
    const at = toPath(path)
    const times = toTimes(toTime(atime), toTime(mtime))
    return located(syscall, at, times === undefined ? refuse('EINVAL') : changePath(face, at, how, times))
  }
}

export const utimes = utimesBy('utime', 'follow')
export const lutimes = utimesBy('lutime', 'nofollow')

export function futimes(face: Face, of: Description, atime: unknown, mtime: unknown): Op<void> {
  const times = toTimes(toTime(atime, 'atime'), toTime(mtime, 'mtime'))
  return times === undefined ? located('futime', undefined, refuse('EINVAL')) : changeOpen(face, of, 'futime', times)
}

function toLength(length: unknown): number {
  if (length === undefined) return 0
  assertInteger(length, 'len')
  return Math.max(0, length)
}

/** node:fs opens the file for it, so that is the call that refuses a path. */
export function truncate(face: Face, path: unknown, length?: unknown): Op<void> {
  const at = toPath(path)
  const size = toLength(length)
  return located('open', at, cut(face, at, size))
}

function* cut(face: Face, path: Path, size: number): Op<void> {
  const ino = yield* inspectPath(face, path, 'follow', 'open', (_call, inode) => inode.ino)
  yield* truncateInode(face.core, face.who, ino, (call) => cutAt(call, face, path, size))
}

function* cutAt(call: Call, face: Face, path: Path, size: number): Op<void> {
  const inode = yield* resolvePath(call, face, path, 'follow')
  if (!isFile(inode) && !isDirectory(inode)) throw new FilesystemError('ENXIO')
  yield* changeAttributes(call, inode, { size })
}

export function ftruncate(face: Face, of: Description, length?: unknown): Op<void> {
  const size = toLength(length)
  return located('ftruncate', undefined, of.use(truncateFile(face.core, face.who, of.file, size)))
}

/** Every caller of fsync and fdatasync gets all that was acknowledged before. */
export const fsync = (face: Face, of: Description): Op<void> =>
  located('fsync', undefined, of.use(face.core.store.barrier()))

export const fdatasync = (face: Face, of: Description): Op<void> =>
  located('fdatasync', undefined, of.use(face.core.store.barrier()))

/** 'VIVE', as statfs(2) names kinds of filesystems by number. */
const FILESYSTEM_TYPE = 0x56_49_56_45
const BLOCK_BYTES = 4096
/** What statfs says is free when nobody knows. */
const BLOCKS_UNKNOWN = 2 ** 40

let fragments: boolean | undefined

/** Whether the running Node's statfs has `frsize`. */
function showsFragments(): boolean {
  try {
    fragments ??= 'frsize' in statfsSync('/')
  } catch {
    fragments = false
  }
  return fragments
}

export function statfs(face: Face, path: unknown, options?: BigOption | null): Op<StatsFs | BigIntStatsFs> {
  const at = toPath(path)
  const isBig = wantsBig(options)
  return inspectPath(face, at, 'follow', 'statfs', (who, inode) => {
    const { usedBytes, freeBytes, inodes, inodesMax } = spaceReport(face.core, inode, who)
    const free = freeBytes === undefined ? BLOCKS_UNKNOWN : Math.floor(freeBytes / BLOCK_BYTES)
    const numbers = {
      type: FILESYSTEM_TYPE,
      bsize: BLOCK_BYTES,
      ...(showsFragments() ? { frsize: BLOCK_BYTES } : {}),
      blocks: Math.ceil(usedBytes / BLOCK_BYTES) + free,
      bfree: free,
      bavail: free,
      files: inodesMax,
      ffree: inodesMax - inodes,
    }
    if (!isBig) return numbers as StatsFs
    return Object.fromEntries(Object.entries(numbers).map(([key, n]) => [key, BigInt(n)])) as unknown as BigIntStatsFs
  })
}
