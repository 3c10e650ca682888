/**
 * `block`: a raw block device (NVMe, disk, Ceph RBD, iSCSI, NBD ...) or an image file, cut into zones that have no
 * write pointer of their own. Direct I/O from page-aligned slabs; the kernel's exclusive open keeps others out of a
 * device, a lock file out of an image. Bytes: FORMAT.md, "Block device or image".
 *
 * Space of emptied zones goes back to the device in batches (`discardZones` at a time, and at close): a zone that is
 * written again before its turn costs no discard at all.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, constants, existsSync, fdatasync, fdatasyncSync, fstatSync, ftruncateSync } from 'node:fs'
import { MediumError, toMediumError } from '../error.ts'
import { capsOf, geometryOption, pathOption, wholeOption, ZONE_COUNT_MAX } from '../geometry.ts'
import { type Lock, takeLock } from '../lock.ts'
import type { Bytes, MediumCaps } from '../medium.ts'
import { encodeSuperblock, SUPERBLOCK_BYTES } from '../superblock.ts'
import { roundUp } from '../zone-store.ts'
import {
  claimDevice,
  deviceError,
  type FormatOption,
  formatOption,
  majorMinorOf,
  openDirect,
  statDevice,
  wholeFields,
} from './claim.ts'
import { runCommand, waitForChildNow } from './command.ts'
import { DriveMedium } from './drive-medium.ts'
import { type QueueLimits, queueLimits } from './queue-limits.ts'
import { foreignContent, SIGNATURE_BYTES } from './signature.ts'
import { SlabIo } from './slab-io.ts'
import type { DriveZone, ZoneDrive, ZoneFact } from './zone-drive.ts'
import { slotsBytes, ZoneSlots } from './zone-slots.ts'

export interface BlockOptions {
  /** The device, or an image file. */
  readonly path: string
  /** true: a blank device becomes a medium; 'overwrite': whatever it held. Default false. */
  readonly format?: FormatOption
  /** With `format`, for an image file that does not exist: makes it of this size. */
  readonly imageBytes?: number
  /** At formatting; default 32 MiB. */
  readonly zoneBytes?: number
  /** At formatting; default all that fit. */
  readonly zoneCount?: number
  /** Emptied zones discarded together; 0: never discard. Default 16. */
  readonly discardZones?: number
  readonly readOnly?: boolean
  /** The identity that is expected. */
  readonly id?: string
}

const BLOCK_BYTES = 4096
const DATA_ALIGN_BYTES = 1 << 20
/** A disk's head wants few long requests, flash many at a time. */
const DISK = { slabBytes: 4 << 20, slabs: 2, readsAtOnce: 1 }
const FLASH = { slabBytes: 1 << 20, slabs: 8, readsAtOnce: 8 }

class BlockDrive implements ZoneDrive {
  readonly zones: readonly DriveZone[]
  readonly #fd: number
  readonly #io: SlabIo
  readonly #path: string
  readonly #image: boolean
  readonly #zoneBytes: number
  readonly #dataAt: number
  /** Emptied zones that were not discarded yet. */
  readonly #emptied = new Set<number>()
  /** 0: the device has no discard. */
  #discardZones: number
  /** The command under way: writes to its zones wait for it. */
  #discarding: { readonly zones: ReadonlySet<number>; pid: number; done: Promise<void> } | undefined

  constructor(o: {
    fd: number
    io: SlabIo
    path: string
    image: boolean
    zoneCount: number
    zoneBytes: number
    dataAt: number
    discardZones: number
  }) {
    const zone: DriveZone = { type: 'conventional', capacityBytes: o.zoneBytes }
    this.zones = Array.from({ length: o.zoneCount }, () => zone)
    this.#fd = o.fd
    this.#io = o.io
    this.#path = o.path
    this.#image = o.image
    this.#zoneBytes = o.zoneBytes
    this.#dataAt = o.dataAt
    this.#discardZones = o.discardZones
  }

