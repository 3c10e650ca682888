/**
 * All leases of an open volume. They live in memory beside the locks, and are what a cache of somebody else stands on: an
 * operation that a lease does not allow asks its holder first, and waits until the holder has given way or its time is over.
 *
 *   E1  while somebody holds a write lease, nobody else has the file open or holds a lease of it; while somebody holds a read
 *       lease, nobody else has it open for writing or holds a write lease
 *   E2  an operation that uses or changes a file in a way that a lease of somebody else excludes is ordered only after that
 *       lease was given up, taken down to what allows it, or taken away
 *   E3  who holds a lease is asked once for each step down, and has `breakMs` from then on; no operation waits longer
 *   E4  what an open file, an owner or a session holds goes when it goes
 *
 * Fcntl(2) has E1 and E2 for open and truncate; that names and attributes count as well is what NFSv4 and SMB need (RFC 8881, 10.4;
 * Linux's FL_DELEG).
 */
import type { OpenFile } from '../core/open-file.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { Lease, type LeaseBreak, type LeaseKeeper, type LeaseLoss, type LeaseType } from './lease.ts'
import { type LockOwner, ownerKey } from './types.ts'

/** Leases of a volume at most; beyond it ENOLCK. */
export const LEASES_MAX: number = 1 << 20
/** How long a holder has to answer when nothing else was said, ms: Linux's lease-break-time. */
export const LEASE_BREAK_MS = 45_000

/** How others have a file open. */
export interface OpenCounts {
  readonly opens: number
  /** Of them, for writing. */
  readonly writers: number
}

export interface LeaseRequest {
  readonly owner: LockOwner
  readonly type: LeaseType
  /** The lease goes with the close of this file. */
  readonly file?: OpenFile | undefined
  /** Time to answer a break, ms. */
  readonly breakMs?: number | undefined
}

interface Held {
  readonly lease: Lease
  readonly key: string
  readonly breakMs: number
  file: OpenFile | undefined
  timer: ReturnType<typeof setTimeout> | undefined
}

interface FileLeases {
  readonly held: Map<string, Held>
  /** Who waits for any of them to give way. */
  waiters: { resolve(): void; reject(error: unknown): void }[]
}

export class LeaseTable implements LeaseKeeper {
  readonly #files = new Map<number, FileLeases>()
  readonly #runtime: Runtime
  /** Files that operations wait for, and how many do. */
  readonly #wanted = new Map<number, number>()
  #held = 0
  #isUsed = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Whether there was ever a lease: before that nobody has to look. */
  get isUsed(): boolean {
    return this.#isUsed
  }

  /** From now on operations look. */
  use(): void {
    this.#isUsed = true
  }

  /** Whether anybody has a lease of it. */
  has(ino: number): boolean {
    return this.#files.has(ino)
  }

