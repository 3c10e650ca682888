/**
 * `tape`: a simulated LTO drive with one cartridge. A zone is a tape file: blocks, then a filemark.
 *
 *   | block block block FM | block FM | FM | block block ...
 *     zone 0                 zone 1    2    zone 3 = the only one that takes data
 *
 * One append is one block (variable block mode). Zones are written in order, each after the one before was finished.
 * Space returns only by `erase`; `truncateFrom` does what a write in the middle does to a tape: all that follows is
 * gone. Reading elsewhere moves the tape, and so does the next append.
 *
 * Source: the kernel's st driver; LTO-9 for the numbers (locate about 65 s on average, load 16 s, 400 MB/s, at least
 * 177 MB/s or the drive stops and backs up, here 3 s at each filemark).
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { BaseMedium } from './base.ts'
import { Cartridge, RECORD_HEADER_BYTES } from './cartridge.ts'
import { checkBody, type DeviceOptions } from './device.ts'
import { createFileDurably, readHead } from './durable-file.ts'
import { MediumError, toMediumError } from './error.ts'
import { capsOf, costOption, geometryOption, pathOption, TAPE_CAPS, wholeOption } from './geometry.ts'
import type { Imageable, MediumImage, ZoneImage } from './image.ts'
import { checkHeld, type Lock, takeLock } from './lock.ts'
import type { Bytes, Medium, MediumCost, ZoneReport, ZoneState } from './medium.ts'
import { encodeSuperblock, readSuperblock, SUPERBLOCK_BYTES } from './superblock.ts'
import { DeviceTiming, sleepMs } from './timing.ts'

export interface TapeOptions extends Omit<DeviceOptions, 'name' | 'join' | 'readOnly'> {
  /** Most tape files; default 256. */
  readonly zoneCount?: number
  /** Most bytes of a tape file; default 64 MiB. */
  readonly zoneBytes?: number
  /** Largest block; default 1 MiB. */
  readonly blockBytesMax?: number
  /** Bytes of tape, record headers included; default enough for all zones. */
  readonly cartridgeBytes?: number
  readonly sleep?: boolean
  readonly cost?: Partial<MediumCost>
}

const COST: MediumCost = { seekMs: 65_000, readMBps: 400, writeMBps: 400, streamMBpsMin: 177, mountMs: 16_000 }
const FILEMARK_MS = 3000
/** Left free behind the last block, so that filemarks always fit. */
const FILEMARK_RESERVE_BYTES = 4096

/** Winding takes a start and then time by distance; a locate across half the tape costs `seekMs`. */
class TapeTiming extends DeviceTiming {
  readonly #tapeBytes: number
  constructor(cost: MediumCost, tapeBytes: number) {
    super(cost)
    this.#tapeBytes = tapeBytes
  }
  protected override moveMs(from: number, to: number): number {
    return this.cost.seekMs * (0.05 + (1.9 * Math.abs(to - from)) / this.#tapeBytes)
  }
}

interface TapeFile {
  /** Index of the first record. */
  readonly first: number
  readonly ends: number[]
}

/** The index of the first of the ascending `ends` that is above `offset`. */
function blockAt(ends: readonly number[], offset: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ends[middle]! > offset) high = middle
    else low = middle + 1
  }
  return low
}

function openCartridge(options: TapeOptions, shape: { readonly [key: string]: number }) {
  if (options.path === undefined) return { cartridge: new Cartridge(), id: options.id ?? randomUUID(), lock: undefined }
  const path = pathOption(options.path)
  let lock: Lock | undefined
  try {
    if (!existsSync(path) && options.id !== undefined)
      throw new MediumError('MEDIA_NOT_FOUND', `no cartridge at ${path}`)
    lock = takeLock(`${path}.lock`)
    if (!existsSync(path)) createFileDurably(path, encodeSuperblock('tape', { id: randomUUID(), ...shape }))
    const body = readSuperblock(readHead(path, SUPERBLOCK_BYTES), 'tape', path, options.id)
    checkBody(body, shape, path)
    return { cartridge: new Cartridge(path), id: body.id, lock }
  } catch (error) {
    lock?.release()
    throw toMediumError(error, 'open')
  }
}

export class TapeMedium extends BaseMedium implements Imageable {
  readonly #cartridge: Cartridge
  readonly #lock: Lock | undefined
  readonly #options: TapeOptions
  readonly #cartridgeBytes: number
  /** Tape files in order; the last one has no filemark yet. */
  #files: TapeFile[] = []
  /** The block read last: a read of less than a block leaves the rest in memory, as with a real drive. */
  #block: { readonly index: number; readonly payload: Bytes } | undefined

