import type { KeyRange } from '../version/table-range.ts'
import type { Version } from '../version/version.ts'
import type { CompactionOptions } from './engine.ts'
import { isSettled, type Picked, pickManual } from './picker.ts'

/** One call of `compactRange`, step by step: every level into the next, then tombstones out of the last one. */
export class ManualCompaction {
  readonly #range: KeyRange
  /** Tables from this number on were written by this compaction. */
  readonly #newFrom: number
  #level = 0
  readonly resolve: () => void
  readonly reject: (error: unknown) => void

  constructor(range: KeyRange, newFrom: number, resolve: () => void, reject: (error: unknown) => void) {
    this.#range = range
    this.#newFrom = newFrom
    this.resolve = resolve
    this.reject = reject
  }

  /** What to compact next; undefined: done. */
  next(version: Version, o: CompactionOptions, oldestSnapshot: number | undefined): Picked | undefined {
    const { deepest } = version
    while (this.#level < deepest || this.#level === 0) {
      const level = this.#level
      const step = pickManual(version, level, this.#range, o)
      // Level 0 is taken once: flushes may go on.
      if (step === undefined || level === 0) this.#level++
      if (step !== undefined) return step
    }
    const table = version
      .overlapping(deepest, this.#range)
      .find(
        (one) => one.deletions + one.rangeDeletions > 0 && one.number < this.#newFrom && isSettled(one, oldestSnapshot),
      )
    if (table === undefined || deepest === 0) return undefined
    return { level: deepest, outputLevel: deepest, inputs: [table], overlapped: [], reason: 'manual' }
  }
}
