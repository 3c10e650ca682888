/**
 * The state of an open volume that all operations share, and the one way to run an operation: `core.run`.
 */
import { FilesystemError, ViveError } from '../errors.ts'
import { Feed, type FeedSlot } from '../feed/feed.ts'
import { inodeLeaseKey } from '../format/keys.ts'
import { decodeInodeLease, encodeInodeLease, type Superblock } from '../format/superblock.ts'
import { LeaseTable } from '../lock/lease-table.ts'
import { LockTable } from '../lock/lock-table.ts'
import { drivenSync, type Op, pending, runAsync, SyncUnavailableError } from '../op.ts'
import { Quotas } from '../quota/quotas.ts'
import type { Runtime } from '../runtime.ts'
import type { TransactionalStore, TransactOptions, Tx } from '../store/store.ts'
import { Call } from './call.ts'
import { Changes } from './changes.ts'
import { corruption } from './corruption.ts'
import { DecodedInodes } from './decoded-inodes.ts'
import { ExtentCache } from './extent-cache.ts'
import { JobRunner } from './jobs.ts'
import { LazyTimes } from './lazy-times.ts'
import { giveWay, LeaseConflict } from './lease-conflict.ts'
import { Lookups } from './lookups.ts'
import type { Credentials } from './mode.ts'
import { OpenFiles } from './open-files.ts'
import type { SharedRows } from './shared-rows.ts'

/** How access times are kept: as Linux does by default, at every read, or never. */
export type AtimePolicy = 'relatime' | 'strictatime' | 'noatime'

export interface CoreOptions {
  readonly store: TransactionalStore
  readonly superblock: Superblock
  readonly runtime: Runtime
  readonly counters: { inodes: number; dataBytes: number }
  readonly atime: AtimePolicy
  readonly readOnly: boolean
  /** Somebody else changes it. */
  readonly isFollower?: boolean
  readonly extentCacheBytes: number
  /** Bytes that the place below the volume can still take; undefined when nobody knows. */
  readonly freeBytes?: () => number | undefined
  /** The secret of the name hash is lost: directories are looked through. For reading only. */
  readonly isSeedLost?: boolean
  /** Tells what a snapshot or a fork shows from its volume: 32 hexadecimal digits. Default: the volume's id. */
  readonly identity?: string
  /** Who else may see rows of this volume. */
  readonly shared?: SharedRows
}

const LEASE_INODES = 4096

export class Core {
  readonly store: TransactionalStore
  /** As last committed; only its features change (core/features.ts). */
  superblock: Superblock
  readonly runtime: Runtime
  readonly options: CoreOptions
  readonly counters: { inodes: number; dataBytes: number }
  readonly openFiles: OpenFiles
  readonly extents: ExtentCache
  readonly decodedInodes = new DecodedInodes()
  readonly lazyTimes: LazyTimes
  /** Paths that need no walk. */
  readonly lookups: Lookups
  readonly jobs: JobRunner
  /** What users, groups and projects use and may use. */
  readonly quotas: Quotas
  /** What watchers listen to. */
  readonly changes = new Changes()
  /** What outlives them: the change feed. */
  readonly feed: Feed
  /** Advisory locks of all who use the volume. */
  readonly locks = new LockTable()
  /** What caches of others stand on. */
  readonly leases: LeaseTable
  /** Refuses changes that must not be made now; transactions set it while they run (transaction/). */
  guard: ((who: Credentials) => void) | undefined
  /** How many want it. */
  guards = 0
  #nextIno = 0
  #leaseEnd = 0
  #nextJob = 0
  readonly #ends: (() => Promise<void>)[] = []
  #sealed: Promise<void> | undefined
  #frozen: { promise: Promise<void>; thaw: () => void; settle: () => void } | undefined
  /** Changes that have begun and are not over. */
  #changing = 0
  #hasLeases = false
  #closed = false

  constructor(options: CoreOptions) {
    this.options = options
    this.store = options.store
    this.superblock = options.superblock
    this.runtime = options.runtime
    this.leases = new LeaseTable(options.runtime)
    this.counters = options.counters
    this.openFiles = new OpenFiles()
    this.extents = new ExtentCache(options.extentCacheBytes)
    this.lazyTimes = new LazyTimes(this)
    this.lookups = new Lookups(this)
    this.jobs = new JobRunner(this)
    this.quotas = new Quotas(this)
    this.feed = new Feed(this)
  }