  constructor(options: TapeOptions = {}) {
    const { zoneCount, zoneBytes } = geometryOption(options, { zoneCount: 256, zoneBytes: 64 << 20 })
    const blockBytesMax = wholeOption(
      options.blockBytesMax ?? Math.min(1 << 20, zoneBytes),
      'blockBytesMax',
      1,
      16 << 20,
    )
    const enough = zoneCount * (zoneBytes + RECORD_HEADER_BYTES) * 2 + FILEMARK_RESERVE_BYTES
    const cartridgeBytes = wholeOption(options.cartridgeBytes ?? enough, 'cartridgeBytes', 65_536, 2 ** 50)
    const shape = { zoneCount, zoneBytes, blockBytesMax, cartridgeBytes }
    const { cartridge, id, lock } = openCartridge(options, shape)
    const cost = costOption(COST, options.cost)
    const where = options.path === undefined ? {} : { path: options.path, id }
    super({
      id,
      spec: { kind: 'tape', ...shape, sleep: options.sleep ?? false, cost: { ...options.cost }, ...where },
      caps: capsOf({
        ...TAPE_CAPS,
        zoneCount,
        zoneBytes,
        zoneCapacityBytes: zoneBytes,
        appendBytesMax: blockBytesMax,
        appendBytesOptimal: blockBytesMax,
        cost,
      }),
      timing: new TapeTiming(cost, cartridgeBytes),
      checkLock: () => checkHeld(lock, options.path ?? 'tape'),
    })
    this.#options = options
    this.#cartridge = cartridge
    this.#lock = lock
    this.#cartridgeBytes = cartridgeBytes
    this.timing.head = 0
    this.timing.spend(cost.mountMs)
    this.#index()
  }

