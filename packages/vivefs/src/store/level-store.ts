/**
 * The store on an abstract-level database: ordered, atomic, re-runnable transactions.
 *
 * I1: a run that never waited is ordered in the step in which it began to read; nothing can have overtaken it, so it is
 *     not validated. One that waited is validated against the commits since (conflict-set.ts).
 * I2: validating, appending to the queue and running the effects is one synchronous step.
 * I3: what a transaction reads is the newest committed state at the instant of the read: own writes, then the cache
 *     (written through at commit), then the overlay (committed, not landed), then the database.
 */
import type { AbstractLevel } from 'abstract-level'
import { FilesystemError, invariant, ViveError } from '../errors.ts'
import { drivenSync, type Op } from '../op.ts'
import { CommitQueue, type Timer } from './commit-queue.ts'
import { ConflictSet } from './conflict-set.ts'
import { asDatabase, binaryEncodings, type Database, type Encodings, readFailure, type WriteRow } from './database.ts'
import { keyText } from './key.ts'
import { type Batch, collectFrom, Overlay } from './overlay.ts'
import { mergeRange, type RangeResult, sortRows } from './range.ts'
import { RowCache } from './row-cache.ts'
import type {
  Bytes,
  Durability,
  KeyRange,
  SpaceGuard,
  StoreCaps,
  StoreStatistics,
  TransactionalStore,
  TransactOptions,
  Tx,
} from './store.ts'
import { type Committed, refuseSync, Transaction } from './transaction.ts'

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

/** Reruns after which a transaction holds back other asynchronous commits, and after which it gives up. */
const gateReruns = 16
const rerunsMax = 1000

const settled = Promise.resolve()

/** Opens the database if need be. Throws ERR_VIVEFS_ENGINE when it cannot hold binary keys and values. */
export async function openLevelStore<F, K, V>(
  db: AbstractLevel<F, K, V>,
  options: LevelStoreOptions = {},
): Promise<LevelStore> {
  const database = asDatabase(db)
  if (database.status !== 'open') await database.open()
  return new LevelStore(database, options)
}

/** A starving transaction's right of way. */
interface Gate {
  readonly owner: symbol
  readonly opened: Promise<void>
  open(): void
}

export class LevelStore implements TransactionalStore, Committed {
  readonly caps: StoreCaps
  readonly batchBytesMax: number
  /** The sequence number of the newest commit. */
  seq = 0
  readonly #database: Database
  readonly #encodings: Encodings
  readonly #durability: Durability
  readonly #ownsDatabase: boolean
  readonly #space: SpaceGuard | undefined
  readonly #readsSync: boolean
  readonly #overlay = new Overlay()
  readonly #conflicts = new ConflictSet()
  readonly #cache: RowCache
  readonly #queue: CommitQueue
  #gate: Gate | undefined
  /** A commit's effects are running. */
  #ordering = false
  #closed: Promise<void> | undefined
  #reruns = 0
  #barriers = 0

