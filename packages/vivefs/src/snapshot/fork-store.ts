/**
 * A fork as a store: its own rows, under its prefix, in front of what its base snapshot shows (FORMAT.md, "Snapshots"). The core and the
 * faces run on it as they are. Inode numbers come from the volume's one lease, so that none is ever two inodes'.
 */
import type { RowFate, SharedRows } from '../core/shared-rows.ts'
import { FilesystemError, invariant, ViveError } from '../errors.ts'
import {
  DATA_FORK,
  DATA_HISTORY,
  EXTENT,
  FORK,
  GROUP_NAME,
  META_FORK,
  META_HISTORY,
  SNAPSHOT,
  SYSTEM,
  USER,
} from '../format/key-types.ts'
import { encodeAbsent, isAbsent } from '../format/snapshot.ts'
import { FORK_PREFIX_BYTES, forkedBound, forkedKey, inoOfVersioned, isVersioned } from '../format/snapshot-keys.ts'
import type { Op } from '../op.ts'
import { keyText } from '../store/key.ts'
import type {
  Bytes,
  KeyRange,
  Row,
  RowObserver,
  StoreCaps,
  StoreStatistics,
  TransactionalStore,
  TransactOptions,
  Tx,
} from '../store/store.ts'
import { overlay, PagedRows, type RowStream, type StreamRow } from './row-stream.ts'
import { isShared, ofType, type SnapshotReader, streamOf } from './view-store.ts'

const PAGE_ROWS = 256
/** Extents are long. */
const DATA_PAGE_ROWS = 16

/** Rows that are the volume's and not the fork's. */
const HIDDEN: readonly number[] = [SNAPSHOT, FORK, META_HISTORY, META_FORK, DATA_HISTORY, DATA_FORK]
const isAccount = (type: number): boolean => type >= USER && type <= GROUP_NAME
const isVolumes = (key: Bytes): boolean => isAccount(key[0]!) || isShared(key)

/** The fork's own rows, under the keys that the fork knows them by. */
class OwnRows implements RowStream {
  readonly #rows: PagedRows
  #current: StreamRow | undefined

  constructor(rows: PagedRows) {
    this.#rows = rows
  }

  *peek(): Op<StreamRow | undefined> {
    if (this.#current !== undefined) return this.#current
    const row = yield* this.#rows.peek()
    if (row === undefined) return undefined
    const value = row.value === undefined || isAbsent(row.value) ? undefined : row.value
    const { text, key } = row
    this.#current = { text: text.slice(FORK_PREFIX_BYTES), key: key.subarray(FORK_PREFIX_BYTES), value }
    return this.#current
  }

  skip(): void {
    this.#current = undefined
    this.#rows.skip()
  }
}

const nothing: RowStream = {
  *peek() {
    return undefined
  },
  skip() {},
}

/** Only the volume's own rows of a stream of them. */
class VolumeRows implements RowStream {
  readonly #rows: RowStream

  constructor(rows: RowStream) {
    this.#rows = rows
  }

  *peek(): Op<StreamRow | undefined> {
    let row = yield* this.#rows.peek()
    while (row !== undefined && !isVolumes(row.key)) {
      this.#rows.skip()
      row = yield* this.#rows.peek()
    }
    return row
  }

  skip(): void {
    this.#rows.skip()
  }
}

/** A transaction of the volume, shown as one of the fork. */
class ForkTx implements Tx {
  readonly #tag: number
  readonly #base: SnapshotReader
  readonly #tx: Tx

  constructor(tag: number, base: SnapshotReader, tx: Tx) {
    this.#tag = tag
    this.#base = base
    this.#tx = tx
  }

  *get(key: Bytes): Op<Bytes | undefined> {
    if (isVolumes(key)) return yield* this.#tx.get(key)
    const own = yield* this.#tx.get(forkedKey(this.#tag, key))
    if (own !== undefined) return isAbsent(own) ? undefined : own
    return isVersioned(key[0]!) ? yield* this.#base.get(this.#tx, key) : undefined
  }

