import { constants } from 'node:os'
import { SyncUnavailableError } from 'vivefs/fsal'

/** A refusal by errno, where the inner face is not asked. */
export class Errno extends Error {
  readonly code: string

  constructor(code: keyof typeof constants.errno) {
    super(code)
    this.code = code
  }
}

/** The errno of a failure; what has none is EIO. */
export function errnoOf(error: unknown): number {
  const code = typeof error === 'string' ? error : (error as { code?: unknown } | undefined)?.code
  if (error instanceof SyncUnavailableError) return constants.errno.EAGAIN
  return constants.errno[code as keyof typeof constants.errno] ?? constants.errno.EIO
}
