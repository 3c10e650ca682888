/**
 * Group commit: takes commits in order and hands them to the database, one batch at a time.
 *
 * I1: exactly one batch is in flight; commits that arrive meanwhile form the next one. (Concurrent batches of an
 *     asynchronous engine may land out of order; then a crash could keep a later commit and lose an earlier one.)
 * I2: a commit lies wholly in one batch.
 * I3: after a failed batch nothing is written any more, and everyone who waits or comes later is told.
 *
 * Source: group commit as in LevelDB's writer queue (db/db_impl.cc, BuildBatchGroup).
 */
import { invariant } from '../errors.ts'
import type { Database, Encodings, WriteRow } from './database.ts'
import { storeFailure } from './database.ts'
import { markerKey, markerValue } from './key.ts'
import { Batch, type Deferred, deferred, type Overlay } from './overlay.ts'
import type { SpaceGuard } from './store.ts'

/** A batch takes no further commit that would make it larger than this. */
const groupBytesMax = 4 << 20

/** Runs something later; the answer cancels it. Must not keep the process alive. */
export type Timer = (run: () => void, ms: number) => () => void

/** When a transaction's caller is told that it is committed. */
export interface Acknowledgement {
  /** When it survives power loss; the batch is synced. */
  readonly sync: boolean
  /** Not before its batch has landed. */
  readonly wait: boolean
}

export interface QueueOptions {
  /** Commits are refused room at this many bytes committed and not landed. */
  readonly pendingBytesMax: number
  /** How long a commit that nobody waits for may linger for company, and how many bytes of them. 0: not at all. */
  readonly lingerMs: number
  readonly lingerBytes: number
  readonly timer: Timer
  readonly space: SpaceGuard | undefined
}

export class CommitQueue {
  batches = 0
  rowsWritten = 0
  bytesWritten = 0
  /** Bytes of all batches not yet landed. */
  pendingBytes = 0
  /**
   * The sequence number of the newest commit that survives power loss. It starts below the first one: what an earlier
   * user of the same open database wrote may not be durable yet, so the first barrier is never free.
   */
  durableSeq = -1
  /** Set while a failed batch is being recovered: the database may be closed and open again in between. */
  recovery: Promise<void> | undefined
  /** Recoveries begun. */
  recoveries = 0
  /** A commit was lost after it had been acknowledged. */
  lostAcknowledged = false
  readonly #database: Database
  readonly #encodings: Encodings
  readonly #overlay: Overlay
  readonly #options: QueueOptions
  #running = false
  #failed = false
  #failure: unknown
  #drain: Deferred | undefined
  #idle: Deferred | undefined
  #cancelTimer: (() => void) | undefined

  constructor(database: Database, encodings: Encodings, overlay: Overlay, options: QueueOptions) {
    this.#database = database
    this.#encodings = encodings
    this.#overlay = overlay
    this.#options = options
  }

  /** Whether commits have to wait for room. */
  get full(): boolean {
    return this.pendingBytes >= this.#options.pendingBytesMax && !this.#failed
  }

