/**
 * All locks of an open volume. They are advisory and live in memory: the volume has one owner thread, and views, ports and
 * gateways all ask here. POSIX byte ranges belong to an owner, flock(2) locks to an open file; the two kinds do not see each
 * other, as on Linux.
 *
 *   L1  two owners never hold overlapping ranges of one kind unless both are shared
 *   L2  a request waits only while somebody else's lock is in its way; what lets go of a lock serves who waits, first come
 *       first, in the same step. A newcomer whom nobody is in the way of does not queue (as fcntl: readers may starve a writer)
 *   L3  no cycle of owners waits for each other: the request that would close one fails with EDEADLK (byte ranges only)
 *   L4  what an open file, an owner or a session holds and waits for goes when it goes
 */
import type { OpenFile } from '../core/open-file.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import { drivenSync, type Op, SyncUnavailableError } from '../op.ts'
import { describe, RangeLocks, type Wanted } from './range-locks.ts'
import { LOCK_END } from './span.ts'
import { type HeldLock, type LockOwner, type LockRange, type LockType, type LockWait, ownerKey } from './types.ts'

/** Ranges held at most, and requests that wait; beyond it ENOLCK. */
export const LOCKS_MAX: number = 1 << 20
export const WAITING_MAX: number = 1 << 16

export type LockKind = HeldLock['kind']

/** A request as the table works with it. */
export interface LockRequest extends LockRange, LockWait {
  readonly owner: LockOwner
  readonly type: LockType
  /** The open file it comes through: closing that ends the wait with EBADF. */
  readonly file?: OpenFile
}

interface Waiter extends Wanted {
  readonly ino: number
  readonly kind: LockKind
  readonly file: OpenFile | undefined
  settle(error?: unknown): void
}

interface FileLocks {
  readonly posix: RangeLocks
  readonly flock: RangeLocks
  readonly waiters: Set<Waiter>
}

/** EINVAL, EOVERFLOW: whether these are bytes that a file can have. */
function boundsOf({ start = 0, length = 0 }: LockRange): { start: number; end: number } {
  if (!Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 0)
    throw new FilesystemError('EINVAL')
  if (start >= LOCK_END || length > LOCK_END - start) throw new FilesystemError('EOVERFLOW')
  return { start, end: length === 0 ? LOCK_END : start + length }
}

export class LockTable {
  readonly #files = new Map<number, FileLocks>()
  readonly #waiting = new Map<string, Set<Waiter>>()
  readonly #descriptions = new WeakMap<OpenFile, LockOwner>()
  #held = 0
  #waiters = 0
  #nextDescription = 1
  #nextSession = 1

  /** A name for a session that nobody else has. */
  session(name: string): string {
    return `${name}#${this.#nextSession++}`
  }

  /** The owner that an open file is by itself: of flock, and of byte ranges as F_OFD_SETLK has them. */
  ownerOf(file: OpenFile, session: string): LockOwner {
    let owner = this.#descriptions.get(file)
    if (owner === undefined) {
      owner = { session, id: `file ${this.#nextDescription++}`, pid: -1 }
      this.#descriptions.set(file, owner)
    }
    return owner
  }

  /** The lock that `request` would have to wait for (F_GETLK), or undefined. Errors: EINVAL, EOVERFLOW. */
  test(ino: number, kind: LockKind, request: LockRange & Pick<LockRequest, 'owner' | 'type'>): HeldLock | undefined {
    const { owner, type } = request
    const wanted = { owner, exclusive: type === 'write', ...boundsOf(request) }
    const found = this.#files.get(ino)?.[kind].conflict(wanted)
    return found === undefined ? undefined : describe(kind, found.owner, found.span)
  }

