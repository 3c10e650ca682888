/**
 * `vivefs/register`: unmodified programs `require`, `import` and read files of a volume by node:fs. Paths at and below one
 * directory are those of the volume, under the same names.
 */
import * as nodeModule from 'node:module'
import { posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ViveError } from '../errors.ts'
import type { ViveFileSystem } from '../face/index.ts'
import { patch } from './patch.ts'
import { Resolver } from './resolve.ts'

export interface RegisterOptions {
  /** The directory, an absolute path, that is the volume's: `/app` of the volume is `/app` of the process. */
  readonly at: string
  /** Whether node:fs itself is handed over below `at`, not only modules. Default true. */
  readonly fs?: boolean
}

interface ResolveContext {
  readonly parentURL?: string
  readonly conditions: readonly string[]
}
interface LoadResult {
  readonly format: string
  readonly source: string | Buffer
  readonly shortCircuit: true
}
interface Hooks {
  resolve(
    specifier: string,
    context: ResolveContext,
    next: (specifier: string, context: ResolveContext) => unknown,
  ): unknown
  load(url: string, context: unknown, next: (url: string, context: unknown) => unknown): unknown
}
type RegisterHooks = (hooks: Hooks) => { deregister(): void }

const formats: Readonly<Record<string, string>> = {
  '.mjs': 'module',
  '.cjs': 'commonjs',
  '.json': 'json',
  '.wasm': 'wasm',
}

/**
 * Makes modules and files of a volume (its `fs`, or that of a view) those of the process at and below `at`; the answer's
 * `unregister` ends it. Modules that were loaded stay loaded. The volume must answer reads synchronously.
 *
 * Errors: ERR_VIVEFS_UNSUPPORTED (a Node without module.registerHooks: before 22.15), ERR_VIVEFS_OPTION (`at`).
 */
export function register(fs: ViveFileSystem, { at, fs: patchesFs = true }: RegisterOptions): { unregister(): void } {
  const { registerHooks } = nodeModule as unknown as { registerHooks?: RegisterHooks }
  if (registerHooks === undefined) {
    const text = `vivefs/register needs module.registerHooks, which Node ${process.versions.node} does not have: use 22.15 or newer`
    throw new ViveError('ERR_VIVEFS_UNSUPPORTED', text)
  }
  if (!posix.isAbsolute(at) || posix.resolve(at) === '/')
    throw new ViveError('ERR_VIVEFS_OPTION', 'at: an absolute path below /')
  const top = posix.resolve(at)
  const isOurs = (path: string): boolean => path === top || path.startsWith(`${top}/`)
  const hooks = registerHooks(hooksOf(fs, isOurs))
  const restore = patchesFs ? patch(fs, isOurs) : () => {}
  return {
    unregister() {
      hooks.deregister()
      restore()
    },
  }
}

const pathOf = (url: string | undefined): string | undefined =>
  url?.startsWith('file:') ? fileURLToPath(url) : undefined

function hooksOf(fs: ViveFileSystem, isOurs: (path: string) => boolean): Hooks {
  const resolver = new Resolver(fs)
  return {
    resolve(specifier, context, next) {
      const parent = pathOf(context.parentURL)
      const target = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier
      const isAbsolute = posix.isAbsolute(target)
      if (nodeModule.isBuiltin(specifier)) return next(specifier, context)
      if (isAbsolute ? !isOurs(posix.normalize(target)) : parent === undefined || !isOurs(parent)) {
        const isUpIntoOurs =
          parent !== undefined && specifier.startsWith('.') && isOurs(posix.resolve(posix.dirname(parent), specifier))
        if (!isUpIntoOurs) return next(specifier, context)
      }
      const isRequire = context.conditions.includes('require')
      const from = parent === undefined ? '/' : posix.dirname(parent)
      const found = resolver.resolve({ specifier: target, from, conditions: context.conditions, isRequire })
      // What the volume does not have may be a package of the host.
      if (found === undefined) return next(specifier, context)
      return { url: pathToFileURL(found).href, format: formatOf(resolver, found), shortCircuit: true }
    },
    load(url, context, next): LoadResult | unknown {
      const path = pathOf(url)
      if (path === undefined || !isOurs(path)) return next(url, context)
      const format = formatOf(resolver, path)
      return {
        format,
        source: format === 'wasm' ? fs.readFileSync(path) : fs.readFileSync(path, 'utf8'),
        shortCircuit: true,
      }
    },
  }
}

function formatOf(resolver: Resolver, path: string): string {
  const known = formats[posix.extname(path)]
  if (known !== undefined) return known
  const scope = resolver.scopeOf(path)
  return scope !== undefined && resolver.describe(scope)?.type === 'module' ? 'module' : 'commonjs'
}
