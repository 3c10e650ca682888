/**
 * The seam between the filesystem and a database: every operation of the filesystem is one transaction whose body may
 * run again. The filesystem is correct on any implementation of these types and knows none of them by name.
 */
import type { Op } from '../op.ts'

export type Bytes = Uint8Array

/** Rows with `gte`/`gt` <= key < `lt`, in key order; the reverse of it with `reverse`; at most `limit` of them. */
export interface KeyRange {
  readonly gte?: Bytes
  readonly gt?: Bytes
  readonly lt: Bytes
  readonly limit?: number
  readonly reverse?: boolean
  /** Do not fetch values: every row's value is empty (rows that a transaction or the overlay holds may carry theirs). */
  readonly keysOnly?: boolean
}

export interface Row {
  readonly key: Bytes
  readonly value: Bytes
}

/**
 * What a transaction's body works with.
 *
 * Buffers: `put`, `del` and `merge` take over the key and the value; the caller must not change them afterwards.
 * What `get` and `range` return is shared with the store's caches; the caller must not change it.
 */
export interface Tx {
  /** The row's value as this transaction sees it (its own writes included), or undefined. Joins the conflict set. */
  get(key: Bytes): Op<Bytes | undefined>
  /** The rows of a range as this transaction sees them. The range, up to the last row returned if the limit cut it, joins the conflict set. */
  range(range: KeyRange): Op<readonly Row[]>
  put(key: Bytes, value: Bytes): void
  del(key: Bytes): void
  /** Deletes a row that only this store's present state held: no keeper is asked, nothing of it is kept. */
  discard(key: Bytes): void
  /** Only where `caps.merge` is true; otherwise throws. */
  merge(key: Bytes, operand: Bytes): void
  /**
   * Something outside the rows that this run relied on (whether a file is open). It joins the conflict set: if `holds`
   * answers false when the transaction is validated, the body runs again. `holds` must not throw.
   */
  relyOn(holds: () => boolean): void
  /**
   * Writes a row whose value is made at the instant the transaction is ordered, after all `onCommit` effects ran. It
   * stays outside the conflict set: for hot counters, whose truth lives in memory. `make` must not throw. A key that
   * depends on the order is made then too, before the value.
   */
  putAtCommit(key: Bytes | (() => Bytes), make: () => Bytes): void
  /**
   * Runs once, synchronously, at the instant the transaction is ordered among the others (before it is acknowledged).
   * Never for a run of the body that is thrown away. The only place for side effects. It sees the commit; what it
   * starts asynchronously is ordered after it, and it commits nothing synchronously.
   */
  onCommit(effect: () => void): void
}

/** What a keeper works with, at the end of a transaction's body. */
export interface KeepTx extends Pick<Tx, 'get' | 'range' | 'put' | 'onCommit'> {
  /** The row as committed, without what this transaction wrote. Joins the conflict set. */
  before(key: Bytes): Op<Bytes | undefined>
  /** The keys that the body wrote, one character per byte, but those that it discarded. A copy. */
  writtenKeys(): string[]
}

/** Keeps what transactions replace. */
export interface RowKeeper {
  /** Whether there is anything to keep. Changes only in an effect of a commit, together with `overtake`. */
  readonly isActive: boolean
  /** Runs at the end of every body that wrote rows, as part of it. */
  keep(tx: KeepTx): Op<void>
}

/** The key (one character per byte) of a row that is being committed, and its value: undefined when it is deleted, or not told. */
export type RowObserver = (key: string, value?: Bytes) => void

export interface StoreCaps {
  /** What runs without waiting: nothing, point reads, or everything. */
  readonly sync: 'none' | 'reads' | 'full'
  readonly merge: boolean
  /** Whether other processes may write to the same store at the same time. */
  readonly multiWriter: boolean
  /** The most bytes (keys and values) that one transaction may write. More throws E2BIG-like `ERR_VIVEFS_BATCH_TOO_BIG`. */
  readonly batchBytesMax: number
}

export interface TransactOptions {
  /** Acknowledge only when the commit survives power loss. Default: what the store's durability setting says. */
  readonly durable?: boolean
  /** The body writes nothing; a write throws. */
  readonly readOnly?: boolean
  /** The transaction gives space back (unlink, truncate, reclaim): it may use the reserve of a full disk. */
  readonly reclaims?: boolean
}

/**
 * What an engine knows of the space below it. `admit` is called with the size of every growing commit, and the bytes
 * that are ordered and not yet landed, before it is
 * ordered and throws a filesystem error ENOSPC to refuse it. `recover` is called when a batch failed: it may set the
 * reserve free and reopen the database, and answers whether the same batch should be tried once more.
 */
export interface SpaceGuard {
  admit(bytes: number, pendingBytes: number): void
  /** A commit that gives space back was ordered. */
  reclaimed?(): void
  recover(error: unknown): Promise<boolean>
}

/** When a commit is acknowledged. `group`: the operating system has it. `strict`: it survives power loss. `relaxed`: at once, and at most the stated bound is lost on a kill, never torn or reordered. */
export type Durability = 'group' | 'strict' | 'relaxed'

export interface StoreStatistics {
  readonly commits: number
  readonly batches: number
  readonly reruns: number
  readonly rowsWritten: number
  readonly bytesWritten: number
  readonly barriers: number
  /** Bytes committed and not yet landed in the database. */
  readonly pendingBytes: number
}

/**
 * Ordered, atomic, re-runnable transactions on a database.
 *
 * A body that never waited cannot have been overtaken and commits without validation; one that waited is validated
 * against the keys and ranges it read, and runs again after a conflict. A body that throws after a conflict also runs
 * again: what it saw may never have existed together. A failed batch poisons the store: every later call throws
 * `ERR_VIVEFS_STORE_FAILED` with the cause, until the volume is opened again. A batch that failed for want of space
 * (cause ENOSPC or EDQUOT) poisons with the filesystem code ENOSPC.
 */
export interface TransactionalStore {
  readonly caps: StoreCaps
  /**
   * A body must not wait for another transaction of the same store: after many reruns it may hold the right of way that
   * the other one waits for. Throws ERR_VIVEFS_SYNC_UNAVAILABLE, with nothing changed, when driven synchronously and it
   * would have to wait; EBUSY after 1000 reruns; EIO when the database does not read; EROFS for a write of a read-only
   * transaction; ERR_VIVEFS_BATCH_TOO_BIG, ERR_VIVEFS_CLOSED, ERR_VIVEFS_STORE_FAILED.
   */
  transact<T>(body: (tx: Tx) => Op<T>, options?: TransactOptions): Op<T>
  /** Whether calls are still answered: neither closed nor failed. */
  readonly isUsable: boolean
  /** The newest committed value of a row if it is at hand; `null`: there is no such row; `undefined`: it is not known here. */
  peek(key: Bytes): Bytes | null | undefined
  /** `listener` is called for every row, in the step in which its commit is ordered. The answer ends it. */
  observe(listener: RowObserver): () => void
  /** From now on every transaction that writes asks `keeper`. Called once, before the first of them. */
  keepWith(keeper: RowKeeper): void
  /** For effects: every transaction whose body has begun and is not ordered yet runs again. */
  overtake(): void
  /** Everything acknowledged before this call survives power loss when it returns. */
  barrier(): Op<void>
  statistics(): StoreStatistics
  /** Waits for what is committed to land, then lets go of the database. Acknowledged work is never lost by it. */
  close(): Promise<void>
}