  /**
   * Locks. Errors: EAGAIN (somebody is in the way and `wait` is not set), EDEADLK, EINTR (`signal`), ETIMEDOUT, EBADF (the file was
   * closed meanwhile), ENOLCK (too many), EINVAL, EOVERFLOW; ERR_VIVEFS_SYNC_UNAVAILABLE when it would have to wait and is driven
   * synchronously; ERR_VIVEFS_CLOSED.
   */
  *acquire(ino: number, kind: LockKind, request: LockRequest): Op<void> {
    const { owner, type, wait = false, signal } = request
    const wanted: Wanted = { owner, exclusive: type === 'write', ...boundsOf(request) }
    const file = this.#fileOf(ino)
    try {
      if (this.#held >= LOCKS_MAX) throw new FilesystemError('ENOLCK')
      if (this.#grant(file, kind, wanted)) {
        if (this.#waiting.has(ownerKey(owner))) this.#breakCycles(file)
        return
      }
      if (!wait) throw new FilesystemError('EAGAIN')
      if (signal?.aborted) throw new FilesystemError('EINTR', { cause: signal.reason })
      if (kind === 'posix' && this.#closesCycle(file, wanted)) throw new FilesystemError('EDEADLK')
      if (this.#waiters >= WAITING_MAX) throw new FilesystemError('ENOLCK')
      if (drivenSync()) throw new SyncUnavailableError('a lock that somebody else holds: this call')
      yield this.#wait(ino, file, kind, wanted, request)
    } finally {
      this.#tidy(ino, file)
    }
  }

  /** Unlocks a range of one owner and lets in who waits for it. Errors: EINVAL, EOVERFLOW. */
  release(ino: number, kind: LockKind, owner: LockOwner, range: LockRange = {}): void {
    const { start, end } = boundsOf(range)
    const file = this.#files.get(ino)
    if (file === undefined) return
    this.#held += file[kind].set(owner, start, end, undefined)
    this.#serve(file)
    this.#tidy(ino, file)
  }

  /** An open file goes: what it holds itself goes with it, and who waits through it gets EBADF. */
  close(open: OpenFile): void {
    if (this.#files.size === 0) return
    const file = this.#files.get(open.ino)
    if (file === undefined) return
    const owner = this.#descriptions.get(open)
    const key = owner === undefined ? undefined : ownerKey(owner)
    this.#end(
      open.ino,
      file,
      'EBADF',
      (each) => ownerKey(each) === key,
      (waiter) => waiter.file === open,
    )
  }

  /** A client is gone: everything that its owners hold and wait for in any file. */
  endSession(session: string): void {
    for (const [ino, file] of this.#files) {
      const isIts = (owner: LockOwner): boolean => owner.session === session
      this.#end(ino, file, 'EINTR', isIts, ({ owner }) => isIts(owner))
    }
  }

  /** The volume is being closed: nobody waits any longer. */
  shut(): void {
    const closed = new ViveError('ERR_VIVEFS_CLOSED', 'the volume was closed')
    for (const file of this.#files.values()) for (const waiter of [...file.waiters]) waiter.settle(closed)
    this.#files.clear()
    this.#held = 0
  }

  /** All that is held on a file. */
  list(ino: number): HeldLock[] {
    const file = this.#files.get(ino)
    return file === undefined ? [] : [...file.posix.list('posix'), ...file.flock.list('flock')]
  }

  /** How many ranges are held and how many requests wait. */
  get counts(): { readonly held: number; readonly waiting: number; readonly files: number } {
    return { held: this.#held, waiting: this.#waiters, files: this.#files.size }
  }

  #fileOf(ino: number): FileLocks {
    let file = this.#files.get(ino)
    if (file === undefined) {
      file = { posix: new RangeLocks(), flock: new RangeLocks(), waiters: new Set() }
      this.#files.set(ino, file)
    }
    return file
  }

  #tidy(ino: number, file: FileLocks): void {
    const isUnused = file.posix.isEmpty && file.flock.isEmpty && file.waiters.size === 0
    if (isUnused && this.#files.get(ino) === file) this.#files.delete(ino)
  }

  /** Takes the lock if nobody is in the way; who waits may get in by it, because a lock can give way to a weaker one. */
  #grant(file: FileLocks, kind: LockKind, wanted: Wanted): boolean {
    const locks = file[kind]
    if (locks.holds(wanted)) return true
    const { owner, start, end, exclusive } = wanted
    // flock(2): a conversion lets go first, whether or not it gets the new lock.
    if (kind === 'flock') this.#held += locks.set(owner, start, end, undefined)
    const isFree = locks.conflict(wanted) === undefined
    if (isFree) this.#held += locks.set(owner, start, end, exclusive)
    if (file.waiters.size > 0 && (isFree || kind === 'flock')) this.#serve(file)
    return isFree
  }

  /** Lets in whoever waits and nobody is in the way of any more, in the order in which they came. */
  #serve(file: FileLocks): void {
    let mayHaveCycle = false
    for (let isMore = file.waiters.size > 0; isMore; ) {
      isMore = false
      for (const waiter of file.waiters) {
        const locks = file[waiter.kind]
        if (locks.conflict(waiter) !== undefined) continue
        this.#held += locks.set(waiter.owner, waiter.start, waiter.end, waiter.exclusive)
        waiter.settle()
        if (this.#waiting.has(ownerKey(waiter.owner))) mayHaveCycle = true
        isMore = true
      }
    }
    if (mayHaveCycle) this.#breakCycles(file)
  }

  #wait(ino: number, file: FileLocks, kind: LockKind, wanted: Wanted, request: LockRequest): Promise<void> {
    const { signal, timeoutMs } = request
    return new Promise((resolve, reject) => {
      const key = ownerKey(wanted.owner)
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => waiter.settle(new FilesystemError('ETIMEDOUT')), timeoutMs).unref()
      const abort = (): void => waiter.settle(new FilesystemError('EINTR', { cause: signal?.reason }))
      const waiter: Waiter = {
        ...wanted,
        ino,
        kind,
        file: request.file,
        settle: (error) => {
          if (!file.waiters.delete(waiter)) return
          this.#waiters--
          const own = this.#waiting.get(key)
          own?.delete(waiter)
          if (own?.size === 0) this.#waiting.delete(key)
          clearTimeout(timer)
          signal?.removeEventListener('abort', abort)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      file.waiters.add(waiter)
      this.#waiters++
      const own = this.#waiting.get(key)
      if (own === undefined) this.#waiting.set(key, new Set([waiter]))
      else own.add(waiter)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Whether `wanted` would wait for somebody who, through whatever others, waits for its owner. */
  #closesCycle(file: FileLocks, wanted: Wanted): boolean {
    const self = ownerKey(wanted.owner)
    const open = file.posix.conflictingOwners(wanted)
    const seen = new Set<string>(open)
    for (let key = open.pop(); key !== undefined; key = open.pop()) {
      if (key === self) return true
      for (const waiter of this.#waiting.get(key) ?? []) {
        if (waiter.kind !== 'posix') continue
        for (const next of this.#files.get(waiter.ino)?.posix.conflictingOwners(waiter) ?? []) {
          if (!seen.has(next)) {
            seen.add(next)
            open.push(next)
          }
        }
      }
    }
    return false
  }

  /** An owner that waits elsewhere got a lock: who waits for it here may wait in a cycle now. */
  #breakCycles(file: FileLocks): void {
    for (const waiter of file.waiters) {
      if (waiter.kind === 'posix' && this.#closesCycle(file, waiter)) waiter.settle(new FilesystemError('EDEADLK'))
    }
  }

  #end(
    ino: number,
    file: FileLocks,
    code: 'EBADF' | 'EINTR',
    holds: (owner: LockOwner) => boolean,
    waits: (waiter: Waiter) => boolean,
  ): void {
    for (const waiter of file.waiters) if (waits(waiter)) waiter.settle(new FilesystemError(code))
    this.#held -= file.posix.drop(holds) + file.flock.drop(holds)
    this.#serve(file)
    this.#tidy(ino, file)
  }
}
