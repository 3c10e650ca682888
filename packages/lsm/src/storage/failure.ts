import { isMediumError } from '@vivefs/media'
import { isPfaofError } from '@vivefs/pfaof'
import { isLevelError, LevelError, type LevelErrorCode } from '../error.ts'

const BY_CODE: Readonly<Record<string, LevelErrorCode>> = {
  MEDIA_ARGUMENT: 'LEVEL_ARGUMENT',
  MEDIA_CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
  MEDIA_FORMAT: 'LEVEL_FORMAT',
  MEDIA_LOCKED: 'LEVEL_LOCKED',
  MEDIA_NO_SPACE: 'LEVEL_NO_SPACE',
  MEDIA_NOT_FOUND: 'LEVEL_MISSING',
  MEDIA_POISONED: 'LEVEL_POISONED',
  MEDIA_READ_ONLY: 'LEVEL_READ_ONLY',
  MEDIA_WRONG_MEDIUM: 'LEVEL_FORMAT',
  PFAOF_ARGUMENT: 'LEVEL_ARGUMENT',
  PFAOF_CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
  PFAOF_CORRUPTION: 'LEVEL_CORRUPTION',
  PFAOF_EXISTS: 'LEVEL_CORRUPTION',
  PFAOF_FENCED: 'LEVEL_LOCKED',
  PFAOF_FORMAT: 'LEVEL_FORMAT',
  PFAOF_MEDIUM_MISSING: 'LEVEL_MISSING',
  PFAOF_MEDIUM_UNFIT: 'LEVEL_ARGUMENT',
  PFAOF_NO_SPACE: 'LEVEL_NO_SPACE',
  PFAOF_NO_VOLUME: 'LEVEL_MISSING',
  PFAOF_NOT_FOUND: 'LEVEL_CORRUPTION',
  PFAOF_POISONED: 'LEVEL_POISONED',
  PFAOF_READ_ONLY: 'LEVEL_READ_ONLY',
  PFAOF_STALE: 'LEVEL_STALE',
  PFAOF_SYNC_UNAVAILABLE: 'LEVEL_SYNC_UNAVAILABLE',
  PFAOF_WRONG_MEDIUM: 'LEVEL_FORMAT',
}

/**
 * What the layers below threw, as an error of this package that says what was done to which file. An error of this package, and a
 * programmer's error, pass unchanged.
 */
export function levelError(error: unknown, what: string): unknown {
  if (isLevelError(error)) return error
  const { code, message, medium } = error as { code?: unknown; message?: unknown; medium?: string }
  const known = typeof code === 'string' ? BY_CODE[code] : undefined
  if (known === 'LEVEL_NO_SPACE') {
    const help = 'delete something, add space or a medium, or let the policy name another'
    return new LevelError(known, `${what}: ${String(message)}; ${help}`, error, { medium })
  }
  if (known === 'LEVEL_SYNC_UNAVAILABLE')
    return new LevelError(known, `${what}: the medium answers only by promises: use the asynchronous call`, error)
  if (known !== undefined) return new LevelError(known, `${what}: ${String(message)}`, error, { medium })
  if (isPfaofError(error) || isMediumError(error))
    return new LevelError('LEVEL_IO_ERROR', `${what}: ${String(message)}`, error, { medium })
  return error
}
