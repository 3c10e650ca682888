/**
 * The volume's store with its snapshots in a directory of the root, `.snapshots` or whatever it is called: rows of inodes that
 * core/trees.ts numbers are made of those that the snapshots show. The core, its faces, gateways and mounts run on it as they are.
 *
 *   V1  such a row is what the snapshot shows under its own number, with numbers in it (of an entry, of the parent, of a shared
 *       extent's origin) moved into the snapshot's own; a damaged row stays damaged
 *   V2  no such row is ever written: EROFS. The directory's own name in the root stays: EBUSY
 *   V3  nothing of it lies in a range of rows but one below such an inode, and the name in a listing of the root if that is wanted
 */
import { S_IFDIR } from '../core/mode.ts'
import { isShowable, isShown, SNAPSHOTS_INO, shownIno, shownParts } from '../core/trees.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import { decodeDirent, encodeDirent, hashName, NAME_BYTES_MAX } from '../format/dirent.ts'
import { decodeInode, encodeInode, freshInode } from '../format/inode.ts'
import { EXTENT, LOAN, NODE, REFERENCE } from '../format/key-types.ts'
import { direntKey, direntRange, nameOfDirentKey, parseNodeKey } from '../format/keys.ts'
import { decodeReference, encodeReference } from '../format/loan.ts'
import { check, type RowKind, readU64, seal, writeU64 } from '../format/row.ts'
import type { Superblock } from '../format/superblock.ts'
import { type Op, runAsync } from '../op.ts'
import { keyText } from '../store/key.ts'
import type {
  Bytes,
  KeyRange,
  Row,
  RowKeeper,
  RowObserver,
  StoreCaps,
  StoreStatistics,
  TransactionalStore,
  TransactOptions,
  Tx,
} from '../store/store.ts'
import type { SnapshotInfo } from './info.ts'
import type { Keeper } from './keeper.ts'
import { SnapshotReader } from './view-store.ts'

/** Where the snapshots are shown. */
export interface SnapshotDirectory {
  readonly name: string
  /** Whether the root lists it. Default false: it is there for whoever knows it. */
  readonly isListed?: boolean
}

const ROWS_MAX = 4096
const ROW_BYTES_MAX = 1024
/** Types of rows that belong to an inode, whose number follows the type. */
const OF_INODES: readonly (number | undefined)[] = [NODE, REFERENCE, LOAN, EXTENT]
/** No version of a row is above it: whether the row is known is for whoever reads it to say. */
const ANY_VERSION = 255

/** The number in a key of a shown inode; undefined for any other key. */
function shownInoOf(key: Bytes | undefined): number | undefined {
  // Numbers from 2^52 on have this bit.
  if (key === undefined || key.length < 9 || (key[2]! & 0x10) === 0 || !OF_INODES.includes(key[0])) return undefined
  const ino = readU64(key, 1)
  return isShown(ino) ? ino : undefined
}

function withIno(key: Bytes, ino: number): Buffer {
  const moved = Buffer.from(key)
  writeU64(moved, ino, 1)
  return moved
}

/** The bound of a range below an inode: what is behind it begins with another number or another type. */
function boundFor(bound: Bytes, low: Bytes, from: number, to: number): Bytes {
  if (bound[0] !== low[0] || bound.length < 9) return bound
  return withIno(bound, to + readU64(bound, 1) - from)
}

/** What of it all a store and its transactions work with. */
class Shown {
  readonly name: Buffer
  readonly isListed: boolean
  readonly entry: Row
  readonly #superblock: Superblock
  readonly #keeper: Keeper
  readonly #readers = new Map<number, SnapshotReader>()
  readonly #rows = new Map<string, Bytes>()

