/** A lease on a file, as its holder has it in hand: fcntl(2) F_SETLEASE, an NFSv4 delegation, an SMB oplock. */
import { EventEmitter } from 'node:events'
import { FilesystemError } from '../errors.ts'
import type { LockOwner } from './types.ts'

/**
 * `read`: nobody else changes the file unless the holder is told before. `write`: nobody else opens it, reads or writes,
 * unless the holder is told before.
 */
export type LeaseType = 'read' | 'write'

/** What is asked of the holder of a lease that stands in somebody's way. */
export interface LeaseBreak {
  /** What may be kept: `read` of a write lease when the other one only reads. */
  readonly to: 'read' | 'none'
  /** When it is taken if it is not given, ms since 1970. */
  readonly deadlineMs: number
}

/**
 * Why the holder has less than it had without having given it: `timeout` it did not answer a break in time; `closed` the open
 * file it came through was closed, `session` its client is gone, `gone` there is no such file any more.
 */
export interface LeaseLoss {
  readonly now: 'read' | 'none'
  readonly reason: 'timeout' | 'closed' | 'session' | 'gone'
}

interface LeaseEvents {
  break: [LeaseBreak]
  lost: [LeaseLoss]
}

/** Keeps what it was told to do with a lease. */
export interface LeaseKeeper {
  /** The holder is content with `to` from now on. */
  give(lease: Lease, to: 'read' | 'none'): void
}

/**
 * Events: `break` (LeaseBreak) when it stands in somebody's way: write back what is held back, forget what is remembered, then
 * `downgrade()` or `release()`; `lost` (LeaseLoss). Both come in a step of their own.
 */
export class Lease extends EventEmitter<LeaseEvents> {
  readonly owner: LockOwner
  readonly ino: number
  readonly #keeper: LeaseKeeper
  #type: LeaseType | 'none'
  #breaking: LeaseBreak | undefined

  constructor(keeper: LeaseKeeper, ino: number, owner: LockOwner, type: LeaseType) {
    super()
    this.#keeper = keeper
    this.ino = ino
    this.owner = owner
    this.#type = type
  }

  /** What it is now; `none` when it is over. */
  get type(): LeaseType | 'none' {
    return this.#type
  }

  /** What is asked of the holder and not answered yet. */
  get breaking(): LeaseBreak | undefined {
    return this.#breaking
  }

  /** From a write lease to a read lease; nothing for one that is no more than that. EAGAIN: it is over. */
  downgrade(): void {
    if (this.#type === 'none') throw new FilesystemError('EAGAIN')
    if (this.#type === 'write') this.#keeper.give(this, 'read')
  }

  /** Lets go of it; nothing for one that is over. */
  release(): void {
    if (this.#type !== 'none') this.#keeper.give(this, 'none')
  }

  /** For the table of leases alone. */
  set(type: LeaseType | 'none', breaking: LeaseBreak | undefined): void {
    this.#type = type
    this.#breaking = breaking
  }
}
