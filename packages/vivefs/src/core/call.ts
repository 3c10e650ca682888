/**
 * One operation in flight: its transaction, its caller, its instant, and the inodes it has changed. Every operation of
 * the core takes a Call; the inodes it edits are encoded once, at the end.
 */
import { FilesystemError } from '../errors.ts'
import type { FeedSlot } from '../feed/feed.ts'
import type { Dirent } from '../format/dirent.ts'
import { copyInode, decodeInode, encodeInode, type Inode, InodeFlag, type Timespec } from '../format/inode.ts'
import { encodeJob, encodeOrphan, type Job } from '../format/job.ts'
import { countersKey, inodeKey, jobKey, orphanKey } from '../format/keys.ts'
import { encodeCounters } from '../format/superblock.ts'
import type { LeaseType } from '../lock/lease.ts'
import type { Op } from '../op.ts'
import { Charges, type Owned } from '../quota/usage.ts'
import type { Bytes, Tx } from '../store/store.ts'
import { loadAcl } from './acl.ts'
import { type Change, type NamedPlace, placeOf, type Reached } from './changes.ts'
import { deleteContent, isBigContent, sharing } from './content.ts'
import type { Core } from './core.ts'
import { corruption } from './corruption.ts'
import { entryKey } from './directory.ts'
import type { ExtentChange, ExtentId } from './extent-cache.ts'
import { type Credentials, isDirectory, isFile } from './mode.ts'

/** Inodes, and entries, that a call has at hand. */
const KNOWN_MAX = 4

/** A name that an operation looked up, and what it led to. */
export interface KnownEntry {
  readonly directory: number
  readonly name: Bytes
  readonly key: Buffer
  /** Whether it was looked up, or written by this operation. */
  isRead: boolean
  entry: Dirent | undefined
}

export class Call {
  readonly core: Core
  readonly tx: Tx
  readonly who: Credentials
  // Made on first use: most operations read a few rows and change nothing.
  #now: Timespec | undefined
  #edits: Map<number, Inode> | undefined
  #gone: Set<number> | undefined
  #written: Set<ExtentId> | undefined
  #opening: Set<number> | undefined
  /** Edited inodes that had no name before this operation: they have an orphan row. */
  #orphans: Set<number> | undefined
  /** Who owned edited inodes, and what they used, before this operation; while quotas are on. */
  #owned: Map<number, Owned> | undefined
  #inodesAdded = 0
  #dataBytesAdded = 0
  /** Files that it used, for leases of others. */
  #uses: Map<number, LeaseType> | undefined
  /** It does not wait for leases of others: EAGAIN. */
  isNonblocking = false
  /** What the change feed is to hear. */
  #told: Change[] | undefined
  /** Inode numbers that this operation leased and did not use yet (core.allocateIno). */
  lease: { next: number; readonly end: number } | undefined
  /** Where the last path of this operation led. */
  reached: Reached | undefined
  /** Inodes and entries that it met last: what it walked to it goes on from. */
  #found: Inode[] | undefined
  #foundCount = 0
  #entries: KnownEntry[] | undefined
  #entryCount = 0

  constructor(core: Core, tx: Tx, who: Credentials) {
    this.core = core
    this.tx = tx
    this.who = who
  }

  /** The instant of the operation: one for all it stamps. */
  get now(): Timespec {
    this.#now ??= this.core.runtime.now()
    return this.#now
  }

