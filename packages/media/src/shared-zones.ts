/**
 * Zones in one SharedArrayBuffer, so that every worker thread that holds it sees the same medium.
 *
 *   0        64                    64 + 4n      (8-aligned)        (4096-aligned)
 *   | header | locks: n x Int32    | pad        | cells: n x 32 B   | zone 0 | zone 1 | ... | zone n-1 |
 *
 *   header, Float64 each: [0] magic 0x56495645 ("VIVE"), [1] layout version 1, [2] n = zoneCount, [3] zoneBytes
 *
 * Host byte order: it never leaves the machine. A lock word is 0 (free) or 1 (held), taken by compare-exchange and
 * waited for by Atomics.wait; taking and releasing it orders the plain accesses to cells and data between threads.
 */
import { MediumError } from './error.ts'
import type { Bytes } from './medium.ts'
import { cellsBytes, type Geometry, roundUp, ZoneCells, type ZoneStore } from './zone-store.ts'

const MAGIC = 0x56495645
const VERSION = 1
const HEADER_BYTES = 64
/** A thread that dies between lock and unlock leaves the lock held; nobody waits longer than this. */
const LOCK_WAIT_MS = 5000

interface Layout {
  readonly cellsAt: number
  readonly dataAt: number
  readonly totalBytes: number
}

function layoutOf(geometry: Geometry): Layout {
  const cellsAt = roundUp(HEADER_BYTES + geometry.zoneCount * 4, 8)
  const dataAt = roundUp(cellsAt + cellsBytes(geometry.zoneCount), 4096)
  return { cellsAt, dataAt, totalBytes: dataAt + geometry.zoneCount * geometry.zoneBytes }
}

export class SharedZones implements ZoneStore {
  readonly buffer: SharedArrayBuffer
  readonly geometry: Geometry
  readonly cells: ZoneCells
  readonly #locks: Int32Array
  readonly #data: Uint8Array

  private constructor(buffer: SharedArrayBuffer, geometry: Geometry) {
    const { cellsAt, dataAt } = layoutOf(geometry)
    this.buffer = buffer
    this.geometry = geometry
    this.#locks = new Int32Array(buffer, HEADER_BYTES, geometry.zoneCount)
    this.cells = ZoneCells.over(buffer, cellsAt, geometry.zoneCount)
    this.#data = new Uint8Array(buffer, dataAt)
  }

  /** Zeroed zones in a new buffer. MEDIA_NO_SPACE when the machine refuses the memory. */
  static create(geometry: Geometry): SharedZones {
    const { totalBytes } = layoutOf(geometry)
    let buffer: SharedArrayBuffer
    try {
      buffer = new SharedArrayBuffer(totalBytes)
    } catch (cause) {
      throw new MediumError('MEDIA_NO_SPACE', `cannot allocate ${totalBytes} bytes of shared memory`, { cause })
    }
    new Float64Array(buffer, 0, 4).set([MAGIC, VERSION, geometry.zoneCount, geometry.zoneBytes])
    return new SharedZones(buffer, geometry)
  }

  /** The zones that another thread created. MEDIA_FORMAT when the buffer is something else. */
  static attach(buffer: SharedArrayBuffer): SharedZones {
    const [magic, version, zoneCount = 0, zoneBytes = 0] =
      buffer.byteLength < HEADER_BYTES ? [] : new Float64Array(buffer, 0, 4)
    if (magic !== MAGIC || version !== VERSION || layoutOf({ zoneCount, zoneBytes }).totalBytes !== buffer.byteLength) {
      throw new MediumError('MEDIA_FORMAT', `not shared zones of layout version ${VERSION}`)
    }
    return new SharedZones(buffer, { zoneCount, zoneBytes })
  }

  refresh(zone: number): void {
    // The load orders the plain reads of the cell and the data after what the last writer did under the lock.
    Atomics.load(this.#locks, zone)
  }

  exclusively<T>(zone: number, change: () => T): T {
    const deadline = performance.now() + LOCK_WAIT_MS
    while (Atomics.compareExchange(this.#locks, zone, 0, 1) !== 0) {
      const left = deadline - performance.now()
      if (left <= 0) throw new MediumError('MEDIA_BUSY', `zone ${zone} is held by another thread`, { zone })
      Atomics.wait(this.#locks, zone, 1, left)
    }
    try {
      return change()
    } finally {
      Atomics.store(this.#locks, zone, 0)
      Atomics.notify(this.#locks, zone, 1)
    }
  }

  #at(zone: number, offset: number): number {
    return zone * this.geometry.zoneBytes + offset
  }

  write(zone: number, offset: number, parts: readonly Bytes[]): void {
    let at = this.#at(zone, offset)
    for (const part of parts) {
      this.#data.set(part, at)
      at += part.length
    }
  }

  read(zone: number, offset: number, into: Bytes): void {
    const at = this.#at(zone, offset)
    into.set(this.#data.subarray(at, at + into.length))
  }

  zero(zone: number, from: number, to: number): void {
    this.#data.fill(0, this.#at(zone, from), this.#at(zone, to))
  }

  sync(): void {}
  async syncLater(): Promise<void> {}
  async close(): Promise<void> {}
}
