/** What a device of zones can do, below the medium's rules: the seam between `DriveMedium` and the kinds of devices. */
import type { Bytes, ZoneState } from '../medium.ts'

/** A zone as the device has it. */
export interface DriveZone {
  readonly type: 'sequential' | 'conventional'
  readonly capacityBytes: number
}

/** What the device says of a sequential zone. A full zone's pointer is its capacity. */
export interface ZoneFact {
  readonly state: ZoneState
  readonly pointer: number
}

/**
 * Zones are numbered as the medium numbers them. Writes come at the pointer, in whole blocks, one at a time per zone;
 * reads anywhere below it. Failures are the system's errors or MediumErrors.
 */
export interface ZoneDrive {
  readonly zones: readonly DriveZone[]
  /** Tells the device that a sequential zone is about to be written; before its first write and after `close`. */
  open(zone: number): Promise<void>
  openNow(zone: number): void
  /** The opposite: frees what the device holds for an open zone. Also called when writing filled it. */
  close(zone: number): Promise<void>
  closeNow(zone: number): void
  /** Where the zone is conventional only what `close` does. */
  finish(zone: number): Promise<void>
  reset(zone: number): Promise<void>
  /** A fact for every zone, undefined for conventional ones. */
  facts(): Promise<readonly (ZoneFact | undefined)[]>
  write(zone: number, parts: readonly Bytes[], offset: number): Promise<void>
  writeNow(zone: number, parts: readonly Bytes[], offset: number): void
  read(zone: number, offset: number, into: Bytes): Promise<number>
  readNow(zone: number, offset: number, into: Bytes): number
  flush(): Promise<void>
  flushNow(): void
  /** Gives everything back. */
  dispose(): Promise<void>
}
