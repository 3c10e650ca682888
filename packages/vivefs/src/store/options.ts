import type { Timer } from './commit-queue.ts'
import type { Durability, SpaceGuard } from './store.ts'

export interface LevelStoreOptions {
  /** When a commit is acknowledged. Default `group`. */
  readonly durability?: Durability
  /** `relaxed`: the most bytes that a kill may lose, give or take one transaction. Default 8 MiB. */
  readonly relaxedBytesMax?: number
  /** `relaxed`: the longest time, in ms, that a commit may stay out of the database's hands. Default 1000. */
  readonly relaxedMsMax?: number
  /** The most bytes committed and not landed, give or take one transaction; beyond it transactions wait. Default 32 MiB. */
  readonly pendingBytesMax?: number
  /** The most bytes one transaction may write. Default 64 MiB. */
  readonly batchBytesMax?: number
  /** Bytes of the row cache. Default 16 MiB; 0 turns it off. */
  readonly cacheBytes?: number
  /** Whether point reads that miss the cache may block (`db.getSync`). Default `auto`: where the database can. */
  readonly syncReads?: 'auto' | 'never'
  /** Whether `close` closes the database as well. Default false. */
  readonly ownsDatabase?: boolean
  readonly space?: SpaceGuard
  /** The clock, for tests. */
  readonly timer?: Timer
}

/** Does not keep the process alive. */
export const unrefTimer: Timer = (run, ms) => {
  const handle = setTimeout(run, ms)
  handle.unref()
  return () => clearTimeout(handle)
}
