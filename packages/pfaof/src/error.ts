import { isMediumError } from '@vivefs/media'

/**
 * Every failure of a volume that a program may meet, by code. The error below is attached as `cause`.
 *
 * - `PFAOF_ARGUMENT`: a name, length or option outside the documented limits.
 * - `PFAOF_BUSY`: a bounded queue is full; try again.
 * - `PFAOF_CLOSED`: the volume was closed.
 * - `PFAOF_CORRUPTION`: bytes that were promised are not what was written. Nothing was repaired.
 * - `PFAOF_EXISTS`: a file, snapshot or volume of that name is there already.
 * - `PFAOF_FENCED`: a newer writer has claimed the volume; nothing more is acknowledged.
 * - `PFAOF_FORMAT`: a version or feature that this code does not know; the message has both numbers.
 * - `PFAOF_IO`: a medium failed.
 * - `PFAOF_MEDIUM_MISSING`: a medium of the volume was not given.
 * - `PFAOF_MEDIUM_UNFIT`: the medium cannot carry what was asked (e.g. the file table on tape).
 * - `PFAOF_NO_SPACE`: no zone is left beside the reserve. Reads and deletes go on.
 * - `PFAOF_NO_VOLUME`: there is no volume on this medium.
 * - `PFAOF_NOT_FOUND`: no file or snapshot of that name.
 * - `PFAOF_NOT_SEALED`: only sealed files can be moved.
 * - `PFAOF_POISONED`: a flush failed before; open the volume anew.
 * - `PFAOF_READ_ONLY`: the volume was opened read only.
 * - `PFAOF_SEALED`: nothing can be appended to a sealed file.
 * - `PFAOF_STALE`: a follower read what the writer has reclaimed since; refresh and try again.
 * - `PFAOF_SYNC_UNAVAILABLE`: see `runSync`.
 * - `PFAOF_WRONG_MEDIUM`: a sound medium, but not the one that belongs here.
 */
export type PfaofErrorCode =
  | 'PFAOF_ARGUMENT'
  | 'PFAOF_BUSY'
  | 'PFAOF_CLOSED'
  | 'PFAOF_CORRUPTION'
  | 'PFAOF_EXISTS'
  | 'PFAOF_FENCED'
  | 'PFAOF_FORMAT'
  | 'PFAOF_IO'
  | 'PFAOF_MEDIUM_MISSING'
  | 'PFAOF_MEDIUM_UNFIT'
  | 'PFAOF_NO_SPACE'
  | 'PFAOF_NO_VOLUME'
  | 'PFAOF_NOT_FOUND'
  | 'PFAOF_NOT_SEALED'
  | 'PFAOF_POISONED'
  | 'PFAOF_READ_ONLY'
  | 'PFAOF_SEALED'
  | 'PFAOF_STALE'
  | 'PFAOF_SYNC_UNAVAILABLE'
  | 'PFAOF_WRONG_MEDIUM'

const brand = Symbol.for('vivefs.PfaofError')

/** An operating error of a volume. Test it with {@link isPfaofError}: that survives two copies of the package. */
export class PfaofError extends Error {
  readonly code: PfaofErrorCode
  /** Name of the medium that failed, where one did. */
  readonly medium: string | undefined

  constructor(code: PfaofErrorCode, message: string, cause?: unknown, medium?: string) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'PfaofError'
    this.code = code
    this.medium = medium
    Object.defineProperty(this, brand, { value: true })
  }
}

/** True for a {@link PfaofError} of any copy of this package; with `code`, only for that code. */
export function isPfaofError(error: unknown, code?: PfaofErrorCode): error is PfaofError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false
  return code === undefined || (error as unknown as PfaofError).code === code
}

/** Wraps what a medium threw; an error of this package, and of a driver of operations, passes unchanged. */
export function fromMedium(error: unknown, what: string, medium?: string): Error {
  if (isPfaofError(error)) return error
  if (error instanceof Error && (error as { code?: unknown }).code === 'PFAOF_SYNC_UNAVAILABLE') return error
  const text = error instanceof Error ? error.message : String(error)
  if (isMediumError(error)) {
    if (error.code === 'MEDIA_NO_SPACE') return new PfaofError('PFAOF_NO_SPACE', `${what}: ${text}`, error, medium)
    if (error.code === 'MEDIA_POISONED') return new PfaofError('PFAOF_POISONED', `${what}: ${text}`, error, medium)
    if (error.code === 'MEDIA_CLOSED') return new PfaofError('PFAOF_CLOSED', `${what}: ${text}`, error, medium)
    if (error.code === 'MEDIA_BUSY') return new PfaofError('PFAOF_BUSY', `${what}: ${text}`, error, medium)
    if (error.code === 'MEDIA_LOCKED') return new PfaofError('PFAOF_FENCED', `${what}: ${text}`, error, medium)
  }
  return new PfaofError('PFAOF_IO', `${what}: ${text}`, error, medium)
}

/** A programmer's error: always on, cites an invariant of FORMAT.md where there is one. */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(`pfaof: broken: ${rule}`)
}
