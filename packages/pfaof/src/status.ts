import type { Lifetime } from '@vivefs/media'
import type { FileRecord } from './file-table.ts'
import type { VolumeCore } from './volume-core.ts'

export interface ExtentInfo {
  readonly medium: string
  readonly zone: number
  /** Offsets in the zone. */
  readonly start: number
  readonly end: number
  readonly fileOffset: number
  readonly bytes: number
}

export interface FileInfo {
  readonly id: number
  readonly name: string | undefined
  readonly size: number
  readonly syncedSize: number
  readonly sealed: boolean
  readonly lifetime: Lifetime
  readonly createdMs: number
  readonly media: readonly string[]
  readonly extents: readonly ExtentInfo[]
}

export interface MediumStatus {
  readonly id: string
  readonly home: boolean
  /** Zones that can carry data. */
  readonly zones: number
  readonly freeZones: number
  readonly zoneCapacityBytes: number
  /** Zone space that files use, headers and padding included. */
  readonly liveBytes: number
  /** Zone space that is neither alive nor free: what reclaim gives back. What open zones still have room for looks dead, too. */
  readonly deadBytes: number
  /** Space that an ordinary append can still get without reclaim. */
  readonly availableBytes: number
  /** Flushes since open. */
  readonly flushes: number
  /** A flush failed: nothing is written any more. */
  readonly poisoned: boolean
  /** Failures of work in the background (finishing, emptying zones), over all media. */
  readonly housekeepingFailures: number
}

export function fileInfo(core: VolumeCore, record: FileRecord): FileInfo {
  const open = core.files.get(record.id)
  const size = open?.size ?? record.size
  const extents = record.extents.map((extent, i) => {
    const ends = record.sealed ? extent : (open?.ends[i] ?? extent)
    const medium = core.media[extent.medium]!.name
    return {
      medium,
      zone: extent.zone,
      start: extent.start,
      end: ends.end,
      fileOffset: extent.fileOffset,
      bytes: ends.bytes,
    }
  })
  const { id, name, sealed, lifetime, createdMs } = record
  const media = record.media.map((number) => core.media[number]!.name)
  return { id, name, size, syncedSize: open?.syncedSize ?? size, sealed, lifetime, createdMs, media, extents }
}

/** Live bytes of each zone of a medium; unsealed files count too. */
export function liveBytesOf(
  core: VolumeCore,
  medium: number,
): Map<number, { liveBytes: number; unsealed: boolean; files: Set<number> }> {
  const zones = new Map<number, { liveBytes: number; unsealed: boolean; files: Set<number> }>()
  for (const record of core.table.files.values()) {
    const ends = core.files.get(record.id)?.ends
    for (const [i, extent] of record.extents.entries()) {
      if (extent.medium !== medium) continue
      const zone = zones.get(extent.zone) ?? { liveBytes: 0, unsealed: false, files: new Set() }
      zone.liveBytes += record.sealed ? extent.liveBytes : (ends?.[i]?.liveBytes ?? 0)
      zone.unsealed ||= !record.sealed
      zone.files.add(record.id)
      zones.set(extent.zone, zone)
    }
  }
  return zones
}

export function mediaStatus(core: VolumeCore): ReadonlyMap<string, MediumStatus> {
  const status = new Map<string, MediumStatus>()
  for (const medium of core.media) {
    const allocator = core.allocators[medium.number]!
    const { zoneCapacityBytes } = medium.medium.caps
    let liveBytes = 0
    const used = liveBytesOf(core, medium.number)
    for (const zone of used.values()) liveBytes += zone.liveBytes
    let takenBytes = 0
    for (const zone of allocator.usedZones()) takenBytes += allocator.takenBytes(zone)
    // A reader manages no zones, but it sees which ones files use.
    const zones = core.readOnly ? medium.medium.caps.zoneCount : allocator.usableZones
    const freeZones = core.readOnly ? zones - used.size : allocator.freeZones
    const usableFree = Math.max(0, freeZones - allocator.reserveZones)
    status.set(medium.name, {
      id: medium.medium.id,
      home: medium.home,
      zones,
      freeZones,
      zoneCapacityBytes,
      liveBytes,
      deadBytes: Math.max(0, takenBytes - liveBytes),
      availableBytes: usableFree * zoneCapacityBytes,
      flushes: medium.gate.flushes,
      poisoned: medium.gate.failure !== undefined,
      housekeepingFailures: core.housekeeping.failures,
    })
  }
  return status
}
