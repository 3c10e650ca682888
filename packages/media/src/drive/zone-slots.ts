/**
 * What a device cannot remember of zones without a write pointer, kept in slots beside the superblock: is the zone
 * empty, in use (its end unknown), or finished at which byte. Bytes: FORMAT.md, "Block device or image"; the slot itself
 * as in file-zones.ts.
 *
 * Invariants: B1 a slot says "in use" before the flush that acknowledges the zone's first bytes, because it was written
 * before them. B2 two copies are written in turns and share a sector, so a torn write leaves the older one.
 */
import { decodeSlotCopy, encodeSlotCopy, SLOT_BYTES, SLOT_COPY_BYTES } from '../file-zones.ts'
import type { ZoneState } from '../medium.ts'
import { ZoneCells } from '../zone.ts'
import { roundUp } from '../zone-store.ts'
import type { SlabIo } from './slab-io.ts'

const PAGE_BYTES = 4096

/** Bytes of the slots of `zones` zones. */
export const slotsBytes = (zones: number): number => roundUp(zones * SLOT_BYTES, PAGE_BYTES)

export class ZoneSlots {
  readonly #io: SlabIo
  readonly #fd: number
  readonly #at: number
  readonly #image: Uint8Array
  readonly #generations: Uint32Array
  /** What the slots say; the index is the slot's. */
  readonly cells: ZoneCells

  /** @param at byte position of the slots on `fd`, a multiple of 4096 */
  constructor(io: SlabIo, fd: number, at: number, zones: number) {
    this.#io = io
    this.#fd = fd
    this.#at = at
    this.#image = new Uint8Array(slotsBytes(zones))
    this.#generations = new Uint32Array(zones)
    this.cells = new ZoneCells(new Float64Array(zones * 4))
    io.readNow(fd, at, this.#image)
    for (let zone = 0; zone < zones; zone++) this.#load(zone)
  }

  /** All slots empty, on a device that is being formatted. */
  static clear(io: SlabIo, fd: number, at: number, zones: number): void {
    io.writeNow(fd, [new Uint8Array(slotsBytes(zones))], at)
  }

  #load(zone: number): void {
    const slot = this.#image.subarray(zone * SLOT_BYTES, (zone + 1) * SLOT_BYTES)
    if (slot.every((byte) => byte === 0)) return
    const copies = [
      decodeSlotCopy(slot.subarray(0, SLOT_COPY_BYTES), zone),
      decodeSlotCopy(slot.subarray(SLOT_COPY_BYTES), zone),
    ]
    const best = copies
      .filter((copy) => copy !== undefined)
      .reduce<(typeof copies)[number]>((a, b) => (a === undefined || b.generation > a.generation ? b : a), undefined)
    if (best === undefined) {
      this.cells.setState(zone, 'offline')
      return
    }
    this.cells.words.set(best.words, zone * 4)
    this.#generations[zone] = best.generation
  }

  /** Writes what a zone is now; durable with the next flush. Synchronous: it happens a few times in a zone's life. */
  put(zone: number, state: ZoneState, pointer: number | 'unknown'): void {
    this.cells.setState(zone, state)
    this.cells.setPointer(zone, pointer)
    const generation = ++this.#generations[zone]!
    const copy = encodeSlotCopy(zone, this.cells.words.subarray(zone * 4, zone * 4 + 4), generation)
    this.#image.set(copy, zone * SLOT_BYTES + (generation % 2) * SLOT_COPY_BYTES)
    const page = Math.floor((zone * SLOT_BYTES) / PAGE_BYTES) * PAGE_BYTES
    this.#io.writeNow(this.#fd, [this.#image.subarray(page, page + PAGE_BYTES)], this.#at + page)
  }
}
