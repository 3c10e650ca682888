/**
 * Keeps what transactions replace, as long as a snapshot sees it (FORMAT.md, "Snapshots", S1 and S2): the first change of a row
 * after the newest snapshot leaves the old row in the history, in the same batch.
 *
 * The births of rows, which copy-on-write filesystems keep in every row, are here the numbers of inodes: they only grow, so
 * what lies under an inode that is younger than the newest snapshot is younger too and needs no history.
 * Source of the idea: birth epochs (ZFS, WAFL); rows moved aside at the first change instead of rows written elsewhere.
 */
import type { RowFate, SharedRows } from '../core/shared-rows.ts'
import { type DataEpoch, decodeInode } from '../format/inode.ts'
import { inodeKey, parseExtentKey } from '../format/keys.ts'
import { loanKey, placeOfExtent } from '../format/loan.ts'
import { writeU64 } from '../format/row.ts'
import { encodeAbsent, isAbsent } from '../format/snapshot.ts'
import {
  historyFrom,
  historyKey,
  historyRange,
  inoOfVersioned,
  isVersioned,
  parseHistoryKey,
} from '../format/snapshot-keys.ts'
import type { Op } from '../op.ts'
import { keyText } from '../store/key.ts'
import type { Bytes, KeepTx, RowKeeper, Tx } from '../store/store.ts'
import type { SnapshotInfo } from './info.ts'
import { PagedRows } from './row-stream.ts'

/** History keys read at once. */
const PAGE_ROWS = 512
/** Rows remembered as kept; beyond it all are forgotten. */
const KNOWN_MAX = 65_536

export class Keeper implements RowKeeper, SharedRows {
  /** Ascending tags. */
  #snapshots: readonly SnapshotInfo[] = []
  /** The highest tag that was ever in use. */
  #stamp = 0
  /** Inode numbers from here on (8 bytes as text) need no history. */
  #bound = ''
  /** Rows that the history holds as the newest snapshot saw them: what is needed is not swept. */
  readonly #known = new Set<string>()

  /** For effects of commits: what there is now. */
  set(snapshots: readonly SnapshotInfo[], stamp: number): void {
    this.#snapshots = [...snapshots].sort((a, b) => a.tag - b.tag)
    this.#stamp = stamp
    this.#known.clear()
    const newest = this.newest
    const bytes = Buffer.alloc(8)
    if (newest !== undefined) writeU64(bytes, newest.nextIno, 0)
    this.#bound = keyText(bytes)
  }

  get isActive(): boolean {
    return this.#snapshots.length > 0
  }

  get stamp(): number {
    return this.#stamp
  }

  /** Oldest first. */
  get snapshots(): readonly SnapshotInfo[] {
    return this.#snapshots
  }

  get newest(): SnapshotInfo | undefined {
    return this.#snapshots[this.#snapshots.length - 1]
  }

  has(tag: number): boolean {
    return this.#snapshots.some((each) => each.tag === tag)
  }

  shares(ino: number): boolean {
    return this.isActive && ino < this.newest!.nextIno
  }

