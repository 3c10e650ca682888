/** What the outside world gives to a volume, injected so that a seed replays a run. */
import { randomBytes } from 'node:crypto'
import type { Timespec } from './format/inode.ts'

export interface Runtime {
  /** The wall clock with nanoseconds; never runs backwards within one millisecond. */
  now(): Timespec
  /** Unpredictable bytes. */
  random(bytes: number): Buffer
}

/** Milliseconds from the wall clock, the rest from the monotonic clock since that millisecond was first seen. */
export function systemRuntime(): Runtime {
  let lastMs = -1
  let seen = 0n
  return {
    now() {
      const ms = Date.now()
      const tick = process.hrtime.bigint()
      if (ms !== lastMs) {
        lastMs = ms
        seen = tick
      }
      const sec = Math.floor(ms / 1000)
      return { sec, nsec: (ms - sec * 1000) * 1_000_000 + Math.min(Number(tick - seen), 999_999) }
    },
    random: (bytes) => randomBytes(bytes),
  }
}
