/**
 * The store that the operations inside a user's transaction run on: each of them is one transaction of this store, and
 * all of them together are one of the volume's.
 *
 * I1: operations run one after the other, in the order of their calls: an operation that waits for the database never
 *     sees half of another one, and one that fails is taken back alone.
 * I2: everything read goes through the volume's transaction and joins its conflict set; nothing is read around it.
 * I3: nothing reaches the volume before `flush`.
 */
import { FilesystemError, ViveError } from '../errors.ts'
import { drivenSync, type Op, SyncUnavailableError } from '../op.ts'
import type {
  Bytes,
  KeyRange,
  Row,
  StoreCaps,
  StoreStatistics,
  TransactionalStore,
  TransactOptions,
  Tx,
} from '../store/store.ts'
import { StagedRows } from './staged-rows.ts'

/** A row whose value is made when the volume's transaction is ordered. */
type LateKey = Bytes | (() => Bytes)
type LateRow = readonly [key: LateKey, make: () => Bytes]

/** The transaction of one operation. */
class NestedTx implements Tx {
  readonly effects: (() => void)[] = []
  readonly lateRows: LateRow[] = []
  readonly #store: NestedStore
  readonly #readOnly: boolean

  constructor(store: NestedStore, readOnly: boolean) {
    this.#store = store
    this.#readOnly = readOnly
  }

  *get(key: Bytes): Op<Bytes | undefined> {
    this.#store.assertUsable()
    return yield* this.#store.rows.get(this.#store.below, key)
  }

  *range(range: KeyRange): Op<readonly Row[]> {
    this.#store.assertUsable()
    return yield* this.#store.rows.range(this.#store.below, range)
  }

  put(key: Bytes, value: Bytes): void {
    this.#assertWritable()
    this.#store.rows.write({ type: 'put', key, value })
  }

  del(key: Bytes): void {
    this.#assertWritable()
    this.#store.rows.write({ type: 'del', key, value: undefined })
  }

  discard(key: Bytes): void {
    this.#assertWritable()
    this.#store.rows.write({ type: 'del', key, value: undefined, isDiscarded: true })
  }

  merge(key: Bytes, operand: Bytes): void {
    this.#store.below.merge(key, operand)
  }

  relyOn(holds: () => boolean): void {
    this.#store.below.relyOn(holds)
  }

  putAtCommit(key: LateKey, make: () => Bytes): void {
    this.#assertWritable()
    this.lateRows.push([key, make])
  }

  onCommit(effect: () => void): void {
    this.effects.push(effect)
  }

  #assertWritable(): void {
    this.#store.assertUsable()
    if (this.#readOnly) throw new FilesystemError('EROFS')
  }
}

export class NestedStore implements TransactionalStore {
  readonly caps: StoreCaps
  readonly rows: StagedRows
  readonly below: Tx
  /** What the operations want written when the volume's transaction is ordered. */
  readonly lateRows: LateRow[] = []
  /** An operation asked to survive power loss. */
  wantsBarrier = false
  /** Whether every operation that wrote gives space back. */
  reclaims = true
  readonly #statistics: () => StoreStatistics
  readonly #turns: (() => void)[] = []
  #isTaken = false
  #isOver = false
  #idle: (() => void) | undefined

  constructor(volume: TransactionalStore, below: Tx, bytesMax: number) {
    this.caps = volume.caps
    this.rows = new StagedRows(Math.min(bytesMax, volume.caps.batchBytesMax))
    this.below = below
    this.#statistics = () => volume.statistics()
  }

  *transact<T>(body: (tx: Tx) => Op<T>, options: TransactOptions = {}): Op<T> {
    this.assertUsable()
    if (this.#isTaken) {
      if (drivenSync()) throw new SyncUnavailableError('this operation comes after one that is under way, it')
      yield new Promise<void>((resolve) => this.#turns.push(resolve))
    }
    this.#isTaken = true
    let isKept = false
    try {
      this.assertUsable()
      const tx = new NestedTx(this, options.readOnly === true)
      const writesBefore = this.rows.writes
      const result = yield* body(tx)
      this.assertUsable()
      this.rows.keep()
      isKept = true
      if (this.rows.writes !== writesBefore) {
        if (options.durable === true) this.wantsBarrier = true
        if (options.reclaims !== true) this.reclaims = false
      }
      for (const effect of tx.effects) effect()
      this.lateRows.push(...tx.lateRows)
      return result
    } finally {
      if (!isKept) this.rows.takeBack()
      this.#next()
    }
  }

  get isUsable(): boolean {
    return !this.#isOver
  }

  /** I2: nothing is known without asking the transaction. */
  peek(): undefined {
    return undefined
  }

  observe(): () => void {
    // Nobody here remembers rows: see peek.
    return () => {}
  }

  /** Whoever keeps what is replaced does so when the volume's transaction is ordered. */
  keepWith(): void {
    throw new ViveError('ERR_VIVEFS_INTERNAL', 'the rows inside a transaction are kept by the store of the volume')
  }

  overtake(): void {
    throw new ViveError('ERR_VIVEFS_INTERNAL', 'nothing inside a transaction overtakes the others')
  }

  /** Nothing has landed yet; the commit of the whole will be followed by one. */
  *barrier(): Op<void> {
    this.assertUsable()
    this.wantsBarrier = true
  }

  statistics(): StoreStatistics {
    return this.#statistics()
  }

  close(): Promise<void> {
    return this.idle()
  }

  /** Resolves when no operation is under way. */
  async idle(): Promise<void> {
    while (this.#isTaken) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  /** From now on every call throws ERR_VIVEFS_TRANSACTION_OVER. */
  end(): void {
    this.#isOver = true
  }

  assertUsable(): void {
    if (this.#isOver) {
      throw new ViveError('ERR_VIVEFS_TRANSACTION_OVER', 'the transaction is over: what it lent is of no use any more')
    }
  }

  #next(): void {
    this.#isTaken = false
    const turn = this.#turns.shift()
    if (turn !== undefined) {
      // Taken at once, so that nobody gets in between.
      this.#isTaken = true
      turn()
    } else this.#idle?.()
  }
}
