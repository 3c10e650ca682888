import { LevelError } from '../error.ts'

/** How files that nobody rewrites move to where the policy wants them. */
export interface RelocationOptions {
  /** Most bytes that are moved in an hour; default 1 GiB. A longer file takes the allowance of a whole hour. */
  readonly bytesPerHour?: number | undefined
  /** How often files are looked at; default 60000. */
  readonly everyMs?: number | undefined
  /** A file moves at most once in so many hours, and not sooner after it was written; default 24. */
  readonly restHours?: number | undefined
  /** How long the policy has to want the same medium for a file; default 3600000. */
  readonly holdMs?: number | undefined
}

/** Options with every default filled in. */
export interface RelocationSettings {
  readonly bytesPerHour: number
  readonly everyMs: number
  readonly restMs: number
  readonly holdMs: number
}

const HOUR_MS = 3_600_000

function from(value: number, name: string, least: number): number {
  if (typeof value === 'number' && value >= least) return value
  throw new LevelError('LEVEL_ARGUMENT', `relocation.${name} must be a number from ${least}, not ${String(value)}`)
}

/** Checks the options. LEVEL_ARGUMENT. */
export function relocationOf(o: RelocationOptions = {}): RelocationSettings {
  return {
    bytesPerHour: from(o.bytesPerHour ?? 2 ** 30, 'bytesPerHour', 1),
    everyMs: from(o.everyMs ?? 60_000, 'everyMs', 10),
    restMs: from(o.restHours ?? 24, 'restHours', 0) * HOUR_MS,
    holdMs: from(o.holdMs ?? HOUR_MS, 'holdMs', 0),
  }
}

/** Bytes that may be moved: they come in evenly, and an hour's worth can be saved up. */
export class Allowance {
  readonly #bytesPerHour: number
  #bytes: number
  #atMs: number

  constructor(bytesPerHour: number, nowMs: number) {
    this.#bytesPerHour = bytesPerHour
    this.#bytes = bytesPerHour
    this.#atMs = nowMs
  }

  /** Takes so many bytes; false: there are not enough yet. */
  take(bytes: number, nowMs: number): boolean {
    const earned = (Math.max(0, nowMs - this.#atMs) / HOUR_MS) * this.#bytesPerHour
    this.#bytes = Math.min(this.#bytesPerHour, this.#bytes + earned)
    this.#atMs = nowMs
    if (this.#bytes < Math.min(bytes, this.#bytesPerHour)) return false
    this.#bytes -= Math.min(bytes, this.#bytesPerHour)
    return true
  }
}
