/**
 * Where the bytes and the cells of a whole zoned device lie: in shared memory or in one ordinary file. All calls are
 * synchronous; offsets were checked before.
 */
import type { Bytes } from './medium.ts'
import { ZONE_CELL_BYTES, ZoneCells } from './zone.ts'

export interface ZoneStore {
  readonly cells: ZoneCells
  /** Brings `cells` of one zone up to date with what another thread or process wrote. */
  refresh(zone: number): void
  /** Runs `change` alone among all who share the store, then publishes the zone's cell. */
  exclusively<T>(zone: number, change: () => T): T
  write(zone: number, offset: number, parts: readonly Bytes[]): void
  read(zone: number, offset: number, into: Bytes): void
  /** Zeros [from, to). */
  zero(zone: number, from: number, to: number): void
  sync(): void
  syncLater(): Promise<void>
  close(): Promise<void>
}

/** Size of everything in a zoned device. */
export interface Geometry {
  readonly zoneCount: number
  readonly zoneBytes: number
}

/** Round up to a multiple; for layouts. */
export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple

/** Bytes of the cells of all zones in the shared layout. */
export const cellsBytes = (zoneCount: number): number => zoneCount * ZONE_CELL_BYTES

export { ZoneCells }
