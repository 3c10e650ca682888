/**
 * The store on an abstract-level database: ordered, atomic, re-runnable transactions.
 *
 * I1: a run that never waited is ordered in the step in which it began to read; nothing can have overtaken it, so it is
 *     not validated. One that waited is validated against the commits since (conflict-set.ts).
 * I2: validating, appending to the queue and running the effects is one synchronous step.
 * I3: what a transaction reads is its own writes over the newest committed state at the instant of the read.
 */
import { FilesystemError, invariant, ViveError } from '../errors.ts'
import { drivenSync, type Op } from '../op.ts'
import { type Acknowledgement, CommitQueue } from './commit-queue.ts'
import { Committed } from './committed.ts'
import { ConflictSet } from './conflict-set.ts'
import {
  type AnyLevel,
  asDatabase,
  binaryEncodings,
  type Database,
  openFailure,
  syncAbility,
  type WriteRow,
} from './database.ts'
import { type Gate, makeGate } from './gate.ts'
import { keyText } from './key.ts'
import { type LevelStoreOptions, unrefTimer } from './options.ts'
import { bytesOf, Overlay } from './overlay.ts'
import { RowCache } from './row-cache.ts'
import type {
  Bytes,
  Durability,
  RowKeeper,
  RowObserver,
  SpaceGuard,
  StoreCaps,
  StoreStatistics,
  TransactionalStore,
  TransactOptions,
  Tx,
} from './store.ts'
import { refuseSync, Transaction } from './transaction.ts'

/** Reruns after which a transaction holds back other asynchronous commits, and after which it gives up. */
const gateReruns = 16
const rerunsMax = 1000

const settled = Promise.resolve()

/**
 * Opens the database if need be. Throws ERR_VIVEFS_ENGINE when it does not open or cannot hold binary keys and values,
 * ERR_VIVEFS_LOCKED when another process has it.
 */
export async function openLevelStore(db: AnyLevel, options: LevelStoreOptions = {}): Promise<LevelStore> {
  const database = asDatabase(db)
  try {
    if (database.status !== 'open') await database.open()
  } catch (cause) {
    throw openFailure(cause)
  }
  return new LevelStore(database, options)
}

export class LevelStore implements TransactionalStore {
  readonly caps: StoreCaps
  readonly #database: Database
  readonly #durability: Durability
  readonly #ownsDatabase: boolean
  readonly #space: SpaceGuard | undefined
  readonly #committed: Committed
  readonly #conflicts = new ConflictSet()
  readonly #cache: RowCache
  readonly #overlay: Overlay
  readonly #queue: CommitQueue
  readonly #observers: RowObserver[] = []
  #gate: Gate | undefined
  /** A commit's effects are running. */
  #ordering = false
  /** The transaction whose body is running in this step; `outer` is the one whose body started it. */
  #body: Transaction | undefined
  #closed: Promise<void> | undefined
  #reruns = 0
  #keeper: RowKeeper | undefined
  /** How often all running transactions were overtaken. */
  #age = 0
  #barriers = 0

