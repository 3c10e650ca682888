/**
 * All zones of a device in one ordinary (sparse) file.
 *
 *   0            4096                                   (4096-aligned)
 *   | superblock | slots: 128 bytes for each of n zones | zone 0 | zone 1 | ... | zone n-1 |   zoneBytes each
 *
 *   slot of a zone: two copies of 64 bytes; the valid one with the higher generation counts. All zeros = never written.
 *     0   8   state code, float64           (0 empty 1 open 2 closed 3 full 4 read-only 5 offline)
 *     8   8   write pointer in bytes, float64 (-1 = unknown)
 *     16  8   high water: bytes of the zone ever written, float64
 *     24  8   resets, float64
 *     32  4   generation, uint32
 *     36  4   zone number, uint32
 *     40  4   CRC-32 of bytes [0, 40)
 *     44  20  zeros
 *   Everything little-endian.
 *
 * Invariants: F1 a slot is written after the data that its pointer covers. F2 the two copies share one 512-byte sector
 * and are written in turns, so a torn write leaves the older one. F3 both copies bad = the zone is offline.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from './checksum.ts'
import { createFileDurably, readFully, syncDirectory, writeFully } from './durable-file.ts'
import { MediumError } from './error.ts'
import type { Bytes } from './medium.ts'
import {
  encodeSuperblock,
  readSuperblock,
  SUPERBLOCK_BYTES,
  type SuperblockBody,
  type SuperblockKind,
} from './superblock.ts'
import { ZONE_CELL_BYTES } from './zone.ts'
import { type Geometry, roundUp, ZoneCells, type ZoneStore } from './zone-store.ts'

const SLOT_BYTES = 128
const COPY_BYTES = 64

export { COPY_BYTES as SLOT_COPY_BYTES, SLOT_BYTES }

const ZEROS = new Uint8Array(1 << 20)

/** Writes many buffers at a position with as few calls as they allow. */
function writeParts(fd: number, parts: readonly Bytes[], position: number): void {
  let at = position
  for (const part of parts.length > 8 ? [Buffer.concat(parts as Bytes[])] : parts) {
    writeFully(fd, part, at)
    at += part.length
  }
}

/** The bytes of one copy of a slot. */
export function encodeSlotCopy(zone: number, words: Float64Array, generation: number): Bytes {
  const copy = new Uint8Array(COPY_BYTES)
  const view = new DataView(copy.buffer)
  for (let i = 0; i < 4; i++) view.setFloat64(i * 8, words[i]!, true)
  view.setUint32(32, generation, true)
  view.setUint32(36, zone, true)
  view.setUint32(40, crc32(copy.subarray(0, 40)), true)
  return copy
}

/** One copy of a slot, or undefined. Exported for tests of the decoder. */
export function decodeSlotCopy(copy: Bytes, zone: number): { words: Float64Array; generation: number } | undefined {
  if (copy.length < COPY_BYTES) return undefined
  const view = new DataView(copy.buffer, copy.byteOffset, COPY_BYTES)
  const words = new Float64Array(4)
  for (let i = 0; i < 4; i++) words[i] = view.getFloat64(i * 8, true)
  const generation = view.getUint32(32, true)
  if (view.getUint32(36, true) !== zone || view.getUint32(40, true) !== crc32(copy.subarray(0, 40))) return undefined
  return { words, generation }
}

export class FileZones implements ZoneStore {
  readonly cells: ZoneCells
  readonly #fd: number
  readonly #geometry: Geometry
  readonly #generations: Uint32Array
  readonly #dataAt: number
  readonly #follow: boolean

  private constructor(fd: number, geometry: Geometry, follow: boolean) {
    this.#fd = fd
    this.#geometry = geometry
    this.#follow = follow
    this.cells = new ZoneCells(new Float64Array((geometry.zoneCount * ZONE_CELL_BYTES) / 8))
    this.#generations = new Uint32Array(geometry.zoneCount)
    this.#dataAt = SUPERBLOCK_BYTES + roundUp(geometry.zoneCount * SLOT_BYTES, 4096)
    for (let zone = 0; zone < geometry.zoneCount; zone++) this.#load(zone)
  }