  *range(range: KeyRange): Op<readonly Row[]> {
    const limit = range.limit ?? Number.POSITIVE_INFINITY
    const rows: Row[] = []
    const low = range.gt ?? range.gte
    const first = low?.[0] ?? 0
    const last = range.lt[0]!
    if (range.reverse === true) {
      invariant(isAccount(first) && last <= GROUP_NAME + 1, 'rows of forks are read forwards')
      return yield* this.#tx.range(range)
    }
    for (let type = first; type <= last && rows.length < limit; type++) {
      const part = HIDDEN.includes(type) ? undefined : ofType(range, type)
      if (part === undefined) continue
      const pageRows = Math.max(1, Math.min(limit, type === EXTENT ? DATA_PAGE_ROWS : PAGE_ROWS))
      const keysOnly = range.keysOnly === true
      yield* overlay(this.#own(part, type, pageRows), this.#below({ ...part, keysOnly }, type, pageRows), rows, limit)
    }
    return rows
  }

  /** Rows of the base are left where they are: nothing has to say that the fork does not see them any more. */
  *fatesOf(keys: readonly Bytes[]): Op<readonly RowFate[]> {
    const type = keys[0]?.[0]
    if (type === undefined) return []
    const own = this.#own({ gte: keys[0]!, lt: Buffer.of(type + 1) }, type, PAGE_ROWS)
    const last = keyText(keys[keys.length - 1]!)
    const changed = new Set<string>()
    for (let row = yield* own.peek(); row !== undefined && row.text <= last; row = yield* own.peek()) {
      changed.add(row.text)
      own.skip()
    }
    return keys.map((key) => (this.#isBelow(key) && !changed.has(keyText(key)) ? 'leave' : 'discard'))
  }

  put(key: Bytes, value: Bytes): void {
    this.#tx.put(this.#placeOf(key), value)
  }

  del(key: Bytes): void {
    const place = this.#placeOf(key)
    if (this.#isBelow(key)) this.#tx.put(place, encodeAbsent(place))
    else this.#tx.del(place)
  }

  discard(key: Bytes): void {
    this.#tx.del(this.#placeOf(key))
  }

  merge(): void {
    throw new ViveError('ERR_VIVEFS_INTERNAL', 'merge on a store whose caps.merge is false')
  }

  relyOn(holds: () => boolean): void {
    this.#tx.relyOn(holds)
  }

  putAtCommit(key: Bytes | (() => Bytes), make: () => Bytes): void {
    const place = typeof key === 'function' ? () => this.#placeOf(key()) : this.#placeOf(key)
    this.#tx.putAtCommit(place, make)
  }

  onCommit(effect: () => void): void {
    this.#tx.onCommit(effect)
  }

  #placeOf(key: Bytes): Bytes {
    return isVolumes(key) ? key : forkedKey(this.#tag, key)
  }

  /** Whether the base may have the row. */
  #isBelow(key: Bytes): boolean {
    return isVersioned(key[0]!) && inoOfVersioned(key) < this.#base.info.nextIno
  }

  #own(range: KeyRange, type: number, pageRows: number): RowStream {
    if (isAccount(type)) return nothing
    const bound = (key: Bytes): Bytes => forkedBound(this.#tag, type, key)
    const start = range.gt !== undefined ? { gt: bound(range.gt) } : { gte: bound(range.gte!) }
    return new OwnRows(new PagedRows(this.#tx, { ...start, lt: bound(range.lt) }, pageRows))
  }

  #below(range: KeyRange, type: number, pageRows: number): RowStream {
    if (isVersioned(type)) return streamOf(this.#base, this.#tx, range, pageRows)
    return isAccount(type) || type === SYSTEM ? new VolumeRows(new PagedRows(this.#tx, range, pageRows)) : nothing
  }
}

/** What a fork shares with its base. */
export class ForkRows implements SharedRows {
  /** A fork has no snapshots: its jobs need not say when they began. */
  readonly stamp = 0
  readonly #nextIno: number

  constructor(nextIno: number) {
    this.#nextIno = nextIno
  }

  shares(ino: number): boolean {
    return ino < this.#nextIno
  }

  fatesOf(tx: Tx, keys: readonly Bytes[]): Op<readonly RowFate[]> {
    invariant(tx instanceof ForkTx, 'jobs of a fork run on its own store')
    return tx.fatesOf(keys)
  }
}

/** Errors: those of the volume's store; ERR_VIVEFS_CLOSED when the fork was deleted. */
export class ForkStore implements TransactionalStore {
  readonly caps: StoreCaps
  readonly #volume: TransactionalStore
  readonly #base: SnapshotReader
  readonly #tag: number
  readonly #stands: () => boolean
  readonly #ends: (() => void)[] = []
  #isClosed = false

  constructor(volume: TransactionalStore, base: SnapshotReader, tag: number, stands: () => boolean) {
    this.#volume = volume
    this.#base = base
    this.#tag = tag
    this.#stands = stands
    // Every read may need a range.
    this.caps = { ...volume.caps, sync: volume.caps.sync === 'full' ? 'full' : 'none' }
  }

  *transact<T>(body: (tx: Tx) => Op<T>, options: TransactOptions = {}): Op<T> {
    this.#assertThere()
    return yield* this.#volume.transact((tx) => this.#inside(tx, body), options)
  }

  *#inside<T>(tx: Tx, body: (tx: Tx) => Op<T>): Op<T> {
    this.#assertThere()
    tx.relyOn(this.#stands)
    return yield* body(new ForkTx(this.#tag, this.#base, tx))
  }

  get isUsable(): boolean {
    return !this.#isClosed && this.#stands() && this.#volume.isUsable
  }

  peek(key: Bytes): Bytes | null | undefined {
    if (isVolumes(key)) return this.#volume.peek(key)
    const own = this.#volume.peek(forkedKey(this.#tag, key))
    if (own === undefined) return undefined
    if (own !== null) return isAbsent(own) ? null : own
    if (!isVersioned(key[0]!)) return null
    return inoOfVersioned(key) < this.#base.info.nextIno ? this.#base.peek(keyText(key)) : null
  }

  observe(listener: RowObserver): () => void {
    const [meta, data] = [forkedKey(this.#tag, Buffer.of(0)), forkedKey(this.#tag, Buffer.of(EXTENT))].map((key) =>
      keyText(key.subarray(0, FORK_PREFIX_BYTES)),
    )
    const end = this.#volume.observe((key) => {
      if (key.startsWith(meta!) || key.startsWith(data!)) listener(key.slice(FORK_PREFIX_BYTES))
    })
    // The volume outlives its forks: what it told them keeps nothing of them alive.
    this.#ends.push(end)
    return end
  }

  keepWith(): void {
    throw new ViveError('ERR_VIVEFS_UNSUPPORTED', 'a fork has no snapshots of its own')
  }

  overtake(): void {
    throw new FilesystemError('ENOSYS')
  }

  barrier(): Op<void> {
    return this.#volume.barrier()
  }

  statistics(): StoreStatistics {
    return this.#volume.statistics()
  }

  /** The volume stays open. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const end of this.#ends.splice(0)) end()
  }

  #assertThere(): void {
    if (this.#isClosed) throw new ViveError('ERR_VIVEFS_CLOSED', 'the fork is closed')
    if (!this.#stands()) throw new ViveError('ERR_VIVEFS_CLOSED', 'the fork was deleted')
  }
}
