/** The asker's end: a volume of another thread with the promise and callback faces. */
import nodeFs from 'node:fs'
import type { Credentials } from '../core/mode.ts'
import type { SpaceReport } from '../core/space.ts'
import { ViveError } from '../errors.ts'
import { assertFunction } from '../face/arguments.ts'
import { constants } from '../face/constants.ts'
import type { ViveCallbacks, VivePromises } from '../face/index.ts'
import { Calls } from './calls.ts'
import { PortDir, PortFileHandle, type StreamMakers, Transfers } from './handle.ts'
import type { Port, ViewOf } from './messages.ts'
import { type AskTrees, PortForks, PortSnapshots, PortTree } from './tree-client.ts'

/** Watching and globbing stay with the owner. */
type Absent = 'watch' | 'watchFile' | 'unwatchFile' | 'glob' | 'globSync' | 'openAsBlob'

/** The faces that a port carries: no synchronous functions, no watchers. */
export interface PortFileSystem extends Omit<ViveCallbacks, Absent> {
  readonly promises: Omit<VivePromises, Absent>
  readonly constants: VivePromises['constants']
}

type Anything = (...args: unknown[]) => unknown
type Callback = (error: unknown, ...values: unknown[]) => void

const promisedNames = Object.keys(nodeFs.promises).filter(
  (name) =>
    !['constants', 'watch', 'glob', 'mkdtempDisposable', 'open', 'opendir', 'writeFile', 'appendFile'].includes(name),
)
const extraNames = ['getAcl', 'setAcl', 'getxattr', 'setxattr', 'listxattr', 'removexattr', 'mknod', 'mkfifo']
const descriptorNames = [
  'close',
  'fchmod',
  'fchown',
  'fdatasync',
  'fstat',
  'fsync',
  'ftruncate',
  'futimes',
  'open',
  'testLock',
  'unlock',
]
const wholeNames = ['appendFile', 'readFile', 'writeFile']

const isChunks = (data: unknown): data is AsyncIterable<string | Uint8Array> =>
  typeof data === 'object' &&
  data !== null &&
  !ArrayBuffer.isView(data) &&
  (Symbol.asyncIterator in data || Symbol.iterator in data)

/** The callback form of something promised: never called back in the same step. */
const calledBack =
  (run: (...args: unknown[]) => Promise<unknown[]>): Anything =>
  (...given: unknown[]) => {
    const at = given.findLastIndex((each) => typeof each === 'function')
    const callback = given[at < 0 ? given.length - 1 : at]
    assertFunction(callback, 'cb')
    run(...given.slice(0, at)).then(
      (values) => process.nextTick(callback as Callback, null, ...values),
      (error) => process.nextTick(callback as Callback, error),
    )
  }

const one = (value: unknown): unknown[] => (value === undefined ? [] : [value])

