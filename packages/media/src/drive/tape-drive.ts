/**
 * `tape-drive`: a cartridge in a real tape drive, through the kernel's st driver. A zone is a tape file (or several,
 * where reading interrupted the writing), zones are written in order, and space returns by `erase` only.
 *
 * Appends go to a buffer, from which the drive is fed in large blocks once it can run on (`StreamBuffer`); `finish` is
 * the durability point (caps.durability 'seal'). The cartridge carries its identity in tape file 0 and indexes among
 * the data, so it can be read back in any drive. Bytes: FORMAT.md, "Tape".
 *
 * Source: LTFS (ISO/IEC 20919) for the index with generations; Documentation/scsi/st.rst.
 */
import { BaseMedium } from '../base.ts'
import { MediumError, toMediumError } from '../error.ts'
import { capsOf, TAPE_CAPS } from '../geometry.ts'
import type { Lock } from '../lock.ts'
import type { Bytes, MediumCost, MediumSpec, ZoneReport, ZoneState } from '../medium.ts'
import { encodeSuperblock, SUPERBLOCK_BYTES } from '../superblock.ts'
import { DeviceTiming } from '../timing.ts'
import { StreamBuffer } from './stream-buffer.ts'
import { PIECE_BYTES, type TapeFiles } from './tape-files.ts'
import type { TapeCounts } from './tape-position.ts'
import type { TapeTransport } from './tape-transport.ts'

const NO_COST = { seekMs: 0, readMBps: 0, writeMBps: 0, streamMBpsMin: 0, mountMs: 0 }
/** Left free at the end of a cartridge of declared size, for an index. */
const RESERVE_BYTES = 4 << 20

/** What is fixed at formatting. */
export interface TapeShape {
  readonly zoneCount: number
  readonly zoneBytes: number
  readonly blockBytes: number
  readonly cartridgeBytes: number
}

/** What `tape-open.ts` found out. */
export interface TapeSettings {
  readonly spec: MediumSpec
  readonly id: string
  readonly shape: TapeShape
  readonly cost: MediumCost
  readonly bufferBytes: number
  readonly indexEvery: number
  readonly readOnly: boolean
  readonly lock: Lock | undefined
}

/** One thing at a time on the drive. */
class Turns {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#last.then(body)
    this.#last = result.catch(() => undefined)
    return result
  }
}

export class TapeDriveMedium extends BaseMedium {
  readonly #transport: TapeTransport
  readonly #files: TapeFiles
  readonly #settings: TapeSettings
  readonly #buffer: StreamBuffer
  readonly #turns = new Turns()
  readonly #block: Bytes
  #pumping: Promise<void> | undefined
  /** Why bytes that an append took did not reach the tape; told by the next append or finish. */
  #failure: MediumError | undefined
  /** A write failed: nothing more is written before the cartridge is loaded anew, or erased. */
  #failed = false
  #zonesSinceIndex = 0

  constructor(transport: TapeTransport, files: TapeFiles, settings: TapeSettings) {
    const { shape, cost } = settings
    super({
      id: settings.id,
      spec: settings.spec,
      caps: capsOf({
        ...TAPE_CAPS,
        zoneCount: shape.zoneCount,
        zoneBytes: shape.zoneBytes,
        zoneCapacityBytes: shape.zoneBytes,
        appendBytesOptimal: shape.blockBytes,
        cost,
      }),
      timing: new DeviceTiming(NO_COST),
    })
    this.#transport = transport
    this.#files = files
    this.#settings = settings
    this.#buffer = new StreamBuffer(settings.bufferBytes, cost.streamMBpsMin)
    this.#block = new Uint8Array(shape.blockBytes)
  }

  /** What the drive did: mounts, seeks, starts, blocks, indexes. A copy. */
  driveCounts(): TapeCounts {
    return { ...this.#files.counts }
  }

  get #current(): number {
    return this.#files.catalog.current
  }

