/**
 * `vivefs/vfs`: a volume as a provider of Node's experimental node:vfs (Node 26.4 and newer, `--experimental-vfs`). Mounted,
 * `require`, `import` and node:fs read it with nothing of ours in between but the provider.
 */
import { posix } from 'node:path'
import { ViveError } from '../errors.ts'
import type { ViveFileSystem } from '../face/index.ts'
import { VolumeHandle } from './handle.ts'

export interface ProviderOptions {
  /** The directory of the volume, an absolute path, that is the provider's root. Default `/`. */
  readonly at?: string
  /** Nothing is changed through the provider: EROFS. Default false. */
  readonly readOnly?: boolean
}

/** What node:vfs calls a VirtualProvider: to be given to `vfs.create`. */
export interface VolumeProvider {
  readonly readonly: boolean
  readonly supportsSymlinks: boolean
  readonly supportsWatch: boolean
}

type Anything = (...args: unknown[]) => unknown
type Calls = Record<string, Anything>
interface VirtualFileSystems {
  readonly VirtualProvider: new () => object
}

/** Operations of a path, in both forms; those that change something, and how many of their arguments are paths. */
const reads = ['stat', 'lstat', 'readFile', 'readlink', 'access', 'statfs'] as const
const changes: Readonly<Record<string, number>> = {
  appendFile: 1,
  chmod: 1,
  chown: 1,
  copyFile: 2,
  lchmod: 1,
  lchown: 1,
  link: 2,
  lutimes: 1,
  rename: 2,
  rm: 1,
  rmdir: 1,
  truncate: 1,
  unlink: 1,
  utimes: 1,
  writeFile: 1,
}

/** ERR_VIVEFS_UNSUPPORTED. */
function nodeVfs(): VirtualFileSystems {
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown }
  const vfs = getBuiltinModule?.('node:vfs') as VirtualFileSystems | undefined
  if (vfs === undefined) {
    const text = `vivefs/vfs needs node:vfs, which Node ${process.versions.node} does not offer here: use 26.4 or newer, started with --experimental-vfs`
    throw new ViveError('ERR_VIVEFS_UNSUPPORTED', text)
  }
  return vfs
}

const isOptions = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/**
 * A provider of a volume (its `fs`, or that of a view): `vfs.create(createProvider(vive.fs)).mount('/app')`. Rights are
 * those of the view; synchronous calls need a store that answers synchronously.
 *
 * Errors: ERR_VIVEFS_UNSUPPORTED (no node:vfs in this runtime), ERR_VIVEFS_OPTION (`at`).
 */
