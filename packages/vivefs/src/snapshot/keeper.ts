/**
 * Keeps what transactions replace, as long as a snapshot sees it (FORMAT.md, "Snapshots", S1 and S2): the first change of a row
 * after the newest snapshot leaves the old row in the history, in the same batch.
 *
 * The births of rows, which copy-on-write filesystems keep in every row, are here the numbers of inodes: they only grow, so
 * what lies under an inode that is younger than the newest snapshot is younger too and needs no history.
 * Source of the idea: birth epochs (ZFS, WAFL); rows moved aside at the first change instead of rows written elsewhere.
 */
import type { SharedRows } from '../core/shared-rows.ts'
import { writeU64 } from '../format/row.ts'
import { encodeAbsent } from '../format/snapshot.ts'
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

export class Keeper implements RowKeeper, SharedRows {
  /** Ascending tags. */
  #snapshots: readonly SnapshotInfo[] = []
  /** The highest tag that was ever in use. */
  #stamp = 0
  /** Inode numbers from here on (8 bytes as text) need no history. */
  #bound = ''

  /** For effects of commits: what there is now. */
  set(snapshots: readonly SnapshotInfo[], stamp: number): void {
    this.#snapshots = [...snapshots].sort((a, b) => a.tag - b.tag)
    this.#stamp = stamp
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
      if (!isVersioned(text.charCodeAt(0)) || text.slice(1, 9) >= this.#bound) continue
      const key = Buffer.from(text, 'latin1')
      const kept = historyKey(key, this.#stamp)
      if (yield* this.#isKept(tx, key, kept, newest.tag)) continue
      tx.put(kept, (yield* tx.before(key)) ?? encodeAbsent(kept))
    }
  }

  /** Whether the history holds what the newest snapshot saw of the row. */
  *#isKept(tx: KeepTx, key: Bytes, kept: Bytes, newestTag: number): Op<boolean> {
    if ((yield* tx.get(kept)) !== undefined) return true
    // With the newest snapshot gone, tags above the now newest one are in use.
    if (newestTag === this.#stamp) return false
    return (yield* tx.range({ ...historyRange(key, newestTag), limit: 1, keysOnly: true })).length > 0
  }

  *areShared(tx: Tx, keys: readonly Bytes[], since: number): Op<readonly boolean[]> {
    const newest = this.#snapshots.findLast(({ tag }) => tag <= since)
    if (newest === undefined || keys.length === 0) return keys.map(() => false)
    const range = { gte: historyFrom(keys[0]!), lt: historyRange(keys[keys.length - 1]!, 0).lt, keysOnly: true }
    const history = new PagedRows(tx, range, PAGE_ROWS)
    const changed = new Set<string>()
    for (let row = yield* history.peek(); row !== undefined; row = yield* history.peek()) {
      const parts = parseHistoryKey(row.key)
      if (parts !== undefined && parts.tag >= newest.tag) changed.add(keyText(parts.key))
      history.skip()
    }
    return keys.map((key) => inoOfVersioned(key) < newest.nextIno && !changed.has(keyText(key)))
  }
}
