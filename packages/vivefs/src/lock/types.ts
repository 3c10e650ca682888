/** Locks in the vocabulary of fcntl(2) and flock(2): who holds them, what is asked for, what is told. */

/**
 * Who holds locks: plain data, so that it goes through ports. Locks of equal `session` and `id` are one owner's and never
 * stand in each other's way. What a session holds goes with the session.
 */
export interface LockOwner {
  /** A client of the volume: the process's own views, a port, a gateway. */
  readonly session: string
  /** One of its processes, open files or lock owners; empty is the session itself. */
  readonly id: string
  /** What F_GETLK tells of it. */
  readonly pid?: number
}

export type LockType = 'read' | 'write'

/** `start` and `length` in bytes; length 0 is "to the end, however far the file grows". */
export interface LockRange {
  /** Default 0. */
  readonly start?: number
  /** Default 0. */
  readonly length?: number
}

/** What to do when somebody else is in the way. */
export interface LockWait {
  /** Wait (F_SETLKW) instead of EAGAIN (F_SETLK). Default false. */
  readonly wait?: boolean
  /** Ends the wait with ETIMEDOUT, ms. Default: no limit. */
  readonly timeoutMs?: number
  /** Ends the wait: EINTR, and an AbortError at the face that is shaped like node:fs. */
  readonly signal?: AbortSignal
}

/** A lock that is held. */
export interface HeldLock {
  readonly kind: 'posix' | 'flock'
  readonly type: LockType
  readonly start: number
  /** 0: to the end. */
  readonly length: number
  readonly owner: LockOwner
}

/** The key that stands for an owner in maps. */
export const ownerKey = ({ session, id }: LockOwner): string => `${session}\0${id}`

/** A session as an owner of its own: what a process is to F_SETLK. */
const { pid } = process

export const sessionOwner = (session: string): LockOwner => ({ session, id: '', pid })
