/**
 * Committed rows on their way into the database. A batch is the set of commits that travel together; the overlay is the
 * line of batches, oldest first, and what reads go through before they ask the database.
 *
 * I1: a row stays in the overlay until the database has acknowledged its batch. So at every instant "overlay over
 *     database" is the newest committed state, and a database read begun at that instant sees at least what has left.
 * I2: within a batch the last write of a key wins; across batches the younger batch wins. Tombstones are rows.
 */
import type { WriteRow } from './database.ts'
import { KeyIndex, type KeySlice } from './key-index.ts'
import type { TextRange } from './range.ts'

/** A promise with its ends outside. Its failure counts as handled: those who wait see it, and nobody has to. */
export interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: unknown): void
}

export function deferred(): Deferred {
  let resolve = (): void => {}
  let reject = (_error: unknown): void => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}

/** Commits that reach the database together. */
export class Batch {
  readonly rows = new Map<string, WriteRow>()
  readonly index = new KeyIndex(this.rows)
  /** Keys and values, without rows that a later commit of the same batch replaced. */
  bytes = 0
  /** The sequence number of the newest commit in it. */
  lastSeq = 0
  /** Whether it must survive power loss before it counts as landed. */
  sync = false
  /** A barrier that found nothing else to write: the marker row goes with it. */
  marker = false
  /** Given to the database: no further commit may join. */
  started = false
  /** Somebody waits for it (relaxed commits may linger for company). */
  awaited = false
  /** It holds a commit that was acknowledged before it landed. */
  acknowledged = false
  readonly landed = deferred()

  add(key: string, row: WriteRow): void {
    const before = this.rows.get(key)
    if (before !== undefined) this.bytes -= bytesOf(before)
    this.rows.set(key, row)
    this.bytes += bytesOf(row)
  }
}

export const bytesOf = (row: WriteRow): number => row.key.length + (row.value === undefined ? 0 : row.value.length)

export class Overlay {
  /** Oldest first. */
  readonly batches: Batch[] = []
  /** The commit that is being ordered and lands in this same step, with no batch before it. */
  landing: ReadonlyMap<string, WriteRow> | undefined

  /** The newest committed and not yet landed row of a key, if there is one. */
  find(key: string): WriteRow | undefined {
    const landing = this.landing?.get(key)
    if (landing !== undefined) return landing
    for (let i = this.batches.length - 1; i >= 0; i--) {
      const row = this.batches[i]!.rows.get(key)
      if (row !== undefined) return row
    }
    return undefined
  }

  /** Adds the keys of a range to `slices`, oldest batch first. */
  slices(range: TextRange, slices: KeySlice[]): void {
    for (const batch of this.batches) batch.index.slices(range, slices)
    if (this.landing !== undefined) new KeyIndex(this.landing).slices(range, slices)
  }
}
