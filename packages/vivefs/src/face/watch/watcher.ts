/** fs.watch and fs.promises.watch. */
import { EventEmitter } from 'node:events'
import { posix } from 'node:path'
import { mayAccess, R_OK } from '../../core/mode.ts'
import { FilesystemError } from '../../errors.ts'
import { type Op, runAsync, runSync } from '../../op.ts'
import type { Bytes } from '../../store/store.ts'
import {
  abortError,
  assertBoolean,
  assertEncoding,
  assertFunction,
  assertInteger,
  assertObject,
  assertSignal,
  encoded,
  toOptions,
  wrongValue,
} from '../arguments.ts'
import { cwdOf, type Face, located, resolvePath } from '../context.ts'
import { type Path, toPath } from '../paths.ts'
import { type EventType, hubOf } from './hub.ts'
import { KeepAlive } from './keep-alive.ts'
import { TreeWatch } from './tree.ts'

interface WatchOptions {
  readonly persistent?: boolean
  readonly recursive?: boolean
  readonly encoding?: BufferEncoding | 'buffer' | null
  readonly signal?: AbortSignal
}

/** What is to be watched. */
interface Target {
  readonly ino: number
  readonly isDirectory: boolean
}

/** inotify wants to read what it watches. ENOENT, ENOTDIR, EACCES. */
function find(face: Face, path: Path, isTree: boolean): Op<Target> {
  const look = face.core.read(face.who, function* (call) {
    const inode = yield* resolvePath(call, face, path, 'follow')
    if (!mayAccess(call.who, inode, R_OK)) throw new FilesystemError('EACCES')
    return { ino: inode.ino, isDirectory: (inode.mode & 0o170000) === 0o040000 }
  })
  return withFilename(located(isTree ? 'stat' : 'watch', path, look), path)
}

function* withFilename<T>(op: Op<T>, path: Path): Op<T> {
  try {
    return yield* op
  } catch (error) {
    if (FilesystemError.is(error)) Object.assign(error, { filename: path.shown })
    throw error
  }
}

type Listener = (event: EventType, name: string | Buffer) => void

/** Begins to watch; the answer ends it. `fail` hears of what goes wrong later. */
function begin(
  face: Face,
  path: Path,
  target: Target,
  { recursive, encoding }: WatchOptions,
  listener: Listener,
  fail: (error: unknown) => void,
): () => void {
  const shown = (name: Bytes): string | Buffer => encoded(Buffer.from(name), encoding)
  const own = shown(Buffer.from(path.shown.slice(path.shown.lastIndexOf('/') + 1)))
  if (recursive && target.isDirectory) {
    const tree = new TreeWatch(face, target.ino, (event, name) => listener(event, shown(Buffer.from(name))), fail)
    return () => tree.close()
  }
  const take = (event: EventType, name: Bytes | undefined): void => {
    listener(event, name === undefined ? own : shown(name))
  }
  return hubOf(face.core).add({ ino: target.ino, take })
}

/** As node's: emits `change` (event, name), `error` and `close`. */
export class FSWatcher extends EventEmitter {
  #end: (() => void) | undefined
  #alive: KeepAlive | undefined

  constructor(face: Face, path: Path, target: Target, options: WatchOptions) {
    super()
    this.#alive = new KeepAlive()
    if (options.persistent === false) this.#alive.unref()
    this.#end = begin(
      face,
      path,
      target,
      options,
      (event, name) => this.emit('change', event, name),
      (error) => this.emit('error', error),
    )
  }

  close(): void {
    if (this.#end === undefined) return
    this.#end()
    this.#end = undefined
    this.#alive?.end()
    this.#alive = undefined
    process.nextTick(() => this.emit('close'))
  }

  /** Does nothing, as in node. */
  start(): void {}

  ref(): this {
    this.#alive?.ref()
    return this
  }

  unref(): this {
    this.#alive?.unref()
    return this
  }
}

/** A recursive watch resolves what it is given; an ordinary one shows the name as given. */
const toWatched = (face: Face, filename: unknown, isTree: boolean): Path => {
  const path = toPath(filename)
  return isTree ? toPath(posix.resolve(cwdOf(face), path.shown)) : path
}

/** Errors: ENOENT, ENOTDIR, EACCES; ERR_VIVEFS_SYNC_UNAVAILABLE where the store has no synchronous reads. */
export function watch(face: Face, filename: unknown, options?: unknown, listener?: unknown): FSWatcher {
  const given = toOptions<WatchOptions>(options, {})
  const heard = typeof options === 'function' ? options : listener
  const { recursive = false, persistent = true, signal } = given
  if (recursive) {
    assertBoolean(recursive, 'options.recursive')
    assertBoolean(persistent, 'options.persistent')
  }
  const path = toWatched(face, filename, recursive)
  if (heard !== undefined && heard !== null && heard !== false) assertFunction(heard, 'listener')
  const target = runSync(find(face, path, recursive), 'watch')
  const watcher = new FSWatcher(face, path, target, { ...given, recursive, persistent })
  if (typeof heard === 'function') watcher.addListener('change', heard as () => void)
  if (signal?.aborted) process.nextTick(() => watcher.close())
  else if (signal !== undefined) {
    const close = (): void => watcher.close()
    signal.addEventListener('abort', close)
    watcher.once('close', () => signal.removeEventListener('abort', close))
  }
  return watcher
}

interface WatchEvent {
  readonly eventType: EventType
  readonly filename: string | Buffer
}

/** Events that wait for their reader at most. */
const QUEUE_MAX = 2048

/** What goes beyond `maxQueue` is left out (`overflow: 'ignore'`) or ends it (`'throw'`). */
export async function* watchAsync(
  face: Face,
  filename: unknown,
  options: unknown = {},
): AsyncGenerator<WatchEvent, undefined> {
  assertObject(options, 'options')
  const given = options as WatchOptions & { maxQueue?: number; overflow?: string }
  const { persistent = true, recursive = false, encoding = 'utf8', signal } = given
  const { maxQueue = QUEUE_MAX, overflow = 'ignore' } = given
  assertBoolean(recursive, 'options.recursive')
  const path = toWatched(face, filename, recursive)
  assertBoolean(persistent, 'options.persistent')
  assertSignal(signal, 'options.signal')
  assertInteger(maxQueue, 'options.maxQueue', 1)
  if (overflow !== 'ignore' && overflow !== 'throw') throw wrongValue('options.overflow', overflow)
  assertEncoding(encoding)
  if (signal?.aborted) throw abortError(signal)

  const queue: WatchEvent[] = []
  let failure: { error: unknown } | undefined
  let wake = (): void => {}
  const fail = (error: unknown): void => {
    failure ??= { error }
    wake()
  }
  const onAbort = (): void => fail(abortError(signal!))
  const target = await runAsync(find(face, path, recursive))
  const listener: Listener = (eventType, name) => {
    if (queue.length < maxQueue) queue.push({ eventType, filename: name })
    else if (overflow === 'throw') fail(wrongValue('options.maxQueue', maxQueue, 'was exceeded'))
    wake()
  }
  const end = begin(face, path, target, { recursive, encoding }, listener, fail)
  const alive = new KeepAlive()
  if (!persistent) alive.unref()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      if (failure !== undefined) throw failure.error
      const next = queue.shift()
      if (next !== undefined) yield next
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  } finally {
    end()
    alive.end()
    signal?.removeEventListener('abort', onAbort)
  }
}