  /**
   * A lease, or the one that the owner has, made into what is asked for. `others`: how others have the file open. EAGAIN:
   * somebody else has it open, has a lease of it or waits for one to give way, or the owner's own is being broken. ENOLCK.
   */
  acquire(ino: number, others: OpenCounts, { owner, type, file, breakMs = LEASE_BREAK_MS }: LeaseRequest): Lease {
    const key = ownerKey(owner)
    const leases = this.#files.get(ino)
    const own = leases?.held.get(key)
    if ((type === 'write' ? others.opens : others.writers) > 0 || this.#wanted.has(ino)) {
      throw new FilesystemError('EAGAIN')
    }
    for (const { lease } of leases?.held.values() ?? []) {
      if (lease.breaking !== undefined) throw new FilesystemError('EAGAIN')
      if (lease !== own?.lease && (type === 'write' || lease.type === 'write')) throw new FilesystemError('EAGAIN')
    }
    if (own !== undefined) {
      own.lease.set(type, undefined)
      own.file = file
      return own.lease
    }
    if (this.#held >= LEASES_MAX) throw new FilesystemError('ENOLCK')
    const lease = new Lease(this, ino, owner, type)
    const held = { lease, key, breakMs, file, timer: undefined }
    if (leases === undefined) this.#files.set(ino, { held: new Map([[key, held]]), waiters: [] })
    else leases.held.set(key, held)
    this.#held++
    return lease
  }

  /** What `key` (an owner; undefined: nobody who holds any) has to wait for before it may use a file like that (E2). */
  stands(ino: number, use: LeaseType, key: string | undefined): boolean {
    const leases = this.#files.get(ino)
    if (leases === undefined) return false
    for (const held of leases.held.values()) if (isInTheWay(held, use, key)) return true
    return false
  }

  /** Asks everybody who stands in the way to give way (E3). */
  break(ino: number, use: LeaseType, key: string | undefined): void {
    const to = use === 'read' ? 'read' : 'none'
    for (const held of this.#files.get(ino)?.held.values() ?? []) {
      if (isInTheWay(held, use, key)) this.#ask(ino, held, to)
    }
  }

  /** Every file changes at once: asks everybody, and waits until nobody has a lease. ERR_VIVEFS_CLOSED. */
  async breakAll(): Promise<void> {
    while (this.#files.size > 0) {
      for (const ino of this.#files.keys()) this.break(ino, 'write', undefined)
      await Promise.all([...this.#files.keys()].map((ino) => this.change(ino)))
    }
  }

  /** An operation waits for leases of the file: nobody gets a new one until the answer is called. */
  want(ino: number): () => void {
    this.#wanted.set(ino, (this.#wanted.get(ino) ?? 0) + 1)
    return () => {
      const left = (this.#wanted.get(ino) ?? 1) - 1
      if (left === 0) this.#wanted.delete(ino)
      else this.#wanted.set(ino, left)
    }
  }

  /** Resolves when a lease of the file has given way. ERR_VIVEFS_CLOSED. */
  change(ino: number): Promise<void> {
    const leases = this.#files.get(ino)
    if (leases === undefined) return Promise.resolve()
    return new Promise((resolve, reject) => leases.waiters.push({ resolve, reject }))
  }

  give(lease: Lease, to: 'read' | 'none'): void {
    const held = this.#files.get(lease.ino)?.held.get(ownerKey(lease.owner))
    if (held?.lease === lease) this.#step(held, to)
  }

  /** An open file goes. */
  close(file: OpenFile): void {
    if (this.#files.size === 0) return
    for (const held of this.#files.get(file.ino)?.held.values() ?? []) {
      if (held.file === file) this.#lose(held, 'none', 'closed')
    }
  }

  /** A client is gone. */
  endSession(session: string): void {
    for (const { held } of this.#files.values()) {
      for (const each of held.values()) if (each.lease.owner.session === session) this.#lose(each, 'none', 'session')
    }
  }

  /** There is no such inode any more. */
  gone(ino: number): void {
    for (const held of this.#files.get(ino)?.held.values() ?? []) this.#lose(held, 'none', 'gone')
  }

  /** The volume is being closed: nobody waits any longer. */
  shut(): void {
    const closed = new ViveError('ERR_VIVEFS_CLOSED', 'the volume was closed')
    for (const { held, waiters } of this.#files.values()) {
      for (const { lease, timer } of held.values()) {
        clearTimeout(timer)
        lease.set('none', undefined)
      }
      for (const { reject } of waiters) reject(closed)
    }
    this.#files.clear()
    this.#held = 0
  }

  /** All leases of a file. */
  list(ino: number): Lease[] {
    return Array.from(this.#files.get(ino)?.held.values() ?? [], ({ lease }) => lease)
  }

  get counts(): { readonly held: number; readonly files: number } {
    return { held: this.#held, files: this.#files.size }
  }

  #ask(ino: number, held: Held, to: 'read' | 'none'): void {
    const { lease, breakMs } = held
    const asked = lease.breaking
    if (asked !== undefined && (asked.to === 'none' || to === 'read')) return
    const { sec, nsec } = this.#runtime.now()
    const request: LeaseBreak = { to, deadlineMs: sec * 1000 + Math.floor(nsec / 1e6) + breakMs }
    lease.set(lease.type, request)
    clearTimeout(held.timer)
    // Not unref'd: an operation waits for it.
    held.timer = setTimeout(() => {
      if (this.#files.get(ino)?.held.get(held.key) === held) this.#lose(held, to, 'timeout')
    }, breakMs)
    queueMicrotask(() => lease.emit('break', request))
  }

  /** The lease is less from now on; whoever waits looks again. */
  #step(held: Held, to: 'read' | 'none'): void {
    const { lease, key } = held
    const { breaking, ino } = lease
    const isAnswered = to === 'none' || breaking?.to === 'read'
    if (isAnswered) {
      clearTimeout(held.timer)
      held.timer = undefined
    }
    lease.set(to, isAnswered ? undefined : breaking)
    const leases = this.#files.get(ino)
    if (leases === undefined) return
    if (to === 'none') {
      leases.held.delete(key)
      this.#held--
      if (leases.held.size === 0) this.#files.delete(ino)
    }
    for (const { resolve } of leases.waiters.splice(0)) resolve()
  }

  #lose(held: Held, now: 'read' | 'none', reason: LeaseLoss['reason']): void {
    this.#step(held, now)
    queueMicrotask(() => held.lease.emit('lost', { now, reason }))
  }
}

const isInTheWay = ({ lease, key: holder }: Held, use: LeaseType, key: string | undefined): boolean =>
  holder !== key && (use === 'write' || lease.type === 'write')
