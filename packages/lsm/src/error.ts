/**
 * Failures of the database, by code. The error below is attached as `cause`, and the message names the file. The `LEVEL_*` codes are
 * those of abstract-level and classic-level where these have one.
 *
 * - `LEVEL_ARGUMENT`: an option outside its limits.
 * - `LEVEL_BATCH_TOO_BIG`: more than the documented bytes in one batch, key or value.
 * - `LEVEL_BUSY`: a synchronous writer met the hard limit and nothing under way could relieve it.
 * - `LEVEL_CORRUPTION`: bytes that were promised are not what was written, or a file is missing.
 * - `LEVEL_DATABASE_NOT_OPEN`, `LEVEL_NOT_FOUND`: as in abstract-level.
 * - `LEVEL_EXISTS`: there is a database already, and `errorIfExists`.
 * - `LEVEL_FORMAT`: a version or feature that this code does not know; the message has both numbers.
 * - `LEVEL_IO_ERROR`: a medium failed.
 * - `LEVEL_LOCKED`: another writer has the database.
 * - `LEVEL_MERGE_OPERATOR`: the operator is missing, or not the one the database was written with.
 * - `LEVEL_MISSING`: there is no database, and `createIfMissing: false`.
 * - `LEVEL_NO_SPACE`: the media are full. Reads and deletes go on.
 * - `LEVEL_POISONED`: a background job or a flush failed before; reads go on; open the database anew to write.
 * - `LEVEL_READ_ONLY`: opened read only.
 * - `LEVEL_STALE`: a follower read what the writer has removed since; call `refresh()` and try again.
 * - `LEVEL_SYNC_UNAVAILABLE`: a synchronous call met a medium that answers only asynchronously.
 */
export type LevelErrorCode =
  | 'LEVEL_ARGUMENT'
  | 'LEVEL_BATCH_TOO_BIG'
  | 'LEVEL_BUSY'
  | 'LEVEL_CORRUPTION'
  | 'LEVEL_DATABASE_NOT_OPEN'
  | 'LEVEL_EXISTS'
  | 'LEVEL_FORMAT'
  | 'LEVEL_IO_ERROR'
  | 'LEVEL_LOCKED'
  | 'LEVEL_MERGE_OPERATOR'
  | 'LEVEL_MISSING'
  | 'LEVEL_NOT_FOUND'
  | 'LEVEL_NO_SPACE'
  | 'LEVEL_POISONED'
  | 'LEVEL_READ_ONLY'
  | 'LEVEL_STALE'
  | 'LEVEL_SYNC_UNAVAILABLE'

const brand = Symbol.for('vivefs.LevelError')

/** An operating error of the database. Test it with {@link isLevelError}: that survives two copies of the package. */
export class LevelError extends Error {
  readonly code: LevelErrorCode
  /** Nothing has changed, and what was refused may be tried again. */
  readonly transient: boolean
  /** Name of the medium that failed, where one did. */
  readonly medium: string | undefined

  constructor(
    code: LevelErrorCode,
    message: string,
    cause?: unknown,
    o: { readonly transient?: boolean; readonly medium?: string | undefined } = {},
  ) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'LevelError'
    this.code = code
    this.transient = o.transient ?? code === 'LEVEL_NO_SPACE'
    this.medium = o.medium
    Object.defineProperty(this, brand, { value: true })
  }
}

export function isLevelError(error: unknown): error is LevelError {
  return typeof error === 'object' && error !== null && brand in error
}

/** The media are full: nothing has changed, and what was refused may be tried again. */
export function isNoSpace(error: unknown): boolean {
  return isLevelError(error) && error.code === 'LEVEL_NO_SPACE'
}

/** What was refused may be tried again: full media, a medium that is away, a policy that answered nonsense. */
export function isTransient(error: unknown): error is LevelError {
  return isLevelError(error) && error.transient
}
