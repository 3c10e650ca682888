import type { FileHeat } from './heat.ts'
import { type Traffic, type TrafficReason, TrafficRow } from './traffic.ts'

/** Counts the bytes of one open file where they belong. */
export class FileAccount {
  readonly #traffic: Traffic
  readonly #reason: TrafficReason
  readonly #heat: FileHeat | undefined
  /** The row of the medium met last: asking for it anew would cost more than the counting. */
  #row: TrafficRow = new TrafficRow()
  #medium: string | undefined

  /** `heat`: of a file whose reads by users count. */
  constructor(traffic: Traffic, reason: TrafficReason, heat?: FileHeat) {
    this.#traffic = traffic
    this.#reason = reason
    this.#heat = heat
  }

  wrote(medium: string | undefined, bytes: number): void {
    this.#rowOf(medium).written += bytes
  }

  read(medium: string | undefined, offset: number, bytes: number): void {
    const heat = this.#heat
    if (heat === undefined || heat.reader === 'user') {
      this.#rowOf(medium).read += bytes
      if (heat !== undefined) heat.touch(offset, bytes)
    } else if (medium !== undefined) this.#traffic.row(medium, heat.reader).read += bytes
  }

  #rowOf(medium: string | undefined): TrafficRow {
    if (medium !== this.#medium && medium !== undefined) {
      this.#medium = medium
      this.#row = this.#traffic.row(medium, this.#reason)
    }
    return this.#row
  }
}
