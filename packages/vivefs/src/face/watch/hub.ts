/**
 * Hands what happened to the watchers of a volume: in the order of commits, later than the call that did it, as an
 * inotify queue does. Two equal events in a row for one watcher are one.
 */
import type { Change } from '../../core/changes.ts'
import type { Core } from '../../core/core.ts'
import type { Bytes } from '../../store/store.ts'

export type EventType = 'rename' | 'change'

/** Somebody who wants to know of one inode and, if it is a directory, of what is in it. */
export interface Watch {
  readonly ino: number
  /** `name`: of an entry of the directory; undefined for the inode itself. */
  take(event: EventType, name: Bytes | undefined): void
}

interface Posted {
  readonly watch: Watch
  readonly event: EventType
  readonly name: Bytes | undefined
}

/** Events that wait at most; what comes beyond is lost, as in an inotify queue. */
const QUEUE_MAX = 16_384

export class Hub {
  readonly #core: Core
  readonly #watches = new Map<number, Set<Watch>>()
  #queue: Posted[] = []
  #isScheduled = false
  #unlisten: (() => void) | undefined

  constructor(core: Core) {
    this.#core = core
  }

  /** The answer ends it; what was posted before is not delivered then. */
  add(watch: Watch): () => void {
    let watches = this.#watches.get(watch.ino)
    if (watches === undefined) {
      watches = new Set()
      this.#watches.set(watch.ino, watches)
    }
    watches.add(watch)
    this.#unlisten ??= this.#core.changes.listen((change) => this.#sort(change))
    return () => this.#remove(watch)
  }

  #remove(watch: Watch): void {
    const watches = this.#watches.get(watch.ino)
    if (watches?.delete(watch) !== true) return
    if (watches.size === 0) this.#watches.delete(watch.ino)
    this.#queue = this.#queue.filter((posted) => posted.watch !== watch)
    if (this.#watches.size > 0) return
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  #sort(change: Change): void {
    switch (change.kind) {
      case 'create':
      case 'delete':
      case 'movedFrom':
      case 'movedTo':
        this.#post(change.place.directory, 'rename', change.place.name)
        return
      case 'modify':
      case 'attrib': {
        // The event of a directory carries IN_ISDIR, which libuv takes for more than a change.
        const event = change.isDirectory ? 'rename' : 'change'
        if (change.place !== undefined) this.#post(change.place.directory, event, change.place.name)
        this.#post(change.ino, event, undefined)
        return
      }
      default:
        this.#post(change.ino, 'rename', undefined)
    }
  }

  #post(ino: number, event: EventType, name: Bytes | undefined): void {
    for (const watch of this.#watches.get(ino) ?? []) {
      const last = this.#queue.at(-1)
      if (last?.watch === watch && last.event === event && isSame(last.name, name)) continue
      if (this.#queue.length >= QUEUE_MAX) return
      this.#queue.push({ watch, event, name })
      this.#schedule()
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#deliver())
  }

  #deliver(): void {
    this.#isScheduled = false
    try {
      for (let posted = this.#queue.shift(); posted !== undefined; posted = this.#queue.shift()) {
        posted.watch.take(posted.event, posted.name)
      }
    } finally {
      // A listener threw: the others still hear of the rest.
      if (this.#queue.length > 0) this.#schedule()
    }
  }
}

const isSame = (a: Bytes | undefined, b: Bytes | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0)

const hubs = new WeakMap<Core, Hub>()

export function hubOf(core: Core): Hub {
  let hub = hubs.get(core)
  if (hub === undefined) {
    hub = new Hub(core)
    hubs.set(core, hub)
  }
  return hub
}
