import { type BlobFiles, pointerOf } from '../blob/blob-files.ts'
import type { BlobPointer } from '../blob/blob-pointer.ts'
import type { Bytes } from '../bytes.ts'
import type { TableCache } from '../cache/table-cache.ts'
import type { Cursor } from '../cursor.ts'
import { LevelCursor } from '../cursors/level-cursor.ts'
import { MergingCursor } from '../cursors/merging-cursor.ts'
import type { ValueOwner } from '../lookup.ts'
import type { MergeOperator } from '../merge-operator.ts'
import type { Op } from '../op.ts'
import type { RangeTombstones } from '../range-tombstones.ts'
import { isEmptyRange, isOutside } from './bounds.ts'
import type { ReadView } from './read-view.ts'
import { type Covering, type ScanBounds, UserCursor } from './user-cursor.ts'
import { tombstonesOf } from './version-tombstones.ts'

/** Bytes read at once, in the end, from a file that is read in order. */
const READ_AHEAD_BYTES = 128 << 10

export interface ScanOptions {
  readonly bounds: ScanBounds
  readonly reverse: boolean
  /** Blocks that are read stay in the cache; default true. */
  readonly fillCache?: boolean | undefined
  /** Views of values are given away, where {@link Scan.lend} says so. */
  readonly lend?: boolean | undefined
}

/** What scans need of the database. */
export interface ScanContext {
  readonly tables: TableCache
  readonly blobs: BlobFiles
  readonly mergeOperator: MergeOperator | undefined
}

/**
 * One scan over one view: what was visible at `sequence`, until it is closed. Nothing is read before the first move. After a move look at
 * `cursor.valid`.
 */
export class Scan implements ValueOwner {
  readonly #context: ScanContext
  readonly #view: ReadView
  readonly #sequence: number
  readonly #options: ScanOptions
  #cursor: UserCursor | undefined
  /** Where the next move goes, instead of to the next entry. */
  #target: Bytes | undefined
  #positioned = false
  #closed = false

  constructor(context: ScanContext, view: ReadView, sequence: number, options: ScanOptions) {
    this.#context = context
    this.#view = view
    this.#sequence = sequence
    this.#options = options
    view.retain()
  }

  /** Only after the first move. */
  get cursor(): UserCursor {
    return this.#cursor!
  }

  /** False: the memory of the value under the cursor is used again some time, so that no view of it may be given away. */
  lend(): boolean {
    const cursor = this.cursor
    return this.#options.lend === true && !cursor.reused && !this.#view.reuses(cursor.valueBytes)
  }

  /** The next move goes to the first entry at or behind `target` in the direction of travel. Bytes are kept. */
  seek(target: Bytes): void {
    this.#target = target
    this.#positioned = false
  }

  /** Moves on; false when something has to be read first: then drive {@link next}. */
  nextNow(): boolean {
    return this.#positioned && this.#cursor!.nextNow()
  }

  *next(): Op<void> {
    if (this.#positioned) return yield* this.#cursor!.next()
    this.#cursor ??= yield* this.#open()
    if (this.#target === undefined) yield* this.#cursor.start()
    else yield* this.#cursor.seek(this.#target)
    this.#target = undefined
    this.#positioned = true
  }

  /** Where the value of the entry lies, when it lies apart from its key. */
  get pointer(): BlobPointer | undefined {
    const { elsewhere, valueBytes, valueStart, valueEnd } = this.#cursor!
    return elsewhere ? pointerOf(valueBytes, valueStart, valueEnd) : undefined
  }

  /** Lets go of the view. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cursor?.close()
    this.#view.release()
  }

  *#open(): Op<UserCursor> {
    const { bounds, reverse } = this.#options
    const children = isEmptyRange(bounds) ? [] : this.#children()
    return new UserCursor({
      cursor: children.length === 1 ? children[0]! : new MergingCursor(children),
      sequence: this.#sequence,
      covering: yield* this.#covering(),
      merge: this.#context.mergeOperator,
      blobs: this.#context.blobs,
      bounds,
      reverse,
    })
  }

  #children(): Cursor[] {
    const { memtables, version, deepest, replayed } = this.#view
    const { tables } = this.#context
    const { bounds, fillCache, lend } = this.#options
    const options = { fillCache: fillCache !== false, lend: lend === true, readAheadBytes: READ_AHEAD_BYTES }
    const children: Cursor[] = []
    for (const memtable of memtables) if (memtable.entries > 0) children.push(memtable.cursor())
    for (const meta of version.levels[0]!) {
      if (isOutside(bounds, meta)) continue
      const instead = replayed?.get(meta.number)
      if (instead !== undefined) {
        for (const memtable of instead) if (memtable.entries > 0) children.push(memtable.cursor())
        continue
      }
      const reader = tables.peek(meta.number)
      children.push(reader === undefined ? new LevelCursor([meta], tables, options) : reader.cursor(options))
    }
    for (let level = 1; level <= deepest; level++) {
      const metas = version.levels[level]!
      if (metas.length > 0) children.push(new LevelCursor(metas, tables, options))
    }
    return children
  }

  *#covering(): Op<Covering | undefined> {
    const { memtables, version, replayed } = this.#view
    const lists: RangeTombstones[] = []
    for (const { rangeTombstones } of memtables) if (rangeTombstones.size > 0) lists.push(rangeTombstones)
    const below = yield* tombstonesOf(version, this.#context.tables, replayed)
    if (below !== undefined) lists.push(below)
    if (lists.length === 0) return undefined
    const sequence = this.#sequence
    return (key) => {
      let newest = 0
      for (const list of lists) newest = Math.max(newest, list.covering(key, sequence))
      return newest
    }
  }
}