  /** Makes the file with its superblock, durable; it appears whole. Call it under the lock, when there is none. */
  static create(path: string, kind: SuperblockKind, body: SuperblockBody, geometry: Geometry): void {
    const draft = `${path}.${body.id}`
    createFileDurably(draft, encodeSuperblock(kind, body))
    const fd = openSync(draft, 'r+')
    try {
      const slots = SUPERBLOCK_BYTES + roundUp(geometry.zoneCount * SLOT_BYTES, 4096)
      ftruncateSync(fd, slots + geometry.zoneCount * geometry.zoneBytes)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(draft, path)
    syncDirectory(dirname(path))
  }

  /**
   * @param follow reads every slot anew before use: others may write.
   * Errors: MEDIA_FORMAT, MEDIA_WRONG_MEDIUM; MEDIA_NOT_FOUND through ENOENT.
   */
  static open(
    path: string,
    o: { kind: SuperblockKind; id?: string | undefined; readOnly: boolean; follow: boolean; atOpen: boolean },
    geometryOf: (body: SuperblockBody) => Geometry,
  ): { store: FileZones; body: SuperblockBody } {
    const fd = openSync(path, o.readOnly ? 'r' : 'r+')
    try {
      const block = new Uint8Array(SUPERBLOCK_BYTES)
      const body = readSuperblock(block.subarray(0, readFully(fd, block, 0)), o.kind, path, o.id)
      const geometry = geometryOf(body)
      const store = new FileZones(fd, geometry, o.follow)
      if (fstatSync(fd).size < store.#dataAt + geometry.zoneCount * geometry.zoneBytes) {
        throw new MediumError('MEDIA_FORMAT', `${path} is shorter than its geometry`)
      }
      if (o.atOpen) store.#afterPowerCycle()
      return { store, body }
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** A device that was switched on has no open zones. */
  #afterPowerCycle(): void {
    for (let zone = 0; zone < this.#geometry.zoneCount; zone++) {
      if (this.cells.state(zone) !== 'open') continue
      this.cells.setState(zone, this.cells.pointer(zone) === 0 ? 'empty' : 'closed')
    }
  }

  #slotAt(zone: number): number {
    return SUPERBLOCK_BYTES + zone * SLOT_BYTES
  }

  #load(zone: number): void {
    const slot = new Uint8Array(SLOT_BYTES)
    for (let attempt = 0; attempt < 4; attempt++) {
      readFully(this.#fd, slot, this.#slotAt(zone))
      if (slot.every((byte) => byte === 0)) return
      const copies = [
        decodeSlotCopy(slot.subarray(0, COPY_BYTES), zone),
        decodeSlotCopy(slot.subarray(COPY_BYTES), zone),
      ]
      const [first, second] = copies
      const best =
        first === undefined || (second !== undefined && second.generation > first.generation) ? second : first
      if (best === undefined) continue
      this.cells.words.set(best.words, zone * 4)
      this.#generations[zone] = best.generation
      return
    }
    this.cells.setState(zone, 'offline')
  }

  refresh(zone: number): void {
    if (this.#follow) this.#load(zone)
  }

  exclusively<T>(zone: number, change: () => T): T {
    this.refresh(zone)
    const value = change()
    this.#publish(zone)
    return value
  }

  #publish(zone: number): void {
    const generation = ++this.#generations[zone]!
    const copy = encodeSlotCopy(zone, this.cells.words.subarray(zone * 4, zone * 4 + 4), generation)
    writeFully(this.#fd, copy, this.#slotAt(zone) + (generation % 2) * COPY_BYTES)
  }

  #at(zone: number, offset: number): number {
    return this.#dataAt + zone * this.#geometry.zoneBytes + offset
  }

  write(zone: number, offset: number, parts: readonly Bytes[]): void {
    writeParts(this.#fd, parts, this.#at(zone, offset))
  }

  read(zone: number, offset: number, into: Bytes): void {
    const read = readFully(this.#fd, into, this.#at(zone, offset))
    if (read < into.length) throw new MediumError('MEDIA_IO', `the file ends in zone ${zone}`, { zone })
  }

  zero(zone: number, from: number, to: number): void {
    for (let at = from; at < to; at += ZEROS.length) {
      const bytes = Math.min(ZEROS.length, to - at)
      let done = 0
      while (done < bytes) done += writeSync(this.#fd, ZEROS, 0, bytes - done, this.#at(zone, at + done))
    }
  }

  sync(): void {
    fdatasyncSync(this.#fd)
  }

  syncLater(): Promise<void> {
    return new Promise((resolve, reject) => fdatasync(this.#fd, (error) => (error ? reject(error) : resolve())))
  }

  async close(): Promise<void> {
    closeSync(this.#fd)
  }
}
