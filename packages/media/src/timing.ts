/**
 * The time that a modelled device would take: a virtual clock driven by head movement and bytes. Nothing sleeps here;
 * a medium that was asked to sleep waits for the milliseconds that `access` returns.
 */
import type { MediumCost } from './medium.ts'

export class DeviceTiming {
  /** Where the last access ended, in bytes from the start of the device; NaN before the first. */
  head = Number.NaN
  /** Accesses that did not start at `head`. */
  seeks = 0
  /** Sum of all modelled times. */
  modelMs = 0
  readonly cost: MediumCost

  constructor(cost: MediumCost) {
    this.cost = cost
  }

  /** Milliseconds to move the head from `from` to `to` (bytes). A constant here; a tape overrides it. */
  protected moveMs(_from: number, _to: number): number {
    return this.cost.seekMs
  }

  /** Counts one transfer of `bytes` at `position`; returns its modelled milliseconds. */
  access(position: number, bytes: number, write: boolean): number {
    let ms = 0
    if (position !== this.head) {
      this.seeks++
      ms += this.moveMs(Number.isNaN(this.head) ? 0 : this.head, position)
    }
    const rate = write ? this.cost.writeMBps : this.cost.readMBps
    if (rate > 0) ms += bytes / (rate * 1000)
    this.head = position + bytes
    return this.spend(ms)
  }

  /** Counts one transfer of a real medium: seeks, but no time. */
  count(position: number, bytes: number): void {
    if (position !== this.head) this.seeks++
    this.head = position + bytes
  }

  /** Adds `ms` of modelled time (a mount, an erase); returns it. */
  spend(ms: number): number {
    this.modelMs += ms
    return ms
  }
}

const never = new Int32Array(new SharedArrayBuffer(4))

/** Waits `ms` without blocking the thread. */
export const sleepMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits `ms` and blocks the thread. */
export function sleepMsSync(ms: number): void {
  if (ms > 0) Atomics.wait(never, 0, 0, ms)
}