  constructor(keeper: Keeper, superblock: Superblock, { name, isListed = false }: SnapshotDirectory) {
    this.name = Buffer.from(name)
    this.isListed = isListed
    this.#superblock = superblock
    this.#keeper = keeper
    const key = this.#keyOf(superblock.rootIno, this.name)
    this.entry = { key, value: encodeDirent(key, { ino: SNAPSHOTS_INO, type: S_IFDIR }) }
  }

  *get(tx: Tx, key: Bytes, shown: number): Op<Bytes | undefined> {
    const { tag, ino } = shownParts(shown)
    if (tag === 0) return shown === SNAPSHOTS_INO ? this.#ofDirectory(tx, key) : undefined
    const reader = this.#readerOf(tag)
    if (reader === undefined) return undefined
    tx.relyOn(() => reader.stands)
    const text = keyText(key)
    const known = this.#rows.get(text)
    if (known !== undefined) return known
    const own = withIno(key, ino)
    const row = yield* reader.get(tx, own)
    if (row === undefined) return undefined
    const moved = this.#moved(key, own, row, tag)
    if (moved.length <= ROW_BYTES_MAX) tx.onCommit(() => this.#remember(text, moved))
    return moved
  }

  *range(tx: Tx, range: KeyRange, shown: number): Op<readonly Row[]> {
    const { tag, ino } = shownParts(shown)
    if (tag === 0) return this.#entries(tx, range)
    const reader = this.#readerOf(tag)
    if (reader === undefined) return []
    tx.relyOn(() => reader.stands)
    const low = range.gt ?? range.gte!
    const from = withIno(low, ino)
    const own = { ...(range.gt === undefined ? { gte: from } : { gt: from }), lt: boundFor(range.lt, low, shown, ino) }
    const { limit, keysOnly } = range
    const rows = yield* reader.range(tx, {
      ...own,
      ...(limit !== undefined && { limit }),
      ...(keysOnly && { keysOnly }),
    })
    return rows.map((row) => {
      const key = withIno(row.key, shownIno(tag, readU64(row.key, 1)))
      return { key, value: keysOnly ? row.value : this.#moved(key, row.key, row.value, tag) }
    })
  }

  /** The row of the directory's name, where a range of the root's names would have it. */
  listedIn(range: KeyRange): Row | undefined {
    const { key } = this.entry
    const low = range.gt ?? range.gte
    if (!this.isListed || low?.[0] !== NODE || low.length < 10 || parseNodeKey(key)?.sub !== 'dirent') return undefined
    const { rootIno } = this.#superblock
    if (readU64(low, 1) !== rootIno || Buffer.compare(range.lt, direntRange(rootIno).lt) > 0) return undefined
    const order = Buffer.compare(key, low)
    return (range.gt === undefined ? order >= 0 : order > 0) && Buffer.compare(key, range.lt) < 0
      ? this.entry
      : undefined
  }

  #keyOf(directory: number, name: Bytes): Buffer {
    const { nameSeedHigh: high, nameSeedLow: low } = this.#superblock
    return direntKey(directory, hashName({ high, low }, name), name)
  }

  #readerOf(tag: number): SnapshotReader | undefined {
    const info = this.#all().find((each) => each.tag === tag)
    if (info === undefined) {
      this.#readers.delete(tag)
      return undefined
    }
    let reader = this.#readers.get(tag)
    if (reader === undefined) {
      for (const known of this.#readers.keys()) if (!this.#keeper.has(known)) this.#readers.delete(known)
      reader = new SnapshotReader(info, this.#keeper)
      this.#readers.set(tag, reader)
    }
    return reader
  }

  #all(): SnapshotInfo[] {
    return this.#keeper.snapshots.filter(
      ({ tag, nextIno, isHidden, name }) => !isHidden && isShowable(tag, nextIno) && name !== '.' && name !== '..',
    )
  }

