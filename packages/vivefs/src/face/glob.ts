/**
 * fs.glob, where the running Node has it. Names are matched by node's own matcher, segment by segment: `**` goes into
 * directories but not through links and not into names with a dot in front; a segment without magic goes through links.
 */
import { posix } from 'node:path'
import { FilesystemError } from '../errors.ts'
import type { Op } from '../op.ts'
import { assertBoolean, assertObject, wrongType } from './arguments.ts'
import { lstat, stat } from './attributes.ts'
import { cwdOf, type Face } from './context.ts'
import { readdir } from './directories.ts'
import { Dirent } from './dirent.ts'
import { toPath } from './paths.ts'

type Excludes = (entry: string | Dirent) => unknown

interface GlobOptions {
  readonly cwd: string
  readonly withFileTypes: boolean
  readonly exclude: Excludes | undefined
  readonly excluded: readonly string[]
}

const matches = (name: string, pattern: string): boolean =>
  (posix as unknown as { matchesGlob(path: string, pattern: string): boolean }).matchesGlob(name, pattern)

const hasMagic = (segment: string): boolean => /[*?[\]{}()!+@\\]/.test(segment)

/** Alternatives that reach over a slash become patterns of their own; others are left to the matcher. */
function alternatives(pattern: string): string[] {
  let depth = 0
  let start = -1
  let from = 0
  const parts: string[] = []
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at]
    if (letter === '\\') at++
    else if (letter === '{' && depth++ === 0) [start, from, parts.length] = [at, at + 1, 0]
    else if (letter === ',' && depth === 1) {
      parts.push(pattern.slice(from, at))
      from = at + 1
    } else if (letter === '}' && depth > 0 && --depth === 0) {
      parts.push(pattern.slice(from, at))
      if (parts.length === 1 || !pattern.slice(start, at).includes('/')) continue
      const [before, behind] = [pattern.slice(0, start), pattern.slice(at + 1)]
      return parts.flatMap((part) => alternatives(before + part + behind))
    }
  }
  return [pattern]
}

function toGlobOptions(face: Face, options: unknown): GlobOptions {
  if (options !== undefined) assertObject(options, 'options')
  const { cwd, exclude, withFileTypes = false } = (options ?? {}) as Record<string, unknown>
  const below = cwd === undefined ? cwdOf(face) : posix.resolve(cwdOf(face), toPath(cwd, 'options.cwd').shown)
  assertBoolean(withFileTypes, 'options.withFileTypes')
  if (exclude === undefined || exclude === null || typeof exclude === 'function') {
    return { cwd: below, withFileTypes, exclude: (exclude ?? undefined) as Excludes | undefined, excluded: [] }
  }
  if (!Array.isArray(exclude)) throw wrongType('options.exclude', 'of type function or string[]', exclude)
  for (const [index, each] of exclude.entries()) {
    if (typeof each !== 'string') throw wrongType(`options.exclude[${index}]`, 'of type string', each)
  }
  const excluded = exclude.map((pattern) => posix.resolve(below, pattern))
  return { cwd: below, withFileTypes, exclude: undefined, excluded }
}

/** The operation; answers names in the order in which they were found. */
export function glob(face: Face, pattern: unknown, options?: unknown): Op<string[] | Dirent[]> {
  const how = toGlobOptions(face, options)
  const patterns = Array.isArray(pattern) ? pattern : [pattern]
  for (const each of patterns) {
    if (typeof each !== 'string') throw wrongType('patterns', 'of type string or string[]', pattern)
  }
  return new Globber(face, how).run(patterns.flatMap(alternatives))
}

class Globber {
  readonly #face: Face
  readonly #how: GlobOptions
  readonly #found = new Map<string, Dirent | undefined>()

  constructor(face: Face, how: GlobOptions) {
    this.#face = face
    this.#how = how
  }

  *run(patterns: readonly string[]): Op<string[] | Dirent[]> {
    for (const pattern of patterns) {
      const normal = posix.normalize(pattern)
      if (pattern === '' || normal === '.') continue
      const segments = normal.split('/').filter((segment) => segment !== '')
      const isDirectoryOnly = normal.endsWith('/')
      yield* this.#visit(normal.startsWith('/') ? '/' : '', segments, isDirectoryOnly)
    }
    if (!this.#how.withFileTypes) return [...this.#found.keys()]
    return [...this.#found.values()] as Dirent[]
  }

  #absolute(path: string): string {
    return posix.resolve(this.#how.cwd, path)
  }

  *#visit(path: string, segments: readonly string[], isDirectoryOnly: boolean): Op<void> {
    const [segment, ...rest] = segments
    if (segment === undefined) return yield* this.#add(path || '.', isDirectoryOnly)
    if (!hasMagic(segment)) {
      const below = posix.join(path, segment)
      if (this.#isExcludedPath(below)) return
      if (rest.length === 0) return yield* this.#add(below, isDirectoryOnly)
      if (yield* this.#isDirectory(below)) yield* this.#visit(below, rest, isDirectoryOnly)
      return
    }
    const isDeep = segment === '**'
    if (isDeep) yield* this.#visit(path, rest, isDirectoryOnly)
    for (const entry of yield* this.#list(path)) {
      const name = entry.name as string
      const below = posix.join(path, name)
      if (isDeep ? name.startsWith('.') : !matches(name, segment)) continue
      if (this.#isExcludedPath(below) || this.#how.exclude?.(this.#how.withFileTypes ? entry : name)) continue
      if (entry.isDirectory()) yield* this.#visit(below, isDeep ? segments : rest, isDirectoryOnly)
      else if (rest.length === 0 && !isDirectoryOnly) yield* this.#add(below, false)
    }
  }

  #isExcludedPath(path: string): boolean {
    const absolute = this.#absolute(path)
    return this.#how.excluded.some((pattern) => matches(absolute, pattern))
  }

  *#list(path: string): Op<Dirent[]> {
    try {
      return (yield* readdir(this.#face, this.#absolute(path), { withFileTypes: true })) as Dirent[]
    } catch (error) {
      if (FilesystemError.is(error)) return []
      throw error
    }
  }

  *#isDirectory(path: string): Op<boolean> {
    try {
      return (yield* stat(this.#face, this.#absolute(path))).isDirectory()
    } catch (error) {
      if (FilesystemError.is(error)) return false
      throw error
    }
  }

  *#add(path: string, isDirectoryOnly: boolean): Op<void> {
    if (this.#found.has(path)) return
    try {
      const stats = yield* lstat(this.#face, this.#absolute(path))
      if (isDirectoryOnly && !stats.isDirectory()) return
      const entry = new Dirent(posix.basename(path), posix.dirname(path), Number(stats.mode) & 0o170000)
      this.#found.set(path, entry)
    } catch (error) {
      if (!FilesystemError.is(error)) throw error
    }
  }
}