  /** The inode as this operation sees it, or undefined when there is none. Shared: change it through `edit` only. */
  *find(ino: number): Op<Inode | undefined> {
    const edited = this.#edits?.get(ino)
    if (edited !== undefined) return edited
    if (this.#gone?.has(ino)) return undefined
    const known = this.#found?.find((each) => each.ino === ino)
    if (known !== undefined) return known
    const key = inodeKey(ino)
    const row = yield* this.tx.get(key)
    if (row === undefined) return undefined
    const { decodedInodes } = this.core
    let inode = decodedInodes.get(ino, row)
    if (inode === undefined) {
      const verdict = decodeInode(key, row)
      if (!verdict.ok) throw corruption(`inode ${ino}`, verdict.fault)
      inode = verdict.value
      decodedInodes.set(row, inode)
    }
    if ((inode.flags & InodeFlag.accessAcl) !== 0) inode = yield* loadAcl(this, inode)
    const found = this.core.lazyTimes.apply(inode)
    this.#found ??= []
    this.#found[this.#foundCount++ % KNOWN_MAX] = found
    return found
  }

  /** The inode that a handle or an open file names; ESTALE when it is gone. */
  *inode(ino: number, generation?: number): Op<Inode> {
    const inode = yield* this.find(ino)
    if (inode === undefined || (generation !== undefined && inode.generation !== generation)) {
      throw new FilesystemError('ESTALE')
    }
    return inode
  }

  /** The inode that a directory entry points to; without it the volume is damaged. */
  *referenced(ino: number): Op<Inode> {
    const inode = yield* this.find(ino)
    if (inode === undefined) throw corruption(`inode ${ino}`, 'missing')
    return inode
  }

  /** A copy to change; written when the operation ends. `touch` stamps ctime, or mtime and ctime. */
  edit(inode: Inode, touch: 'none' | 'ctime' | 'mtime' = 'none'): Inode {
    this.#edits ??= new Map()
    let copy = this.#edits.get(inode.ino)
    if (copy === undefined) {
      copy = copyInode(inode)
      copy.change++
      this.#edits.set(inode.ino, copy)
      if (this.core.quotas.isOn) {
        this.#owned ??= new Map()
        this.#owned.set(inode.ino, inode)
      }
      if (inode.nlink === 0) {
        this.#orphans ??= new Set()
        this.#orphans.add(inode.ino)
      }
      if (this.core.lazyTimes.holds(inode.ino)) this.tx.onCommit(() => this.core.lazyTimes.forget(inode.ino))
    }
    if (touch !== 'none') copy.ctime = this.now
    if (touch === 'mtime') copy.mtime = this.now
    return copy
  }

  /** An entry with its key and, if it was looked up before, what is there: it is looked up, then made or removed. */
  entryAt(directory: number, name: Bytes): KnownEntry {
    const known = this.#entries?.find((each) => each.name === name && each.directory === directory)
    if (known !== undefined) return known
    const key = entryKey(this.core, directory, name)
    const made: KnownEntry = { directory, name, key, isRead: false, entry: undefined }
    this.#entries ??= []
    this.#entries[this.#entryCount++ % KNOWN_MAX] = made
    return made
  }

  /** Tells watchers, when the operation is ordered, and the change feed. */
  tell(change: Change): void {
    const { changes } = this.core
    if (!changes.isWatched) return
    this.tx.onCommit(() => changes.publish(change))
    if (!changes.isRecorded) return
    this.#told ??= []
    this.#told.push(change)
  }

  /** Tells watchers that a file changed; `place`: the name it is known by, by default the one that was walked to. */
  tellOf(inode: Inode, kind: 'modify' | 'attrib', place?: NamedPlace): void {
    if (!this.core.changes.isWatched) return
    const { ino } = inode
    this.tell({ kind, ino, isDirectory: isDirectory(inode), place: place ?? placeOf(this.reached, ino) })
  }

  /** Adds a new inode. */
  add(inode: Inode): void {
    this.#edits ??= new Map()
    this.#edits.set(inode.ino, inode)
    this.#inodesAdded++
  }

  /** The inode is open from the instant this operation is ordered. */
  opens(ino: number, canWrite: boolean): void {
    this.#opening ??= new Set()
    this.#opening.add(ino)
    this.tx.onCommit(() => this.core.openFiles.add(ino, canWrite))
  }

  /** The content of a file is read or written, or it is opened for that. `isNonblocking`: by a caller that does not wait (O_NONBLOCK). */
  usesFile(ino: number, isWrite: boolean, isNonblocking = false): void {
    if (!this.core.leases.isUsed) return
    this.#uses ??= new Map()
    if (isWrite || !this.#uses.has(ino)) this.#uses.set(ino, isWrite ? 'write' : 'read')
    if (isNonblocking) this.isNonblocking = true
  }

  /** The files that it used, and those that it changed so that others see it. */
  usesOfFiles(): ReadonlyMap<number, LeaseType> | undefined {
    for (const inode of this.#edits?.values() ?? []) {
      if (inode.ctime !== this.#now || !isFile(inode)) continue
      this.#uses ??= new Map()
      this.#uses.set(inode.ino, 'write')
    }
    return this.#uses
  }

  /** Counts data bytes that an inode gained (or lost, negative). */
  allocate(inode: Inode, bytes: number): void {
    inode.allocatedBytes += bytes
    this.#dataBytesAdded += bytes
  }

  /** Gives bytes back to the volume's counter that no inode accounts for any more. */
  giveBack(bytes: number): void {
    this.#dataBytesAdded -= bytes
  }

  /**
   * Remembers that this operation wrote rows of an extent, so that it must not be read from the shared cache. `change`: what the
   * extent is, or has more of, by that; without it the cache forgets the extent.
   */
  markWritten(extent: ExtentId, change?: ExtentChange): void {
    this.#written ??= new Set()
    this.#written.add(extent)
    const { extents } = this.core
    this.tx.onCommit(() => (change === undefined ? extents.forget(extent) : extents.change(extent, change)))
  }

  hasWritten(extent: ExtentId): boolean {
    return this.#written?.has(extent) === true
  }

  /** The intent row of work that goes on after this operation. */
  addJob(what: Job): void {
    const id = this.core.nextJobId()
    const key = jobKey(id)
    const since = this.core.options.shared?.stamp ?? 0
    const job = since === 0 ? what : { ...what, since }
    this.tx.put(key, encodeJob(key, job))
    this.tx.onCommit(() => this.core.jobs.start(id, job))
  }

  /**
   * Writes what was edited. What it finds in the table of open files joins the conflict set: when the transaction still
   * has to wait before it is ordered and a file is opened or closed meanwhile, the operation runs again.
   * `slot`: where the number of its entry in the change feed is to be noted.
   */
  finish(slot?: FeedSlot): void {
    for (const inode of this.#edits?.values() ?? []) {
      if (inode.nlink === 0 && !this.#staysOpen(inode)) {
        this.#delete(inode)
      } else {
        const key = inodeKey(inode.ino)
        const row = encodeInode(key, inode)
        this.tx.put(key, row)
        // A new one may not be met for long: what is kept without need is the garbage collector's work.
        if (inode.change > 1) this.core.decodedInodes.set(row, inode)
      }
    }
    if (this.#inodesAdded !== 0 || this.#dataBytesAdded !== 0) {
      const { counters } = this.core
      this.tx.onCommit(() => {
        counters.inodes += this.#inodesAdded
        counters.dataBytes += this.#dataBytesAdded
      })
      this.tx.putAtCommit(countersKey, () => encodeCounters(counters))
    }
    if (this.core.quotas.isOn && this.#edits !== undefined) this.core.quotas.charge(this, this.#charges(this.#edits))
    if (this.#told !== undefined && slot !== undefined) this.core.feed.record(this, this.#told, slot)
  }

  /** What the operation did to the use of owners. */
  #charges(edits: ReadonlyMap<number, Inode>): Charges {
    const charges = new Charges()
    for (const owned of this.#owned?.values() ?? []) charges.count(owned, -1)
    for (const inode of edits.values()) if (this.#gone?.has(inode.ino) !== true) charges.count(inode, 1)
    return charges
  }

  #staysOpen(inode: Inode): boolean {
    const { openFiles } = this.core
    const isOpen = openFiles.has(inode.ino)
    this.tx.relyOn(openFiles.unchanged(inode.ino))
    if (!isOpen && this.#opening?.has(inode.ino) !== true) return false
    const key = orphanKey(inode.ino)
    this.tx.put(key, encodeOrphan(key))
    this.tx.onCommit(() => openFiles.orphan(inode.ino))
    return true
  }

  #delete(inode: Inode): void {
    this.tell({ kind: 'deleteSelf', ino: inode.ino, isDirectory: isDirectory(inode), place: undefined })
    this.#gone ??= new Set()
    this.#gone.add(inode.ino)
    this.#inodesAdded--
    this.tx.del(inodeKey(inode.ino))
    this.core.decodedInodes.delete(inode.ino)
    if (this.#orphans?.has(inode.ino)) this.tx.del(orphanKey(inode.ino))
    if (isBigContent(this, inode)) {
      this.addJob({ kind: 'purge', ino: inode.ino, dataBytes: inode.allocatedBytes, ...sharing(inode) })
    } else {
      deleteContent(this, inode)
      this.giveBack(inode.allocatedBytes)
    }
    this.tx.onCommit(() => this.core.extents.forgetInode(inode.ino))
    if (this.core.leases.isUsed) this.tx.onCommit(() => this.core.leases.gone(inode.ino))
  }
}
