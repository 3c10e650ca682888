/**
 * Zone states and their rules, once for all media that know their write pointers.
 *
 *            append            limit policy / closeZone          finish, or pointer = capacity
 *   empty ----------> open <------------------------> closed ------------------------------> full
 *     ^                |                                 |                                    |
 *     +----------------+------------- reset -------------+------------------------------------+
 *
 *   'read-only' and 'offline' are set by the device (or a test) and never left.
 *
 * Invariants:
 *   I1  count(open) <= openZonesMax and count(open) + count(closed) <= activeZonesMax (0 = no limit).
 *   I2  pointer <= capacity; a known pointer equal to capacity means 'full'.
 *   I3  'empty' means pointer 0.
 *
 * Source: NVM Express Zoned Namespace Command Set, figure "Zone State Machine"; zonefs for what a host may see.
 */
import { MediumError } from './error.ts'
import type { ZoneReport, ZoneState } from './medium.ts'

/** Codes of the states in shared memory and on disk. Never renumber. */
export const ZONE_STATES: readonly ZoneState[] = ['empty', 'open', 'closed', 'full', 'read-only', 'offline']

const WORDS = 4
/** Bytes of one zone's cell: four little-endian doubles. */
export const ZONE_CELL_BYTES = WORDS * 8

/**
 * The changing facts of all zones in one array of doubles, so that it can lie in shared memory: state code, pointer
 * (-1 = unknown), high water (bytes of the zone ever written since it was last zeroed), resets.
 */
export class ZoneCells {
  readonly words: Float64Array

  constructor(words: Float64Array) {
    this.words = words
  }

  state(zone: number): ZoneState {
    return ZONE_STATES[this.words[zone * WORDS]!] ?? 'offline'
  }
  setState(zone: number, state: ZoneState): void {
    this.words[zone * WORDS] = ZONE_STATES.indexOf(state)
  }
  pointer(zone: number): number | 'unknown' {
    const pointer = this.words[zone * WORDS + 1]!
    return pointer < 0 ? 'unknown' : pointer
  }
  setPointer(zone: number, pointer: number | 'unknown'): void {
    this.words[zone * WORDS + 1] = pointer === 'unknown' ? -1 : pointer
    if (pointer !== 'unknown' && pointer > this.highWater(zone)) this.words[zone * WORDS + 2] = pointer
  }
  highWater(zone: number): number {
    return this.words[zone * WORDS + 2]!
  }
  resets(zone: number): number {
    return this.words[zone * WORDS + 3]!
  }
  countReset(zone: number): void {
    this.words[zone * WORDS + 3]!++
  }
  static over(buffer: ArrayBufferLike, byteOffset: number, zoneCount: number): ZoneCells {
    return new ZoneCells(new Float64Array(buffer, byteOffset, zoneCount * WORDS))
  }
}

/** What the rules need to know of a medium. */
export interface ZoneRules {
  readonly zoneCount: number
  readonly openZonesMax: number
  readonly activeZonesMax: number
  /** At the open limit: refuse (as zonefs with explicit-open does), or close the zone opened first (as a drive may). */
  readonly atOpenLimit: 'refuse' | 'close-oldest'
  /** Conventional zones do not count as open or active. */
  conventional(zone: number): boolean
  capacityBytes(zone: number): number
}

/** The rules over the facts. Every refusal is a MediumError and changes nothing. */
export class ZoneTable {
  readonly cells: ZoneCells
  readonly rules: ZoneRules
  #opened: number[] = []

  constructor(cells: ZoneCells, rules: ZoneRules) {
    this.cells = cells
    this.rules = rules
  }