export function createProvider(
  fs: ViveFileSystem,
  { at = '/', readOnly = false }: ProviderOptions = {},
): VolumeProvider {
  if (!posix.isAbsolute(at)) throw new ViveError('ERR_VIVEFS_OPTION', 'at: an absolute path')
  const { VirtualProvider } = nodeVfs()
  const top = posix.resolve(at)
  const calls = fs as unknown as Calls
  const promised = fs.promises as unknown as Calls
  /** A path of the provider in the volume: dots do not lead out of `top`. */
  const inside = (path: unknown): unknown =>
    typeof path === 'string' ? posix.join(top, posix.resolve('/', path)) : path
  /** And back. */
  const outside = (path: unknown): unknown => {
    if (typeof path !== 'string' || top === '/') return path
    return path === top ? '/' : path.startsWith(`${top}/`) ? path.slice(top.length) : path
  }
  const refuseChange = (syscall: string, path: unknown): void => {
    if (!readOnly) return
    const error = new Error(`EROFS: read-only file system, ${syscall} '${path}'`)
    throw Object.assign(error, { errno: -30, code: 'EROFS', syscall, path })
  }

  /** Names below a directory are relative to it in recursive listings, as node:vfs expects them. */
  function relativeNames(found: unknown, path: unknown, options: unknown): unknown {
    const isRecursive = isOptions(options) && options.withFileTypes === true && options.recursive === true
    if (!isRecursive) return found
    for (const entry of found as { name: string; parentPath: string }[]) {
      entry.name = posix.join(posix.relative(inside(path) as string, entry.parentPath), entry.name)
    }
    return found
  }

  class Provider extends VirtualProvider implements VolumeProvider {
    get readonly(): boolean {
      return readOnly
    }
    get supportsSymlinks(): boolean {
      return true
    }
    get supportsWatch(): boolean {
      return true
    }
    openSync(path: string, flags: string | number = 'r', mode?: number): VolumeHandle {
      if (flags !== 'r' && flags !== 0) refuseChange('open', path)
      return new VolumeHandle(fs, calls.openSync(inside(path), flags, mode) as number, path, flags)
    }
    async open(path: string, flags: string | number = 'r', mode?: number): Promise<VolumeHandle> {
      if (flags !== 'r' && flags !== 0) refuseChange('open', path)
      const fd = await new Promise<number>((resolve, reject) => {
        calls.open(inside(path), flags, mode, (error: unknown, opened: number) =>
          error ? reject(error) : resolve(opened),
        )
      })
      return new VolumeHandle(fs, fd, path, flags)
    }
    readdirSync(path: string, options?: unknown): unknown {
      return relativeNames(calls.readdirSync(inside(path), options), path, options)
    }
    async readdir(path: string, options?: unknown): Promise<unknown> {
      return relativeNames(await promised.readdir(inside(path), options), path, options)
    }
    mkdirSync(path: string, options?: unknown): unknown {
      refuseChange('mkdir', path)
      return outside(calls.mkdirSync(inside(path), options))
    }
    async mkdir(path: string, options?: unknown): Promise<unknown> {
      refuseChange('mkdir', path)
      return outside(await promised.mkdir(inside(path), options))
    }
    realpathSync(path: string, options?: unknown): unknown {
      return outside(calls.realpathSync(inside(path), options))
    }
    async realpath(path: string, options?: unknown): Promise<unknown> {
      return outside(await promised.realpath(inside(path), options))
    }
    symlinkSync(target: string, path: string, type?: string): void {
      refuseChange('symlink', path)
      calls.symlinkSync(target, inside(path), type)
    }
    async symlink(target: string, path: string, type?: string): Promise<void> {
      refuseChange('symlink', path)
      await promised.symlink(target, inside(path), type)
    }
    existsSync(path: string): unknown {
      return calls.existsSync(inside(path))
    }
    async exists(path: string): Promise<boolean> {
      return await settles(promised.stat(inside(path)))
    }
    watch(path: string, options?: unknown): unknown {
      return calls.watch(inside(path), options)
    }
    watchAsync(path: string, options?: unknown): unknown {
      return promised.watch(inside(path), options)
    }
    watchFile(path: string, options: unknown, listener?: unknown): unknown {
      return calls.watchFile(inside(path), options, listener)
    }
    unwatchFile(path: string, listener?: unknown): void {
      calls.unwatchFile(inside(path), listener)
    }
  }

  const add = (name: string, paths: number, isChange: boolean): void => {
    const called = (target: Calls, method: string, args: unknown[]): unknown => {
      if (isChange) refuseChange(name, args[paths - 1])
      return target[method](...args.map((value, index) => (index < paths ? inside(value) : value)))
    }
    Object.defineProperties(Provider.prototype, {
      [name]: { value: async (...args: unknown[]) => called(promised, name, args), configurable: true, writable: true },
      [`${name}Sync`]: {
        value: (...args: unknown[]) => called(calls, `${name}Sync`, args),
        configurable: true,
        writable: true,
      },
    })
  }
  for (const name of reads) add(name, 1, false)
  for (const [name, paths] of Object.entries(changes)) add(name, paths, true)
  return new Provider()
}

const settles = (promise: unknown): Promise<boolean> =>
  Promise.resolve(promise).then(
    () => true,
    () => false,
  )