  /** Throws what every call throws after a failed batch. */
  assertSound(): void {
    if (this.#failed) throw storeFailure(this.#failure)
  }

  /** Settles when there may be room again, or never will be. Check `full` and `assertSound` anew. */
  drained(): Promise<void> {
    this.#drain ??= deferred()
    this.#hurry()
    return this.#drain.promise
  }

  /** Settles when everything committed has landed, or the store has failed. */
  idle(): Promise<void> {
    if (this.#failed || this.#overlay.batches.length === 0) return Promise.resolve()
    this.#idle ??= deferred()
    this.#hurry()
    return this.#idle.promise
  }

  /** Takes a commit. Its batch's `landed` settles when the database has it (`sync`: when it survives power loss). */
  append(rows: ReadonlyMap<string, WriteRow>, bytes: number, seq: number, how: Acknowledgement): Batch {
    let batch = this.#youngest()
    if (
      batch === undefined ||
      (batch.bytes > 0 && batch.bytes + bytes > Math.min(groupBytesMax, this.#options.pendingBytesMax / 4))
    )
      batch = this.#begin()
    for (const [text, row] of rows) this.join(batch, text, row)
    batch.lastSeq = seq
    if (how.sync) batch.sync = true
    if (how.wait) batch.awaited = true
    else batch.acknowledged = true
    this.#schedule()
    return batch
  }

  /** One more row for a batch that has not started: part of the commit that was appended in this same step. */
  join(batch: Batch, text: string, row: WriteRow): void {
    invariant(!batch.started, 'rows join a batch before it starts')
    const before = batch.bytes
    batch.add(text, row)
    this.pendingBytes += batch.bytes - before
  }

  /** A batch whose landing makes everything up to `seq`, the newest commit, survive power loss; undefined if it does. */
  barrier(seq: number): Batch | undefined {
    if (this.durableSeq >= seq) return undefined
    const last = this.#overlay.batches.at(-1)
    if (last?.started && last.sync && last.lastSeq >= seq) return last
    const batch = this.#youngest() ?? this.#begin()
    batch.sync = true
    batch.awaited = true
    batch.lastSeq = seq
    if (batch.rows.size === 0) batch.marker = true
    this.#schedule()
    return batch
  }

  /** The batch that may still take commits. */
  #youngest(): Batch | undefined {
    const last = this.#overlay.batches.at(-1)
    return last === undefined || last.started ? undefined : last
  }

  #begin(): Batch {
    const batch = new Batch()
    this.#overlay.batches.push(batch)
    return batch
  }

  /** Nobody waits for the oldest batch, and there is little of it: more may join. */
  #mayLinger(): boolean {
    const { lingerMs, lingerBytes } = this.#options
    if (lingerMs === 0 || this.pendingBytes >= lingerBytes) return false
    return !this.#overlay.batches.some((batch) => batch.awaited)
  }

  #schedule(): void {
    if (this.#running || this.#failed) return
    if (this.#mayLinger()) {
      this.#cancelTimer ??= this.#options.timer(() => {
        this.#cancelTimer = undefined
        this.#hurry()
      }, this.#options.lingerMs)
      return
    }
    this.#hurry()
  }

  #hurry(): void {
    if (this.#running || this.#failed || this.#overlay.batches.length === 0) return
    this.#running = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    // Not at once: what else is committed in this turn of the event loop joins the same batch.
    queueMicrotask(() => void this.#run())
  }

  async #run(): Promise<void> {
    const { batches } = this.#overlay
    for (let batch = batches[0]; batch !== undefined; batch = batches[0]) {
      batch.started = true
      try {
        await this.#write(batch)
      } catch (error) {
        this.#fail(error)
        return
      }
      batches.shift()
      this.pendingBytes -= batch.bytes
      if (batch.sync) this.durableSeq = batch.lastSeq
      this.batches++
      this.rowsWritten += batch.rows.size
      this.bytesWritten += batch.bytes
      batch.landed.resolve()
      if (this.#drain !== undefined && !this.full) {
        this.#drain.resolve()
        this.#drain = undefined
      }
      if (batches.length > 0 && this.#drain === undefined && this.#idle === undefined && this.#mayLinger()) break
    }
    this.#running = false
    if (batches.length > 0) this.#schedule()
    else {
      this.#idle?.resolve()
      this.#idle = undefined
    }
  }

  async #write(batch: Batch): Promise<void> {
    const rows = [...batch.rows.values()]
    if (batch.marker && rows.length === 0) rows.push({ type: 'put', key: markerKey, value: markerValue })
    const options = { ...this.#encodings, sync: batch.sync }
    try {
      await this.#database.batch(rows, options)
    } catch (error) {
      if (!(await this.#recover(error))) throw error
      await this.#database.batch(rows, options)
    }
  }

  async #recover(error: unknown): Promise<boolean> {
    const { space } = this.#options
    if (space === undefined) return false
    const recovery = deferred()
    this.recovery = recovery.promise
    this.recoveries++
    try {
      return await space.recover(error)
    } catch {
      // The guard could not help; the failure to report is the batch's own.
      return false
    } finally {
      this.recovery = undefined
      recovery.resolve()
    }
  }

  #fail(error: unknown): void {
    this.#failed = true
    this.#failure = error
    this.#running = false
    this.#cancelTimer?.()
    for (const batch of this.#overlay.batches) {
      if (batch.acknowledged) this.lostAcknowledged = true
      batch.landed.reject(storeFailure(error))
    }
    this.#drain?.resolve()
    this.#idle?.resolve()
  }
}
