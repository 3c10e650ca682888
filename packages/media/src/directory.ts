/**
 * `directory`: zones as files in a directory of any filesystem; the default for SSDs, disks and whatever the system
 * mounts. Layout in directory-layout.ts, one zone in zone-file.ts.
 *
 *   D1  A zone's file is written over only while it has one name: linked elsewhere (a checkpoint), it is left alone and
 *       the zone gets a new file.
 *   D2  A flush syncs every written file, then the directory if entries changed, then asks whether the lock still
 *       stands; only then it is acknowledged.
 *   D3  An unfinished preallocated zone reports 'unknown' after reopening; a finished one its end.
 *   D4  Write-behind starts syncs ahead of the flush so that the flush finds less to do. It promises nothing; an error of it
 *       poisons the medium as a failed flush does.
 *   D5  `reset` keeps up to `sparesMax` files for reuse (stale bytes, no allocation) and removes the others.
 *   D6  A zone that is written from its start gets a new file in place of one from an earlier opening: a writer that lost
 *       the lock while it slept may yet write through its handle.
 */
import { join } from 'node:path'
import { BaseMedium } from './base.ts'
import { type CloneReport, cloneDirectory } from './directory-clone.ts'
import { directoryImage, writeDirectoryTwin } from './directory-image.ts'
import {
  type DirectoryShape,
  openDirectoryLayout,
  probeDirect,
  RESERVE_FILE,
  ZONES_DIRECTORY,
  zonesPresent,
} from './directory-layout.ts'
import { syncDirectory } from './durable-file.ts'
import { MediumError, toMediumError } from './error.ts'
import { capsOf, geometryOption, pathOption, wholeOption } from './geometry.ts'
import type { Imageable, MediumImage } from './image.ts'
import { checkHeld, type Lock } from './lock.ts'
import type { Bytes, Medium, ZoneReport } from './medium.ts'
import { SpaceReserve } from './reserve.ts'
import { SlabPool } from './slab.ts'
import { ZONE_CELL_BYTES, ZoneCells, ZoneTable } from './zone.ts'
import { isSealed, type ZoneFile } from './zone-file.ts'
import { ZoneFiles } from './zone-files.ts'

export interface DirectoryOptions {
  /** Created when absent, unless an `id` is expected. A directory with other things in it is refused. */
  readonly path: string
  /** Default 8192. Files appear only for zones that are written. */
  readonly zoneCount?: number
  /** Default 32 MiB. */
  readonly zoneBytes?: number
  /** Zeros are written ahead of small appends, so that syncing changes no metadata; default true. */
  readonly preallocate?: boolean
  /** How far ahead at most: as far as the zone is full, so that small files cost little; default 4 MiB. */
  readonly preallocateBytes?: number
  /** Write past the page cache, in blocks of 4096 bytes. Falls back to buffered where it does not work. Default false. */
  readonly direct?: boolean
  /** After this many bytes without a flush the system starts writing them, in the background; default 8 MiB, 0 = never. */
  readonly writeBehindBytes?: number
  /** Space kept back for deleting on a full disk; default 0. See `spendReserve`. */
  readonly reserveBytes?: number
  /** Files of empty zones kept for reuse; default 8. */
  readonly sparesMax?: number
  /** Files open at a time; default 128. */
  readonly handlesMax?: number
  readonly readOnly?: boolean
  /** The identity that is expected. */
  readonly id?: string
  /** Token of the lock that another thread of this process holds. */
  readonly join?: string
}

const SLAB_BYTES = 1 << 20
const SLABS = 4
/** Zeros written ahead at the start of a zone. */
const AHEAD_BYTES_MIN = 64 << 10
/** Appends from this size on make the file grow: writing zeros in front of them would write everything twice to save a part of one sync. */
const GROW_BYTES = 32 << 10
/** Write-behinds at a time. The thread pool has four threads by default, and a synchronous loop never hears that one has ended. */
const BEHIND_MAX = 3

export class DirectoryMedium extends BaseMedium implements Imageable {
  /** Whether writes go past the page cache. */
  readonly direct: boolean
  readonly resume?: (zone: number, pointer: number) => Promise<void>
  readonly #options: DirectoryOptions
  readonly #shape: DirectoryShape
  readonly #lock: Lock | undefined
  readonly #files: ZoneFiles
  readonly #table: ZoneTable
  readonly #reserve: SpaceReserve
  readonly #preallocateBytes: number
  readonly #behindBytes: number
  #behindRuns = 0
  /** Empty zones whose file is kept. */
  readonly #spares = new Set<number>()
  /** Zones whose file was there when the medium was opened (D6). */
  readonly #inherited = new Set<number>()

