import { assert, PfaofError } from './error.ts'
import type { Housekeeping } from './housekeeping.ts'
import { type Op, runAsync, runSync, wait } from './op.ts'
import { Turn } from './turn.ts'
import type { VolumeMedium } from './volume-medium.ts'
import { ZoneWriter } from './zone-writer.ts'

const EPOCH_CLASSES = 4
/** Zones emptied at a time. */
const PREPARED_MAX = 16

/**
 * Which zones of one medium are free, in use, or waiting for their reset. A zone is in use while an extent of the file table,
 * a table overflow, a reader or a writer refers to it. It is reset when it is needed, and only when the edit that freed it is
 * durable (I7). Some zones stay in reserve for the table and for reclaim, so that a full medium can be emptied.
 */
export class ZoneAllocator {
  readonly #medium: VolumeMedium
  readonly #housekeeping: Housekeeping
  readonly #references: Map<number, number> = new Map()
  /** Where zones end that were finished; of others it is not known. */
  readonly #ends: Map<number, number> = new Map()
  readonly #empty: Set<number> = new Set()
  /** Empty zones that were used before, the latest last: they go first, since their space is allocated below. */
  readonly #recycled: number[] = []
  /** Dead zones, with the serial number of the table edit that freed them. */
  readonly #dead: Map<number, number> = new Map()
  /** Dead zones of a shared store: the writer before may be about to delete them, so this epoch does not use their names. */
  readonly #quarantine: number[] = []
  readonly #writers: Set<ZoneWriter> = new Set()
  readonly #turn = new Turn()
  readonly #durable: (serial: number) => Op<void>
  readonly #nextUse: () => number
  #epoch = 0
  /** Zones that ordinary writes leave alone. */
  reserveZones: number
  #usable = 0

  constructor(o: {
    medium: VolumeMedium
    housekeeping: Housekeeping
    /** Waits until the table edit with this serial number is durable. */
    durable: (serial: number) => Op<void>
    nextUse: () => number
    reserveZones: number
  }) {
    this.#medium = o.medium
    this.#housekeeping = o.housekeeping
    this.#durable = o.durable
    this.#nextUse = o.nextUse
    this.reserveZones = o.reserveZones
  }