  #ofDirectory(tx: Tx, key: Bytes): Bytes | undefined {
    const { snapshots } = this.#keeper
    tx.relyOn(() => this.#keeper.snapshots === snapshots)
    const sub = parseNodeKey(key)?.sub
    if (sub === 'inode') return this.#directory(key)
    if (sub !== 'dirent') return undefined
    const name = nameOfDirentKey(key)
    const info = this.#all().find((each) => Buffer.from(each.name).equals(name))
    return info === undefined ? undefined : this.#entryOf(key, info)
  }

  #entryOf = (key: Bytes, { tag }: SnapshotInfo): Bytes =>
    encodeDirent(key, { ino: shownIno(tag, this.#superblock.rootIno), type: S_IFDIR })

  #directory(key: Bytes): Bytes {
    const all = this.#all()
    const newestMs = all[all.length - 1]?.createdMs ?? this.#superblock.createdMs
    const now = { sec: Math.floor(newestMs / 1000), nsec: (newestMs % 1000) * 1_000_000 }
    const { rootIno, extentBytes } = this.#superblock
    const made = freshInode({ ino: SNAPSHOTS_INO, mode: S_IFDIR | 0o555, uid: 0, gid: 0, extentBytes, now })
    return encodeInode(key, { ...made, nlink: 2 + all.length, entries: all.length, parent: rootIno })
  }

  #entries(tx: Tx, range: KeyRange): Row[] {
    const { snapshots } = this.#keeper
    tx.relyOn(() => this.#keeper.snapshots === snapshots)
    const low = range.gt ?? range.gte!
    const rows = this.#all().map((info) => {
      const key = this.#keyOf(SNAPSHOTS_INO, Buffer.from(info.name))
      return { key, value: this.#entryOf(key, info) }
    })
    const within = rows.filter(({ key }) => {
      const order = Buffer.compare(key, low)
      return (range.gt === undefined ? order >= 0 : order > 0) && Buffer.compare(key, range.lt) < 0
    })
    return within.sort((a, b) => Buffer.compare(a.key, b.key)).slice(0, range.limit)
  }

  /** V1. */
  #moved(key: Bytes, own: Bytes, row: Bytes, tag: number): Bytes {
    if (check(own, row, row[0] as RowKind, ANY_VERSION) !== undefined) return row
    const type = own[0]
    const sub = type === NODE ? parseNodeKey(own)?.sub : undefined
    if (sub === 'inode') {
      const inode = decodeInode(own, row)
      if (!inode.ok) return row
      const { ino, parent } = inode.value
      const moved = ino === this.#superblock.rootIno ? SNAPSHOTS_INO : parent === 0 ? 0 : shownIno(tag, parent)
      return encodeInode(key, { ...inode.value, parent: moved })
    }
    if (sub === 'dirent') {
      const entry = decodeDirent(own, row)
      return entry.ok ? encodeDirent(key, { ...entry.value, ino: shownIno(tag, entry.value.ino) }) : row
    }
    if (type === REFERENCE) {
      const reference = decodeReference(own, row)
      return reference.ok ? encodeReference(key, { ...reference.value, ino: shownIno(tag, reference.value.ino) }) : row
    }
    return seal(key, Buffer.from(row))
  }

  #remember(text: string, row: Bytes): void {
    if (this.#rows.size >= ROWS_MAX) this.#rows.clear()
    this.#rows.set(text, row)
  }
}

class DirectoryTx implements Tx {
  readonly #shown: Shown
  readonly #tx: Tx

  constructor(shown: Shown, tx: Tx) {
    this.#shown = shown
    this.#tx = tx
  }

  *get(key: Bytes): Op<Bytes | undefined> {
    const ino = shownInoOf(key)
    if (ino !== undefined) return yield* this.#shown.get(this.#tx, key, ino)
    const { entry } = this.#shown
    return Buffer.compare(key, entry.key) === 0 ? entry.value : yield* this.#tx.get(key)
  }

