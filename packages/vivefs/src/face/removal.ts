/** Removing: rmdir and rm. */
import { constants as os } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Call } from '../core/call.ts'
import { removeDirectory, unlinkEntry } from '../core/link.ts'
import { S_IFDIR } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import { drivenSync, type Op } from '../op.ts'
import { assertBoolean, assertInteger, assertObject, systemError } from './arguments.ts'
import { type Face, located, resolvePath, walkPath } from './context.ts'
import { askRmdir } from './deprecated.ts'
import { assertReadable, listPage, toEntryPath } from './directories.ts'
import { type Path, toPath } from './paths.ts'

interface RmOptions {
  readonly force?: boolean
  readonly recursive?: boolean
  readonly maxRetries?: number
  readonly retryDelay?: number
}

/** A directory where rm was not told `recursive`: node's ERR_FS_EISDIR. */
const isDirectoryError = (path: string): Error =>
  systemError('ERR_FS_EISDIR', 'Path is a directory', {
    code: 'EISDIR',
    message: 'is a directory',
    path,
    syscall: 'rm',
    errno: os.errno.EISDIR,
  })

const RM_DEFAULTS = { force: false, recursive: false, maxRetries: 0, retryDelay: 100 }

export function rm(face: Face, path: unknown, options?: RmOptions): Op<void> {
  const at = toPath(path)
  if (options !== undefined) assertObject(options, 'options')
  // What is given as undefined is given.
  const { force, recursive, maxRetries, retryDelay } = { ...RM_DEFAULTS, ...options }
  assertBoolean(force, 'options.force')
  assertBoolean(recursive, 'options.recursive')
  assertInteger(maxRetries, 'options.maxRetries', 0, 0xffff_ffff)
  assertInteger(retryDelay, 'options.retryDelay', 0, 0x7fff_ffff)
  return remove(face, at, { force, recursive, maxRetries, retryDelay })
}

type Removal = Required<RmOptions>

/** The options of older versions: `recursive` removes what the directory holds, and is warned of or refused by newer ones. */
export function rmdir(face: Face, path: unknown, options?: RmOptions | null): Op<void> {
  const at = toPath(path)
  if (options !== undefined) askRmdir(options)
  if (options?.recursive) return removeIfDirectory(face, at, { ...RM_DEFAULTS, ...options, force: false })
  return located('rmdir', at, removeEmpty(face, at))
}

const RECLAIMS = { reclaims: true }

const removeEmpty = (face: Face, path: Path): Op<void> =>
  face.core.run(face.who, (call) => removeAt(call, face, path), RECLAIMS)

function* removeAt(call: Call, face: Face, path: Path): Op<void> {
  const place = yield* walkPath(call, face, path, 'parent')
  if (place.last === 'root') throw new FilesystemError('EBUSY')
  yield* removeDirectory(call, place.directory, place.name)
}

function* removeIfDirectory(face: Face, path: Path, how: Removal): Op<void> {
  const type = yield* located('lstat', path, lookAt(face, path))
  if (type !== undefined && type !== S_IFDIR) return yield* located('rmdir', path, removeEmpty(face, path))
  yield* remove(face, path, how)
}

/** Refusals that may pass. */
const passing: ReadonlySet<string> = new Set(['EBUSY', 'EMFILE', 'ENFILE', 'ENOTEMPTY', 'EPERM'])

/** Tries again, waiting longer every time, as often as the caller allows. */
function* removePersistently(face: Face, path: Path, { maxRetries, retryDelay }: Removal): Op<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return yield* removeTree(face, path)
    } catch (error) {
      if (attempt > maxRetries || !FilesystemError.is(error) || !passing.has(error.code)) throw error
    }
    yield* pause(attempt * retryDelay)
  }
}

function* pause(ms: number): Op<void> {
  if (drivenSync()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  else yield sleep(ms)
}

function* remove(face: Face, path: Path, how: Removal): Op<void> {
  const { recursive, force } = how
  const type = yield* located('lstat', path, lookAt(face, path))
  if (type === undefined) {
    if (force) return
    throw new FilesystemError('ENOENT', { syscall: 'lstat', path: path.shown })
  }
  if (type === S_IFDIR) {
    if (!recursive) throw isDirectoryError(path.shown)
    yield* located('rmdir', path, assertRemovable(face, path))
    return yield* removePersistently(face, path, how)
  }
  const unlinking = face.core.run(face.who, (call) => removeFile(call, face, path), RECLAIMS)
  yield* located('unlink', path, unlinking)
}

function* removeFile(call: Call, face: Face, path: Path): Op<void> {
  const { directory, name } = yield* walkPath(call, face, path, 'parent')
  yield* unlinkEntry(call, directory, name)
}

/** The type of what is there; undefined when nothing is. */
function* lookAt(face: Face, path: Path): Op<number | undefined> {
  try {
    return yield* face.core.read(face.who, function* (call) {
      const inode = yield* resolvePath(call, face, path, 'nofollow')
      return inode.mode & 0o170000
    })
  } catch (error) {
    if (FilesystemError.is(error) && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Refuses what rmdir would refuse in the end, before anything is removed. EBUSY: the root; EINVAL and ENOTEMPTY: dots. */
const assertRemovable = (face: Face, path: Path): Op<void> =>
  face.core.read(face.who, function* (call) {
    const { last } = yield* walkPath(call, face, path, 'parent')
    if (last === 'root') throw new FilesystemError('EBUSY')
    if (last !== 'name') throw new FilesystemError(last === 'dot' ? 'EINVAL' : 'ENOTEMPTY')
  })

/** Entries that one transaction of rm removes. */
const REMOVE_ENTRIES = 64

/** Empties a directory and removes it. Files go in bounded transactions; a name that came meanwhile goes too. */
export function* removeTree(face: Face, path: Path): Op<void> {
  const { core, who } = face
  for (;;) {
    let failed = path
    const emptied = core.run(
      who,
      function* (call) {
        failed = path
        const directory = yield* resolvePath(call, face, path, 'nofollow')
        assertReadable(call, directory)
        const page = yield* listPage(call, directory, 0n, REMOVE_ENTRIES)
        const inner: Buffer[] = []
        let current = directory
        for (const { name, type } of page) {
          if (type === S_IFDIR) {
            inner.push(name)
            continue
          }
          failed = toEntryPath(path, name)
          yield* unlinkEntry(call, current, name)
          current = yield* call.inode(directory.ino)
        }
        return { inner, isLast: page.length < REMOVE_ENTRIES }
      },
      { reclaims: true },
    )
    let step: { inner: Buffer[]; isLast: boolean }
    try {
      step = yield* emptied
    } catch (error) {
      if (FilesystemError.is(error) && error.syscall === undefined) {
        throw error.locate({ syscall: failed === path ? 'scandir' : 'unlink', path: failed.shown })
      }
      throw error
    }
    for (const name of step.inner) yield* removeTree(face, toEntryPath(path, name))
    if (step.isLast) break
  }
  const last = core.run(
    who,
    function* (call) {
      const place = yield* walkPath(call, face, path, 'parent')
      if (place.last === 'root') throw new FilesystemError('EBUSY')
      yield* removeDirectory(call, place.directory, place.name)
    },
    { reclaims: true },
  )
  yield* located('rmdir', path, last)
}
