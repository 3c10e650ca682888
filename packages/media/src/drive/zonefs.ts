/**
 * `zonefs`: a host-managed device (ZNS, SMR) mounted with the kernel's zonefs: a zone is a file, its size the write
 * pointer, truncating to 0 resets, to the capacity finishes. The preferred way: no command costs a process.
 *
 * Mount with `explicit-open,errors=repair`: then opening a file for writing opens its zone, EBUSY and EOVERFLOW tell
 * the limits, and one bad write does not make the whole filesystem read-only. The writer holds the file of an open
 * zone; closing it closes the zone.
 *
 * Source: Documentation/filesystems/zonefs.rst.
 */
import { closeSync, constants, fdatasync, fdatasyncSync, openSync, statSync, truncateSync } from 'node:fs'
import { stat, truncate } from 'node:fs/promises'
import { MediumError, toMediumError } from '../error.ts'
import { pathOption } from '../geometry.ts'
import type { Bytes } from '../medium.ts'
import { SUPERBLOCK_BYTES } from '../superblock.ts'
import { deviceError, type FormatOption, formatOption, takeDeviceLock } from './claim.ts'
import { DriveMedium } from './drive-medium.ts'
import { SlabIo } from './slab-io.ts'
import type { ZoneDrive, ZoneFact } from './zone-drive.ts'
import { ZoneSlots } from './zone-slots.ts'
import { capsOfZones } from './zoned-block.ts'
import { claimZoned } from './zoned-superblock.ts'
import { factOf, mountOf, type ZoneFileFacts, zonesOf } from './zonefs-mount.ts'

export interface ZonefsOptions {
  /** Where it is mounted. */
  readonly path: string
  /** true: a mount without data becomes a medium; 'overwrite': resets all its zones. Default false. */
  readonly format?: FormatOption
  /** Files open for reading at a time; default 128. */
  readonly handlesMax?: number
  readonly readOnly?: boolean
  /** The identity that is expected. */
  readonly id?: string
}

const BLOCK_BYTES = 4096
const STATS_AT_ONCE = 64

class ZonefsDrive implements ZoneDrive {
  readonly zones: readonly ZoneFileFacts[]
  readonly #io: SlabIo
  readonly #handlesMax: number
  /** Files of open zones, for direct writing. */
  readonly #writing = new Map<number, number>()
  /** Files open for reading in the order of last use, with how many reads are under way. */
  readonly #reading = new Map<string, { readonly fd: number; users: number }>()
  readonly #syncFd: number

  constructor(o: { zones: readonly ZoneFileFacts[]; io: SlabIo; syncFd: number; handlesMax: number }) {
    this.zones = o.zones
    this.#io = o.io
    this.#syncFd = o.syncFd
    this.#handlesMax = o.handlesMax
  }

