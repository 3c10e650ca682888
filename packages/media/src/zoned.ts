/**
 * A zoned medium over a zone store: the common body of `memory`, `pool`, ZNS and SMR, which differ only in caps, rules
 * and store.
 */
import { BaseMedium } from './base.ts'
import { MediumError } from './error.ts'
import type { Imageable, MediumImage, ZoneImage } from './image.ts'
import type { Bytes, Medium, MediumCaps, MediumSpec, ZoneReport } from './medium.ts'
import { DeviceTiming, sleepMs, sleepMsSync } from './timing.ts'
import { type ZoneRules, ZoneTable } from './zone.ts'
import type { ZoneStore } from './zone-store.ts'

export interface ZonedOptions {
  readonly spec: MediumSpec
  readonly caps: MediumCaps
  readonly id: string
  readonly store: ZoneStore
  readonly rules: ZoneRules
  /** After `finish` the pointer stands at the capacity, as on a drive; otherwise at the end of the data. */
  readonly finishToCapacity: boolean
  /** Wait as long as the modelled device would take. */
  readonly sleep?: boolean
  /** Refuse everything that changes the medium. */
  readonly readOnly?: boolean
  /** Builds an empty medium of the same kind for {@link Imageable}. */
  readonly emptyTwin: () => ZonedMedium
  /** Asked before changes and after each flush, before it is acknowledged; throws when another writer took over. */
  readonly checkLock?: () => void
  readonly onClose?: () => Promise<void> | void
}

export class ZonedMedium extends BaseMedium implements Imageable {
  readonly #options: ZonedOptions
  readonly #store: ZoneStore
  readonly #table: ZoneTable
  readonly closeZone?: (zone: number) => Promise<void>
  readonly resume?: (zone: number, pointer: number) => Promise<void>

  constructor(options: ZonedOptions) {
    const timing = new DeviceTiming(options.caps.cost)
    const { spec, caps, id, checkLock } = options
    super({ spec, caps, id, timing, zonesSync: true, ...(checkLock === undefined ? {} : { checkLock }) })
    this.#options = options
    this.#store = options.store
    this.#table = new ZoneTable(options.store.cells, options.rules)
    if (options.caps.openZonesMax > 0) this.closeZone = (zone) => this.#closeZone(zone)
    if (!options.caps.pointerSurvives) {
      this.resume = (zone, pointer) => this.#resume(zone, pointer)
    }
  }

  /** The store below: its buffer is what a worker thread attaches to. */
  get store(): ZoneStore {
    return this.#store
  }

