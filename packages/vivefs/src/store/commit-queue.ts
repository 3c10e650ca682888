/**
 * Group commit: takes commits in order and hands them to the database, one batch at a time.
 *
 * I1: exactly one batch is in flight; commits that arrive meanwhile form the next one. (Concurrent batches of an
 *     asynchronous engine may land out of order; then a crash could keep a later commit and lose an earlier one.)
 * I2: a commit lies wholly in one batch.
 * I3: after a failed batch nothing is written any more, and everyone who waits or comes later is told.
 * I4: a database with `batchSync` takes every batch by it, unsynced, in the step in which it leaves the line; so a
 *     synchronous commit can push the whole line through and is never ahead of an asynchronous one. What has to survive
 *     power loss is made durable behind that by a synced marker row, which the event loop waits for.
 *
 * Source: group commit as in LevelDB's writer queue (db/db_impl.cc, BuildBatchGroup).
 */
import { invariant } from '../errors.ts'
import type { Database, Encodings, WriteRow } from './database.ts'
import { storeFailure } from './database.ts'
import { markerKey, markerValue } from './key.ts'
import { Batch, type Deferred, deferred, type Overlay } from './overlay.ts'
import type { SpaceGuard } from './store.ts'

const marker: WriteRow = { type: 'put', key: markerKey, value: markerValue }

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
  /** The database has `batchSync` (I4). */
  readonly isImmediate: boolean
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
  readonly #synced: Encodings & { readonly sync: boolean }
  readonly #unsyncedOptions: Encodings & { readonly sync: boolean }
  readonly #overlay: Overlay
  readonly #options: QueueOptions
  #running = false
  /** Landed and not yet known to survive power loss, which somebody waits for (I4). */
  #unsynced: Batch[] = []
  /** The newest commit that has landed. */
  #landedSeq = -1
  #failed = false
  #failure: unknown
  #drain: Deferred | undefined
  #idle: Deferred | undefined
  #cancelTimer: (() => void) | undefined

  constructor(database: Database, encodings: Encodings, overlay: Overlay, options: QueueOptions) {
    this.#database = database
    this.#encodings = encodings
    this.#synced = { ...encodings, sync: true }
    this.#unsyncedOptions = { ...encodings, sync: false }
    this.#overlay = overlay
    this.#options = options
  }

  /** Whether commits have to wait for room. */
  get full(): boolean {
    return this.pendingBytes >= this.#options.pendingBytesMax && !this.#failed
  }

  /** A batch failed (I3). */
  get hasFailed(): boolean {
    return this.#failed
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
    if (this.#failed || !this.#hasWork) return Promise.resolve()
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

  /** I4: everything committed lands before this returns. Throws what every call throws after a failed batch. */
  landNow(): void {
    this.assertSound()
    const { batches } = this.#overlay
    try {
      for (let batch = batches[0]; batch !== undefined; batch = batches[0]) this.#put(batch)
    } catch (error) {
      this.#fail(error)
      throw storeFailure(error)
    }
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#makeRoom()
    if (this.#unsynced.length > 0) this.#hurry()
    else this.#settleIdle()
  }

  /** I4: everything up to `seq`, the newest commit, survives power loss when this returns. */
  barrierNow(seq: number): void {
    this.landNow()
    if (this.durableSeq >= seq) return
    try {
      this.#database.batchSync!([marker], this.#synced)
    } catch (error) {
      this.#fail(error)
      throw storeFailure(error)
    }
    this.#settleUnsynced(seq)
  }

  /** I4: whether a commit can land in its own step without a batch: none is waiting. */
  get isClear(): boolean {
    return this.#overlay.batches.length === 0 && !this.#failed && this.recovery === undefined
  }

  /**
   * I4: the newest commit lands before this returns; `sync`: it survives power loss, and all before it. For a line that `isClear`.
   * Throws what every call throws after a failed batch.
   */
  land(rows: readonly WriteRow[], bytes: number, seq: number, sync: boolean): void {
    try {
      this.#database.batchSync!(rows, sync ? this.#synced : this.#unsyncedOptions)
    } catch (error) {
      this.#fail(error)
      throw storeFailure(error)
    }
    this.#landedSeq = seq
    this.batches++
    this.rowsWritten += rows.length
    this.bytesWritten += bytes
    if (sync) this.#settleUnsynced(seq)
  }

  get #hasWork(): boolean {
    return this.#overlay.batches.length > 0 || this.#unsynced.length > 0
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
    if (this.#running || this.#failed || !this.#hasWork) return
    this.#running = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    // Not at once: what else is committed in this turn of the event loop joins the same batch.
    queueMicrotask(() => void this.#run())
  }

  async #run(): Promise<void> {
    const { batches } = this.#overlay
    try {
      for (let batch = batches[0]; batch !== undefined && !this.#failed; batch = batches[0]) {
        await this.#write(batch)
        this.#makeRoom()
        if (batches.length > 0 && this.#drain === undefined && this.#idle === undefined && this.#mayLinger()) break
      }
      while (this.#unsynced.length > 0) await this.#sync()
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#running = false
    if (batches.length > 0) this.#schedule()
    else this.#settleIdle()
  }

  async #write(batch: Batch): Promise<void> {
    const attempt = this.#options.isImmediate ? () => this.#put(batch) : () => this.#send(batch)
    try {
      await attempt()
    } catch (error) {
      if (!(await this.#recover(error))) throw error
      await attempt()
    }
  }

  /** The batch of a database that answers later. */
  async #send(batch: Batch): Promise<void> {
    batch.started = true
    const rows = [...batch.rows.values()]
    if (batch.marker && rows.length === 0) rows.push(marker)
    await this.#database.batch(rows, { ...this.#encodings, sync: batch.sync })
    this.#leave(batch)
    if (batch.sync) this.durableSeq = batch.lastSeq
    batch.landed.resolve()
  }

  /** I4: the oldest batch lands. */
  #put(batch: Batch): void {
    batch.started = true
    const rows = [...batch.rows.values()]
    if (rows.length > 0) this.#database.batchSync!(rows, this.#unsyncedOptions)
    this.#leave(batch)
    if (batch.sync) this.#unsynced.push(batch)
    else batch.landed.resolve()
  }

  /** The oldest batch is in the database. */
  #leave(batch: Batch): void {
    this.#overlay.batches.shift()
    this.#landedSeq = batch.lastSeq
    this.pendingBytes -= batch.bytes
    this.batches++
    this.rowsWritten += batch.rows.size
    this.bytesWritten += batch.bytes
  }

  /** I4: what has landed by now survives power loss when this resolves. */
  async #sync(): Promise<void> {
    const seq = this.#landedSeq
    await this.#database.batch([marker], { ...this.#encodings, sync: true })
    this.#settleUnsynced(seq)
  }

  /** Everything up to `seq` survives power loss. */
  #settleUnsynced(seq: number): void {
    this.durableSeq = Math.max(this.durableSeq, seq)
    const settled = this.#unsynced.filter((batch) => batch.lastSeq <= seq)
    this.#unsynced = this.#unsynced.filter((batch) => batch.lastSeq > seq)
    for (const batch of settled) batch.landed.resolve()
  }

  #makeRoom(): void {
    if (this.#drain === undefined || this.full) return
    this.#drain.resolve()
    this.#drain = undefined
  }

  #settleIdle(): void {
    if (this.#running || this.#hasWork) return
    this.#idle?.resolve()
    this.#idle = undefined
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
    for (const batch of [...this.#unsynced, ...this.#overlay.batches]) {
      if (batch.acknowledged) this.lostAcknowledged = true
      batch.landed.reject(storeFailure(error))
    }
    this.#drain?.resolve()
    this.#idle?.resolve()
  }
}
