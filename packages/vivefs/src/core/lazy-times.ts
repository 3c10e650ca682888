/**
 * Access times that were seen and not yet written: reads stay reads. They are visible at once, written with the next
 * change of the inode, when many wait, or within a second; a kill may lose them, as POSIX allows ("lazytime").
 */

import { copyInode, type Inode, type Timespec } from '../format/inode.ts'
import { runAsync } from '../op.ts'
import type { Core } from './core.ts'
import { superuser } from './mode.ts'
import { isShown } from './trees.ts'

const PENDING_MAX = 1024
const DELAY_MS = 1000
const DAY_S = 86_400

const isAfter = (a: Timespec, b: Timespec): boolean => a.sec > b.sec || (a.sec === b.sec && a.nsec > b.nsec)

/** An access time that waits, and the inode that was last shown with it: whoever reads a file reads it again and again. */
interface Pending {
  readonly atime: Timespec
  of: Inode | undefined
  shown: Inode | undefined
}

export class LazyTimes {
  readonly #core: Core
  readonly #pending = new Map<number, Pending>()
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined

  constructor(core: Core) {
    this.#core = core
  }

  /** Notes that `inode` was read now, if the volume's policy wants to know. */
  touch(inode: Inode, now: Timespec): void {
    const { atime, readOnly } = this.#core.options
    if (readOnly || atime === 'noatime' || isShown(inode.ino)) return
    if (atime === 'relatime') {
      const isFresh = isAfter(inode.atime, inode.mtime) && isAfter(inode.atime, inode.ctime)
      if (isFresh && now.sec - inode.atime.sec < DAY_S) return
    }
    this.#pending.set(inode.ino, { atime: now, of: undefined, shown: undefined })
    if (this.#pending.size >= PENDING_MAX) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS).unref()
  }

  /** The inode with the access time that waits for it. */
  apply(inode: Inode): Inode {
    if (this.#pending.size === 0) return inode
    const pending = this.#pending.get(inode.ino)
    if (pending === undefined) return inode
    if (pending.of === inode && pending.shown !== undefined) return pending.shown
    const shown = copyInode(inode)
    shown.atime = pending.atime
    pending.of = inode
    pending.shown = shown
    return shown
  }

  /** Whether an access time waits for it. */
  holds(ino: number): boolean {
    return this.#pending.size > 0 && this.#pending.has(ino)
  }

  /** The inode's row was written, with its access time in it. */
  forget(ino: number): void {
    this.#pending.delete(ino)
  }

  /** Writes all. A failure poisons the store and meets the next operation, so it is not thrown here. */
  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const inos = [...this.#pending.keys()]
    if (inos.length === 0) return
    try {
      await runAsync(
        this.#core.run(
          superuser,
          function* (call) {
            for (const ino of inos) {
              const inode = yield* call.find(ino)
              if (inode !== undefined) call.edit(inode).change--
            }
          },
          { reclaims: true },
        ),
      )
    } catch {
      for (const ino of inos) this.#pending.delete(ino)
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#pending.clear()
  }
}