  openNow(zone: number): void {
    const { path } = this.zones[zone]!
    try {
      this.#writing.set(zone, openSync(path, constants.O_WRONLY | constants.O_DIRECT))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EBUSY' || code === 'ETXTBSY') {
        throw new MediumError('MEDIA_OPEN_LIMIT', `the device has no open zone left for ${path}`, {
          zone,
          cause: error,
        })
      }
      if (code === 'EOVERFLOW') {
        throw new MediumError('MEDIA_ACTIVE_LIMIT', `the device has no active zone left for ${path}`, {
          zone,
          cause: error,
        })
      }
      throw deviceError(error, path)
    }
  }

  async open(zone: number): Promise<void> {
    this.openNow(zone)
  }

  closeNow(zone: number): void {
    const fd = this.#writing.get(zone)
    this.#writing.delete(zone)
    if (fd !== undefined) closeSync(fd)
  }

  async close(zone: number): Promise<void> {
    this.closeNow(zone)
  }

  async finish(zone: number): Promise<void> {
    const { path, capacityBytes, type } = this.zones[zone]!
    if (type === 'sequential') await truncate(path, capacityBytes)
    this.closeNow(zone)
  }

  async reset(zone: number): Promise<void> {
    const { path, type } = this.zones[zone]!
    if (type === 'conventional') return
    this.closeNow(zone)
    await truncate(path, 0)
  }

  async facts(): Promise<readonly (ZoneFact | undefined)[]> {
    const facts: (ZoneFact | undefined)[] = []
    for (let first = 0; first < this.zones.length; first += STATS_AT_ONCE) {
      const some = this.zones.slice(first, first + STATS_AT_ONCE)
      facts.push(
        ...(await Promise.all(
          some.map(async ({ path, type, capacityBytes }, index) =>
            type === 'conventional'
              ? undefined
              : factOf(await stat(path), capacityBytes, this.#writing.has(first + index)),
          ),
        )),
      )
    }
    return facts
  }

  /** A conventional zone has no explicit opening: its file is opened when it is first written. */
  #writeFd(zone: number): number {
    if (!this.#writing.has(zone)) this.openNow(zone)
    return this.#writing.get(zone)!
  }

  async write(zone: number, parts: readonly Bytes[], offset: number): Promise<void> {
    await this.#io.write(this.#writeFd(zone), parts, this.zones[zone]!.at + offset)
  }

  writeNow(zone: number, parts: readonly Bytes[], offset: number): void {
    this.#io.writeNow(this.#writeFd(zone), parts, this.zones[zone]!.at + offset)
  }

  #readHandle(zone: number): { readonly fd: number; users: number } {
    const { path } = this.zones[zone]!
    const known = this.#reading.get(path)
    const handle = known ?? { fd: openSync(path, constants.O_RDONLY | constants.O_DIRECT), users: 0 }
    this.#reading.delete(path)
    this.#reading.set(path, handle)
    if (this.#reading.size > this.#handlesMax) {
      const idle = [...this.#reading].find(([, { users }]) => users === 0)
      if (idle !== undefined && idle[0] !== path) {
        this.#reading.delete(idle[0])
        closeSync(idle[1].fd)
      }
    }
    return handle
  }

  async read(zone: number, offset: number, into: Bytes): Promise<number> {
    const handle = this.#readHandle(zone)
    handle.users++
    try {
      return await this.#io.read(handle.fd, this.zones[zone]!.at + offset, into)
    } finally {
      handle.users--
    }
  }

  readNow(zone: number, offset: number, into: Bytes): number {
    return this.#io.readNow(this.#readHandle(zone).fd, this.zones[zone]!.at + offset, into)
  }

  /** One sync of any file flushes the device's cache: direct writes leave nothing else to do. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.#syncFd, (error) => (error ? reject(error) : resolve()))
    })
  }

  flushNow(): void {
    fdatasyncSync(this.#syncFd)
  }

  async dispose(): Promise<void> {
    for (const fd of this.#writing.values()) closeSync(fd)
    for (const { fd } of this.#reading.values()) closeSync(fd)
    closeSync(this.#syncFd)
  }
}

/** zonefs's own superblock zone stays active on some drives, so where it is sequential one more is kept back. */
const reserveForZonefs = (limit: number, firstIsSequential: boolean): number =>
  limit === 0 || !firstIsSequential ? limit : Math.max(2, limit - 1)

/**
 * Opens, or with `format` makes, a medium on a mounted zonefs. Linux only.
 *
 * Errors: MEDIA_NOT_FOUND, MEDIA_WRONG_DEVICE (no zonefs there), MEDIA_LOCKED, MEDIA_PERMISSION, MEDIA_READ_ONLY,
 * MEDIA_NOT_FORMATTED, MEDIA_FOREIGN (zones hold data of others), MEDIA_FORMAT, MEDIA_WRONG_MEDIUM.
 */
export async function openZonefs(options: ZonefsOptions): Promise<DriveMedium> {
  const path = pathOption(options.path)
  const format = formatOption(options.format)
  const { readOnly = false, handlesMax = 128 } = options
  const mount = mountOf(path)
  if (!mount.writable && !readOnly) throw new MediumError('MEDIA_READ_ONLY', `${path} is mounted read-only`)
  const lock = readOnly ? undefined : takeDeviceLock(`zonefs-${mount.number}`)
  const open: number[] = []
  try {
    const { limits } = mount
    const [first, ...zones] = zonesOf(path, limits.zoneBytes)
    if (first === undefined) throw new MediumError('MEDIA_WRONG_DEVICE', `${path} has no zones`)
    const conventional = first.type === 'conventional'
    const firstFd = openFirst(first.path, readOnly || !conventional)
    open.push(firstFd)
    const io = new SlabIo(BLOCK_BYTES, 1 << 20, 8)
    const { id } = await claimZoned({
      kind: 'zonefs',
      path,
      format,
      id: options.id,
      readOnly,
      io,
      first: { conventional, at: 0, capacityBytes: first.capacityBytes, pointer: sizeOf(first.path), readFd: firstFd },
      zones,
      zoneBytes: limits.zoneBytes,
      holdsData: zones.some((zone) => zone.type === 'sequential' && sizeOf(zone.path) > 0),
      async resetAll() {
        for (const { type, path: file } of [first, ...zones]) {
          if (type === 'sequential' && isWritable(file)) truncateSync(file, 0)
        }
      },
      async writeFirst(write) {
        const fd = openSync(first.path, constants.O_RDWR | constants.O_DIRECT)
        try {
          write(fd)
          fdatasyncSync(fd)
        } finally {
          closeSync(fd)
        }
        if (!conventional) truncateSync(first.path, first.capacityBytes)
      },
    })
    const drive = new ZonefsDrive({ zones, io, syncFd: firstFd, handlesMax })
    const slots = zones.filter(({ type }) => type === 'conventional').length
    return new DriveMedium({
      id,
      spec: { kind: 'zonefs', path, id, handlesMax, ...(readOnly ? { readOnly } : {}) },
      caps: capsOfZones(zones, {
        ...limits,
        activeZonesMax: reserveForZonefs(limits.activeZonesMax, !conventional),
      }),
      drive,
      slots: slots > 0 ? new ZoneSlots(io, firstFd, SUPERBLOCK_BYTES, slots) : undefined,
      facts: await drive.facts(),
      readOnly,
      readsAtOnce: limits.rotational ? 1 : 8,
      checkLock() {
        if (lock !== undefined && !lock.held()) throw new MediumError('MEDIA_LOCKED', `${path}: the lock was broken`)
      },
      onClose: () => lock?.release(),
    })
  } catch (error) {
    for (const fd of open) closeSync(fd)
    lock?.release()
    throw toMediumError(error, 'open')
  }
}

function openFirst(path: string, readOnly: boolean): number {
  try {
    return openSync(path, (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_DIRECT)
  } catch (error) {
    throw deviceError(error, path)
  }
}

/** Not read-only or offline. */
const isWritable = (path: string): boolean => (statSync(path).mode & 0o222) !== 0

const sizeOf = (path: string): number => statSync(path).size