  /** Checks that `bytes` may be appended, opens the zone, returns the offset. Follow a successful write by `advance`. */
  admit(zone: number, bytes: number): number {
    const { cells, rules } = this
    const state = cells.state(zone)
    if (state === 'full' || state === 'read-only' || state === 'offline') {
      throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is ${state}`, { zone })
    }
    const pointer = cells.pointer(zone)
    if (pointer === 'unknown') {
      throw new MediumError('MEDIA_POINTER_UNKNOWN', `zone ${zone}: resume or reset it first`, { zone })
    }
    const left = rules.capacityBytes(zone) - pointer
    if (bytes > left) {
      throw new MediumError('MEDIA_ZONE_FULL', `zone ${zone} has ${left} bytes left, asked for ${bytes}`, { zone })
    }
    if (state !== 'open') this.#open(zone, state)
    return pointer
  }

  #count(states: readonly ZoneState[]): number {
    let count = 0
    for (let zone = 0; zone < this.rules.zoneCount; zone++) {
      if (states.includes(this.cells.state(zone)) && !this.rules.conventional(zone)) count++
    }
    return count
  }

  #open(zone: number, from: ZoneState): void {
    const { cells, rules } = this
    if (!rules.conventional(zone)) {
      const { openZonesMax, activeZonesMax } = rules
      if (from === 'empty' && activeZonesMax > 0 && this.#count(['open', 'closed']) >= activeZonesMax) {
        throw new MediumError('MEDIA_ACTIVE_LIMIT', `${activeZonesMax} zones are active; finish or reset one`, { zone })
      }
      if (openZonesMax > 0 && this.#count(['open']) >= openZonesMax) {
        const oldest = rules.atOpenLimit === 'close-oldest' ? this.#opened.shift() : undefined
        if (oldest === undefined) {
          throw new MediumError('MEDIA_OPEN_LIMIT', `${openZonesMax} zones are open; close or finish one`, { zone })
        }
        cells.setState(oldest, 'closed')
      }
      if (openZonesMax > 0) this.#opened.push(zone)
    }
    cells.setState(zone, 'open')
  }

  #forget(zone: number): void {
    if (this.#opened.length > 0) this.#opened = this.#opened.filter((other) => other !== zone)
  }

  /** Moves the pointer after a write of `bytes`. */
  advance(zone: number, bytes: number): void {
    const pointer = this.cells.pointer(zone)
    if (pointer === 'unknown') return
    this.cells.setPointer(zone, pointer + bytes)
    if (pointer + bytes >= this.rules.capacityBytes(zone)) this.#full(zone)
  }

  #full(zone: number): void {
    this.cells.setState(zone, 'full')
    this.#forget(zone)
  }

  /** Open becomes closed; an open zone without data becomes empty again, as on a drive. */
  close(zone: number): void {
    const state = this.cells.state(zone)
    if (state === 'closed') return
    if (state !== 'open') throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is ${state}, not open`, { zone })
    this.cells.setState(zone, this.cells.pointer(zone) === 0 ? 'empty' : 'closed')
    this.#forget(zone)
  }

  /** Makes the zone full. `toCapacity`: the pointer moves to the capacity, as on a drive. */
  finish(zone: number, toCapacity: boolean): void {
    const state = this.cells.state(zone)
    if (state === 'full') return
    if (state === 'read-only' || state === 'offline') {
      throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is ${state}`, { zone })
    }
    if (toCapacity) this.cells.setPointer(zone, this.rules.capacityBytes(zone))
    this.#full(zone)
  }

  /** Makes the zone empty. */
  reset(zone: number): void {
    const state = this.cells.state(zone)
    if (state === 'read-only' || state === 'offline') {
      throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is ${state}`, { zone })
    }
    this.cells.setState(zone, 'empty')
    this.cells.setPointer(zone, 0)
    this.cells.countReset(zone)
    this.#forget(zone)
  }

  /** Gives an unknown pointer a value. */
  resume(zone: number, pointer: number): void {
    const capacity = this.rules.capacityBytes(zone)
    if (!Number.isSafeInteger(pointer) || pointer < 0 || pointer > capacity) {
      throw new MediumError('MEDIA_ARGUMENT', `pointer ${pointer} of zone ${zone} is not in 0..${capacity}`, { zone })
    }
    const state = this.cells.state(zone)
    if (state === 'full' || state === 'read-only' || state === 'offline') {
      throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is ${state}`, { zone })
    }
    this.cells.setPointer(zone, pointer)
    this.cells.setState(zone, pointer === 0 ? 'empty' : pointer === capacity ? 'full' : 'closed')
    this.#forget(zone)
  }

  report(): ZoneReport[] {
    const report: ZoneReport[] = []
    for (let zone = 0; zone < this.rules.zoneCount; zone++) {
      const state = this.cells.state(zone)
      const pointer = this.cells.pointer(zone)
      const capacityBytes = this.rules.capacityBytes(zone)
      report.push(
        this.rules.conventional(zone)
          ? { zone, state, pointer, capacityBytes, type: 'conventional' }
          : { zone, state, pointer, capacityBytes },
      )
    }
    return report
  }
}