  /**
   * Runs `body` as one transaction in the name of `who`. The body may run again: it changes nothing but through the
   * call. Errors: what the body throws; EROFS for changes of a read-only volume; ERR_VIVEFS_CLOSED.
   */
  *run<T>(who: Credentials, body: (call: Call) => Op<T>, options: TransactOptions = {}): Op<T> {
    this.assertOpen()
    if (this.options.readOnly && options.readOnly !== true) {
      // What the body refuses for other reasons comes first (mkdir of what is there: EEXIST); its first change is EROFS.
      return yield* this.store.transact((tx) => this.#attempt(tx, who, body, false), { readOnly: true })
    }
    if (options.readOnly !== true) {
      while (this.#frozen !== undefined) yield* pending(this.#frozen.promise)
    }
    let conflict: LeaseConflict
    try {
      if (options.readOnly === true)
        return yield* this.store.transact((tx) => this.#attempt(tx, who, body, true), options)
      this.guard?.(who)
      this.#changing++
      try {
        if (this.changes.isRecorded) return yield* this.#runRecorded(who, body, options)
        return yield* this.store.transact((tx) => this.#attempt(tx, who, body, false), options)
      } finally {
        if (--this.#changing === 0) this.#frozen?.settle()
      }
    } catch (error) {
      if (!(error instanceof LeaseConflict)) throw error
      conflict = error
    }
    return yield* this.#runAfter(conflict, who, body, options)
  }

  /** As `run`, when a lease of somebody else has given way; whoever had it does not get it back before. */
  *#runAfter<T>(
    conflict: LeaseConflict,
    who: Credentials,
    body: (call: Call) => Op<T>,
    options: TransactOptions,
  ): Op<T> {
    const stop = this.leases.want(conflict.ino)
    try {
      yield* conflict.wait()
      return yield* this.run(who, body, options)
    } finally {
      stop()
    }
  }

  /**
   * Before the first lease: from now on every operation looks for leases, and those that began before are over when this returns.
   * ERR_VIVEFS_UNSUPPORTED: a volume that somebody else writes.
   */
  *startLeases(): Op<void> {
    this.assertOpen()
    if (this.options.isFollower)
      throw new ViveError('ERR_VIVEFS_UNSUPPORTED', 'a follower hears of changes too late to lease')
    this.leases.use()
    if (this.#hasLeases) return
    if (this.#changing > 0) {
      if (drivenSync()) throw new SyncUnavailableError('the first lease beside changes that are under way')
      while (this.#frozen !== undefined) yield* pending(this.#frozen.promise)
      yield* pending(this.freeze())
      this.thaw()
    }
    this.#hasLeases = true
  }

  /** As `run`, with an entry in the change feed. */
  *#runRecorded<T>(who: Credentials, body: (call: Call) => Op<T>, options: TransactOptions): Op<T> {
    const slot: FeedSlot = { seq: 0 }
    const result = yield* this.store.transact((tx) => this.#attempt(tx, who, body, false, slot), options)
    this.feed.acknowledge(slot.seq)
    return result
  }

  /** One run of a body. */
  *#attempt<T>(tx: Tx, who: Credentials, body: (call: Call) => Op<T>, readOnly: boolean, slot?: FeedSlot): Op<T> {
    while (this.#sealed !== undefined) yield* pending(this.#sealed)
    const call = new Call(this, tx, who)
    const result = yield* body(call)
    if (this.leases.isUsed) giveWay(call)
    if (!readOnly) call.finish(slot)
    return result
  }

  /** Runs a body that only reads. */
  read<T>(who: Credentials, body: (call: Call) => Op<T>): Op<T> {
    return this.run(who, body, { readOnly: true })
  }

  /**
   * A number for a new inode, never handed out before. Leases are taken in blocks; the lease row joins the conflict set,
   * so two operations never take the same block.
   */
  *allocateIno(call: Call): Op<number> {
    const ready = this.takeIno()
    if (ready !== undefined) return ready
    // One operation may make many inodes: what it leased itself counts for it before it is committed.
    const own = call.lease
    if (own !== undefined && own.next < own.end) return own.next++
    const row = yield* call.tx.get(inodeLeaseKey)
    if (row === undefined) throw corruption('inode lease', 'missing')
    const lease = decodeInodeLease(row)
    if (!lease.ok) throw corruption('inode lease', lease.fault)
    const first = lease.value.next
    const end = first + LEASE_INODES
    if (end > Number.MAX_SAFE_INTEGER) throw new FilesystemError('ENOSPC')
    call.tx.put(inodeLeaseKey, encodeInodeLease({ next: end }))
    const leased = { next: first + 1, end }
    call.lease = leased
    call.tx.onCommit(() => {
      this.#nextIno = leased.next
      this.#leaseEnd = end
    })
    return first
  }

  /** The next number of the lease at hand; undefined when it is used up. */
  takeIno(): number | undefined {
    return this.#nextIno < this.#leaseEnd ? this.#nextIno++ : undefined
  }

  /** What `other` leased of this volume and did not use serves this core when its own is used up. */
  adoptLease(other: Core): void {
    if (this.#nextIno < this.#leaseEnd || other.#nextIno >= other.#leaseEnd) return
    this.#nextIno = other.#nextIno
    this.#leaseEnd = other.#leaseEnd
  }

  /** The lease row changed behind this volume's back: the next inode number is taken from it. */
  forgetLease(): void {
    this.#nextIno = 0
    this.#leaseEnd = 0
  }

  nextJobId(): number {
    return ++this.#nextJob
  }

  /** Job numbers continue above what the volume already holds. */
  reserveJobIds(highest: number): void {
    this.#nextJob = Math.max(this.#nextJob, highest)
  }

  /**
   * Makes changes wait until `thaw` (fsfreeze); reads go on. Resolves when the changes that had begun are over. Throws
   * EBUSY when changes wait already.
   */
  async freeze(): Promise<void> {
    if (this.#frozen !== undefined) throw new FilesystemError('EBUSY')
    let thaw = (): void => {}
    let settle = (): void => {}
    const promise = new Promise<void>((resolve) => {
      thaw = resolve
    })
    const settled = new Promise<void>((resolve) => {
      settle = resolve
    })
    this.#frozen = { promise, thaw, settle }
    if (this.#changing === 0) settle()
    await settled
  }

  thaw(): void {
    const frozen = this.#frozen
    this.#frozen = undefined
    frozen?.thaw()
  }

  /** Whether nothing of the volume may be shown now. */
  get isSealed(): boolean {
    return this.#sealed !== undefined
  }

  /** Makes reads wait as well, those too that have begun and were overtaken; to be used while changes are frozen. */
  seal(): { open(): void; fail(error: unknown): void } {
    let settle = { open: (): void => {}, fail: (_error: unknown): void => {} }
    const sealed = new Promise<void>((open, fail) => {
      settle = { open, fail }
    })
    sealed.catch(() => {})
    this.#sealed = sealed
    const open = (): void => {
      this.#sealed = undefined
      settle.open()
    }
    return { open, fail: (error) => settle.fail(error) }
  }

  /** `end` runs when the volume closes, while it is still of use. */
  beforeClose(end: () => Promise<void>): void {
    this.#ends.push(end)
  }

  /** What handles and device numbers are made of: 32 hexadecimal digits. */
  get identity(): string {
    return this.options.identity ?? this.superblock.volumeId
  }

  assertOpen(): void {
    if (this.#closed) throw new ViveError('ERR_VIVEFS_CLOSED', 'the volume is closed')
  }

  /** Stops background work between two batches, writes what is held back, closes the store. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.thaw()
    this.locks.shut()
    this.leases.shut()
    try {
      for (const end of this.#ends) await end()
      await this.feed.stop()
      await this.jobs.stop()
      if (!this.options.readOnly) {
        await this.lazyTimes.flush()
        await runAsync(this.store.barrier())
      }
    } finally {
      this.#closed = true
      this.lazyTimes.stop()
      await this.store.close()
    }
  }
}