  *keep(tx: KeepTx): Op<void> {
    const newest = this.newest!
    for (const text of tx.writtenKeys()) {
      if (!isVersioned(text.charCodeAt(0)) || this.#known.has(text) || text.slice(1, 9) >= this.#bound) continue
      const key = Buffer.from(text, 'latin1')
      const kept = historyKey(key, this.#stamp)
      if (!(yield* this.#isKept(tx, key, kept, newest.tag))) {
        tx.put(kept, (yield* tx.before(key)) ?? encodeAbsent(kept))
      }
      tx.onCommit(() => this.#remember(text))
    }
  }

  #remember(text: string): void {
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    this.#known.add(text)
  }

  /** Whether the history holds what the newest snapshot saw of the row. */
  *#isKept(tx: KeepTx, key: Bytes, kept: Bytes, newestTag: number): Op<boolean> {
    if ((yield* tx.get(kept)) !== undefined) return true
    // With the newest snapshot gone, tags above the now newest one are in use.
    if (newestTag === this.#stamp) return false
    return (yield* tx.range({ ...historyRange(key, newestTag), limit: 1, keysOnly: true })).length > 0
  }

  /**
   * Exact, because a rollback may bring back what a newer snapshot does not see: a row is left when it is the one that a
   * snapshot reads under its key, and what that snapshot has of its inode leads to it. An extent that some snapshot may reach
   * by references only goes to the history.
   */
  *fatesOf(tx: Tx, keys: readonly Bytes[], since: number): Op<readonly RowFate[]> {
    const shared = yield* this.#areShared(tx, keys, since)
    const lent = yield* this.lentOnce(tx, keys)
    return keys.map((key, n) => (shared[n] === true ? 'leave' : lent.has(keyText(key)) ? 'delete' : 'discard'))
  }

  /** Which of some rows, ascending, are of extents that were ever lent as far as the history goes back. As text. */
  *lentOnce(tx: Tx, keys: readonly Bytes[]): Op<ReadonlySet<string>> {
    const lent = new Set<string>()
    const [first, last] = [keys[0], keys[keys.length - 1]]
    if (!this.isActive || first === undefined || last === undefined) return lent
    if (parseExtentKey(first) === undefined || parseExtentKey(last) === undefined) return lent
    const places = new Set<string>()
    const gte = historyFrom(loanKey(placeOfExtent(first)))
    const { lt } = historyRange(loanKey(placeOfExtent(last)), 0)
    const history = new PagedRows(tx, { gte, lt, keysOnly: true }, PAGE_ROWS)
    for (let row = yield* history.peek(); row !== undefined; row = yield* history.peek()) {
      const parts = parseHistoryKey(row.key)
      if (parts !== undefined) places.add(keyText(parts.key))
      history.skip()
    }
    if (places.size === 0) return lent
    for (const key of keys) if (places.has(keyText(loanKey(placeOfExtent(key))))) lent.add(keyText(key))
    return lent
  }

  *#areShared(tx: Tx, keys: readonly Bytes[], since: number): Op<readonly boolean[]> {
    if (keys.length === 0 || !this.#snapshots.some(({ tag }) => tag <= since)) return keys.map(() => false)
    const range = { gte: historyFrom(keys[0]!), lt: historyRange(keys[keys.length - 1]!, 0).lt, keysOnly: true }
    const history = new PagedRows(tx, range, PAGE_ROWS)
    const changed = new Map<string, number>()
    for (let row = yield* history.peek(); row !== undefined; row = yield* history.peek()) {
      const parts = parseHistoryKey(row.key)
      if (parts !== undefined) changed.set(keyText(parts.key), parts.tag)
      history.skip()
    }
    const shared: boolean[] = []
    let versions: readonly Version[] = []
    let ino = -1
    for (const key of keys) {
      if (inoOfVersioned(key) !== ino) {
        ino = inoOfVersioned(key)
        versions = yield* this.#versions(tx, ino, since)
      }
      const changedAt = changed.get(keyText(key)) ?? 0
      shared.push(versions.some((version) => version.tag > changedAt && leadsTo(version, key)))
    }
    return shared
  }

  /** Whether a snapshot sees an extent: by what it has of its inode, or because it has it lent. */
  *leadsTo(tx: Tx, snapshot: SnapshotInfo, key: Bytes): Op<boolean> {
    const versions = yield* this.#versions(tx, inoOfVersioned(key), snapshot.tag)
    const version = versions.find(({ tag }) => tag === snapshot.tag)
    if (version !== undefined && leadsTo(version, key)) return true
    const loan = loanKey(placeOfExtent(key))
    const [kept] = yield* tx.range({ ...historyRange(loan, snapshot.tag), limit: 1 })
    const row = kept === undefined ? yield* tx.get(loan) : kept.value
    return row !== undefined && !isAbsent(row)
  }

  /** What the snapshots up to `since` have of an inode. */
  *#versions(tx: Tx, ino: number, since: number): Op<readonly Version[]> {
    const key = inodeKey(ino)
    const rows = yield* tx.range(historyRange(key, 0))
    const versions: Version[] = []
    for (const { tag, nextIno } of this.#snapshots) {
      if (tag > since || ino >= nextIno) continue
      const kept = rows.find((row) => (parseHistoryKey(row.key)?.tag ?? 0) >= tag)
      const row = kept === undefined ? yield* tx.get(key) : kept.value
      if (row === undefined || isAbsent(row)) continue
      const inode = decodeInode(key, row)
      versions.push({ tag, epochs: inode.ok ? inode.value.epochs : undefined })
    }
    return versions
  }
}

/** An inode as a snapshot has it; without data epochs when its row is damaged: it may lead anywhere. */
interface Version {
  readonly tag: number
  readonly epochs: readonly DataEpoch[] | undefined
}

function leadsTo({ epochs }: Version, key: Bytes): boolean {
  const at = parseExtentKey(key)
  if (at === undefined || epochs === undefined) return true
  return epochs.some(({ epoch, end }) => epoch === at.epoch && at.index < end)
}
