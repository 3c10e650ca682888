/**
 * Why a mount did not come about, or ended.
 *
 * - `FUSE_UNSUPPORTED`: this system has no FUSE device, or is not Linux; the message says what to use instead.
 * - `FUSE_PERMISSION`: this user may not mount.
 * - `FUSE_MOUNT`: mount(8) refused; its own words are in the message.
 * - `FUSE_BUSY`: the mount is in use and cannot be taken away.
 * - `FUSE_ARGUMENT`: an option outside its limits, or a directory that cannot be mounted on.
 * - `FUSE_CONNECTION`: the device failed while it was served.
 */
export type FuseErrorCode =
  | 'FUSE_UNSUPPORTED'
  | 'FUSE_PERMISSION'
  | 'FUSE_MOUNT'
  | 'FUSE_BUSY'
  | 'FUSE_ARGUMENT'
  | 'FUSE_CONNECTION'

const brand = Symbol.for('vivefs.FuseError')

export class FuseError extends Error {
  readonly code: FuseErrorCode

  constructor(code: FuseErrorCode, message: string, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'FuseError'
    this.code = code
    Object.defineProperty(this, brand, { value: true })
  }
}

export function isFuseError(error: unknown): error is FuseError {
  return typeof error === 'object' && error !== null && brand in error
}
