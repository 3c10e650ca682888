/** How the change feed is asked for, and what it says of itself. */
import { ViveError } from '../errors.ts'
import type { FeedKeep } from '../format/feed.ts'
import { FEED_KEEP_DEFAULT } from './feed.ts'

/** What to keep: the oldest entries go when there are more of them, or they are older. At least one bound. */
export interface ChangesKeep {
  /** Entries. */
  readonly count?: number
  /** Bytes of rows, keys included. */
  readonly bytes?: number
  readonly ageMs?: number
}

export interface ChangeFeedStatus {
  readonly isOn: boolean
  /** 0: no bound. */
  readonly keep: Required<ChangesKeep>
  /** Entries below were trimmed. */
  readonly first: number
  /** The newest entry, give it as `since` for what comes after now. */
  readonly last: number
  readonly entries: number
  readonly bytes: number
}

/** The bounds with nothing left open. ERR_VIVEFS_OPTION. */
export function feedKeep(keep: ChangesKeep = FEED_KEEP_DEFAULT): FeedKeep {
  const whole = { count: keep.count ?? 0, bytes: keep.bytes ?? 0, ageMs: keep.ageMs ?? 0 }
  const bounds = Object.values(whole)
  if (bounds.some((bound) => !Number.isSafeInteger(bound) || bound < 0) || bounds.every((bound) => bound === 0)) {
    throw new ViveError('ERR_VIVEFS_OPTION', 'changes: true, false or { count, bytes, ageMs }, at least one of them')
  }
  return whole
}