  /** The database must be open; `openLevelStore` sees to it. */
  constructor(database: Database, options: LevelStoreOptions = {}) {
    const relaxedBytesMax = options.relaxedBytesMax ?? 8 << 20
    const pendingBytesMax = options.pendingBytesMax ?? 32 << 20
    const relaxed = options.durability === 'relaxed'
    this.#database = database
    this.#encodings = binaryEncodings(database)
    this.#durability = options.durability ?? 'group'
    this.#ownsDatabase = options.ownsDatabase === true
    this.#space = options.space
    this.#readsSync = options.syncReads !== 'never' && database.supports.getSync === true
    this.#cache = new RowCache(options.cacheBytes ?? 16 << 20)
    this.batchBytesMax = options.batchBytesMax ?? 64 << 20
    this.#queue = new CommitQueue(database, this.#encodings, this.#overlay, {
      pendingBytesMax: relaxed ? Math.min(relaxedBytesMax, pendingBytesMax) : pendingBytesMax,
      // Half of the stated bound: the other half is for the batch to land.
      lingerMs: relaxed ? (options.relaxedMsMax ?? 1000) / 2 : 0,
      lingerBytes: relaxedBytesMax / 2,
      timer: options.timer ?? unrefTimer,
      space: options.space,
    })
    this.caps = {
      sync: this.#readsSync ? 'reads' : 'none',
      merge: false,
      multiWriter: false,
      batchBytesMax: this.batchBytesMax,
    }
  }

  *transact<T>(body: (tx: Tx) => Op<T>, options: TransactOptions = {}): Op<T> {
    const readOnly = options.readOnly === true
    const sync = options.durable ?? this.#durability === 'strict'
    const how = { sync, wait: sync || this.#durability !== 'relaxed' }
    this.#assertUsable()
    while (!readOnly && this.#queue.full) {
      yield this.#queue.drained()
      this.#assertUsable()
    }
    const self = Symbol('transaction')
    let reruns = 0
    try {
      for (;;) {
        const tx = new Transaction(this, readOnly)
        try {
          const outcome = yield* this.#run(tx, body)
          if (tx.wrote && outcome.error === undefined) {
            yield* this.#room(tx, self, how.wait)
          }
          this.#assertUsable()
          if (!this.#overtaken(tx)) {
            if (outcome.error !== undefined) throw outcome.error.thrown
            yield* this.#commit(tx, how, options.reclaims === true)
            return outcome.value as T
          }
        } finally {
          tx.end()
          this.#conflicts.leave(tx)
        }
        this.#reruns++
        if (++reruns >= rerunsMax) throw new FilesystemError('EBUSY')
        if (reruns >= gateReruns && this.#gate === undefined) this.#gate = makeGate(self)
      }
    } finally {
      this.#openGate(self)
    }
  }

  *barrier(): Op<void> {
    this.#assertUsable()
    this.#barriers++
    if (this.#queue.durableSeq >= this.seq) return
    if (drivenSync()) yield* refuseSync()
    const batch = this.#queue.barrier(this.seq)
    if (batch !== undefined) yield batch.landed.promise
  }

  statistics(): StoreStatistics {
    const { batches, rowsWritten, bytesWritten, pendingBytes } = this.#queue
    return {
      commits: this.seq,
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

  /** Part of `Committed`: the newest committed value of a key. */
  read(text: string, key: Bytes): Bytes | null | Promise<Bytes | undefined> {
    const cached = this.#cache.get(text)
    if (cached !== undefined) return cached
    const row = this.#overlay.find(text)
    if (row !== undefined) return row.value ?? null
    if (!this.#readsSync || this.#queue.recovery !== undefined) return this.#load(text, key)
    let value: Bytes | undefined
    try {
      value = this.#database.getSync!(key, this.#encodings)
    } catch (error) {
      throw readFailure(error)
    }
    this.#cache.fillNow(text, value)
    return value ?? null
  }

  /** Part of `Committed`: the newest committed rows of a range under a transaction's own writes. */
  async scan(
    range: KeyRange,
    within: (text: string) => boolean,
    own: ReadonlyMap<string, WriteRow>,
  ): Promise<RangeResult> {
    while (this.#queue.recovery !== undefined) await this.#queue.recovery
    try {
      // One synchronous step: what is laid over and the iterator belong to the same instant.
      const over = new Map<string, WriteRow>()
      this.#overlay.collect(within, over)
      collectFrom(own, within, over)
      return await mergeRange(this.#database, this.#encodings, range, sortRows(over, range.reverse === true))
    } catch (error) {
      throw readFailure(error)
    }
  }

  async #load(text: string, key: Bytes): Promise<Bytes | undefined> {
    const ticket = this.#cache.expect(text)
    try {
      if (this.#queue.recovery !== undefined) await this.#queue.recovery
      const value = await this.#database.get(key, this.#encodings)
      this.#cache.fill(text, ticket, value)
      return value
    } catch (error) {
      this.#cache.unexpect(text, ticket)
      throw readFailure(error)
    }
  }

  /** Drives the body to its end; an error it throws is an outcome like another. */
  *#run<T>(tx: Transaction, body: (tx: Tx) => Op<T>): Op<{ value?: T; error?: { thrown: unknown } }> {
    let op: Op<T> | undefined
    try {
      op = body(tx)
      let step = op.next()
      while (!step.done) {
        this.#suspend(tx)
        let answer: unknown
        try {
          answer = yield step.value
        } catch (error) {
          step = op.throw(error)
          continue
        }
        step = op.next(answer)
      }
      op = undefined
      return { value: step.value }
    } catch (thrown) {
      op = undefined
      return { error: { thrown } }
    } finally {
      // Only when the driver gave up in the middle.
      op?.return(undefined as T)
    }
  }

  /** Waits until the commit may be ordered. */
  *#room(tx: Transaction, self: symbol, wait: boolean): Op<void> {
    if (drivenSync()) {
      if (wait) yield* refuseSync()
      invariant(!this.#ordering, 'an effect commits no transaction synchronously')
      return
    }
    for (;;) {
      // Begun by an effect of a commit that is being ordered: its turn comes after that.
      if (this.#ordering) {
        this.#suspend(tx)
        yield settled
      } else if (this.#gate !== undefined && this.#gate.owner !== self) {
        this.#suspend(tx)
        yield this.#gate.opened
      } else if (tx.suspended && this.#queue.full) yield this.#queue.drained()
      else return
    }
  }

  /** From now on the transaction may be overtaken. */
  #suspend(tx: Transaction): void {
    if (tx.suspended) return
    tx.suspended = true
    this.#conflicts.enter(tx, this.seq)
  }

  #overtaken(tx: Transaction): boolean {
    if (tx.suspended) return this.#conflicts.stale(tx)
    invariant(this.seq === tx.startSeq, 'no transaction commits inside the body of another')
    return false
  }

  *#commit(tx: Transaction, how: { sync: boolean; wait: boolean }, reclaims: boolean): Op<void> {
    tx.end()
    this.#conflicts.leave(tx)
    let landed: Promise<void> | undefined
    let failure: ViveError | undefined
    if (!tx.wrote) failure = this.#effects(tx, undefined)
    else {
      if (!reclaims) this.#space?.admit(tx.bytes)
      this.seq++
      const batch = this.#queue.append(tx.writes, tx.bytes, this.seq, how)
      for (const [text, row] of tx.writes) this.#cache.put(text, row.value)
      this.#conflicts.record(tx.writes.keys(), this.seq)
      failure = this.#effects(tx, batch)
      if (how.wait) landed = batch.landed.promise
    }
    if (landed !== undefined) yield landed
    if (failure !== undefined) throw failure
  }

  /**
   * Runs all effects in order, then makes the late rows; they join the commit's batch, which cannot have started in the
   * same step. What throws here is a programmer's error: it is reported, and the transaction is committed all the same.
   */
  #effects(tx: Transaction, batch: Batch | undefined): ViveError | undefined {
    let failure: ViveError | undefined
    const attempt = (action: () => void): void => {
      try {
        action()
      } catch (cause) {
        const text = 'an effect of a transaction threw (the transaction is committed)'
        failure ??= new ViveError('ERR_VIVEFS_INTERNAL', text, { cause })
      }
    }
    this.#ordering = true
    try {
      for (const effect of tx.effects) attempt(effect)
      for (const { key, make } of tx.lateRows) {
        attempt(() => {
          const row: WriteRow = { type: 'put', key, value: make() }
          const text = keyText(key)
          this.#queue.join(batch!, text, row)
          this.#cache.put(text, row.value)
        })
      }
    } finally {
      this.#ordering = false
    }
    return failure
  }

  #openGate(self: symbol): void {
    if (this.#gate?.owner !== self) return
    this.#gate.open()
    this.#gate = undefined
  }

  #assertUsable(): void {
    if (this.#closed !== undefined) throw new ViveError('ERR_VIVEFS_CLOSED', 'the store is closed')
    this.#queue.assertSound()
  }

  async #close(): Promise<void> {
    await this.#queue.idle()
    if (this.#ownsDatabase) await this.#database.close()
    if (this.#queue.lostAcknowledged) this.#queue.assertSound()
  }
}

function makeGate(owner: symbol): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { owner, opened, open }
}

const unrefTimer: Timer = (run, ms) => {
  const handle = setTimeout(run, ms)
  handle.unref()
  return () => clearTimeout(handle)
}