  constructor(options: DirectoryOptions) {
    const path = pathOption(options.path)
    const { zoneCount, zoneBytes } = geometryOption(options, { zoneCount: 8192, zoneBytes: 32 << 20 })
    const readOnly = options.readOnly ?? false
    const direct = options.direct ?? false
    const wanted = { zoneCount: options.zoneCount, zoneBytes: options.zoneBytes, preallocate: options.preallocate }
    const defaults = { zoneCount, zoneBytes, blockBytes: direct ? 4096 : 1, preallocate: options.preallocate ?? true }
    const reserveBytes = wholeOption(options.reserveBytes ?? 0, 'reserveBytes', 0, 2 ** 40)
    const sparesMax = wholeOption(options.sparesMax ?? 8, 'sparesMax', 0, 1 << 20)
    const handlesMax = wholeOption(options.handlesMax ?? 128, 'handlesMax', 1, 1 << 16)
    const preallocateBytes = wholeOption(options.preallocateBytes ?? 4 << 20, 'preallocateBytes', 4096, 2 ** 40)
    const writeBehindBytes = wholeOption(options.writeBehindBytes ?? 8 << 20, 'writeBehindBytes', 0, 2 ** 40)
    const where = { id: options.id, readOnly, join: options.join }
    const { id, shape, lock } = openDirectoryLayout(path, where, wanted as Partial<DirectoryShape>, defaults)
    const capacity = shape.zoneBytes - (shape.zoneBytes % shape.blockBytes)
    const limits = { reserveBytes, sparesMax, handlesMax, preallocateBytes, writeBehindBytes, direct }
    const share = lock === undefined ? { readOnly } : { join: lock.holder.token }
    super({
      id,
      spec: { kind: 'directory', path, id, ...shape, ...limits, ...share },
      caps: capsOf({
        zoneCount: shape.zoneCount,
        zoneBytes: shape.zoneBytes,
        zoneCapacityBytes: capacity,
        blockBytes: shape.blockBytes,
        appendBytesMin: shape.blockBytes,
        memoryAlign: direct ? 4096 : 1,
        overwrite: shape.preallocate ? 'any' : 'reset-zone',
        reclaim: 'delete',
        pointerSurvives: !shape.preallocate,
        sharing: 'exclusive',
        reopenable: true,
        fencing: 'lock',
        cost: { seekMs: 0.1, readMBps: 1000, writeMBps: 500, streamMBpsMin: 0, mountMs: 0 },
      }),
      readsAtOnce: 8,
      checkLock: () => checkHeld(lock, path),
      zonesSync: true,
    })
    try {
      this.#options = { ...options, readOnly, sparesMax, direct }
      this.#shape = shape
      this.#lock = lock
      this.#preallocateBytes = preallocateBytes
      this.direct = direct && !readOnly && shape.blockBytes % 512 === 0 && probeDirect(path, shape.blockBytes)
      this.#behindBytes = this.direct ? 0 : writeBehindBytes
      const slabs = this.direct ? new SlabPool(SLAB_BYTES, SLABS) : undefined
      this.#files = new ZoneFiles(join(path, ZONES_DIRECTORY), { readOnly, handlesMax, slabs })
      const words = new Float64Array((shape.zoneCount * ZONE_CELL_BYTES) / 8)
      this.#table = new ZoneTable(new ZoneCells(words), {
        zoneCount: shape.zoneCount,
        openZonesMax: 0,
        activeZonesMax: 0,
        atOpenLimit: 'refuse',
        conventional: () => shape.preallocate,
        capacityBytes: () => capacity,
      })
      this.#reserve = new SpaceReserve(join(path, RESERVE_FILE), reserveBytes)
      if (!readOnly && options.join === undefined) this.#reserve.fill()
      for (const zone of zonesPresent(path, shape.zoneCount)) {
        this.#loadZone(zone)
        if (options.join === undefined) this.#inherited.add(zone)
      }
      if (shape.preallocate) this.resume = (zone, pointer) => this.#resume(zone, pointer)
    } catch (error) {
      lock?.release()
      throw toMediumError(error, 'open')
    }
  }

  /** What the file itself tells (D3). */
  #loadZone(zone: number): void {
    const { cells } = this.#table
    const sealed = isSealed(this.#files.pathOf(zone))
    const bytes = this.#files.get(zone, false)!.allocatedBytes
    const known = sealed || !this.#shape.preallocate || bytes === 0
    cells.setPointer(zone, known ? bytes : 'unknown')
    cells.setState(zone, sealed ? 'full' : bytes === 0 ? 'empty' : 'closed')
  }

  #writable(): void {
    if (this.#options.readOnly === true) throw new MediumError('MEDIA_READ_ONLY', 'the medium was opened read-only')
  }

  /** The zone's file, ready to be written at `offset` (D1). */
  #fileFor(zone: number, offset: number): ZoneFile {
    if (offset === 0) {
      const inherited = this.#inherited.delete(zone) && this.#files.exists(zone)
      if (inherited || this.#files.get(zone, false)?.linkedElsewhere()) this.#files.remove(zone)
    }
    const file = this.#files.get(zone, true)!
    if (this.#spares.size > 0) this.#spares.delete(zone)
    return file
  }

  /** How far the file should be allocated before it is written; 0: it is, or grows by appends. */
  #allocateTo(file: ZoneFile, offset: number, bytes: number): number {
    const end = offset + bytes
    if (!this.#shape.preallocate || end <= file.allocatedBytes || bytes >= GROW_BYTES) return 0
    const ahead = Math.min(this.#preallocateBytes, Math.max(AHEAD_BYTES_MIN, offset))
    return Math.min(this.#shape.zoneBytes, Math.max(end, offset + ahead))
  }

  #appended(zone: number, file: ZoneFile, offset: number, bytes: number): void {
    this.#table.advance(zone, bytes)
    this.timing.count(zone * this.#shape.zoneBytes + offset, bytes)
    const after = this.#behindBytes
    if (after > 0 && this.#behindRuns < BEHIND_MAX && file.isBehind(after * 2 ** this.#behindRuns)) {
      void this.#writeBehind(file)
    }
  }

  async #writeBehind(file: ZoneFile): Promise<void> {
    this.#behindRuns++
    try {
      await file.writeBehind()
    } catch (error) {
      this.poison(error)
    } finally {
      this.#behindRuns--
    }
  }

  protected override async doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> {
    this.#writable()
    const offset = this.#table.admit(zone, bytes)
    const file = this.#fileFor(zone, offset)
    const allocateTo = this.#allocateTo(file, offset, bytes)
    file.hold()
    try {
      if (allocateTo > 0) await file.allocate(allocateTo)
      await file.write(parts, offset)
    } finally {
      file.release()
    }
    this.#appended(zone, file, offset, bytes)
    return offset
  }

  protected override doAppendSync(zone: number, parts: readonly Bytes[], bytes: number): number {
    this.#writable()
    const offset = this.#table.admit(zone, bytes)
    const file = this.#fileFor(zone, offset)
    const allocateTo = this.#allocateTo(file, offset, bytes)
    if (allocateTo > 0) file.allocateSync(allocateTo)
    file.writeSync(parts, offset, bytes)
    this.#appended(zone, file, offset, bytes)
    return offset
  }

  /** How much of a read lies below the pointer. */
  #readable(zone: number, offset: number, length: number): number {
    const pointer = this.#table.cells.pointer(zone)
    const end = pointer === 'unknown' ? this.caps.zoneCapacityBytes : pointer
    const bytes = Math.min(length, end - offset)
    if (bytes <= 0) return 0
    this.timing.count(zone * this.#shape.zoneBytes + offset, bytes)
    return bytes
  }

  protected override async doRead(zone: number, offset: number, into: Bytes): Promise<number> {
    const bytes = this.#readable(zone, offset, into.length)
    const file = bytes === 0 ? undefined : this.#files.get(zone, false)
    if (file === undefined) return 0
    file.hold()
    try {
      return await file.read(offset, into.subarray(0, bytes))
    } finally {
      file.release()
    }
  }

  protected override doReadSync(zone: number, offset: number, into: Bytes): number {
    const bytes = this.#readable(zone, offset, into.length)
    const file = bytes === 0 ? undefined : this.#files.get(zone, false)
    return file === undefined ? 0 : file.readSync(offset, into, bytes)
  }

  #syncEntries(): void {
    if (!this.#files.entriesDirty) return
    syncDirectory(this.#files.directory)
    this.#files.entriesDirty = false
  }

  protected override async doFlush(): Promise<void> {
    const dirty = this.#files.takeDirty()
    for (const file of dirty) file.hold()
    try {
      // One file, a log, is what there nearly always is; of several none is let go before all have come to their end.
      if (dirty.length === 1) await dirty[0]!.sync()
      else {
        const results = await Promise.allSettled(dirty.map((file) => file.sync()))
        const failed = results.find((result) => result.status === 'rejected')
        if (failed !== undefined) throw failed.reason
      }
    } finally {
      for (const file of dirty) file.release()
    }
    this.#syncEntries()
    checkHeld(this.#lock, this.#options.path)
  }

  protected override doFlushSync(): void {
    for (const file of this.#files.takeDirty()) file.syncNow()
    this.#syncEntries()
    checkHeld(this.#lock, this.#options.path)
  }

  protected override doFinish(zone: number): void {
    this.#writable()
    const { cells } = this.#table
    if (cells.state(zone) === 'full' && isSealed(this.#files.pathOf(zone))) return
    const pointer = cells.pointer(zone)
    const file = this.#files.get(zone, true)!
    this.#spares.delete(zone)
    file.seal(pointer === 'unknown' ? Math.min(file.allocatedBytes, this.caps.zoneCapacityBytes) : pointer)
    this.#table.finish(zone, false)
  }

  protected override doReset(zone: number): void {
    this.#writable()
    this.#table.reset(zone)
    const file = this.#files.get(zone, false)
    if (file === undefined) return
    const keeps = this.#spares.has(zone) || this.#spares.size < this.#options.sparesMax!
    if (!keeps || file.linkedElsewhere()) {
      this.#spares.delete(zone)
      this.#files.remove(zone)
      return
    }
    this.#spares.add(zone)
    if (isSealed(file.path)) {
      file.unseal()
      this.#files.forget(zone)
    }
    if (!this.#shape.preallocate) this.#files.get(zone, false)!.truncate(0)
  }

  async #resume(zone: number, pointer: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    await this.enqueue(zone, 'report', 0, async () => {
      this.#writable()
      this.#table.resume(zone, pointer)
    })
  }

  protected override doReport(): readonly ZoneReport[] {
    if (this.#options.readOnly === true) this.#rescan()
    return this.#table.report()
  }

  /** A reader looks again at what the writer has made of the zones: files grow, go, and come again under their names. */
  #rescan(): void {
    const { cells } = this.#table
    const present = new Set(zonesPresent(this.#options.path, this.#shape.zoneCount))
    for (let zone = 0; zone < this.#shape.zoneCount; zone++) {
      if (!present.has(zone) && cells.state(zone) === 'empty') continue
      this.#files.forget(zone)
      if (present.has(zone)) this.#loadZone(zone)
      else {
        cells.setPointer(zone, 0)
        cells.setState(zone, 'empty')
      }
    }
  }

  protected override doClose(): void {
    this.#files.close()
    this.#lock?.release()
  }

  /**
   * After MEDIA_NO_SPACE: gives the reserve back to the filesystem, so that deletes and compaction can go on. Resolves
   * to false when it was spent before.
   */
  async spendReserve(): Promise<boolean> {
    this.checkOpen()
    this.#writable()
    return this.#reserve.spend()
  }

  /** Makes the reserve whole again; resolves to false while there is no space for it. */
  async refillReserve(): Promise<boolean> {
    this.checkOpen()
    this.#writable()
    try {
      return this.#reserve.fill()
    } catch (error) {
      throw toMediumError(error, 'refillReserve')
    }
  }

  /**
   * Makes a second medium of the same contents and identity in another directory, in one step and sharing the files of finished zones by
   * hard links where the filesystem has them. What was appended is in it, flushed or not; each of the two has its own lock.
   *
   * Errors: MEDIA_ARGUMENT when there is something at `path`.
   */
  cloneTo(path: string): CloneReport {
    this.checkOpen()
    try {
      return cloneDirectory(this.#options.path, pathOption(path))
    } catch (error) {
      throw toMediumError(error, 'cloneTo')
    }
  }

  /** See {@link Imageable}. */
  async image(): Promise<MediumImage> {
    return directoryImage(await this.report(), this.#files)
  }

  /** See {@link Imageable}. The twin is a new directory beside this one, its name ending in `.crash-` and a number. */
  async twin(image: MediumImage): Promise<Medium> {
    const { join: _token, ...rest } = this.#options
    const path = writeDirectoryTwin(image, this.id, this.#shape, rest.path)
    return new DirectoryMedium({ ...rest, path, id: this.id, readOnly: false })
  }
}

/** Opens or creates a directory medium. Errors: MEDIA_ARGUMENT, MEDIA_LOCKED, MEDIA_FORMAT, MEDIA_WRONG_MEDIUM, MEDIA_NOT_FOUND, MEDIA_IO. */
export function openDirectory(options: DirectoryOptions): DirectoryMedium {
  return new DirectoryMedium(options)
}
