import type { MediumStats, OperationName, OperationStats } from './medium.ts'

const NAMES: readonly OperationName[] = ['append', 'read', 'flush', 'finish', 'reset', 'report', 'key']
/** 2^25 us is 33 s: slower operations are counted in the last bucket. */
const BUCKETS = 26

class OperationCounter {
  count = 0
  errors = 0
  bytes = 0
  totalMs = 0
  maxMs = 0
  readonly latencyCounts = new Array<number>(BUCKETS).fill(0)

  add(ms: number, bytes: number, failed: boolean): void {
    this.count++
    if (failed) this.errors++
    else this.bytes += bytes
    this.totalMs += ms
    if (ms > this.maxMs) this.maxMs = ms
    const microseconds = ms * 1000
    const bucket = microseconds < 1 ? 0 : 32 - Math.clz32(Math.min(microseconds, 2 ** 31))
    this.latencyCounts[Math.min(bucket, BUCKETS - 1)]!++
  }

  copy(): OperationStats {
    const { count, errors, bytes, totalMs, maxMs } = this
    return { count, errors, bytes, totalMs, maxMs, latencyCounts: [...this.latencyCounts] }
  }
}

/** Counts operations of one medium. */
export class MediumCounters {
  readonly #counters = Object.fromEntries(NAMES.map((name) => [name, new OperationCounter()])) as Record<
    OperationName,
    OperationCounter
  >

  /** Those of the hot operations, by themselves. */
  readonly append: OperationCounter = this.#counters.append
  readonly read: OperationCounter = this.#counters.read

  /** One settled operation that took `ms`. */
  add(name: OperationName, ms: number, bytes: number, failed: boolean): void {
    this.#counters[name].add(ms, bytes, failed)
  }

  /** A copy of everything counted, with what the time model adds. */
  copy(seeks: number, modelMs: number): MediumStats {
    const operations = Object.fromEntries(NAMES.map((name) => [name, this.#counters[name].copy()])) as Record<
      OperationName,
      OperationStats
    >
    return { operations, seeks, modelMs }
  }
}
