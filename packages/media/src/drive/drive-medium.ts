/**
 * A medium over a real device of zones: one set of rules for `block`, `zonefs` and `zoned-block`, which differ in what
 * stands behind `ZoneDrive`.
 *
 *   V1  The device is asked for the truth by `report`; a zone that something was done to meanwhile keeps what it had.
 *   V2  A conventional zone's slot says "in use" before its first byte is written, "full" or "empty" after the fact.
 *   V3  One open and one active zone of what the device allows stay in reserve: whoever repairs, or another user of the
 *       device, still can.
 */
import { BaseMedium, type BaseOptions } from '../base.ts'
import { MediumError } from '../error.ts'
import type { Bytes, ZoneReport } from '../medium.ts'
import { DeviceTiming } from '../timing.ts'
import { ZONE_CELL_BYTES, ZoneCells, ZoneTable } from '../zone.ts'
import type { ZoneDrive, ZoneFact } from './zone-drive.ts'
import type { ZoneSlots } from './zone-slots.ts'

export interface DriveMediumOptions extends Omit<BaseOptions, 'timing'> {
  readonly drive: ZoneDrive
  /** Slots of the conventional zones, in order of their numbers; absent where there are none. */
  readonly slots: ZoneSlots | undefined
  /** What the device said of its zones at opening. */
  readonly facts: readonly (ZoneFact | undefined)[]
  readonly readOnly: boolean
  /** Asked after each flush, before it is acknowledged; throws when another writer took over. */
  readonly checkLock: () => void
  readonly onClose: () => Promise<void> | void
}

const NO_COST = { seekMs: 0, readMBps: 0, writeMBps: 0, streamMBpsMin: 0, mountMs: 0 }

/** The limit that leaves one in reserve (V3); 0 = no limit. */
export const limitWithReserve = (limit: number): number => (limit === 0 ? 0 : Math.max(1, limit - 1))

export class DriveMedium extends BaseMedium {
  readonly closeZone?: (zone: number) => Promise<void>
  readonly resume?: (zone: number, pointer: number) => Promise<void>
  readonly #options: DriveMediumOptions
  readonly #drive: ZoneDrive
  readonly #table: ZoneTable
  /** Grows at the start and at the end of whatever changes a zone: odd while something is under way (V1). */
  readonly #changes: Uint32Array
  /** The slot of each conventional zone, by zone. */
  readonly #slotOf = new Map<number, number>()

