/**
 * The volume as it was at a snapshot, as a store that cannot be changed: the core and the faces run on it as they are.
 *
 * I1: what a view shows never changes. A row found by a transaction that held together is remembered.
 */
import { createHash } from 'node:crypto'
import { FilesystemError, invariant, ViveError } from '../errors.ts'
import { EXTENT, GROUP_NAME, LOAN, NODE, ORPHAN, REFERENCE, SYSTEM, USER } from '../format/key-types.ts'
import { countersKey, inodeLeaseKey, superblockKey } from '../format/keys.ts'
import { writeU64 } from '../format/row.ts'
import { isAbsent } from '../format/snapshot.ts'
import { historyFrom, historyKey, historyRange, inoOfVersioned, isVersioned } from '../format/snapshot-keys.ts'
import { encodeCounters, RoCompat, type Superblock } from '../format/superblock.ts'
import type { Op } from '../op.ts'
import { keyText } from '../store/key.ts'
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
import type { SnapshotInfo } from './info.ts'
import type { Keeper } from './keeper.ts'
import { HistoryRows, overlay, PagedRows, type RowStream } from './row-stream.ts'

const CACHE_ROWS_MAX = 8192
const CACHE_VALUE_BYTES_MAX = 4096
const PAGE_ROWS = 256
/** Extents are long. */
const DATA_PAGE_ROWS = 16

/** Types of rows that a volume may show to its views as they are now, and those that have versions. */
const TYPES = [SYSTEM, USER, USER + 1, USER + 2, GROUP_NAME, ORPHAN, NODE, REFERENCE, LOAN, EXTENT]

/** The part of a range with keys that begin with `type`; undefined when it has none. */
export function ofType(range: KeyRange, type: number): KeyRange | undefined {
  const first = Buffer.of(type)
  const end = Buffer.of(type + 1)
  const lt = Buffer.compare(range.lt, end) < 0 ? range.lt : end
  const low = range.gt ?? range.gte
  const isInside = low !== undefined && Buffer.compare(low, first) > 0
  if (Buffer.compare(isInside ? low : first, lt) >= 0) return undefined
  return { ...(isInside ? (range.gt !== undefined ? { gt: low } : { gte: low }) : { gte: first }), lt }
}

/** Reads of a snapshot through a transaction of the volume. */
export class SnapshotReader {
  readonly info: SnapshotInfo
  readonly #keeper: Keeper
  readonly #rows = new Map<string, Bytes | null>()

  constructor(info: SnapshotInfo, keeper: Keeper) {
    this.info = info
    this.#keeper = keeper
  }

  /** Whether the snapshot is there. */
  get stands(): boolean {
    return this.#keeper.has(this.info.tag)
  }

  /** As `TransactionalStore.peek`. */
  peek(text: string): Bytes | null | undefined {
    return this.#rows.get(text)
  }

  *get(tx: Tx, key: Bytes): Op<Bytes | undefined> {
    const type = key[0]!
    if (isVersioned(type)) {
      if (inoOfVersioned(key) >= this.info.nextIno) return undefined
      const text = keyText(key)
      const known = this.#rows.get(text)
      if (known !== undefined) return known ?? undefined
      const value = yield* this.#find(tx, key)
      // Published only if this read is proven consistent.
      tx.onCommit(() => this.#remember(text, value))
      return value
    }
    if (Buffer.compare(key, countersKey) === 0) return encodeCounters(this.info)
    const isShown = (type >= USER && type <= GROUP_NAME) || isShared(key)
    return isShown ? yield* tx.get(key) : undefined
  }

  /** Reverse ranges only of rows without versions. */
  *range(tx: Tx, range: KeyRange): Op<readonly Row[]> {
    const limit = range.limit ?? Number.POSITIVE_INFINITY
    const rows: Row[] = []
    for (const type of range.reverse === true ? [...TYPES].reverse() : TYPES) {
      const part = ofType(range, type)
      if (part === undefined || rows.length >= limit) continue
      if (isVersioned(type)) {
        invariant(range.reverse !== true, 'rows with versions are read forwards')
        yield* this.#versionedRange(tx, { ...part, keysOnly: range.keysOnly === true }, type, rows, limit)
      } else {
        for (const row of yield* tx.range({ ...range, ...part, limit: undefined } as KeyRange)) {
          if (rows.length >= limit) break
          if (Buffer.compare(row.key, countersKey) === 0) rows.push({ key: row.key, value: encodeCounters(this.info) })
          else if (type !== SYSTEM || isShared(row.key)) rows.push(row)
        }
      }
    }
    return rows
  }

  *#find(tx: Tx, key: Bytes): Op<Bytes | undefined> {
    const { tag } = this.info
    let kept: Bytes | undefined
    if (tag === this.#keeper.stamp) kept = yield* tx.get(historyKey(key, tag))
    else kept = (yield* tx.range({ ...historyRange(key, tag), limit: 1 }))[0]?.value
    if (kept === undefined) return yield* tx.get(key)
    return isAbsent(kept) ? undefined : kept
  }

  *#versionedRange(tx: Tx, range: KeyRange, type: number, rows: Row[], limit: number): Op<void> {
    const bound = Buffer.alloc(9)
    bound[0] = type
    writeU64(bound, this.info.nextIno, 1)
    const lt = Buffer.compare(range.lt, bound) < 0 ? range.lt : bound
    const low = range.gt ?? range.gte!
    if (Buffer.compare(low, lt) >= 0) return
    const pageRows = Math.max(1, Math.min(limit - rows.length, type === EXTENT ? DATA_PAGE_ROWS : PAGE_ROWS))
    const gte = range.gt === undefined ? historyFrom(low) : historyRange(low, 0).lt
    const past = new HistoryRows(new PagedRows(tx, { gte, lt: historyFrom(lt) }, pageRows), this.info.tag)
    const present = new PagedRows(tx, { ...range, lt }, pageRows)
    yield* overlay(past, present, rows, limit)
  }

