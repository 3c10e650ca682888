/** Open file descriptions and the numbers that lead to them. */

import type { Core } from '../core/core.ts'
import { closeFile, type OpenFile, reclaimOrphan, shutFile } from '../core/open-file.ts'
import { FilesystemError } from '../errors.ts'
import type { OpenCounts } from '../lock/lease-table.ts'
import { sessionOwner } from '../lock/types.ts'
import { drivenSync, type Op, runAsync, SyncUnavailableError } from '../op.ts'
import { assertInteger } from './arguments.ts'

/** The first number; 0, 1 and 2 are the process's own. */
const FIRST = 3
/** Descriptions that a volume keeps open at once; beyond it EMFILE. */
export const OPEN_MAX = 65_536

/** An open file description: the open file, its position, and what is under way on it. */
export class Description {
  readonly file: OpenFile
  readonly fd: number
  /** The client that opened it: whose byte-range locks of the file go with any close of it. */
  readonly session: string
  /** Where the next sequential read or write begins. */
  position = 0
  /** Made by O_TMPFILE without O_EXCL: it may be given a name. */
  isLinkable = false
  #users = 0
  #idle: (() => void) | undefined
  #isTaken = false
  #turns: (() => void)[] | undefined

  constructor(file: OpenFile, fd: number, session: string) {
    this.file = file
    this.fd = fd
    this.session = session
  }

  /** Runs `op` on the open file; a close waits for its end. */
  *use<T>(op: Op<T>): Op<T> {
    this.#users++
    try {
      return yield* op
    } finally {
      if (--this.#users === 0) this.#idle?.()
    }
  }

  /** As `use`, one after the other in the order of their calls: for what reads and moves the position. */
  *inTurn<T>(op: Op<T>): Op<T> {
    if (this.#isTaken) {
      if (drivenSync()) throw new SyncUnavailableError('this operation comes after one that is under way, it')
      this.#users++
      this.#turns ??= []
      const turns = this.#turns
      yield new Promise<void>((resolve) => turns.push(resolve))
    } else {
      this.#isTaken = true
      this.#users++
    }
    try {
      return yield* op
    } finally {
      const next = this.#turns?.shift()
      if (next === undefined) this.#isTaken = false
      else next()
      if (--this.#users === 0) this.#idle?.()
    }
  }

  get isBusy(): boolean {
    return this.#users > 0
  }

  /** Whether something has the turn that `inTurn` gives. */
  get isTaken(): boolean {
    return this.#isTaken
  }

  /** Resolves when nothing is under way. For one waiter: the close. */
  idle(): Promise<void> {
    return this.#users === 0 ? Promise.resolve() : new Promise((resolve) => (this.#idle = resolve))
  }
}

/** The descriptors of a volume. */
export class Descriptors {
  readonly #core: Core
  readonly #table: (Description | undefined)[] = []
  readonly #free: number[] = []
  #open = 0

  constructor(core: Core) {
    this.#core = core
  }

  /** EMFILE when the table is full. To be asked before anything is opened. */
  assertRoom(): void {
    if (!this.hasRoom) throw new FilesystemError('EMFILE')
  }

  add(file: OpenFile, session: string): Description {
    const slot = this.#free.pop() ?? this.#table.length
    const description = new Description(file, slot + FIRST, session)
    this.#table[slot] = description
    this.#open++
    return description
  }

  /** ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE for what is no descriptor at all; undefined for one that is not open. */
  find(fd: unknown): Description | undefined {
    assertInteger(fd, 'fd', 0, 0x7fff_ffff)
    return this.#table[fd - FIRST]
  }

  /** The description of `fd`. EBADF. */
  get(fd: number): Description {
    const description = this.#table[fd - FIRST]
    if (description === undefined) throw new FilesystemError('EBADF')
    return description
  }

  /** Whether the table has room. */
  get hasRoom(): boolean {
    return this.#open < OPEN_MAX
  }

  /** Closes on the spot what nothing is under way on; false, with nothing done, for what needs `close`. */
  closeNow(description: Description): boolean {
    const { file, fd, session, isBusy } = description
    if (isBusy || this.#table[fd - FIRST] !== description || this.#core.openFiles.isOrphan(file.ino)) return false
    this.#forget(fd - FIRST)
    this.#core.locks.release(file.ino, 'posix', sessionOwner(session))
    shutFile(this.#core, file)
    return true
  }

  #forget(slot: number): void {
    this.#table[slot] = undefined
    this.#free.push(slot)
    this.#open--
  }

  /** Forgets the number at once, and closes the file when nothing is under way on it. */
  *close(description: Description): Op<void> {
    const slot = description.fd - FIRST
    if (this.#table[slot] !== description) throw new FilesystemError('EBADF')
    this.#forget(slot)
    this.#core.locks.release(description.file.ino, 'posix', sessionOwner(description.session))
    const { file, isBusy } = description
    if (!isBusy && !shutFile(this.#core, file)) return
    const rest = isBusy ? this.#finish(description) : reclaimOrphan(this.#core, file.ino)
    // What a last close reclaims is reclaimed behind a synchronous caller's back; after a crash the next open does it.
    if (drivenSync()) void runAsync(rest).catch(() => {})
    else yield* rest
  }

  /** How often a session has an inode open. */
  counts(ino: number, session: string): OpenCounts {
    let opens = 0
    let writers = 0
    for (const description of this.#table) {
      if (description?.session !== session || description.file.ino !== ino || description.file.closed) continue
      opens++
      if (description.file.canWrite) writers++
    }
    return { opens, writers }
  }

  /** Closes what a client that is gone has left open, and lets go of its locks. */
  *closeSession(session: string): Op<void> {
    this.#core.locks.endSession(session)
    this.#core.leases.endSession(session)
    for (const description of this.#table.slice()) {
      if (description?.session === session) yield* this.close(description)
    }
  }

  *#finish(description: Description): Op<void> {
    yield description.idle()
    yield* closeFile(this.#core, description.file)
  }
}
