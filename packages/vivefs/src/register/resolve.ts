/**
 * Where a module of a volume is: the algorithms of Node's documentation ("Modules: CommonJS modules", "Modules: ECMAScript
 * modules", "Modules: Packages") on the files of a volume.
 */
import { posix } from 'node:path'
import type { ViveFileSystem } from '../face/index.ts'

export interface Asked {
  readonly specifier: string
  /** The directory of whoever asks. */
  readonly from: string
  readonly conditions: readonly string[]
  /** require tries extensions and directories, import does not. */
  readonly isRequire: boolean
}

const EXTENSIONS = ['.js', '.json', '.cjs', '.mjs']

type Target = string | null | readonly Target[] | { readonly [key: string]: Target }

export class Resolver {
  readonly #fs: ViveFileSystem

  constructor(fs: ViveFileSystem) {
    this.#fs = fs
  }

  /** The path of the module; undefined when the volume has none. */
  resolve(asked: Asked): string | undefined {
    const { specifier, from, isRequire } = asked
    const isPath = /^(\.{1,2}(\/|$)|\/)/.test(specifier)
    const found = isPath
      ? this.#file(posix.resolve(from, specifier), isRequire)
      : specifier.startsWith('#')
        ? this.#imports(asked)
        : this.#package(asked)
    return found === undefined ? undefined : this.#fs.realpathSync(found)
  }

  #is(path: string, kind: 'isFile' | 'isDirectory'): boolean {
    return this.#fs.statSync(path, { throwIfNoEntry: false })?.[kind]() === true
  }

  #file(path: string, tries: boolean): string | undefined {
    if (this.#is(path, 'isFile')) return path
    if (!tries) return undefined
    for (const extension of EXTENSIONS) if (this.#is(path + extension, 'isFile')) return path + extension
    if (!this.#is(path, 'isDirectory')) return undefined
    const main = this.describe(path)?.main
    if (typeof main === 'string') {
      const file = this.#file(posix.resolve(path, main), true)
      if (file !== undefined) return file
    }
    return EXTENSIONS.map((extension) => posix.join(path, `index${extension}`)).find((each) => this.#is(each, 'isFile'))
  }

  /** The package.json of a directory. */
  describe(directory: string): Record<string, unknown> | undefined {
    const path = posix.join(directory, 'package.json')
    return this.#is(path, 'isFile') ? JSON.parse(this.#fs.readFileSync(path, 'utf8')) : undefined
  }

  /** The directory of the package that a file belongs to. */
  scopeOf(path: string): string | undefined {
    for (let at = posix.dirname(path); ; at = posix.dirname(at)) {
      if (this.#is(posix.join(at, 'package.json'), 'isFile')) return at
      if (at === '/') return undefined
    }
  }

  #package(asked: Asked): string | undefined {
    const parts = asked.specifier.split('/')
    const name = parts.slice(0, asked.specifier.startsWith('@') ? 2 : 1).join('/')
    const subpath = `.${asked.specifier.slice(name.length)}`
    const scope = this.scopeOf(posix.join(asked.from, 'x'))
    if (scope !== undefined && this.describe(scope)?.name === name) {
      const own = this.#inside(scope, subpath, asked)
      if (own !== undefined) return own
    }
    for (let at = asked.from; ; at = posix.dirname(at)) {
      const directory = posix.join(at, 'node_modules', name)
      if (this.#is(directory, 'isDirectory')) return this.#inside(directory, subpath, asked)
      if (at === '/') return undefined
    }
  }

  #inside(directory: string, subpath: string, { conditions, isRequire }: Asked): string | undefined {
    const description = this.describe(directory)
    const exported = description?.exports as Target | undefined
    if (exported === undefined || exported === null) {
      if (subpath !== '.') return this.#file(posix.join(directory, subpath), isRequire)
      const main = typeof description?.main === 'string' ? description.main : 'index.js'
      return this.#file(posix.resolve(directory, main), true) ?? this.#file(posix.join(directory, 'index'), true)
    }
    const isMap =
      typeof exported === 'object' &&
      !Array.isArray(exported) &&
      Object.keys(exported).some((key) => key.startsWith('.'))
    const table = (isMap ? exported : { '.': exported }) as Record<string, Target>
    const target = choose(table, subpath, conditions)
    return target === undefined ? undefined : this.#file(posix.resolve(directory, target), false)
  }

  #imports(asked: Asked): string | undefined {
    const scope = this.scopeOf(posix.join(asked.from, 'x'))
    const table =
      scope === undefined ? undefined : (this.describe(scope)?.imports as Record<string, Target> | undefined)
    const target = table && choose(table, asked.specifier, asked.conditions)
    if (scope === undefined || target === undefined) return undefined
    return target.startsWith('.')
      ? this.#file(posix.resolve(scope, target), false)
      : this.resolve({ ...asked, specifier: target })
  }
}

/** The entry of an exports or imports table, patterns with one star included: the longest prefix wins. */
function choose(table: Record<string, Target>, subpath: string, conditions: readonly string[]): string | undefined {
  if (Object.hasOwn(table, subpath)) return pick(table[subpath], conditions)
  let best: { key: string; star: string } | undefined
  for (const key of Object.keys(table)) {
    const [head, tail] = key.split('*')
    if (tail === undefined || subpath.length < key.length) continue
    if (!subpath.startsWith(head) || !subpath.endsWith(tail)) continue
    if (best !== undefined && best.key.indexOf('*') >= head.length) continue
    best = { key, star: subpath.slice(head.length, subpath.length - tail.length) }
  }
  if (best === undefined) return undefined
  return pick(table[best.key], conditions)?.replaceAll('*', best.star)
}

function pick(target: Target, conditions: readonly string[]): string | undefined {
  if (typeof target === 'string') return target
  if (target === null || target === undefined) return undefined
  if (Array.isArray(target)) {
    for (const each of target) {
      const found = pick(each, conditions)
      if (found !== undefined) return found
    }
    return undefined
  }
  for (const [condition, each] of Object.entries(target)) {
    if (condition !== 'default' && !conditions.includes(condition)) continue
    const found = pick(each, conditions)
    if (found !== undefined) return found
  }
  return undefined
}