  #remember(text: string, value: Bytes | undefined): void {
    if (value !== undefined && value.length > CACHE_VALUE_BYTES_MAX) return
    if (this.#rows.size >= CACHE_ROWS_MAX) this.#rows.clear()
    this.#rows.set(text, value ?? null)
  }
}

/** What the core of a view or a fork may remember of content, bytes. */
export const EXTENT_CACHE_BYTES = 4 << 20

/** The change feed is the volume's; views and forks have none. */
export const withoutFeed = (superblock: Superblock): Superblock => ({
  ...superblock,
  features: { ...superblock.features, roCompat: superblock.features.roCompat & ~RoCompat.changeFeed },
})

/** The identity of what a volume shows beside itself: handles and device numbers differ from the volume's. */
export const identityOf = (volumeId: string, kind: 'snapshot' | 'fork', tag: number): string =>
  createHash('sha256').update(`${volumeId} ${kind} ${tag}`).digest('hex').slice(0, 32)

/** Rows of the whole volume that views and forks show as they are. */
export const isShared = (key: Bytes): boolean =>
  Buffer.compare(key, superblockKey) === 0 || Buffer.compare(key, inodeLeaseKey) === 0

/** Rows of a snapshot as a stream, for a layer above. */
export const streamOf = (reader: SnapshotReader, tx: Tx, range: KeyRange, pageRows: number): RowStream =>
  new PagedRows({ range: (page) => reader.range(tx, page) }, range, pageRows)

/** A transaction of the volume, shown as one of the snapshot. */
class ViewTx implements Tx {
  readonly #reader: SnapshotReader
  readonly #tx: Tx

  constructor(reader: SnapshotReader, tx: Tx) {
    this.#reader = reader
    this.#tx = tx
  }

  get(key: Bytes): Op<Bytes | undefined> {
    return this.#reader.get(this.#tx, key)
  }

  range(range: KeyRange): Op<readonly Row[]> {
    return this.#reader.range(this.#tx, range)
  }

  put(): void {
    throw new FilesystemError('EROFS')
  }

  del(): void {
    throw new FilesystemError('EROFS')
  }

  discard(): void {
    throw new FilesystemError('EROFS')
  }

  merge(): void {
    throw new FilesystemError('EROFS')
  }

  putAtCommit(): void {
    throw new FilesystemError('EROFS')
  }

  relyOn(holds: () => boolean): void {
    this.#tx.relyOn(holds)
  }

  onCommit(effect: () => void): void {
    this.#tx.onCommit(effect)
  }
}

/** A snapshot as a store. Errors: those of the volume's; ERR_VIVEFS_CLOSED when the snapshot was deleted. */
export class ViewStore implements TransactionalStore {
  readonly caps: StoreCaps
  readonly reader: SnapshotReader
  readonly #volume: TransactionalStore
  readonly #isAlone: boolean
  #isClosed = false

  /** `isAlone`: closing it closes the volume's store. */
  constructor(volume: TransactionalStore, reader: SnapshotReader, isAlone = false) {
    this.#volume = volume
    this.#isAlone = isAlone
    this.reader = reader
    // Every read may need a range.
    this.caps = { ...volume.caps, sync: volume.caps.sync === 'full' ? 'full' : 'none' }
  }

  *transact<T>(body: (tx: Tx) => Op<T>, options: TransactOptions = {}): Op<T> {
    this.#assertThere()
    return yield* this.#volume.transact((tx) => this.#inside(tx, body), { ...options, readOnly: true })
  }

  *#inside<T>(tx: Tx, body: (tx: Tx) => Op<T>): Op<T> {
    this.#assertThere()
    tx.relyOn(() => this.reader.stands)
    return yield* body(new ViewTx(this.reader, tx))
  }

  get isUsable(): boolean {
    return !this.#isClosed && this.reader.stands && this.#volume.isUsable
  }

  peek(key: Bytes): Bytes | null | undefined {
    return this.reader.peek(keyText(key))
  }

  observe(): () => void {
    // I1: there is nothing to hear of.
    return () => {}
  }

  keepWith(): void {
    throw new ViveError('ERR_VIVEFS_UNSUPPORTED', 'a snapshot has no snapshots of its own')
  }

  overtake(): void {
    throw new FilesystemError('EROFS')
  }

  barrier(): Op<void> {
    return this.#volume.barrier()
  }

  statistics(): StoreStatistics {
    return this.#volume.statistics()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#isAlone) await this.#volume.close()
  }

  #assertThere(): void {
    if (this.#isClosed) throw new ViveError('ERR_VIVEFS_CLOSED', 'the view is closed')
    if (!this.reader.stands) throw new ViveError('ERR_VIVEFS_CLOSED', 'the snapshot was deleted')
  }
}
