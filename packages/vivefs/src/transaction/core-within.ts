/**
 * The core inside a user's transaction: everything it holds in memory is its own, and what its operations did to the
 * memory of the volume's core happens when the transaction is ordered, or never.
 */
import { type Change, Changes, type NamedPlace } from '../core/changes.ts'
import { Core } from '../core/core.ts'
import { ExtentCache, type ExtentChange, type ExtentId } from '../core/extent-cache.ts'
import { JobRunner } from '../core/jobs.ts'
import { LazyTimes } from '../core/lazy-times.ts'
import { OpenFiles } from '../core/open-files.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import type { Inode, Timespec } from '../format/inode.ts'
import type { Job } from '../format/job.ts'
import type { LeaseTable } from '../lock/lease-table.ts'
import type { Op } from '../op.ts'
import { QuotasWithin } from '../quota/within.ts'
import type { NestedStore } from './nested-store.ts'

/** What happens to the volume's core when the transaction is ordered. */
export interface Later {
  /** Runs `effect` then, in the order of the calls. */
  effect(effect: () => void): void
  tell(change: Change): void
}

/** A file is open when it is open inside or outside. */
class OpenFilesWithin extends OpenFiles {
  readonly #outer: OpenFiles
  readonly #later: Later

  constructor(outer: OpenFiles, later: Later) {
    super()
    this.#outer = outer
    this.#later = later
  }

  override has(ino: number): boolean {
    return super.has(ino) || this.#outer.has(ino)
  }

  /** What is open inside is closed before the end, so only the outside can come in between. */
  override unchanged(ino: number): () => boolean {
    return this.#outer.unchanged(ino)
  }

  override orphan(ino: number): void {
    super.orphan(ino)
    this.#later.effect(() => {
      if (this.#outer.has(ino)) this.#outer.orphan(ino)
    })
  }
}

class LazyTimesWithin extends LazyTimes {
  readonly #outer: LazyTimes
  readonly #later: Later
  /** Written by the transaction, with the access time that waited for them. */
  readonly #written = new Set<number>()

  constructor(core: Core, outer: LazyTimes, later: Later) {
    super(core)
    this.#outer = outer
    this.#later = later
  }

  override touch(inode: Inode, now: Timespec): void {
    this.#later.effect(() => this.#outer.touch(inode, now))
  }

  override apply(inode: Inode): Inode {
    return this.#written.has(inode.ino) ? inode : this.#outer.apply(inode)
  }

  override forget(ino: number): void {
    if (this.#written.has(ino)) return
    this.#written.add(ino)
    this.#later.effect(() => this.#outer.forget(ino))
  }
}

/** Big deletes go on after the transaction. */
class JobsWithin extends JobRunner {
  readonly #outer: JobRunner
  readonly #later: Later

  constructor(core: Core, outer: JobRunner, later: Later) {
    super(core)
    this.#outer = outer
    this.#later = later
  }

  override start(id: number, job: Job): void {
    this.#later.effect(() => this.#outer.start(id, job))
  }

  /** A transaction cannot wait for another one: whoever needs a job's end gets EBUSY. */
  override async idle(): Promise<void> {
    throw new FilesystemError('EBUSY')
  }
}

class ChangesWithin extends Changes {
  readonly #outer: Core
  readonly #later: Later

  constructor(outer: Core, later: Later) {
    super()
    this.#outer = outer
    this.#later = later
  }

  /** The feed hears of it by the transaction, which is one entry. */
  override get isWatched(): boolean {
    return this.#outer.changes.isWatched
  }

  override publish(change: Change): void {
    this.#later.tell(change)
  }

  override move(ino: number, place: NamedPlace): void {
    super.move(ino, place)
    const { openFiles, changes } = this.#outer
    this.#later.effect(() => {
      if (openFiles.has(ino)) changes.move(ino, place)
    })
  }

  override placeOf(ino: number, place: NamedPlace | undefined): NamedPlace | undefined {
    return super.placeOf(ino, undefined) ?? this.#outer.changes.placeOf(ino, place)
  }
}

class ExtentsWithin extends ExtentCache {
  readonly #outer: ExtentCache
  readonly #later: Later

  constructor(bytesMax: number, outer: ExtentCache, later: Later) {
    super(bytesMax)
    this.#outer = outer
    this.#later = later
  }

  override forget(id: ExtentId): void {
    super.forget(id)
    this.#later.effect(() => this.#outer.forget(id))
  }

  override change(id: ExtentId, change: ExtentChange): void {
    super.change(id, change)
    this.#later.effect(() => this.#outer.forget(id))
  }

  override clear(): void {
    super.clear()
    this.#later.effect(() => this.#outer.clear())
  }

  override forgetInode(ino: number): void {
    super.forgetInode(ino)
    this.#later.effect(() => this.#outer.forgetInode(ino))
  }
}

/** Memory for the extents that a transaction reads. */
const EXTENT_CACHE_BYTES = 4 << 20

export class CoreWithin extends Core {
  override readonly openFiles: OpenFiles
  override readonly lazyTimes: LazyTimes
  override readonly jobs: JobRunner
  override readonly changes: Changes
  override readonly extents: ExtentCache
  override readonly quotas: QuotasWithin
  override readonly leases: LeaseTable
  readonly #outer: Core
  readonly #countersBefore: { readonly inodes: number; readonly dataBytes: number }

  constructor(outer: Core, store: NestedStore, later: Later) {
    super({ ...outer.options, store, superblock: outer.superblock, counters: { ...outer.counters } })
    this.#outer = outer
    this.#countersBefore = { ...outer.counters }
    this.leases = outer.leases
    this.openFiles = new OpenFilesWithin(outer.openFiles, later)
    this.lazyTimes = new LazyTimesWithin(this, outer.lazyTimes, later)
    this.jobs = new JobsWithin(this, outer.jobs, later)
    this.changes = new ChangesWithin(outer, later)
    this.quotas = new QuotasWithin(this, outer.quotas)
    this.extents = new ExtentsWithin(EXTENT_CACHE_BYTES, outer.extents, later)
  }

  /** Numbers come from the lease of the volume as long as it has some: a transaction that fails leaves a gap. */
  override takeIno(): number | undefined {
    return super.takeIno() ?? this.#outer.takeIno()
  }

  override *startLeases(): Op<void> {
    throw new ViveError('ERR_VIVEFS_UNSUPPORTED', 'nothing can be leased inside a transaction')
  }

  override nextJobId(): number {
    return this.#outer.nextJobId()
  }

  /** What the operations did to the volume's counters and its lease; for the instant in which they are ordered. */
  settle(): void {
    const { counters } = this.#outer
    counters.inodes += this.counters.inodes - this.#countersBefore.inodes
    counters.dataBytes += this.counters.dataBytes - this.#countersBefore.dataBytes
    this.#outer.adoptLease(this)
  }
}
