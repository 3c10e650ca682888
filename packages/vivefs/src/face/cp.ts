/** cp: copies files and trees by node's rules, on the operations of this face. */

import type { BigIntStats } from 'node:fs'
import { constants } from 'node:os'
import { posix } from 'node:path'
import { FilesystemError } from '../errors.ts'
import { drivenSync, type Op, pending } from '../op.ts'
import {
  assertBoolean,
  assertFunction,
  assertInteger,
  assertObject,
  coded,
  nodeMajor,
  systemError,
} from './arguments.ts'
import { chmod, lstat, stat, utimes } from './attributes.ts'
import { cwdOf, type Face } from './context.ts'
import { readdir } from './directories.ts'
import type { Dirent } from './dirent.ts'
import { copyFile } from './files.ts'
import { mkdir, readlink, symlink, unlink } from './names.ts'
import { toPath } from './paths.ts'

interface CpOptions {
  readonly dereference: boolean
  readonly errorOnExist: boolean
  readonly filter: ((from: string, to: string) => unknown) | undefined
  readonly force: boolean
  readonly mode: number
  readonly preserveTimestamps: boolean
  readonly recursive: boolean
  readonly verbatimSymlinks: boolean
}

const FLAGS = ['dereference', 'errorOnExist', 'force', 'preserveTimestamps', 'recursive', 'verbatimSymlinks'] as const

function toCpOptions(options: unknown): CpOptions {
  const defaults: CpOptions = {
    dereference: false,
    errorOnExist: false,
    filter: undefined,
    force: true,
    mode: 0,
    preserveTimestamps: false,
    recursive: false,
    verbatimSymlinks: false,
  }
  if (options === undefined) return defaults
  assertObject(options, 'options')
  const whole = { ...defaults, ...options }
  for (const name of FLAGS) assertBoolean(whole[name], `options.${name}`)
  whole.mode ??= 0
  assertInteger(whole.mode, 'mode', 0, 7)
  if (whole.dereference && whole.verbatimSymlinks) {
    const text = 'Option "dereference" cannot be used in combination with option "verbatimSymlinks"'
    throw coded(TypeError, 'ERR_INCOMPATIBLE_OPTION_PAIR', text)
  }
  if (whole.filter !== undefined) assertFunction(whole.filter, 'options.filter')
  return whole
}

/** The operation; in the synchronous form `filter` answers at once. */
export function cp(face: Face, source: unknown, destination: unknown, options?: unknown): Op<void> {
  const how = toCpOptions(options)
  const from = toPath(source, 'src').shown
  const to = toPath(destination, 'dest').shown
  return new Copier(face, how).start(from, to)
}

const { EEXIST, EINVAL, EISDIR, ENOTDIR } = constants.errno

function refuse(code: string, text: string, errno: number, name: string, message: string, path: string): Error {
  return systemError(code, text, { code: name, message, path, syscall: 'cp', errno })
}

const invalid = (message: string, path: string): Error =>
  refuse('ERR_FS_CP_EINVAL', 'Invalid src or dest', EINVAL, 'EINVAL', message, path)

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '')

class Copier {
  readonly #face: Face
  readonly #how: CpOptions

  constructor(face: Face, how: CpOptions) {
    this.#face = face
    this.#how = how
  }

