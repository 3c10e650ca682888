/**
 * `zoned-block`: a host-managed device (ZNS, SMR) without a filesystem: direct writes at the write pointer, zone
 * commands by `blkzone`. Prefer `zonefs` where root can mount it once: its commands cost no process each.
 *
 * The device is open exclusively. Zones are opened by command before their first byte (`explicitOpen: false` leaves
 * that to the drive), finished and reset by command.
 */
import { closeSync, constants, fdatasync, fdatasyncSync } from 'node:fs'
import { MediumError, toMediumError } from '../error.ts'
import { capsOf, pathOption } from '../geometry.ts'
import type { Bytes, ZoneState } from '../medium.ts'
import { SUPERBLOCK_BYTES } from '../superblock.ts'
import { type DeviceZone, reportZones, ZoneCommands } from './blkzone.ts'
import { type FormatOption, formatOption, majorMinorOf, openDirect, statDevice } from './claim.ts'
import { DriveMedium, limitWithReserve } from './drive-medium.ts'
import { queueLimits } from './queue-limits.ts'
import { SlabIo } from './slab-io.ts'
import type { DriveZone, ZoneDrive, ZoneFact } from './zone-drive.ts'
import { ZoneSlots } from './zone-slots.ts'
import { claimZoned } from './zoned-superblock.ts'

export interface ZonedBlockOptions {
  /** The device, e.g. /dev/nvme0n2. */
  readonly path: string
  /** true: a blank device becomes a medium; 'overwrite': whatever it held. Default false. */
  readonly format?: FormatOption
  /** Open each zone by command before it is written; default true. */
  readonly explicitOpen?: boolean
  readonly readOnly?: boolean
  /** The identity that is expected. */
  readonly id?: string
}

const BLOCK_BYTES = 4096

class ZonedBlockDrive implements ZoneDrive {
  readonly zones: readonly DriveZone[]
  readonly #fd: number
  readonly #io: SlabIo
  readonly #path: string
  /** The device's zones, without the first. */
  readonly #device: readonly DeviceZone[]
  readonly #commands: ZoneCommands
  readonly #explicitOpen: boolean

  constructor(o: {
    fd: number
    io: SlabIo
    path: string
    device: readonly DeviceZone[]
    commands: ZoneCommands
    explicitOpen: boolean
  }) {
    this.#fd = o.fd
    this.#io = o.io
    this.#path = o.path
    this.#device = o.device
    this.#commands = o.commands
    this.#explicitOpen = o.explicitOpen
    this.zones = o.device.map(({ conventional, capacityBytes }) => ({
      type: conventional ? 'conventional' : 'sequential',
      capacityBytes: capacityBytes - (capacityBytes % BLOCK_BYTES),
    }))
  }