  /** The database must be open; `openLevelStore` sees to it. */
  constructor(database: Database, options: LevelStoreOptions = {}) {
    const relaxedBytesMax = options.relaxedBytesMax ?? 8 << 20
    const pendingBytesMax = options.pendingBytesMax ?? 32 << 20
    const relaxed = options.durability === 'relaxed'
    const ability = options.syncReads === 'never' ? 'none' : syncAbility(database)
    const syncReads = ability !== 'none'
    const syncRanges = ability === 'full'
    const encodings = binaryEncodings(database)
    const overlay = new Overlay()
    this.#overlay = overlay
    this.#database = database
    this.#durability = options.durability ?? 'group'
    this.#ownsDatabase = options.ownsDatabase === true
    this.#space = options.space
    this.#cache = new RowCache(options.cacheBytes ?? 16 << 20)
    this.#queue = new CommitQueue(database, encodings, overlay, {
      pendingBytesMax: relaxed ? Math.min(relaxedBytesMax, pendingBytesMax) : pendingBytesMax,
      // Half of the stated bound: the other half is for the batch to land.
      lingerMs: relaxed ? (options.relaxedMsMax ?? 1000) / 2 : 0,
      lingerBytes: relaxedBytesMax / 2,
      timer: options.timer ?? unrefTimer,
      space: options.space,
      isImmediate: ability === 'full',
    })
    this.#committed = new Committed({
      database,
      encodings,
      overlay,
      cache: this.#cache,
      queue: this.#queue,
      syncReads,
      syncRanges,
    })
    this.caps = {
      sync: ability,
      merge: false,
      multiWriter: false,
      batchBytesMax: options.batchBytesMax ?? 64 << 20,
    }
  }

  *transact<T>(body: (tx: Tx) => Op<T>, options: TransactOptions = {}): Op<T> {
    const readOnly = options.readOnly === true
    const sync = options.durable ?? this.#durability === 'strict'
    const how: Acknowledgement = { sync, wait: sync || this.#durability !== 'relaxed' }
    this.#assertUsable()
    while (!readOnly && this.#queue.full) {
      if (this.#landsNow()) this.#queue.landNow()
      else yield this.#queue.drained()
      this.#assertUsable()
    }
    let reruns = 0
    try {
      for (;;) {
        const tx = new Transaction(this.#committed, { readOnly, bytesMax: this.caps.batchBytesMax, age: this.#age })
        try {
          this.#begin(tx, body)
          if (tx.op !== undefined) yield* this.#goOn(tx, tx.op)
          const { failed } = tx
          if (tx.wrote && failed === undefined && !this.#hasRoom(tx, how)) yield* this.#room(tx, how)
          this.#assertUsable()
          if (!this.#overtaken(tx)) {
            if (failed !== undefined) throw failed.error
            if (!this.#commitNow(tx, how, options.reclaims === true)) yield* this.#commit(tx, how)
            return tx.value as T
          }
        } finally {
          tx.end()
          this.#conflicts.leave(tx)
        }
        this.#reruns++
        if (++reruns >= rerunsMax) throw new FilesystemError('EBUSY')
        if (reruns >= gateReruns && this.#gate === undefined) this.#gate = makeGate(how)
      }
    } finally {
      this.#openGate(how)
    }
  }

  *barrier(): Op<void> {
    this.#assertUsable()
    this.#barriers++
    if (this.#queue.durableSeq >= this.#committed.seq) return
    if (this.#landsNow()) {
      this.#queue.barrierNow(this.#committed.seq)
      return
    }
    if (drivenSync()) yield* refuseSync()
    const batch = this.#queue.barrier(this.#committed.seq)
    if (batch !== undefined) yield batch.landed.promise
  }

  get isUsable(): boolean {
    return this.#closed === undefined && !this.#queue.hasFailed
  }

  peek(key: Bytes): Bytes | null | undefined {
    return this.#committed.peek(keyText(key), key)
  }

  keepWith(keeper: RowKeeper): void {
    invariant(this.#keeper === undefined, 'a store has one keeper')
    this.#keeper = keeper
  }

  overtake(): void {
    this.#age++
  }

  observe(listener: RowObserver): () => void {
    this.#observers.push(listener)
    return () => {
      const at = this.#observers.indexOf(listener)
      if (at >= 0) this.#observers.splice(at, 1)
    }
  }

  statistics(): StoreStatistics {
    const { batches, rowsWritten, bytesWritten, pendingBytes } = this.#queue
    return {
      commits: this.#committed.seq,
      batches,
      reruns: this.#reruns,
      rowsWritten,
      bytesWritten,
      barriers: this.#barriers,
      pendingBytes,
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** The body's first step, with which most are at their end; an error it throws is an outcome like another. */
  #begin<T>(tx: Transaction, body: (tx: Tx) => Op<T>): void {
    tx.outer = this.#body
    this.#body = tx
    try {
      const op = this.#keeper?.isActive === true ? keeping(this.#keeper, tx, body) : body(tx)
      const step = op.next()
      if (step.done) tx.value = step.value
      else {
        tx.op = op
        tx.awaited = step.value
      }
    } catch (error) {
      tx.failed = { error }
    } finally {
      this.#body = tx.outer
    }
  }

  /** Drives a body that has to wait to its end. */
  *#goOn(tx: Transaction, op: Op<unknown>): Op<void> {
    let isDriven = true
    try {
      for (;;) {
        this.#suspend(tx)
        let answer: unknown
        let thrown: { error: unknown } | undefined
        try {
          answer = yield tx.awaited as PromiseLike<unknown>
        } catch (error) {
          thrown = { error }
        }
        // Resumed by the event loop: whoever was below on the stack at first is not any more.
        tx.outer = this.#body
        this.#body = tx
        let step: IteratorResult<PromiseLike<unknown>, unknown>
        try {
          step = thrown === undefined ? op.next(answer) : op.throw(thrown.error)
        } finally {
          this.#body = tx.outer
        }
        if (step.done) {
          isDriven = false
          tx.value = step.value
          return
        }
        tx.awaited = step.value
      }
    } catch (error) {
      isDriven = false
      tx.failed = { error }
    } finally {
      // Only when the driver gave up in the middle.
      if (isDriven) op.return(undefined)
    }
  }

  /** Whether the commit may be ordered without waiting; otherwise `#room` says what to do. */
  #hasRoom(tx: Transaction, how: Acknowledgement): boolean {
    if (this.#ordering) return false
    if (drivenSync()) return !how.wait || this.#landsNow()
    return (this.#gate === undefined || this.#gate.owner === how) && !(tx.suspended && this.#queue.full)
  }

  /** Waits until the commit may be ordered. */
  *#room(tx: Transaction, how: Acknowledgement): Op<void> {
    if (drivenSync()) {
      if (how.wait && !this.#landsNow()) yield* refuseSync()
      invariant(!this.#ordering, 'an effect commits no transaction synchronously')
      return
    }
    for (;;) {
      // Begun by an effect of a commit that is being ordered: its turn comes after that.
      if (this.#ordering) {
        this.#suspend(tx)
        yield settled
      } else if (this.#gate !== undefined && this.#gate.owner !== how) {
        this.#suspend(tx)
        yield this.#gate.opened
      } else if (tx.suspended && this.#queue.full) yield this.#queue.drained()
      else return
    }
  }

  /** Whether the caller cannot wait and need not: what is committed lands on the spot. */
  #landsNow(): boolean {
    return this.caps.sync === 'full' && this.#queue.recovery === undefined && drivenSync()
  }

  /** From now on the transaction may be overtaken. */
  #suspend(tx: Transaction): void {
    if (tx.suspended) return
    tx.suspended = true
    this.#conflicts.enter(tx, this.#committed.seq)
  }

  #overtaken(tx: Transaction): boolean {
    if (tx.suspended) return tx.age !== this.#age || this.#conflicts.stale(tx) || !tx.stands
    invariant(this.#committed.seq === tx.startSeq, 'I1: what never waited is not overtaken')
    return false
  }

  /** Orders the transaction, if nobody has to wait for that: it wrote nothing, or it lands in this same step. */
  #commitNow(tx: Transaction, how: Acknowledgement, reclaims: boolean): boolean {
    tx.end()
    this.#conflicts.leave(tx)
    this.#openGate(how)
    let failure: ViveError | undefined
    if (!tx.wrote) {
      if (tx.effects.length > 0) failure = this.#effects(tx, undefined)
    } else {
      if (reclaims) this.#space?.reclaimed?.()
      else this.#space?.admit(tx.bytes, this.#queue.pendingBytes)
      // A body that commits another transaction in the middle of its own step is overtaken by it.
      for (let body = this.#body; body !== undefined; body = body.outer) this.#suspend(body)
      const seq = ++this.#committed.seq
      if (!how.wait || !this.#queue.isClear || !this.#landsNow()) return false
      failure = this.#land(tx, seq, how.sync)
    }
    if (failure !== undefined) throw failure
    return true
  }

  /** The rest of `#commitNow`, for whom has to wait. */
  *#commit(tx: Transaction, how: Acknowledgement): Op<void> {
    const { seq } = this.#committed
    let landed: Promise<void> | undefined
    const batch = this.#queue.append(tx.writes, tx.bytes, seq, how)
    this.#order(tx, seq)
    const failure = this.#effects(tx, (text, row) => this.#queue.join(batch, text, row))
    if (how.wait) {
      if (!this.#landsNow()) landed = batch.landed.promise
      else if (how.sync) this.#queue.barrierNow(seq)
      else this.#queue.landNow()
    }
    if (landed !== undefined) yield landed
    if (failure !== undefined) throw failure
  }

  /** From here on what the transaction wrote is what there is. */
  #order(tx: Transaction, seq: number): void {
    for (const [text, row] of tx.writes) this.#cache.put(text, row.value)
    for (const observer of this.#observers) for (const [text, { value }] of tx.writes) observer(text, value)
    if (this.#conflicts.isWatched) this.#conflicts.record(tx.writes.keys(), seq)
  }

  /** Orders a transaction for which nobody has to wait, and hands it to the database in the same step. */
  #land(tx: Transaction, seq: number, sync: boolean): ViveError | undefined {
    const rows = [...tx.writes.values()]
    let { bytes } = tx
    this.#overlay.landing = tx.writes
    try {
      this.#order(tx, seq)
      const failure = this.#effects(tx, (_, row) => {
        rows.push(row)
        bytes += bytesOf(row)
      })
      this.#queue.land(rows, bytes, seq, sync)
      return failure
    } finally {
      this.#overlay.landing = undefined
    }
  }

  /**
   * Runs all effects in order, then makes the late rows; they join the commit's batch, which cannot have started in the
   * same step. What throws here is a programmer's error: it is reported, and the transaction is committed all the same.
   */
  #effects(tx: Transaction, join: ((text: string, row: WriteRow) => void) | undefined): ViveError | undefined {
    let failure: ViveError | undefined
    const outer = this.#ordering
    this.#ordering = true
    try {
      for (const effect of tx.effects) {
        try {
          effect()
        } catch (cause) {
          failure ??= effectFailure(cause)
        }
      }
      for (const late of tx.lateRows) {
        try {
          const { make } = late
          const key = typeof late.key === 'function' ? late.key() : late.key
          const row: WriteRow = { type: 'put', key, value: make() }
          const text = keyText(key)
          join!(text, row)
          this.#cache.put(text, row.value)
        } catch (cause) {
          failure ??= effectFailure(cause)
        }
      }
    } finally {
      this.#ordering = outer
    }
    return failure
  }

  #openGate(how: Acknowledgement): void {
    if (this.#gate?.owner !== how) return
    this.#gate.open()
    this.#gate = undefined
  }

  #assertUsable(): void {
    if (this.#closed !== undefined) throw new ViveError('ERR_VIVEFS_CLOSED', 'the store is closed')
    this.#queue.assertSound()
  }

  async #close(): Promise<void> {
    await this.#queue.idle()
    try {
      if (this.#ownsDatabase) await this.#database.close()
    } catch (cause) {
      throw new ViveError('ERR_VIVEFS_STORE_FAILED', 'the database does not close', { cause })
    }
    if (this.#queue.lostAcknowledged) this.#queue.assertSound()
  }
}

const effectFailure = (cause: unknown): ViveError =>
  new ViveError('ERR_VIVEFS_INTERNAL', 'an effect of a transaction threw (the transaction is committed)', { cause })

/** The body, then the keeper for what it wrote. */
function* keeping<T>(keeper: RowKeeper, tx: Transaction, body: (tx: Tx) => Op<T>): Op<T> {
  const value = yield* body(tx)
  if (tx.writes.size > 0) yield* keeper.keep(tx)
  return value
}
