import type { TrafficReason } from './traffic.ts'

/** Half of the heat is gone after this. */
const HALF_LIFE_MS = 3_600_000
const MIB = 1 << 20

/** A read that begins so little behind the end of the one before goes on with it. */
const GAP_BYTES = 65_536

/**
 * Reads of one file: counted where they happen, decayed when somebody asks. What costs is going somewhere: reads that follow each other through
 * the file are one, so that a scan, or a restore, does not make hot what it passes.
 */
export class FileHeat {
  /** Reads that {@link readsPerHour} has not taken in yet. */
  #reads = 0
  /** Where the last one ended. */
  #end = -1
  /** For whom readers that users and jobs share read at the moment. */
  reader: TrafficReason = 'user'
  #decayed = 0
  #atMs: number

  constructor(nowMs: number) {
    this.#atMs = nowMs
  }

  /** A read of `bytes` bytes at `offset`. */
  touch(offset: number, bytes: number): void {
    const ahead = offset - this.#end
    if (this.#end < 0 || ahead < 0 || ahead > GAP_BYTES) this.#reads++
    this.#end = offset + bytes
  }

  /** Reads per hour, where the last hour counts for half. */
  readsPerHour(nowMs: number): number {
    const passed = Math.max(0, nowMs - this.#atMs)
    this.#decayed = this.#decayed * 2 ** (-passed / HALF_LIFE_MS) + this.#reads
    this.#atMs = nowMs
    this.#reads = 0
    return this.#decayed * Math.LN2
  }

  /** Takes over what is known from elsewhere. */
  warm(readsPerHour: number): void {
    this.#decayed += readsPerHour / Math.LN2
  }
}

/** Reads per MiB and hour; less than a MiB counts as one, or a single read would make a small file hot. */
export function heatOf(readsPerHour: number, bytes: number): number {
  return readsPerHour / Math.max(bytes / MIB, 1)
}
