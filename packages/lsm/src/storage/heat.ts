import type { TrafficReason } from './traffic.ts'

/** Half of the heat is gone after this. */
const HALF_LIFE_MS = 3_600_000
const MIB = 1 << 20

/** Reads of one file: counted where they happen, decayed when somebody asks. */
export class FileHeat {
  /** Reads that {@link readsPerHour} has not taken in yet. */
  reads = 0
  /** For whom readers that users and jobs share read at the moment. */
  reader: TrafficReason = 'user'
  #decayed = 0
  #atMs: number

  constructor(nowMs: number) {
    this.#atMs = nowMs
  }

  /** Reads per hour, where the last hour counts for half. */
  readsPerHour(nowMs: number): number {
    const passed = Math.max(0, nowMs - this.#atMs)
    this.#decayed = this.#decayed * 2 ** (-passed / HALF_LIFE_MS) + this.reads
    this.#atMs = nowMs
    this.reads = 0
    return this.#decayed * Math.LN2
  }

  /** Takes over what is known from elsewhere. */
  warm(readsPerHour: number): void {
    this.#decayed += readsPerHour / Math.LN2
  }
}

/** Reads per MiB and hour. */
export function heatOf(readsPerHour: number, bytes: number): number {
  return readsPerHour / Math.max(bytes / MIB, 1 / 1024)
}