  #position(zone: number, offset: number): number {
    return zone * this.caps.zoneBytes + offset
  }

  #checkReadOnly(): void {
    if (this.#options.readOnly === true) throw new MediumError('MEDIA_READ_ONLY', 'the medium was opened read-only')
  }

  #write(zone: number, parts: readonly Bytes[], bytes: number): { offset: number; ms: number } {
    this.#checkReadOnly()
    const offset = this.#store.exclusively(zone, () => {
      const at = this.#table.admit(zone, bytes)
      this.#store.write(zone, at, parts)
      this.#table.advance(zone, bytes)
      return at
    })
    return { offset, ms: this.timing.access(this.#position(zone, offset), bytes, true) }
  }

  #readBelowPointer(zone: number, offset: number, into: Bytes): { bytes: number; ms: number } {
    this.#store.refresh(zone)
    const { cells, rules } = this.#table
    if (cells.state(zone) === 'offline') throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is offline`, { zone })
    const pointer = cells.pointer(zone)
    const end = pointer === 'unknown' ? rules.capacityBytes(zone) : pointer
    const bytes = Math.min(into.length, end - offset)
    if (bytes <= 0) return { bytes: 0, ms: 0 }
    this.#store.read(zone, offset, into.subarray(0, bytes))
    return { bytes, ms: this.timing.access(this.#position(zone, offset), bytes, false) }
  }

  protected override doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> | number {
    const { offset, ms } = this.#write(zone, parts, bytes)
    return this.#options.sleep === true ? sleepMs(ms).then(() => offset) : offset
  }

  protected override doAppendSync(zone: number, parts: readonly Bytes[], bytes: number): number {
    const { offset, ms } = this.#write(zone, parts, bytes)
    if (this.#options.sleep === true) sleepMsSync(ms)
    return offset
  }

  protected override doRead(zone: number, offset: number, into: Bytes): Promise<number> | number {
    const { bytes, ms } = this.#readBelowPointer(zone, offset, into)
    return this.#options.sleep === true ? sleepMs(ms).then(() => bytes) : bytes
  }

  protected override doReadSync(zone: number, offset: number, into: Bytes): number {
    const { bytes, ms } = this.#readBelowPointer(zone, offset, into)
    if (this.#options.sleep === true) sleepMsSync(ms)
    return bytes
  }

  protected override async doFlush(): Promise<void> {
    await this.#store.syncLater()
    this.#options.checkLock?.()
  }

  protected override doFlushSync(): void {
    this.#store.sync()
    this.#options.checkLock?.()
  }

  protected override doFinish(zone: number): void {
    this.#checkReadOnly()
    this.#store.exclusively(zone, () => {
      const { cells, rules } = this.#table
      const pointer = cells.pointer(zone)
      const toCapacity = this.#options.finishToCapacity && pointer !== 'unknown' && !rules.conventional(zone)
      const state = cells.state(zone)
      if (toCapacity && state !== 'full' && state !== 'read-only' && state !== 'offline') {
        const end = Math.min(cells.highWater(zone), rules.capacityBytes(zone))
        if (end > pointer) this.#store.zero(zone, pointer, end)
      }
      this.#table.finish(zone, toCapacity)
    })
  }

  protected override doReset(zone: number): void {
    this.#checkReadOnly()
    this.#store.exclusively(zone, () => this.#table.reset(zone))
  }

  protected override doReport(): readonly ZoneReport[] {
    for (let zone = 0; zone < this.caps.zoneCount; zone++) this.#store.refresh(zone)
    return this.#table.report()
  }

  protected override async doClose(): Promise<void> {
    await this.#store.close()
    await this.#options.onClose?.()
  }

  async #closeZone(zone: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    await this.enqueue(zone, 'finish', 0, async () => {
      this.#checkReadOnly()
      this.#store.exclusively(zone, () => this.#table.close(zone))
    })
  }

  async #resume(zone: number, pointer: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    await this.enqueue(zone, 'report', 0, async () => {
      this.#checkReadOnly()
      if (!this.#table.rules.conventional(zone)) {
        throw new MediumError('MEDIA_NOT_SUPPORTED', `zone ${zone} has a pointer of its own`, { zone })
      }
      this.#store.exclusively(zone, () => this.#table.resume(zone, pointer))
    })
  }

  /** Marks a zone as a worn-out device would: 'read-only' keeps its data, 'offline' loses it. For tests. */
  retire(zone: number, state: 'read-only' | 'offline'): void {
    this.checkWritable()
    this.checkZone(zone)
    this.#store.exclusively(zone, () => this.#table.cells.setState(zone, state))
  }

  /** See {@link Imageable}. Where stale bytes may show through, they are part of the image. */
  async image(): Promise<MediumImage> {
    const zones: ZoneImage[] = []
    const { cells } = this.#table
    for (const { zone, state, pointer, type = 'sequential' } of this.doReport()) {
      const end = type === 'conventional' || pointer === 'unknown' ? cells.highWater(zone) : pointer
      if (state === 'empty' && end === 0) continue
      const bytes = new Uint8Array(end)
      if (state !== 'offline') this.#store.read(zone, 0, bytes)
      zones.push({ zone, state, pointer, type, bytes })
    }
    return { zones, keys: new Map() }
  }

  /** See {@link Imageable}. The twin's zones lie in memory, whatever this one's lie in. */
  async twin(image: MediumImage): Promise<Medium> {
    const twin = this.#options.emptyTwin()
    for (const { zone, state, pointer, bytes } of image.zones) {
      twin.#store.exclusively(zone, () => {
        twin.#store.write(zone, 0, [bytes])
        const { cells, rules } = twin.#table
        cells.setPointer(zone, bytes.length)
        const forgets = rules.conventional(zone)
        cells.setPointer(zone, forgets && bytes.length > 0 ? 'unknown' : pointer)
        cells.setState(zone, state === 'open' || (forgets && state === 'empty' && bytes.length > 0) ? 'closed' : state)
      })
    }
    return twin
  }
}