  async open(zone: number): Promise<void> {
    if (this.#explicitOpen) await this.#commands.request('open', this.#device[zone]!)
    this.#opened.add(zone)
  }

  openNow(zone: number): void {
    if (this.#explicitOpen) this.#commands.now('open', this.#device[zone]!)
    this.#opened.add(zone)
  }

  async close(zone: number): Promise<void> {
    if (this.#opened.delete(zone)) await this.#commands.request('close', this.#device[zone]!)
  }

  closeNow(zone: number): void {
    if (this.#opened.delete(zone)) this.#commands.now('close', this.#device[zone]!)
  }

  /** Zones that hold an open one of the device: not full ones any more, never conventional ones. */
  readonly #opened = new Set<number>()

  #note(zone: number, parts: readonly Bytes[], offset: number): void {
    const end = parts.reduce((sum, part) => sum + part.length, offset)
    if (end === this.zones[zone]!.capacityBytes) this.#opened.delete(zone)
  }

  async finish(zone: number): Promise<void> {
    if (this.#device[zone]!.conventional) return
    await this.#commands.request('finish', this.#device[zone]!)
    this.#opened.delete(zone)
  }

  async reset(zone: number): Promise<void> {
    if (this.#device[zone]!.conventional) return
    await this.#commands.request('reset', this.#device[zone]!)
    this.#opened.delete(zone)
  }

  async facts(): Promise<readonly (ZoneFact | undefined)[]> {
    return factsOf((await reportZones(this.#path)).slice(1))
  }

  async write(zone: number, parts: readonly Bytes[], offset: number): Promise<void> {
    await this.#io.write(this.#fd, parts, this.#device[zone]!.start + offset)
    this.#note(zone, parts, offset)
  }

  writeNow(zone: number, parts: readonly Bytes[], offset: number): void {
    this.#io.writeNow(this.#fd, parts, this.#device[zone]!.start + offset)
    this.#note(zone, parts, offset)
  }

  read(zone: number, offset: number, into: Bytes): Promise<number> {
    return this.#io.read(this.#fd, this.#device[zone]!.start + offset, into)
  }

  readNow(zone: number, offset: number, into: Bytes): number {
    return this.#io.readNow(this.#fd, this.#device[zone]!.start + offset, into)
  }

  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()))
    })
  }

  flushNow(): void {
    fdatasyncSync(this.#fd)
  }

  /** Open zones are given back to the device. */
  async dispose(): Promise<void> {
    try {
      await Promise.all([...this.#opened].map((zone) => this.close(zone)))
    } finally {
      closeSync(this.#fd)
    }
  }
}

/** What the device made read-only or offline stays so. */
const usable = (state: ZoneState): boolean => state !== 'offline' && state !== 'read-only'

const factsOf = (device: readonly DeviceZone[]): (ZoneFact | undefined)[] =>
  device.map(({ conventional, state, pointer }) => (conventional ? undefined : { state, pointer }))

function checkDevice(path: string) {
  const stat = statDevice(path)
  if (!stat.isBlockDevice()) throw new MediumError('MEDIA_WRONG_DEVICE', `${path} is not a block device`)
  const limits = queueLimits(majorMinorOf(stat.rdev))
  if (limits?.zoned !== 'host-managed') {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} is not a host-managed zoned device; open it as block`)
  }
  if (limits.logicalBlockBytes > BLOCK_BYTES) {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} has blocks of ${limits.logicalBlockBytes}; 4096 is the most`)
  }
  return limits
}

/**
 * Opens, or with `format` makes, a medium on a raw zoned device. Linux only.
 *
 * Errors: those of `openBlock`, and MEDIA_TOOL_MISSING without blkzone.
 */
export async function openZonedBlock(options: ZonedBlockOptions): Promise<DriveMedium> {
  const path = pathOption(options.path)
  const format = formatOption(options.format)
  const { readOnly = false, explicitOpen = true } = options
  const limits = checkDevice(path)
  const { O_RDWR, O_RDONLY, O_EXCL } = constants
  const { fd } = openDirect(path, readOnly ? O_RDONLY : O_RDWR | O_EXCL)
  try {
    const io = new SlabIo(BLOCK_BYTES, 1 << 20, 8)
    const commands = new ZoneCommands(path)
    const [first, ...device] = await reportZones(path)
    if (first === undefined) throw new MediumError('MEDIA_WRONG_DEVICE', `${path} reports no zones`)
    const drive = new ZonedBlockDrive({ fd, io, path, device, commands, explicitOpen })
    const { id } = await claimZoned({
      kind: 'zoned-block',
      path,
      format,
      id: options.id,
      readOnly,
      io,
      first: { ...first, at: first.start, readFd: fd },
      zones: drive.zones,
      zoneBytes: limits.zoneBytes,
      holdsData: device.some(({ conventional, state }) => !conventional && state !== 'empty' && usable(state)),
      async resetAll() {
        const used = [first, ...device].filter((zone) => !zone.conventional && usable(zone.state))
        await Promise.all(used.map((zone) => commands.request('reset', zone)))
      },
      async writeFirst(write) {
        write(fd)
        await drive.flush()
        if (!first.conventional) await commands.request('finish', first)
      },
    })
    // What a killed process left open would count against the limits.
    const before = await reportZones(path)
    if (!readOnly) {
      const left = before.slice(1).filter(({ conventional, state }) => !conventional && state === 'open')
      await Promise.all(left.map((zone) => commands.request('close', zone)))
    }
    const facts = factsOf((await reportZones(path)).slice(1))
    const conventional = drive.zones.filter(({ type }) => type === 'conventional').length
    return new DriveMedium({
      id,
      spec: { kind: 'zoned-block', path, id, explicitOpen, ...(readOnly ? { readOnly } : {}) },
      caps: capsOfZones(drive.zones, limits),
      drive,
      slots: conventional > 0 ? new ZoneSlots(io, fd, SUPERBLOCK_BYTES, conventional) : undefined,
      facts,
      readOnly,
      readsAtOnce: limits.rotational ? 1 : 8,
      checkLock() {},
      onClose() {},
    })
  } catch (error) {
    closeSync(fd)
    throw toMediumError(error, 'open')
  }
}

/** Caps of zoned devices, whichever way they are reached. Limits keep one in reserve. */
export function capsOfZones(
  zones: readonly DriveZone[],
  limits: { zoneBytes: number; openZonesMax: number; activeZonesMax: number; rotational: boolean },
) {
  const sequential = zones.filter(({ type }) => type === 'sequential')
  const conventional = zones.length - sequential.length
  return capsOf({
    zoneCount: zones.length,
    zoneBytes: limits.zoneBytes,
    zoneCapacityBytes: Math.min(...(sequential.length > 0 ? sequential : zones).map((zone) => zone.capacityBytes)),
    blockBytes: BLOCK_BYTES,
    appendBytesMin: BLOCK_BYTES,
    appendBytesOptimal: limits.rotational ? 4 << 20 : 128 << 10,
    memoryAlign: 4096,
    openZonesMax: limitWithReserve(limits.openZonesMax),
    activeZonesMax: limitWithReserve(limits.activeZonesMax),
    openZonesOptimal: limits.rotational ? 1 : 4,
    overwrite: conventional > 0 ? 'any' : 'reset-zone',
    pointerSurvives: conventional === 0,
    fencing: 'lock',
    cost: limits.rotational
      ? { seekMs: 8, readMBps: 230, writeMBps: 230, streamMBpsMin: 0, mountMs: 0 }
      : { seekMs: 0.05, readMBps: 3000, writeMBps: 1000, streamMBpsMin: 0, mountMs: 0 },
  })
}
