/** What flushes and compactions have done since the database was opened. */
export interface CompactionStats {
  readonly flushes: number
  readonly compactions: number
  /** Compactions that only moved tables to another level. */
  readonly moves: number
  readonly bytesFlushed: number
  /** Bytes of the input tables of compactions. */
  readonly bytesRead: number
  /** Bytes of the output tables of compactions. */
  readonly bytesCompacted: number
  /** Bytes of the blob files that flushes and compactions wrote. */
  readonly bytesRewritten: number
  readonly entriesDropped: number
  /** Milliseconds in flushes and in compactions, waiting included. */
  readonly flushMs: number
  readonly compactionMs: number
  /** Jobs that a worker did. */
  readonly workerJobs: number
  /** Why there is no worker although there should be one; jobs run on the calling thread. */
  readonly workerFailure: string | undefined
  /** Why the last compaction could not be done, while that is so. It is tried again. */
  readonly heldUp: string | undefined
  /** Flushes and compactions under way. */
  readonly running: number
  /** Tables and bytes of each level. */
  readonly levels: readonly { readonly tables: number; readonly bytes: number }[]
}

/** The part of the stats that only grows. */
export class CompactionCounters {
  flushes = 0
  compactions = 0
  moves = 0
  bytesFlushed = 0
  bytesRead = 0
  bytesCompacted = 0
  bytesRewritten = 0
  entriesDropped = 0
  flushMs = 0
  compactionMs = 0
  workerJobs = 0
  workerFailure: string | undefined
}
