/** What the outside world gives to a volume, injected so that a seed replays a run. */
import { randomBytes } from 'node:crypto'
import type { Timespec } from './format/inode.ts'

export interface Runtime {
  /** The wall clock with nanoseconds; never runs backwards within one millisecond. */
  now(): Timespec
  /** Unpredictable bytes. */
  random(bytes: number): Buffer
}

/**
 * Milliseconds from the wall clock; what is finer from the monotonic clock, laid beside it. The two are laid anew whenever they disagree
 * about the millisecond, and so come to agree about where it begins.
 */
export function systemRuntime(): Runtime {
  let baseMs = 0
  let baseTick = performance.now()
  return {
    now() {
      const ms = Date.now()
      const tick = performance.now()
      let nsec = Math.floor((tick - baseTick - (ms - baseMs)) * 1_000_000)
      if (nsec < 0 || nsec > 999_999) {
        nsec = nsec > 999_999 && nsec < 2_000_000 ? 999_999 : 0
        baseMs = ms
        baseTick = tick - nsec / 1_000_000
      }
      const sec = Math.floor(ms / 1000)
      return { sec, nsec: (ms - sec * 1000) * 1_000_000 + nsec }
    },
    random: (bytes) => randomBytes(bytes),
  }
}