  #index(): void {
    this.#files = [{ first: 0, ends: [] }]
    this.#cartridge.records.forEach((record, index) => {
      const { ends } = this.#files.at(-1)!
      if (record.filemark) this.#files.push({ first: index + 1, ends: [] })
      else ends.push((ends.at(-1) ?? 0) + record.length)
    })
  }

  /** The zone at the end of data. */
  get #current(): number {
    return this.#files.length - 1
  }

  async #spend(ms: number): Promise<void> {
    if (this.#options.sleep === true) await sleepMs(ms)
  }

  #state(zone: number): ZoneState {
    if (zone < this.#current) return 'full'
    return zone === this.#current && this.#files[zone]!.ends.length > 0 ? 'open' : 'empty'
  }

  #checkOrder(zone: number): void {
    if (zone > this.#current) {
      throw new MediumError('MEDIA_STREAM_ORDER', `the tape ends in zone ${this.#current}; finish it first`, { zone })
    }
  }

  #record(filemark: boolean, payload: Bytes): number {
    const { records } = this.#cartridge
    const at = this.#cartridge.usedBytes
    this.#cartridge.write(records.length, filemark, payload)
    return this.timing.access(at, RECORD_HEADER_BYTES + payload.length, true)
  }

  protected override async doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> {
    if (zone < this.#current) throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is full`, { zone })
    this.#checkOrder(zone)
    const { ends } = this.#files[zone]!
    const offset = ends.at(-1) ?? 0
    if (offset + bytes > this.caps.zoneCapacityBytes) {
      const left = this.caps.zoneCapacityBytes - offset
      throw new MediumError('MEDIA_ZONE_FULL', `zone ${zone} has ${left} bytes left, asked for ${bytes}`, { zone })
    }
    const free = this.#cartridgeBytes - FILEMARK_RESERVE_BYTES - this.#cartridge.usedBytes
    if (bytes + RECORD_HEADER_BYTES > free) throw new MediumError('MEDIA_NO_SPACE', 'end of the tape', { zone })
    const ms = this.#record(false, Buffer.concat(parts as Bytes[]))
    ends.push(offset + bytes)
    await this.#spend(ms)
    if (offset + bytes === this.caps.zoneCapacityBytes) await this.doFinish(zone)
    return offset
  }

  protected override async doRead(zone: number, offset: number, into: Bytes): Promise<number> {
    const file = this.#files[zone]
    let done = 0
    while (file !== undefined && done < into.length) {
      const at = offset + done
      const block = blockAt(file.ends, at)
      if (block === file.ends.length) break
      const payload = await this.#readBlock(file.first + block)
      const from = at - (file.ends[block - 1] ?? 0)
      const piece = payload.subarray(from, from + into.length - done)
      into.set(piece, done)
      done += piece.length
    }
    return done
  }

  async #readBlock(index: number): Promise<Bytes> {
    if (this.#block?.index === index) return this.#block.payload
    const record = this.#cartridge.records[index]!
    const payload = this.#cartridge.read(index)
    const ms = this.timing.access(record.at - SUPERBLOCK_BYTES, RECORD_HEADER_BYTES + record.length, false)
    this.#block = { index, payload }
    await this.#spend(ms)
    return payload
  }

  /** Unfinished zones gain nothing (durability 'seal'): only a filemark makes the drive write its buffer out. */
  protected override doFlush(): void {}

  protected override async doFinish(zone: number): Promise<void> {
    if (zone < this.#current) return
    this.#checkOrder(zone)
    const ms = this.#record(true, new Uint8Array(0)) + this.timing.spend(FILEMARK_MS)
    this.#files.push({ first: this.#cartridge.records.length, ends: [] })
    this.#cartridge.sync()
    checkHeld(this.#lock, this.#options.path ?? 'tape')
    await this.#spend(ms)
  }

  protected override doReset(zone: number): void {
    if (this.#state(zone) === 'empty') return
    throw new MediumError('MEDIA_NOT_SUPPORTED', 'space on a tape returns by erase only', { zone })
  }

  /** Erases the cartridge; its identity stays. */
  async erase(): Promise<void> {
    await this.truncateFrom(0)
  }

  /** Winds to the start of `zone` and ends the data there: that zone and all that follow are destroyed. */
  async truncateFrom(zone: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    this.#checkOrder(zone)
    // Through the queue of the last zone: its appends are the only ones that may be under way.
    await this.enqueue(this.#current, 'reset', 0, async () => {
      const { first } = this.#files[zone]!
      const record = this.#cartridge.records[first]
      const at = record === undefined ? this.#cartridge.usedBytes : record.at - SUPERBLOCK_BYTES
      const ms = this.timing.access(at, 0, true)
      this.#cartridge.truncate(first)
      this.#block = undefined
      this.#cartridge.sync()
      this.#index()
      this.forgetStale()
      await this.#spend(ms)
    })
  }

  protected override doReport(): readonly ZoneReport[] {
    return Array.from({ length: this.caps.zoneCount }, (_, zone) => ({
      zone,
      state: this.#state(zone),
      pointer: this.#files[zone]?.ends.at(-1) ?? 0,
      capacityBytes: this.caps.zoneCapacityBytes,
    }))
  }

  protected override doClose(): void {
    this.#cartridge.close()
    this.#lock?.release()
  }

  /** See {@link Imageable}. */
  async image(): Promise<MediumImage> {
    const zones = this.#files.map((file, zone): ZoneImage => {
      const payloads = file.ends.map((_, block) => this.#cartridge.read(file.first + block))
      const bytes = Uint8Array.from(Buffer.concat(payloads as Bytes[]))
      const blockLengths = payloads.map((payload) => payload.length)
      return { zone, state: this.#state(zone), pointer: bytes.length, type: 'sequential', bytes, blockLengths }
    })
    return { zones: zones.filter((zone) => zone.state !== 'empty'), keys: new Map() }
  }

  /** See {@link Imageable}. The twin lies in memory. */
  async twin(image: MediumImage): Promise<Medium> {
    const { path: _path, ...rest } = this.#options
    const twin = new TapeMedium({ ...rest, id: this.id })
    for (const { bytes, blockLengths = [bytes.length], state } of image.zones) {
      let at = 0
      for (const length of blockLengths) {
        twin.#cartridge.write(twin.#cartridge.records.length, false, bytes.subarray(at, at + length))
        at += length
      }
      if (state === 'full') twin.#cartridge.write(twin.#cartridge.records.length, true, new Uint8Array(0))
    }
    twin.#index()
    return twin
  }
}

/** Loads (or makes) a cartridge. Errors: MEDIA_ARGUMENT, MEDIA_LOCKED, MEDIA_FORMAT, MEDIA_WRONG_MEDIUM, MEDIA_NOT_FOUND. */
export function openTape(options: TapeOptions = {}): TapeMedium {
  return new TapeMedium(options)
}