  constructor(options: DriveMediumOptions) {
    super({ ...options, timing: new DeviceTiming(NO_COST) })
    this.#options = options
    this.#drive = options.drive
    const { zones } = options.drive
    this.#changes = new Uint32Array(zones.length)
    this.#table = new ZoneTable(new ZoneCells(new Float64Array((zones.length * ZONE_CELL_BYTES) / 8)), {
      zoneCount: zones.length,
      openZonesMax: options.caps.openZonesMax,
      activeZonesMax: options.caps.activeZonesMax,
      atOpenLimit: 'refuse',
      conventional: (zone) => zones[zone]!.type === 'conventional',
      capacityBytes: (zone) => zones[zone]!.capacityBytes,
    })
    zones.forEach((zone, number) => {
      if (zone.type === 'conventional') this.#slotOf.set(number, this.#slotOf.size)
      this.#load(number, options.facts[number])
    })
    if (options.caps.openZonesMax > 0) this.closeZone = (zone) => this.#closeZone(zone)
    if (this.#slotOf.size > 0) this.resume = (zone, pointer) => this.#resume(zone, pointer)
  }

  #load(zone: number, fact: ZoneFact | undefined): void {
    const { cells } = this.#table
    const slot = this.#slotOf.get(zone)
    if (slot === undefined) {
      cells.setState(zone, fact!.state)
      cells.setPointer(zone, fact!.pointer)
      return
    }
    const known = this.#options.slots!.cells
    const state = known.state(slot)
    cells.setState(zone, state === 'open' ? 'closed' : state)
    cells.setPointer(zone, state === 'empty' ? 0 : known.pointer(slot))
  }

  // ---- appending ----

  #writable(): void {
    if (this.#options.readOnly) throw new MediumError('MEDIA_READ_ONLY', 'the medium was opened read-only')
  }

  /** Admits an append; what `admit` opened is closed again when the device does not agree. */
  #admit(zone: number, bytes: number): { offset: number; opens: boolean } {
    this.#writable()
    const opens = this.#table.cells.state(zone) !== 'open'
    return { offset: this.#table.admit(zone, bytes), opens }
  }

  /** V2. */
  #markUsed(zone: number): void {
    const slot = this.#slotOf.get(zone)
    const { slots } = this.#options
    if (slot !== undefined && slots!.cells.state(slot) !== 'closed') slots!.put(slot, 'closed', 'unknown')
  }

  #markFull(zone: number): void {
    const slot = this.#slotOf.get(zone)
    if (slot !== undefined) this.#options.slots!.put(slot, 'full', this.#table.cells.pointer(zone))
  }

  protected override async doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> {
    const { offset, opens } = this.#admit(zone, bytes)
    this.#changes[zone]!++
    try {
      if (opens) {
        try {
          if (this.#slotOf.has(zone)) this.#markUsed(zone)
          else await this.#drive.open(zone)
        } catch (error) {
          this.#table.close(zone)
          throw error
        }
      }
      await this.#drive.write(zone, parts, offset)
      this.#advance(zone, offset, bytes)
      if (this.#table.cells.state(zone) === 'full') {
        this.#markFull(zone)
        await this.#drive.close(zone)
      }
      return offset
    } finally {
      this.#changes[zone]!++
    }
  }

  protected override doAppendSync(zone: number, parts: readonly Bytes[], bytes: number): number {
    const { offset, opens } = this.#admit(zone, bytes)
    this.#changes[zone]! += 2
    if (opens) {
      try {
        if (this.#slotOf.has(zone)) this.#markUsed(zone)
        else this.#drive.openNow(zone)
      } catch (error) {
        this.#table.close(zone)
        throw error
      }
    }
    this.#drive.writeNow(zone, parts, offset)
    this.#advance(zone, offset, bytes)
    if (this.#table.cells.state(zone) === 'full') {
      this.#markFull(zone)
      this.#drive.closeNow(zone)
    }
    return offset
  }

  #advance(zone: number, offset: number, bytes: number): void {
    this.#table.advance(zone, bytes)
    this.timing.access(zone * this.caps.zoneBytes + offset, bytes, true)
  }

  // ---- reading ----

  #readable(zone: number, offset: number, length: number): number {
    const { cells, rules } = this.#table
    if (cells.state(zone) === 'offline') throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is offline`, { zone })
    const pointer = cells.pointer(zone)
    const end = pointer === 'unknown' ? rules.capacityBytes(zone) : pointer
    const bytes = Math.max(0, Math.min(length, end - offset))
    if (bytes > 0) this.timing.access(zone * this.caps.zoneBytes + offset, bytes, false)
    return bytes
  }

  protected override doRead(zone: number, offset: number, into: Bytes): Promise<number> | number {
    const bytes = this.#readable(zone, offset, into.length)
    return bytes === 0 ? 0 : this.#drive.read(zone, offset, into.subarray(0, bytes))
  }

  protected override doReadSync(zone: number, offset: number, into: Bytes): number {
    const bytes = this.#readable(zone, offset, into.length)
    return bytes === 0 ? 0 : this.#drive.readNow(zone, offset, into.subarray(0, bytes))
  }

  // ---- durability and states ----

  protected override async doFlush(): Promise<void> {
    this.#writable()
    await this.#drive.flush()
    this.#options.checkLock()
  }

  protected override doFlushSync(): void {
    this.#writable()
    this.#drive.flushNow()
    this.#options.checkLock()
  }

  #checkAlive(zone: number): void {
    this.#writable()
    const state = this.#table.cells.state(zone)
    if (state === 'read-only' || state === 'offline') {
      throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is ${state}`, { zone })
    }
  }

  protected override async doFinish(zone: number): Promise<void> {
    this.#checkAlive(zone)
    if (this.#table.cells.state(zone) === 'full') return
    this.#changes[zone]!++
    try {
      await this.#drive.finish(zone)
      this.#table.finish(zone, !this.#slotOf.has(zone))
      this.#markFull(zone)
    } finally {
      this.#changes[zone]!++
    }
  }

  protected override async doReset(zone: number): Promise<void> {
    this.#checkAlive(zone)
    this.#changes[zone]!++
    try {
      const slot = this.#slotOf.get(zone)
      if (slot !== undefined) this.#options.slots!.put(slot, 'empty', 0)
      await this.#drive.reset(zone)
      this.#table.reset(zone)
    } finally {
      this.#changes[zone]!++
    }
  }

  async #closeZone(zone: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    await this.enqueue(zone, 'finish', 0, async () => {
      this.#writable()
      const open = this.#table.cells.state(zone) === 'open'
      this.#changes[zone]!++
      try {
        if (open && !this.#slotOf.has(zone)) await this.#drive.close(zone)
        this.#table.close(zone)
      } finally {
        this.#changes[zone]!++
      }
    })
  }

  async #resume(zone: number, pointer: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    await this.enqueue(zone, 'report', 0, async () => {
      this.#writable()
      const slot = this.#slotOf.get(zone)
      if (slot === undefined) {
        throw new MediumError('MEDIA_NOT_SUPPORTED', `zone ${zone} has a pointer of its own`, { zone })
      }
      this.#changes[zone]! += 2
      this.#table.resume(zone, pointer)
      const state = this.#table.cells.state(zone)
      if (state === 'full') this.#markFull(zone)
      else if (state === 'empty') this.#options.slots!.put(slot, 'empty', 0)
    })
  }

  protected override async doReport(): Promise<readonly ZoneReport[]> {
    const before = this.#changes.slice()
    const facts = await this.#drive.facts()
    const { cells } = this.#table
    facts.forEach((fact, zone) => {
      if (fact === undefined || before[zone]! % 2 === 1 || this.#changes[zone] !== before[zone]) return
      cells.setPointer(zone, fact.pointer)
      if (fact.state === cells.state(zone)) return
      // The device may close what it opened by itself; for us it is open until we close it.
      if (cells.state(zone) === 'open' && (fact.state === 'closed' || fact.state === 'empty')) return
      if (cells.state(zone) === 'open') this.#table.close(zone)
      cells.setState(zone, fact.state)
    })
    return this.#table.report()
  }

  protected override async doClose(): Promise<void> {
    try {
      await this.#drive.dispose()
    } finally {
      await this.#options.onClose()
    }
  }
}
