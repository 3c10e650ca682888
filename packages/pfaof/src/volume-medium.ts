import type { Medium, ZoneReport } from '@vivefs/media'
import { CHUNK_HEAD_BYTES_MAX, CHUNK_PAYLOAD_BYTES_MAX, locationSeed } from './chunk.ts'
import { fromMedium } from './error.ts'
import { FlushGate } from './flush-gate.ts'
import { type Op, wait } from './op.ts'
import { saltOf } from './superblock.ts'

/** Chunks start at multiples of this: the smallest multiple of the block size that holds the smallest append and 8. */
export function alignBytesOf(medium: Medium): number {
  const { blockBytes, appendBytesMin } = medium.caps
  return Math.ceil(Math.max(8, appendBytesMin) / blockBytes) * blockBytes
}

/** What a zone writer holds back in memory, where a medium takes a zone only as a whole. */
export interface HeldZone {
  copy(offset: number, into: Uint8Array): number
}

/** One medium of a volume: operations in both forms, errors by code, group commit, space. */
export class VolumeMedium {
  readonly number: number
  readonly name: string
  readonly medium: Medium
  readonly home: boolean
  readonly alignBytes: number
  readonly salt: number
  readonly gate: FlushGate
  /** Most bytes of one append. */
  readonly appendBytesMax: number
  /** Zones whose bytes are still in memory (append 'whole-object'). */
  readonly held: Map<number, HeldZone> = new Map()
  reports: readonly ZoneReport[] = []
  readonly #readsBlock: boolean

  constructor(o: { number: number; name: string; medium: Medium; home: boolean; volumeId: Uint8Array }) {
    this.number = o.number
    this.name = o.name
    this.medium = o.medium
    this.home = o.home
    this.alignBytes = alignBytesOf(o.medium)
    this.salt = saltOf(o.volumeId)
    this.gate = new FlushGate(o.medium, o.name)
    const { appendBytesMax } = o.medium.caps
    const whole = Math.ceil((CHUNK_HEAD_BYTES_MAX + CHUNK_PAYLOAD_BYTES_MAX) / this.alignBytes) * this.alignBytes
    const limit = Math.floor(appendBytesMax / this.alignBytes) * this.alignBytes
    this.appendBytesMax = appendBytesMax === 0 ? whole : Math.min(whole, limit)
    // Where a seek costs milliseconds an asynchronous caller must not block the event loop.
    this.#readsBlock = o.medium.readSync !== undefined && o.medium.caps.cost.seekMs < 1
  }

  /** Its zones are objects that one append fills. */
  get wholeObjects(): boolean {
    return this.medium.caps.append === 'whole-object'
  }

  /** Bytes become durable only with the end of their zone, or lie in memory until then. */
  get endsWithZone(): boolean {
    const { durability, append } = this.medium.caps
    return durability === 'seal' || append === 'stream' || this.wholeObjects
  }

  /** Labels, epochs and the table are create-once keys. */
  get keyed(): boolean {
    const { medium } = this
    return medium.caps.fencing === 'create-once' && medium.createOnce !== undefined && medium.readKey !== undefined
  }

  /** The zones that are not for data. */
  get ownZones(): ReadonlySet<number> {
    if (this.keyed) return new Set()
    return new Set(this.home ? [0, 1] : [0])
  }

  seed(zone: number, offset: number): number {
    return locationSeed(this.salt, this.number, zone, offset)
  }

  /** Appends go to the medium on the spot: a buffered write is cheaper than a thread. */
  get appendsNow(): boolean {
    return this.medium.appendSync !== undefined
  }

  /** Appends on the spot, where `appendsNow`; returns the offset. */
  appendNow(zone: number, parts: readonly Uint8Array[]): number {
    try {
      const offset = this.medium.appendSync!(zone, parts)
      this.gate.written++
      return offset
    } catch (error) {
      throw fromMedium(error, `append to zone ${zone} of ${this.name}`, this.name)
    }
  }

  /** Appends and returns the offset. A flush covers it once it has returned. */
  *append(zone: number, parts: readonly Uint8Array[]): Op<number> {
    if (this.appendsNow) return this.appendNow(zone, parts)
    try {
      const offset = yield* wait(() => this.medium.append(zone, parts))
      this.gate.written++
      return offset
    } catch (error) {
      throw fromMedium(error, `append to zone ${zone} of ${this.name}`, this.name)
    }
  }

  /** A blocking read where that is cheap and possible; undefined: use {@link read}. */
  readNow(zone: number, offset: number, into: Uint8Array): number | undefined {
    if (!this.#readsBlock || this.held.size > 0) return undefined
    try {
      return this.medium.readSync!(zone, offset, into)
    } catch (error) {
      throw fromMedium(error, `read of zone ${zone} of ${this.name}`, this.name)
    }
  }

  /** Fills `into` as far as the zone reaches; returns the bytes. */
  *read(zone: number, offset: number, into: Uint8Array): Op<number> {
    const held = this.held.get(zone)
    if (held !== undefined) return held.copy(offset, into)
    const { medium } = this
    try {
      if (this.#readsBlock) return medium.readSync!(zone, offset, into)
      const now = medium.readSync === undefined ? undefined : () => medium.readSync!(zone, offset, into)
      return yield* wait(() => medium.read(zone, offset, into), now)
    } catch (error) {
      throw fromMedium(error, `read of zone ${zone} of ${this.name}`, this.name)
    }
  }

  *flush(): Op<void> {
    yield* this.gate.through(this.gate.written)
  }

  /** Zones are finished and emptied on the spot, whoever drives. */
  get zonesNow(): boolean {
    return this.medium.resetSync !== undefined && this.medium.finishSync !== undefined
  }

  /** Nothing that is asked of it has to wait for longer than its flush. */
  get answersNow(): boolean {
    return this.appendsNow && this.zonesNow && this.#readsBlock && !this.keyed && this.medium.flushSync !== undefined
  }

  *reset(zone: number): Op<void> {
    try {
      if (this.zonesNow) this.medium.resetSync!(zone)
      else yield* wait(() => this.medium.reset(zone))
      this.gate.written++
    } catch (error) {
      throw fromMedium(error, `reset of zone ${zone} of ${this.name}`, this.name)
    }
  }

  /** Space returns only with all of it. */
  get erasable(): boolean {
    return this.medium.caps.reclaim === 'whole-medium' && this.medium.erase !== undefined
  }

  /** Empties all zones, where `erasable`. */
  *erase(): Op<void> {
    try {
      yield* wait(() => this.medium.erase!())
      this.gate.written++
    } catch (error) {
      throw fromMedium(error, `erasing ${this.name}`, this.name)
    }
    yield* this.report()
  }

  *finish(zone: number): Op<void> {
    try {
      if (this.zonesNow) this.medium.finishSync!(zone)
      else yield* wait(() => this.medium.finish(zone))
      this.gate.written++
    } catch (error) {
      throw fromMedium(error, `finish of zone ${zone} of ${this.name}`, this.name)
    }
  }

  /** Asks the medium for the truth about its zones. */
  *report(): Op<readonly ZoneReport[]> {
    try {
      this.reports = yield* wait(() => this.medium.report())
      return this.reports
    } catch (error) {
      throw fromMedium(error, `report of ${this.name}`, this.name)
    }
  }

  /** Bytes of a zone that a scan has to look at: up to the pointer where it is known. */
  scanLimit(zone: number): number {
    const report = this.reports[zone]
    if (report === undefined) return 0
    return report.pointer === 'unknown' ? report.capacityBytes : Math.min(report.pointer, report.capacityBytes)
  }
}
