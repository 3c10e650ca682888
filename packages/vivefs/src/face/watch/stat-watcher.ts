/** fs.watchFile and fs.unwatchFile: looks at a file again and again. The rules are those of libuv's uv_fs_poll. */
import { EventEmitter } from 'node:events'
import type { BigIntStats, Stats } from 'node:fs'
import { posix } from 'node:path'
import { FilesystemError } from '../../errors.ts'
import type { Inode } from '../../format/inode.ts'
import { type Op, runAsync } from '../../op.ts'
import { assertFunction, assertUint32 } from '../arguments.ts'
import { cwdOf, type Face, walkPath } from '../context.ts'
import { type Path, toPath } from '../paths.ts'
import { emptyStats, statsOf } from '../stats.ts'

const INTERVAL_MS = 5007

type AnyStats = Stats | BigIntStats

function find(face: Face, path: Path): Op<Inode> {
  return face.core.read(face.who, function* (call) {
    const { inode } = yield* walkPath(call, face, path, 'follow')
    if (inode === undefined) throw new FilesystemError('ENOENT')
    return inode
  })
}

/** What a change has to touch to be told; neither the access time nor the number of links. */
function isSame(a: Inode, b: Inode): boolean {
  const times = ['ctime', 'mtime', 'birthtime'] as const
  if (times.some((name) => a[name].sec !== b[name].sec || a[name].nsec !== b[name].nsec)) return false
  return (['size', 'mode', 'uid', 'gid', 'ino', 'generation'] as const).every((name) => a[name] === b[name])
}

export class StatWatcher extends EventEmitter {
  readonly #face: Face
  readonly #path: Path
  readonly #intervalMs: number
  readonly #isBig: boolean
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  /** The last that was seen; the code of the last refusal. */
  #last: Inode | undefined
  #refusal: string | undefined
  #refs = 1
  #refsMax = 1

  constructor(face: Face, path: Path, options: { persistent: boolean; intervalMs: number; isBig: boolean }) {
    super()
    this.#face = face
    this.#path = path
    this.#intervalMs = options.intervalMs
    this.#isBig = options.isBig
    if (!options.persistent) this.#refs = 0
    this.#arm(0)
  }

  #arm(ms: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => void this.#look(), ms)
    if (this.#refs === 0) this.#timer.unref()
  }

  async #look(): Promise<void> {
    const before = performance.now()
    try {
      const inode = await runAsync(find(this.#face, this.#path))
      if (this.#isStopped) return
      const last = this.#last
      const isFirst = last === undefined && this.#refusal === undefined
      const isTold = !isFirst && (this.#refusal !== undefined || !isSame(last!, inode))
      this.#refusal = undefined
      this.#last = inode
      if (isTold) this.#tell(inode, last)
    } catch (error) {
      if (this.#isStopped) return
      const code = FilesystemError.is(error) ? error.code : 'EIO'
      if (this.#refusal !== code) {
        const last = this.#last
        this.#refusal = code
        this.#tell(undefined, last)
      }
    } finally {
      this.#arm(this.#intervalMs - ((performance.now() - before) % this.#intervalMs))
    }
  }

  #tell(now: Inode | undefined, before: Inode | undefined): void {
    const shown = (inode: Inode | undefined): AnyStats =>
      inode === undefined ? emptyStats(this.#isBig) : statsOf(inode, this.#face.device, this.#isBig)
    // Outside of promises, so that what a listener throws is its own.
    process.nextTick(() => {
      if (!this.#isStopped) this.emit('change', shown(now), shown(before))
    })
  }

  /** Does nothing, as in node. */
  start(): void {}

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#timer)
    process.nextTick(() => this.emit('stop'))
  }

  ref(): this {
    if (this.#refs < this.#refsMax && this.#refs++ === 0) this.#timer?.ref()
    return this
  }

  unref(): this {
    if (this.#refs > 0 && --this.#refs === 0) this.#timer?.unref()
    return this
  }

  /** One more listener of the same file. */
  share(): void {
    this.#refs++
    this.#refsMax++
    this.#timer?.ref()
  }

  /** A listener went, or all did. */
  unshare(all: boolean): void {
    this.#refsMax = all ? 0 : Math.max(0, this.#refsMax - 1)
    if (all) this.#refs = Math.min(this.#refs, 1)
    this.unref()
  }
}

/** The watched files of one view. */
export class StatWatchers {
  readonly #face: Face
  readonly #byPath = new Map<string, StatWatcher>()

  constructor(face: Face) {
    this.#face = face
  }

  watch(filename: unknown, options: unknown, listener: unknown): StatWatcher {
    const path = this.#resolve(filename)
    const heard = options === null || typeof options !== 'object' ? options : listener
    const given = (options === null || typeof options !== 'object' ? {} : options) as Record<string, unknown>
    const { persistent = true, interval = INTERVAL_MS, bigint = false } = given
    assertFunction(heard, 'listener')
    let watcher = this.#byPath.get(path.shown)
    if (watcher === undefined) {
      assertUint32(interval, 'interval')
      const how = { persistent: Boolean(persistent), intervalMs: Math.max(1, interval), isBig: Boolean(bigint) }
      watcher = new StatWatcher(this.#face, path, how)
      this.#byPath.set(path.shown, watcher)
    } else watcher.share()
    watcher.addListener('change', heard)
    return watcher
  }

  unwatch(filename: unknown, listener?: unknown): void {
    const path = this.#resolve(filename)
    const watcher = this.#byPath.get(path.shown)
    if (watcher === undefined) return
    if (typeof listener === 'function') {
      const before = watcher.listenerCount('change')
      watcher.removeListener('change', listener as () => void)
      if (watcher.listenerCount('change') < before) watcher.unshare(false)
    } else {
      watcher.removeAllListeners('change')
      watcher.unshare(true)
    }
    if (watcher.listenerCount('change') > 0) return
    watcher.stop()
    this.#byPath.delete(path.shown)
  }

  #resolve(filename: unknown): Path {
    return toPath(posix.resolve(cwdOf(this.#face), toPath(filename).shown))
  }
}