function facesOf(calls: Calls, view: ViewOf): PortFileSystem {
  const transfers = new Transfers(calls, view)
  const promises: Record<string, unknown> = { constants }
  const fs: Record<string, unknown> = { promises, constants }
  for (const name of [...promisedNames, ...extraNames]) {
    promises[name] = async (...args: unknown[]) => calls.ask(view, 'promises', name, args.map(toNumber))
    fs[name] = calledBack(async (...args) => one(await calls.ask(view, 'promises', name, args)))
  }
  const streams: StreamMakers = {
    createReadStream: (path, options) => nodeFs.createReadStream(path, { ...options, fs } as never),
    createWriteStream: (path, options) => nodeFs.createWriteStream(path, { ...options, fs } as never),
  }
  promises.open = async (...args: unknown[]) =>
    new PortFileHandle(transfers, streams, (await calls.ask(view, 'callback', 'open', args)) as number)
  const opendir = async (...args: unknown[]): Promise<PortDir> => {
    const { number, path } = (await calls.ask(view, 'promises', 'opendir', args)) as { number: number; path: string }
    return new PortDir(path, (name) => calls.ask(view, 'dir', name, [number]))
  }
  promises.opendir = opendir
  fs.opendir = calledBack(async (...args) => [await opendir(...args)])
  for (const [name, flag] of [
    ['writeFile', 'w'],
    ['appendFile', 'a'],
  ] as const) {
    promises[name] = async (file: unknown, data: unknown, options?: unknown) => {
      if (!isChunks(data))
        return calls.ask(view, file instanceof PortFileHandle ? 'callback' : 'promises', name, [
          toNumber(file),
          data,
          options,
        ])
      const how = (typeof options === 'object' ? options : {}) as { flag?: string; mode?: number } | null
      const open = promises.open as (...args: unknown[]) => Promise<PortFileHandle>
      const handle = file instanceof PortFileHandle ? file : await open(file, how?.flag ?? flag, how?.mode)
      try {
        for await (const chunk of data) await handle.appendFile(chunk)
      } finally {
        if (handle !== file) await handle.close()
      }
      return undefined
    }
  }
  for (const name of [...descriptorNames, ...wholeNames]) {
    fs[name] = calledBack(async (...args) => one(await calls.ask(view, 'callback', name, args)))
  }
  for (const name of ['lock', 'flock'] as const) {
    fs[name] = calledBack(async (fd, ...rest) => {
      const isWhole = name === 'lock' ? rest.length === 1 : rest.length === 2
      await transfers.lock(name, fd as number, isWhole ? rest : [...rest, {}])
      return []
    })
  }
  fs.lease = calledBack(async (fd, type, options) => [
    await transfers.lease(fd as number, type as never, options as never),
  ])
  const close = fs.close as Anything
  fs.close = (
    fd: unknown,
    callback: unknown = (error: unknown) => {
      if (error) throw error
    },
  ) => close(fd, callback)
  fs.read = calledBack(async (fd, ...rest) => {
    const { bytes, buffer } = await transfers.read(fd as number, ...rest)
    return [bytes, buffer]
  })
  fs.write = calledBack(async (fd, ...rest) => [await transfers.write(fd as number, ...rest), rest[0]])
  fs.readv = calledBack(async (fd, buffers, position) => [
    await transfers.readv(fd as number, buffers as never, position as number),
    buffers,
  ])
  fs.writev = calledBack(async (fd, buffers, position) => [
    await transfers.writev(fd as number, buffers as never, position as number),
    buffers,
  ])
  fs.exists = (path: unknown, callback: (isThere: boolean) => void) => {
    calls.ask(view, 'promises', 'access', [path]).then(
      () => process.nextTick(callback, true),
      () => process.nextTick(callback, false),
    )
  }
  return Object.assign(fs, streams) as unknown as PortFileSystem
}

/** A FileHandle goes over as its number. */
const toNumber = (value: unknown): unknown => (value instanceof PortFileHandle ? value.fd : value)

/** A volume of another thread. */
export class PortVolume {
  /** Acts as the volume's own identity. */
  readonly fs: PortFileSystem
  /** As `vive.snapshots`, promised. */
  readonly snapshots: PortSnapshots
  /** As `vive.forks`. */
  readonly forks: PortForks
  readonly #calls: Calls
  readonly #closed: () => Promise<unknown>

  constructor(calls: Calls, closed: () => Promise<unknown> = async () => {}) {
    this.#calls = calls
    this.#closed = closed
    this.fs = facesOf(calls, undefined)
    this.snapshots = new PortSnapshots(this.#askTrees)
    this.forks = new PortForks(this.#askTrees, this.#facesOf)
  }

  #facesOf = (view: ViewOf): PortFileSystem => facesOf(this.#calls, view)
  #askTrees: AskTrees = (name, ...args) => this.#calls.ask(undefined, 'tree', name, args)

  /** The volume as it was at a snapshot; every change is EROFS. ENOENT. */
  async snapshot(name: string): Promise<PortTree> {
    return new PortTree(name, (await this.#askTrees('openSnapshot', name)) as number, this.#askTrees, this.#facesOf)
  }

  /** As `forks.create`: a writable copy of a snapshot, or (`from` undefined) of the volume as it is now. */
  fork(from: string | undefined, name: string): Promise<PortTree> {
    return this.forks.create(name, from === undefined ? {} : { from })
  }

  /** Another view: a umask and a current directory of its own; somebody else where the owner allows it. */
  as(view: Partial<Credentials> & { readonly cwd?: string }): { readonly fs: PortFileSystem } {
    return { fs: facesOf(this.#calls, view) }
  }

  async space(): Promise<SpaceReport> {
    return (await this.#calls.ask(undefined, 'volume', 'space', [])) as SpaceReport
  }

  async sync(): Promise<void> {
    await this.#calls.ask(undefined, 'volume', 'sync', [])
  }

  /** Closes the volume itself, where the owner allows it. */
  async close(): Promise<void> {
    await this.#calls.ask(undefined, 'volume', 'close', [])
    this.#calls.end(new ViveError('ERR_VIVEFS_CLOSED', 'the volume is closed'))
    await this.#closed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The volume that is served at the other end of `port` (see servePort). */
export const connectPort = (port: Port): PortVolume => new PortVolume(new Calls(port))