  *range(range: KeyRange): Op<readonly Row[]> {
    const ino = shownInoOf(range.gt ?? range.gte)
    if (ino !== undefined) return yield* this.#shown.range(this.#tx, range, ino)
    const rows = yield* this.#tx.range(range)
    const own = this.#shown.listedIn(range)
    if (own === undefined) return rows
    const at = rows.findIndex(({ key }) => Buffer.compare(key, own.key) > 0)
    const { limit = Number.POSITIVE_INFINITY } = range
    if (at < 0 && rows.length >= limit) return rows
    const all = at < 0 ? [...rows, own] : [...rows.slice(0, at), own, ...rows.slice(at)]
    return all.slice(0, limit)
  }

  put(key: Bytes, value: Bytes): void {
    this.#assertMine(key)
    this.#tx.put(key, value)
  }

  del(key: Bytes): void {
    this.#assertMine(key)
    this.#tx.del(key)
  }

  discard(key: Bytes): void {
    this.#assertMine(key)
    this.#tx.discard(key)
  }

  merge(key: Bytes, operand: Bytes): void {
    this.#assertMine(key)
    this.#tx.merge(key, operand)
  }

  relyOn(holds: () => boolean): void {
    this.#tx.relyOn(holds)
  }

  putAtCommit(key: Bytes | (() => Bytes), make: () => Bytes): void {
    this.#tx.putAtCommit(key, make)
  }

  onCommit(effect: () => void): void {
    this.#tx.onCommit(effect)
  }

  /** V2. */
  #assertMine(key: Bytes): void {
    if (shownInoOf(key) !== undefined) throw new FilesystemError('EROFS')
    if (Buffer.compare(key, this.#shown.entry.key) === 0) throw new FilesystemError('EBUSY')
  }
}

export class DirectoryStore implements TransactionalStore {
  readonly caps: StoreCaps
  readonly #store: TransactionalStore
  readonly #shown: Shown

  constructor(store: TransactionalStore, shown: Shown) {
    this.caps = store.caps
    this.#store = store
    this.#shown = shown
  }

  transact<T>(body: (tx: Tx) => Op<T>, options?: TransactOptions): Op<T> {
    return this.#store.transact((tx) => body(new DirectoryTx(this.#shown, tx)), options)
  }

  get isUsable(): boolean {
    return this.#store.isUsable
  }

  peek(key: Bytes): Bytes | null | undefined {
    if (shownInoOf(key) !== undefined || Buffer.compare(key, this.#shown.entry.key) === 0) return undefined
    return this.#store.peek(key)
  }

  observe(listener: RowObserver): () => void {
    return this.#store.observe(listener)
  }

  keepWith(keeper: RowKeeper): void {
    this.#store.keepWith(keeper)
  }

  overtake(): void {
    this.#store.overtake()
  }

  barrier(): Op<void> {
    return this.#store.barrier()
  }

  statistics(): StoreStatistics {
    return this.#store.statistics()
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

/** ERR_VIVEFS_OPTION: no name for a directory. ERR_VIVEFS_EXISTS: the root has something else of that name. */
export async function withSnapshotDirectory(
  store: TransactionalStore,
  keeper: Keeper,
  superblock: Superblock,
  directory: SnapshotDirectory,
): Promise<TransactionalStore> {
  const { name } = directory
  const bytes = Buffer.from(name)
  const isName = bytes.length > 0 && bytes.length <= NAME_BYTES_MAX && !/[/\0]/.test(name) && !/^\.\.?$/.test(name)
  if (!isName) throw new ViveError('ERR_VIVEFS_OPTION', 'snapshotDirectory: a name for an entry of the root')
  const shown = new Shown(keeper, superblock, directory)
  const taken = await runAsync(store.transact((tx) => tx.get(shown.entry.key), { readOnly: true }))
  if (taken !== undefined)
    throw new ViveError('ERR_VIVEFS_EXISTS', `the root has an entry ${JSON.stringify(name)} of its own`)
  return new DirectoryStore(store, shown)
}