  /** Bytes that the zone has taken, wherever they are. */
  #bytesOf(zone: number): number {
    const onTape = this.#files.written(zone)
    return zone === this.#current ? onTape + this.#buffer.bytes : onTape
  }

  #writable(): void {
    if (this.#settings.readOnly) throw new MediumError('MEDIA_READ_ONLY', 'the cartridge was opened read-only')
  }

  /** The end is near, or a write failed: what is buffered is still tried, nothing more is taken. */
  get #ending(): boolean {
    return this.#failed || this.#files.warned
  }

  #checkFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** Runs alone on the drive. */
  #turn<T>(body: () => Promise<T>): Promise<T> {
    return this.#turns.run(body).finally(() => {
      this.timing.seeks = this.#files.counts.seeks
    })
  }

  /** Bytes of tape in use, as far as we know them: an estimate from above. */
  #usedBytes(): number {
    const { catalog } = this.#files
    const inPiece = this.#files.written(this.#current) - catalog.bytesOf(this.#current)
    return SUPERBLOCK_BYTES + catalog.files * PIECE_BYTES + catalog.dataBytes + inPiece + this.#buffer.bytes
  }

  protected override async doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> {
    this.#writable()
    const current = this.#current
    if (zone < current) throw new MediumError('MEDIA_ZONE_STATE', `zone ${zone} is full`, { zone })
    if (zone > current) {
      throw new MediumError('MEDIA_STREAM_ORDER', `the tape ends in zone ${current}; finish it first`, { zone })
    }
    this.#checkFailure()
    const offset = this.#bytesOf(zone)
    const capacity = this.caps.zoneCapacityBytes
    if (offset + bytes > capacity) {
      const left = capacity - offset
      throw new MediumError('MEDIA_ZONE_FULL', `zone ${zone} has ${left} bytes left, asked for ${bytes}`, { zone })
    }
    const { cartridgeBytes } = this.#settings.shape
    const ends = cartridgeBytes > 0 && this.#usedBytes() + bytes + PIECE_BYTES > cartridgeBytes - RESERVE_BYTES
    if (this.#ending || ends) throw new MediumError('MEDIA_NO_SPACE', 'end of the tape', { zone })
    this.#buffer.push(parts)
    const full = offset + bytes === capacity
    if (full || this.#files.streaming || this.#buffer.shouldStart(capacity - offset - bytes)) this.#pump(zone)
    if (full) await this.#finish(zone)
    else if (this.#buffer.bytes >= this.#buffer.bufferBytes) {
      await this.#pumping
      this.#checkFailure()
    }
    return offset
  }

  /** Feeds the drive with whole blocks for as long as there are any; a failure is kept for the next caller. */
  #pump(zone: number): void {
    this.#pumping ??= this.#turn(async () => {
      while (this.#buffer.bytes >= this.#block.length) await this.#writeBlock(zone)
    })
      .catch((error: unknown) => {
        this.#failure ??= toMediumError(error, 'append', zone)
      })
      .finally(() => {
        this.#pumping = undefined
      })
  }

  /** The next block of the buffer goes to tape. On failure what is buffered is lost, and the piece ends before it. */
  async #writeBlock(zone: number): Promise<void> {
    const block = this.#block.subarray(0, this.#buffer.take(this.#block))
    try {
      await this.#files.append(zone, block)
    } catch (error) {
      // Whatever it was, nobody knows any more where the tape ends: nothing is written until it is loaded anew.
      this.#failed = true
      this.#buffer.clear()
      await this.#files.abandonPiece().catch(() => undefined)
      throw error
    }
  }

  /** All of the zone onto tape, and its end. */
  async #finish(zone: number): Promise<void> {
    await this.#turn(async () => {
      this.#checkFailure()
      while (this.#buffer.bytes > 0) await this.#writeBlock(zone)
      await this.#files.finishZone(zone)
      this.#buffer.clear()
      this.#zonesSinceIndex++
      if (this.#zonesSinceIndex >= this.#settings.indexEvery && !this.#ending) await this.#index()
    })
    const { lock } = this.#settings
    if (lock !== undefined && !lock.held()) throw new MediumError('MEDIA_LOCKED', 'the lock was broken')
  }

  async #index(): Promise<void> {
    await this.#files.writeIndex()
    this.#zonesSinceIndex = 0
  }

  protected override async doFinish(zone: number): Promise<void> {
    this.#writable()
    const current = this.#current
    if (zone < current) return
    if (zone > current) {
      throw new MediumError('MEDIA_STREAM_ORDER', `the tape ends in zone ${current}; finish it first`, { zone })
    }
    await this.#finish(zone)
  }

  protected override doRead(zone: number, offset: number, into: Bytes): Promise<number> {
    return this.#turn(async () => {
      let done = 0
      while (done < into.length) {
        const at = offset + done
        const onTape = this.#files.written(zone)
        if (at >= onTape) {
          if (zone === this.#current) done += this.#buffer.peek(at - onTape, into.subarray(done))
          break
        }
        // A piece under way has to end before the tape may move.
        if (this.#files.streaming) await this.#files.endPiece(false)
        const piece = this.#files.catalog.pieceAt(zone, at)
        if (piece === undefined) break
        done += await this.#files.read(piece, at, into.subarray(done))
      }
      return done
    })
  }

  /** Unfinished zones gain nothing (durability 'seal'). */
  protected override doFlush(): void {}

  protected override doReset(zone: number): void {
    if (zone > this.#current || (zone === this.#current && this.#bytesOf(zone) === 0)) return
    throw new MediumError('MEDIA_NOT_SUPPORTED', 'space on a tape returns by erase only', { zone })
  }

  /** Erases the cartridge: its first block is written anew, its identity stays. */
  async erase(): Promise<void> {
    this.checkWritable()
    this.#writable()
    await this.enqueue(this.#current, 'reset', 0, async () => {
      await this.#turn(async () => {
        const { id, shape } = this.#settings
        this.#buffer.clear()
        this.#failure = undefined
        this.#failed = false
        const life = this.#files.life + 1
        await this.#files.erase(encodeSuperblock('tape-drive', { id, life, ...shape }), life)
        this.forgetStale()
      })
    })
  }

  #state(zone: number): ZoneState {
    if (zone < this.#current) return 'full'
    if (zone > this.#current || this.#bytesOf(zone) === 0) return 'empty'
    return this.#buffer.bytes > 0 || this.#files.streaming ? 'open' : 'closed'
  }

  protected override async doReport(): Promise<readonly ZoneReport[]> {
    await this.#pumping
    // The report is the answer to what failed before: from here on the pointers are true.
    this.#failure = undefined
    return Array.from({ length: this.caps.zoneCount }, (_, zone) => ({
      zone,
      state: this.#state(zone),
      pointer: this.#bytesOf(zone),
      capacityBytes: this.caps.zoneCapacityBytes,
    }))
  }

  /** What is buffered reaches the tape as well: a cartridge leaves the drive whole, with an index at its end. */
  protected override async doClose(): Promise<void> {
    try {
      await this.#turn(async () => {
        if (this.#settings.readOnly) return
        while (this.#buffer.bytes > 0) await this.#writeBlock(this.#current)
        await this.#files.endPiece(false)
        if (this.#files.catalog.unindexed > 0 && !this.#ending) await this.#index()
      })
    } finally {
      await this.#transport.close()
      this.#settings.lock?.release()
    }
  }
}
