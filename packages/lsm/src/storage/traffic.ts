/**
 * Why bytes are written or read. `compaction-N`: by a compaction into level N. `copy`: checkpoints and repair.
 */
export type TrafficReason =
  | 'log'
  | 'manifest'
  | 'flush'
  | `compaction-${number}`
  | 'blob-rewrite'
  | 'index'
  | 'move'
  | 'copy'
  | 'user'

/** Bytes since the database was opened. */
export interface TrafficBytes {
  readonly written: number
  readonly read: number
}

/** One row of the account; counts grow in place. */
export class TrafficRow implements TrafficBytes {
  written = 0
  read = 0
}

/** Bytes written to and read from each medium, by reason. What the layer below adds (chunk headers, its file table) is not in it. */
export class Traffic {
  readonly #media: Map<string, Map<TrafficReason, TrafficRow>> = new Map()

  row(medium: string, reason: TrafficReason): TrafficRow {
    let reasons = this.#media.get(medium)
    if (reasons === undefined) {
      reasons = new Map()
      this.#media.set(medium, reasons)
    }
    const there = reasons.get(reason)
    if (there !== undefined) return there
    const row = new TrafficRow()
    reasons.set(reason, row)
    return row
  }

  /** A copy, reasons with bytes only. */
  of(medium: string): Partial<Record<TrafficReason, TrafficBytes>> {
    const copy: Partial<Record<TrafficReason, TrafficBytes>> = {}
    for (const [reason, { written, read }] of this.#media.get(medium) ?? []) {
      if (written + read > 0) copy[reason] = { written, read }
    }
    return copy
  }
}