  #at(zone: number, offset: number): number {
    return this.#dataAt + zone * this.#zoneBytes + offset
  }

  async open(): Promise<void> {}
  openNow(): void {}
  async close(): Promise<void> {}
  closeNow(): void {}
  async finish(): Promise<void> {}

  async facts(): Promise<readonly (ZoneFact | undefined)[]> {
    return this.zones.map(() => undefined)
  }

  async write(zone: number, parts: readonly Bytes[], offset: number): Promise<void> {
    this.#emptied.delete(zone)
    if (this.#discarding?.zones.has(zone) === true) await this.#discarding.done
    await this.#io.write(this.#fd, parts, this.#at(zone, offset))
  }

  writeNow(zone: number, parts: readonly Bytes[], offset: number): void {
    this.#emptied.delete(zone)
    if (this.#discarding?.zones.has(zone) === true) waitForChildNow(this.#discarding.pid)
    this.#io.writeNow(this.#fd, parts, this.#at(zone, offset))
  }

  read(zone: number, offset: number, into: Bytes): Promise<number> {
    return this.#io.read(this.#fd, this.#at(zone, offset), into)
  }

  readNow(zone: number, offset: number, into: Bytes): number {
    return this.#io.readNow(this.#fd, this.#at(zone, offset), into)
  }

  /** A full batch takes all waiting zones along but this one, which its caller is likely to write next. */
  async reset(zone: number): Promise<void> {
    if (this.#discardZones === 0) return
    this.#emptied.add(zone)
    if (this.#emptied.size > this.#discardZones) await this.#discard(zone)
  }

  /** Discards runs of neighbours with one command each, one command at a time. */
  async #discard(except?: number): Promise<void> {
    while (this.#discarding !== undefined) await this.#discarding.done
    const zones = [...this.#emptied].filter((zone) => zone !== except).sort((a, b) => a - b)
    for (let first = 0; first < zones.length; ) {
      let count = 1
      while (zones[first + count] === zones[first]! + count) count++
      const run = zones.slice(first, first + count).filter((zone) => this.#emptied.has(zone))
      first += count
      // Written again since the batch began: the run fell apart, its rest waits for the next batch.
      if (run.length === count) await this.#discardRun(run)
    }
  }

  async #discardRun(run: readonly number[]): Promise<void> {
    for (const zone of run) this.#emptied.delete(zone)
    const discarding = { zones: new Set(run), pid: 0, done: Promise.resolve() }
    const length = String(run.length * this.#zoneBytes)
    const range = ['-o', String(this.#at(run[0]!, 0)), '-l', length, this.#path]
    const [program, ...options] = this.#image ? ['fallocate', '-p'] : ['blkdiscard', '-f']
    discarding.done = runCommand(program!, [...options, ...range], (pid) => {
      discarding.pid = pid
    }).then(
      () => undefined,
      // A hint that the device (or the system) does not take is no failure of the medium: it is not asked again.
      () => {
        this.#discardZones = 0
      },
    )
    this.#discarding = discarding
    await discarding.done
    this.#discarding = undefined
  }

  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()))
    })
  }

  flushNow(): void {
    fdatasyncSync(this.#fd)
  }

  async dispose(): Promise<void> {
    try {
      if (this.#discardZones > 0) await this.#discard()
    } finally {
      closeSync(this.#fd)
    }
  }
}

/** The device or image, open, with what the system knows of it. */
interface Target {
  readonly fd: number
  readonly image: boolean
  readonly bytes: number
  readonly limits: QueueLimits | undefined
  readonly lock: Lock | undefined
}

function lockImage(path: string): Lock {
  try {
    return takeLock(`${path}.lock`)
  } catch (error) {
    throw deviceError(error, path)
  }
}

function openTarget(path: string, o: { readOnly: boolean; makeBytes: number | undefined }): Target {
  const { O_RDWR, O_RDONLY, O_EXCL, O_CREAT } = constants
  const makes = o.makeBytes !== undefined && !existsSync(path)
  const stat = makes ? undefined : statDevice(path)
  if (stat !== undefined && !stat.isFile() && !stat.isBlockDevice()) {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} is neither a block device nor an image file`)
  }
  const image = stat === undefined || stat.isFile()
  const limits = image ? undefined : queueLimits(majorMinorOf(stat.rdev))
  if (limits !== undefined && limits.zoned === 'host-managed') {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} is host-managed: open it as zonefs or zoned-block`)
  }
  if (limits !== undefined && limits.logicalBlockBytes > BLOCK_BYTES) {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} has blocks of ${limits.logicalBlockBytes}; 4096 is the most`)
  }
  const lock = image && !o.readOnly ? lockImage(path) : undefined
  try {
    const flags = o.readOnly ? O_RDONLY : image ? O_RDWR | (makes ? O_CREAT : 0) : O_RDWR | O_EXCL
    const { fd } = openDirect(path, flags)
    if (makes) ftruncateSync(fd, o.makeBytes)
    return { fd, image, bytes: limits?.bytes ?? fstatSync(fd).size, limits, lock }
  } catch (error) {
    lock?.release()
    throw error
  }
}

/** Where zones begin and how many fit. */
function layoutOf(options: BlockOptions, bytes: number, path: string) {
  const { zoneBytes } = geometryOption({ zoneBytes: options.zoneBytes }, { zoneCount: 1, zoneBytes: 32 << 20 })
  if (zoneBytes % BLOCK_BYTES !== 0) {
    throw new MediumError('MEDIA_ARGUMENT', `zoneBytes must be a multiple of ${BLOCK_BYTES}, not ${zoneBytes}`)
  }
  const most = Math.min(ZONE_COUNT_MAX, Math.floor(bytes / zoneBytes))
  const dataAt = roundUp(SUPERBLOCK_BYTES + slotsBytes(options.zoneCount ?? most), DATA_ALIGN_BYTES)
  const fit = Math.min(most, Math.floor((bytes - dataAt) / zoneBytes))
  if (fit < 1) throw new MediumError('MEDIA_ARGUMENT', `${path} has ${bytes} bytes: no zone of ${zoneBytes} fits`)
  return { zoneCount: wholeOption(options.zoneCount ?? fit, 'zoneCount', 1, fit), zoneBytes, dataAt }
}

function claimBlock(target: Target, io: SlabIo, options: BlockOptions, format: FormatOption) {
  const { fd, bytes } = target
  const { path } = options
  const head = new Uint8Array(SUPERBLOCK_BYTES)
  const block = head.subarray(0, io.readNow(fd, 0, head))
  const body = claimDevice(block, {
    kind: 'block',
    path,
    format,
    id: options.id,
    readOnly: options.readOnly ?? false,
    foreign: () => {
      const start = new Uint8Array(SIGNATURE_BYTES)
      return foreignContent(start.subarray(0, io.readNow(fd, 0, start)))
    },
    make: () => {
      const layout = layoutOf(options, bytes, path)
      const superblock = encodeSuperblock('block', { id: randomUUID(), ...layout })
      ZoneSlots.clear(io, fd, SUPERBLOCK_BYTES, layout.zoneCount)
      fdatasyncSync(fd)
      io.writeNow(fd, [superblock], 0)
      fdatasyncSync(fd)
      return superblock
    },
  })
  const layout = wholeFields(body, ['zoneCount', 'zoneBytes', 'dataAt'], path)
  if (layout.dataAt + layout.zoneCount * layout.zoneBytes > bytes) {
    throw new MediumError('MEDIA_FORMAT', `${path} has ${bytes} bytes and is shorter than its geometry`)
  }
  return { id: body.id, layout }
}

function capsOfBlock(layout: { zoneCount: number; zoneBytes: number }, rotational: boolean): MediumCaps {
  const { zoneCount, zoneBytes } = layout
  return capsOf({
    zoneCount,
    zoneBytes,
    zoneCapacityBytes: zoneBytes,
    blockBytes: BLOCK_BYTES,
    appendBytesMin: BLOCK_BYTES,
    appendBytesOptimal: rotational ? 4 << 20 : 128 << 10,
    openZonesOptimal: rotational ? 1 : 0,
    overwrite: 'any',
    reclaim: 'discard',
    pointerSurvives: false,
    fencing: 'lock',
    cost: rotational
      ? { seekMs: 8, readMBps: 230, writeMBps: 230, streamMBpsMin: 0, mountMs: 0 }
      : { seekMs: 0.08, readMBps: 3000, writeMBps: 1500, streamMBpsMin: 0, mountMs: 0 },
  })
}

/**
 * Opens, or with `format` makes, a medium on a block device or image file.
 *
 * Errors: MEDIA_ARGUMENT, MEDIA_NOT_FOUND, MEDIA_WRONG_DEVICE (zoned, a directory ...), MEDIA_PERMISSION, MEDIA_LOCKED
 * (mounted or open elsewhere), MEDIA_READ_ONLY, MEDIA_NOT_FORMATTED, MEDIA_FOREIGN, MEDIA_FORMAT, MEDIA_WRONG_MEDIUM.
 */
export async function openBlock(options: BlockOptions): Promise<DriveMedium> {
  const path = pathOption(options.path)
  const format = formatOption(options.format)
  const readOnly = options.readOnly ?? false
  const discardZones = wholeOption(options.discardZones ?? 16, 'discardZones', 0, ZONE_COUNT_MAX)
  const makeBytes =
    options.imageBytes === undefined || format === false
      ? undefined
      : wholeOption(options.imageBytes, 'imageBytes', DATA_ALIGN_BYTES, 2 ** 50)
  const target = openTarget(path, { readOnly, makeBytes })
  const { fd, lock, image, limits } = target
  try {
    const rotational = limits?.rotational ?? false
    const { slabBytes, slabs, readsAtOnce } = rotational ? DISK : FLASH
    const io = new SlabIo(BLOCK_BYTES, slabBytes, slabs)
    const { id, layout } = claimBlock(target, io, options, format)
    const discards = !readOnly && (image || (limits?.discardBytesMax ?? 0) > 0)
    const drive = new BlockDrive({ fd, io, path, image, ...layout, discardZones: discards ? discardZones : 0 })
    return new DriveMedium({
      id,
      spec: { kind: 'block', path, id, discardZones, ...(readOnly ? { readOnly } : {}) },
      caps: capsOfBlock(layout, rotational),
      drive,
      slots: new ZoneSlots(io, fd, SUPERBLOCK_BYTES, layout.zoneCount),
      facts: drive.zones.map(() => undefined),
      readOnly,
      readsAtOnce,
      checkLock() {
        if (lock !== undefined && !lock.held()) throw new MediumError('MEDIA_LOCKED', `${path}: the lock was broken`)
      },
      onClose: () => lock?.release(),
    })
  } catch (error) {
    closeSync(fd)
    lock?.release()
    throw toMediumError(error, 'open')
  }
}
