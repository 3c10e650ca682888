/**
 * Every failure of a medium that a program may meet, by code.
 *
 * - `MEDIA_ARGUMENT`: the caller passed something that no medium accepts (negative offset, not a Uint8Array ...).
 * - `MEDIA_ZONE_RANGE`: there is no such zone.
 * - `MEDIA_ALIGNMENT`: the length of an append is not a multiple of `caps.blockBytes`.
 * - `MEDIA_APPEND_SIZE`: an append is below `appendBytesMin` or above `appendBytesMax`.
 * - `MEDIA_ZONE_FULL`: the append does not fit into what is left of the zone; nothing was written.
 * - `MEDIA_ZONE_STATE`: the zone's state forbids it (full, read-only, offline); nothing was written.
 * - `MEDIA_OPEN_LIMIT`, `MEDIA_ACTIVE_LIMIT`: too many open or active zones; nothing was written.
 * - `MEDIA_STREAM_ORDER`: a stream medium takes data only at its end; nothing was written.
 * - `MEDIA_POINTER_UNKNOWN`: the zone's write pointer is unknown: `resume` or `reset` it first.
 * - `MEDIA_POINTER_STALE`: an append to this zone failed; call `report()` and rescan the tail first.
 * - `MEDIA_SHORT_WRITE`: fewer bytes than asked reached the medium.
 * - `MEDIA_NO_SPACE`: the store below is full (ENOSPC, EDQUOT, end of tape).
 * - `MEDIA_IO`: the store below failed; see `cause`.
 * - `MEDIA_POISONED`: a flush failed before; nothing more is promised until the medium is opened anew.
 * - `MEDIA_POWER_CUT`: simulated loss of power.
 * - `MEDIA_CLOSED`, `MEDIA_READ_ONLY`, `MEDIA_NOT_SUPPORTED`, `MEDIA_SYNC_UNAVAILABLE`: as they say.
 * - `MEDIA_BUSY`: a bounded queue is full, or a synchronous call met an asynchronous one in its zone; try again.
 * - `MEDIA_LOCKED`: somebody else holds the medium; the message names the holder.
 * - `MEDIA_FORMAT`: bytes at the path are not this medium's, or of a version that this code does not know.
 * - `MEDIA_WRONG_MEDIUM`: a sound medium, but not the one that was asked for.
 * - `MEDIA_NOT_FOUND`: nothing at the path, or no such key.
 * - `MEDIA_NOT_FORMATTED`: a blank device or cartridge; open it with `format: true` to make it a medium.
 * - `MEDIA_FOREIGN`: the device holds something else (a filesystem, other data); only `format: 'overwrite'` replaces it.
 * - `MEDIA_WRONG_DEVICE`: the path is not what the driver drives (a regular file, a directory, another kind of device).
 * - `MEDIA_PERMISSION`: the system does not let this user do it.
 * - `MEDIA_NO_CARTRIDGE`: the tape drive is empty.
 * - `MEDIA_TOOL_MISSING`: a standard program that the driver needs (blkzone, mt) is not installed.
 */
export type MediumErrorCode =
  | 'MEDIA_ARGUMENT'
  | 'MEDIA_ZONE_RANGE'
  | 'MEDIA_ALIGNMENT'
  | 'MEDIA_APPEND_SIZE'
  | 'MEDIA_ZONE_FULL'
  | 'MEDIA_ZONE_STATE'
  | 'MEDIA_OPEN_LIMIT'
  | 'MEDIA_ACTIVE_LIMIT'
  | 'MEDIA_STREAM_ORDER'
  | 'MEDIA_POINTER_UNKNOWN'
  | 'MEDIA_POINTER_STALE'
  | 'MEDIA_SHORT_WRITE'
  | 'MEDIA_NO_SPACE'
  | 'MEDIA_IO'
  | 'MEDIA_POISONED'
  | 'MEDIA_POWER_CUT'
  | 'MEDIA_CLOSED'
  | 'MEDIA_READ_ONLY'
  | 'MEDIA_NOT_SUPPORTED'
  | 'MEDIA_SYNC_UNAVAILABLE'
  | 'MEDIA_BUSY'
  | 'MEDIA_LOCKED'
  | 'MEDIA_FORMAT'
  | 'MEDIA_WRONG_MEDIUM'
  | 'MEDIA_NOT_FOUND'
  | 'MEDIA_NOT_FORMATTED'
  | 'MEDIA_FOREIGN'
  | 'MEDIA_WRONG_DEVICE'
  | 'MEDIA_PERMISSION'
  | 'MEDIA_NO_CARTRIDGE'
  | 'MEDIA_TOOL_MISSING'

const brand = Symbol.for('vivefs.MediumError')

/** What an error of a medium says beside its message. */
export interface MediumErrorDetails {
  /** The error below, exactly as it was caught. */
  readonly cause?: unknown
  /** The zone that the operation named. */
  readonly zone?: number
  /** The name of the operation, e.g. `append`. */
  readonly operation?: string
}

/** An operating error of a medium. Test it with {@link isMediumError}: that survives two copies of the package. */
export class MediumError extends Error {
  readonly code: MediumErrorCode
  readonly zone: number | undefined
  readonly operation: string | undefined

  constructor(code: MediumErrorCode, message: string, details: MediumErrorDetails = {}) {
    super(`${code}: ${message}`, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'MediumError'
    this.code = code
    this.zone = details.zone
    this.operation = details.operation
    Object.defineProperty(this, brand, { value: true })
  }
}

/** True for a {@link MediumError} of any copy of this package; with `code`, only for that code. */
export function isMediumError(error: unknown, code?: MediumErrorCode): error is MediumError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false
  return code === undefined || (error as unknown as MediumError).code === code
}

/** Codes of the operating system that mean "full". */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Wraps what the operating system threw; a {@link MediumError} passes unchanged. */
export function toMediumError(cause: unknown, operation: string, zone?: number): MediumError {
  if (isMediumError(cause)) return cause
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code
  const code: MediumErrorCode =
    errno !== undefined && FULL.has(errno)
      ? 'MEDIA_NO_SPACE'
      : errno === 'EROFS'
        ? 'MEDIA_READ_ONLY'
        : errno === 'ENOENT'
          ? 'MEDIA_NOT_FOUND'
          : 'MEDIA_IO'
  const text = cause instanceof Error ? cause.message : String(cause)
  return new MediumError(code, `${operation}: ${text}`, { cause, operation, ...(zone === undefined ? {} : { zone }) })
}