  #resolve(...parts: string[]): string {
    return posix.resolve(cwdOf(this.#face), ...parts)
  }

  /** Whether `below` is `above` or lies in it, by name. */
  #isWithin(above: string, below: string): boolean {
    const names = partsOf(this.#resolve(below))
    return partsOf(this.#resolve(above)).every((part, index) => names[index] === part)
  }

  *start(from: string, to: string): Op<void> {
    if (!(yield* this.#isWanted(from, to))) return
    const source = yield* this.#assertDistinct(from, to)
    yield* this.#assertNotBelow(from, source, to)
    yield* mkdir(this.#face, posix.dirname(to), { recursive: true })
    yield* this.#copy(from, to)
  }

  *#isWanted(from: string, to: string): Op<boolean> {
    const { filter } = this.#how
    if (filter === undefined) return true
    const answer = filter(from, to)
    const isPromise = typeof answer === 'object' && answer !== null && 'then' in answer
    return Boolean(isPromise ? yield* pending(answer as PromiseLike<unknown>) : answer)
  }

  *#look(path: string): Op<BigIntStats> {
    const look = this.#how.dereference ? stat : lstat
    return (yield* look(this.#face, path, { bigint: true })) as BigIntStats
  }

  *#lookIfThere(path: string): Op<BigIntStats | undefined> {
    try {
      return yield* this.#look(path)
    } catch (error) {
      if (FilesystemError.is(error) && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  *#assertDistinct(from: string, to: string): Op<BigIntStats> {
    const source = yield* this.#look(from)
    const target = yield* this.#lookIfThere(to)
    if (target !== undefined) {
      if (source.ino === target.ino) throw invalid('src and dest cannot be the same', to)
      if (source.isDirectory() && !target.isDirectory()) {
        const message = `cannot overwrite non-directory ${to} with directory ${from}`
        throw refuse(
          'ERR_FS_CP_DIR_TO_NON_DIR',
          'Cannot overwrite non-directory with directory',
          EISDIR,
          'EISDIR',
          message,
          to,
        )
      }
      if (!source.isDirectory() && target.isDirectory()) {
        const message = `cannot overwrite directory ${to} with non-directory ${from}`
        throw refuse(
          'ERR_FS_CP_NON_DIR_TO_DIR',
          'Cannot overwrite directory with non-directory',
          ENOTDIR,
          'ENOTDIR',
          message,
          to,
        )
      }
    }
    if (source.isDirectory() && this.#isWithin(from, to)) {
      throw invalid(`cannot copy ${from} to a subdirectory of self ${to}`, to)
    }
    return source
  }

  /** No directory above the target is the source itself. */
  *#assertNotBelow(from: string, source: BigIntStats, to: string): Op<void> {
    const top = this.#resolve(posix.dirname(from))
    for (let above = this.#resolve(posix.dirname(to)); above !== top && above !== '/'; above = posix.dirname(above)) {
      const stats = yield* this.#lookIfThere(above)
      if (stats?.ino === source.ino) throw invalid(`cannot copy ${from} to a subdirectory of self ${to}`, to)
    }
  }

  *#copy(from: string, to: string): Op<void> {
    const source = yield* this.#look(from)
    const target = yield* this.#lookIfThere(to)
    if (source.isDirectory()) {
      if (!this.#how.recursive) {
        throw refuse(
          'ERR_FS_EISDIR',
          'Path is a directory',
          // Node's synchronous form names another number.
          drivenSync() ? EINVAL : EISDIR,
          'EISDIR',
          `${from} is a directory (not copied)`,
          from,
        )
      }
      yield* this.#copyDirectory(from, source, to, target)
    } else if (source.isFile() || source.isCharacterDevice() || source.isBlockDevice()) {
      yield* this.#copyFile(from, source, to, target)
    } else if (source.isSymbolicLink()) {
      yield* this.#copyLink(from, to, target)
    } else if (source.isSocket()) {
      const message = `cannot copy a socket file: ${to}`
      throw refuse('ERR_FS_CP_SOCKET', 'Cannot copy a socket file', EINVAL, 'EINVAL', message, to)
    } else {
      const message = `cannot copy a FIFO pipe: ${to}`
      throw refuse('ERR_FS_CP_FIFO_PIPE', 'Cannot copy a FIFO pipe', EINVAL, 'EINVAL', message, to)
    }
  }

  *#copyFile(from: string, source: BigIntStats, to: string, target: BigIntStats | undefined): Op<void> {
    if (target !== undefined) {
      if (!this.#how.force) {
        if (this.#how.errorOnExist) {
          throw refuse('ERR_FS_CP_EEXIST', 'Target already exists', EEXIST, 'EEXIST', `${to} already exists`, to)
        }
        return
      }
      yield* unlink(this.#face, to)
    }
    yield* copyFile(this.#face, from, to, this.#how.mode)
    if (this.#how.preserveTimestamps) yield* utimes(this.#face, to, source.atime, source.mtime)
  }

  *#copyDirectory(from: string, source: BigIntStats, to: string, target: BigIntStats | undefined): Op<void> {
    if (target === undefined) yield* mkdir(this.#face, to)
    for (const { name } of (yield* readdir(this.#face, from, { withFileTypes: true })) as Dirent[]) {
      const [inner, innerTo] = [posix.join(from, name as string), posix.join(to, name as string)]
      if (!(yield* this.#isWanted(inner, innerTo))) continue
      yield* this.#assertDistinct(inner, innerTo)
      yield* this.#copy(inner, innerTo)
    }
    if (target === undefined) yield* chmod(this.#face, to, Number(source.mode & 0o7777n))
  }

  *#copyLink(from: string, to: string, target: BigIntStats | undefined): Op<void> {
    let leads = (yield* readlink(this.#face, from)) as string
    if (!this.#how.verbatimSymlinks && !posix.isAbsolute(leads)) leads = this.#resolve(posix.dirname(from), leads)
    if (target === undefined) return yield* symlink(this.#face, leads, to)
    let before: string
    try {
      before = (yield* readlink(this.#face, to)) as string
    } catch (error) {
      if (FilesystemError.is(error) && error.code === 'EINVAL') return yield* symlink(this.#face, leads, to)
      throw error
    }
    if (!posix.isAbsolute(before)) before = this.#resolve(posix.dirname(to), before)
    // Node 24 lets a link to a file take the place of one to the same file.
    const mayHold = nodeMajor < 24 || (yield* stat(this.#face, from)).isDirectory()
    if (mayHold && this.#isWithin(leads, before))
      throw invalid(`cannot copy ${leads} to a subdirectory of self ${before}`, to)
    const reached = yield* stat(this.#face, from)
    if (reached.isDirectory() && this.#isWithin(before, leads)) {
      const text = 'Cannot overwrite symlink in subdirectory of self'
      const message = `cannot overwrite ${before} with ${leads}`
      throw refuse('ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY', text, EINVAL, 'EINVAL', message, to)
    }
    yield* unlink(this.#face, to)
    yield* symlink(this.#face, leads, to)
  }
}