  /** Takes the state of the zones from the medium's report; `own` are anchors and the label. Call `retain` before. */
  load(epoch: number, own: ReadonlySet<number>): void {
    this.#epoch = epoch
    this.#usable = 0
    for (const { zone, state, capacityBytes, pointer } of this.#medium.reports) {
      if (own.has(zone) || state === 'offline' || capacityBytes === 0) continue
      if (this.#references.has(zone)) {
        this.#usable++
        if (state === 'full' && pointer !== 'unknown') this.#ends.set(zone, pointer)
      } else if (state === 'read-only') continue
      else {
        this.#usable++
        if (state === 'empty') this.#empty.add(zone)
        else if (this.#medium.keyed) this.#quarantine.push(zone)
        else if (this.#resettable) this.#dead.set(zone, 0)
      }
    }
  }

  /** Empties all zones at once, where none is in use; `relabel` writes what has to be there. PFAOF_BUSY. */
  *erase(relabel: () => Op<void>): Op<void> {
    yield* this.#turn.take()
    try {
      if (this.#references.size > 0 || this.#writers.size > 0) {
        const what = `${this.#references.size} zones of ${this.#medium.name} are in use`
        throw new PfaofError('PFAOF_BUSY', `${what}: move what lies there elsewhere first`)
      }
      yield* this.#medium.erase()
      yield* relabel()
      yield* this.#medium.report()
      this.#empty.clear()
      this.load(this.#epoch, this.#medium.ownZones)
    } finally {
      this.#turn.release()
    }
  }

  get #resettable(): boolean {
    return this.#medium.medium.caps.reclaim !== 'whole-medium'
  }

  get freeZones(): number {
    return this.#empty.size + this.#recycled.length + this.#dead.size
  }

  get usableZones(): number {
    return this.#usable
  }

  get writers(): number {
    return this.#writers.size
  }

  /**
   * Bytes that a used zone takes from everybody else: where zones are deleted to give space back, a finished one takes what was written to
   * it, otherwise all of it.
   */
  takenBytes(zone: number): number {
    const { caps } = this.#medium.medium
    const end = caps.reclaim === 'delete' ? this.#ends.get(zone) : undefined
    return end ?? this.#medium.reports[zone]?.capacityBytes ?? caps.zoneCapacityBytes
  }

  /** Zones that are in use. */
  usedZones(): Iterable<number> {
    return this.#references.keys()
  }

  retain(zone: number): void {
    this.#references.set(zone, (this.#references.get(zone) ?? 0) + 1)
  }

  /** Gives up one reference; `serial` is the table edit that must be durable before the zone is reset. */
  release(zone: number, serial: number): void {
    const count = this.#references.get(zone) ?? 0
    assert(count > 0, 'a zone is released as often as it was retained')
    if (count > 1) {
      this.#references.set(zone, count - 1)
      return
    }
    this.#references.delete(zone)
    this.#ends.delete(zone)
    if (this.#resettable) this.#dead.set(zone, serial)
  }

  /** A zone writer has it. */
  isWritten(zone: number): boolean {
    for (const writer of this.#writers) if (writer.zone === zone) return true
    return false
  }

  isUsed(zone: number): boolean {
    return this.#references.has(zone)
  }

  /** True when one more zone may be written beside those that are (one below the limits of the medium). */
  get mayOpen(): boolean {
    const { openZonesMax, activeZonesMax, append } = this.#medium.medium.caps
    if (append === 'stream') return this.#writers.size === 0
    const limit = Math.min(openZonesMax || Number.POSITIVE_INFINITY, activeZonesMax || Number.POSITIVE_INFINITY)
    const own = this.#medium.home ? 2 : 0
    return this.#writers.size < Math.max(1, limit - 1 - own)
  }

  /**
   * Opens an empty zone for writing, with one reference that belongs to the writer. PFAOF_NO_SPACE when only the reserve is
   * left, unless `useReserve`.
   */
  *open(useReserve = false): Op<ZoneWriter> {
    yield* this.#turn.take()
    try {
      for (;;) {
        if (this.freeZones <= (useReserve ? 0 : this.reserveZones)) {
          throw new PfaofError('PFAOF_NO_SPACE', `no free zone on ${this.#medium.name}`)
        }
        const zone = yield* this.#takeEmpty()
        const report = this.#medium.reports[zone]
        const capacityBytes = report?.capacityBytes ?? this.#medium.medium.caps.zoneCapacityBytes
        this.retain(zone)
        const writer = new ZoneWriter(this.#medium, zone, this.#epoch, this.#nextUse(), capacityBytes)
        this.#writers.add(writer)
        return writer
      }
    } finally {
      this.#turn.release()
    }
  }

  *#takeEmpty(): Op<number> {
    const ready = this.#recycled.pop() ?? this.#pickEmpty()
    if (ready !== undefined) {
      this.#empty.delete(ready)
      return ready
    }
    const [zone, serial] = this.#dead.entries().next().value as [number, number]
    yield* this.#durable(serial)
    yield* this.#medium.reset(zone)
    this.#dead.delete(zone)
    return zone
  }

  /** On a shared store successive writers take different names first: one that does not know yet that it was fenced is not met. */
  #pickEmpty(): number | undefined {
    if (this.#medium.keyed) {
      for (const zone of this.#empty) if (zone % EPOCH_CLASSES === this.#epoch % EPOCH_CLASSES) return zone
    }
    for (const zone of this.#empty) return zone
    return undefined
  }

  /** Gives the space of quarantined zones back; the next writer may use them. Call once the volume is claimed. */
  cleanQuarantine(): void {
    for (const zone of this.#quarantine.splice(0)) this.#housekeeping.run(() => runAsync(this.#medium.reset(zone)))
  }

  /**
   * Empties dead zones ahead of need, so that their space returns and a synchronous append can move on to one: several where that is
   * done on the spot, otherwise one when there is no other.
   */
  prepare(durableSerial: number): void {
    if (this.#dead.size === 0 || this.#turn.held) return
    const now = this.#medium.zonesNow
    if (!now && this.#empty.size + this.#recycled.length > 0) return
    let left = PREPARED_MAX
    for (const [zone, serial] of this.#dead) {
      if (serial > durableSerial) continue
      if (left-- === 0) return
      this.#dead.delete(zone)
      if (!now) {
        this.#housekeeping.run(() => runAsync(this.#recycle(zone, serial)))
        return
      }
      try {
        runSync(this.#recycle(zone, serial))
      } catch (error) {
        this.#housekeeping.failed(error)
        return
      }
    }
  }

  *#recycle(zone: number, serial: number): Op<void> {
    try {
      yield* this.#medium.reset(zone)
    } catch (error) {
      this.#dead.set(zone, serial)
      throw error
    }
    if (this.#medium.keyed) this.#empty.add(zone)
    else this.#recycled.push(zone)
  }

  /** The writer is done with its zone: the medium is told (I14), then the writer's reference goes. */
  retire(writer: ZoneWriter, serial: number): void {
    if (!this.#writers.has(writer)) return
    const failed = writer.ended
    writer.ended = true
    if (failed || !this.#medium.zonesNow) {
      this.#housekeeping.run(() => runAsync(this.#retire(writer, serial, failed)))
      return
    }
    try {
      runSync(this.#retire(writer, serial, failed))
    } catch (error) {
      this.#housekeeping.failed(error)
    }
  }

  *#retire(writer: ZoneWriter, serial: number, failed: boolean): Op<void> {
    const medium = this.#medium
    try {
      if (medium.wholeObjects) yield* writer.commitHeld()
      else {
        if (failed) yield* medium.report()
        yield* medium.finish(writer.zone)
      }
      if (!failed) this.#ends.set(writer.zone, writer.at)
    } catch (error) {
      // Where durability comes with the end of the zone, its bytes can no longer be promised (I12).
      if (medium.endsWithZone) medium.gate.failure ??= error as Error
      throw error
    } finally {
      this.#writers.delete(writer)
      this.release(writer.zone, serial)
    }
  }

  /** As `retire`, and waits: where durability comes with the end of the zone. */
  *finish(writer: ZoneWriter, serial: number): Op<void> {
    if (!this.#writers.has(writer)) return
    yield* writer.commitHeld()
    writer.ended = true
    if (!this.#medium.wholeObjects) yield* this.#medium.finish(writer.zone)
    this.#ends.set(writer.zone, writer.at)
    this.#writers.delete(writer)
    this.release(writer.zone, serial)
  }

  /** Waits until no zone of this volume is being finished or emptied in the background. */
  *idle(): Op<void> {
    if (this.#housekeeping.running > 0) yield* wait(() => this.#housekeeping.idle())
  }
}
