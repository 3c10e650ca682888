/**
 * The first zone of a zoned device: superblock, and the slots of the conventional zones (FORMAT.md, "Zoned devices").
 */
import { randomUUID } from 'node:crypto'
import { MediumError } from '../error.ts'
import { encodeSuperblock, SUPERBLOCK_BYTES, type SuperblockKind } from '../superblock.ts'
import { claimDevice, type FormatOption, wholeFields } from './claim.ts'
import { foreignContent, SIGNATURE_BYTES } from './signature.ts'
import type { SlabIo } from './slab-io.ts'
import type { DriveZone } from './zone-drive.ts'
import { slotsBytes, ZoneSlots } from './zone-slots.ts'

export interface FirstZone {
  readonly conventional: boolean
  /** Position of its first byte on the file that is read and written. */
  readonly at: number
  readonly capacityBytes: number
  /** Bytes written, where the zone is sequential. */
  readonly pointer: number
  readonly readFd: number
}

export interface ZonedClaim {
  readonly kind: SuperblockKind
  readonly path: string
  readonly format: FormatOption
  readonly id: string | undefined
  readonly readOnly: boolean
  readonly io: SlabIo
  readonly first: FirstZone
  /** The medium's zones, all but the first. */
  readonly zones: readonly DriveZone[]
  readonly zoneBytes: number
  /** Whether some sequential zone holds data: then the device is not blank. */
  readonly holdsData: boolean
  /** Empties every sequential zone, the first included. */
  readonly resetAll: () => Promise<void>
  /** Runs `write` with a descriptor for the first zone, then makes the zone durable and, where sequential, full. */
  readonly writeFirst: (write: (fd: number) => void) => Promise<void>
}

/** Reads, or makes, the superblock; errors as of `claimDevice`. */
export async function claimZoned(o: ZonedClaim): Promise<{ id: string }> {
  const { first, io, path } = o
  const conventionalZones = o.zones.filter(({ type }) => type === 'conventional').length
  if (SUPERBLOCK_BYTES + slotsBytes(conventionalZones) > first.capacityBytes) {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path}: slots of ${conventionalZones} zones do not fit into one zone`)
  }
  const head = new Uint8Array(Math.min(SIGNATURE_BYTES, first.conventional ? first.capacityBytes : first.pointer))
  const start = head.subarray(0, io.readNow(first.readFd, first.at, head))
  const geometry = { zoneCount: o.zones.length, zoneBytes: o.zoneBytes, conventionalZones }
  let made: Promise<void> | undefined
  const body = claimDevice(start.subarray(0, SUPERBLOCK_BYTES), {
    kind: o.kind,
    path,
    format: o.format,
    id: o.id,
    readOnly: o.readOnly,
    foreign: () => foreignContent(start) ?? (o.holdsData ? 'data in its zones' : undefined),
    make: () => {
      const superblock = encodeSuperblock(o.kind, { id: randomUUID(), ...geometry })
      made = o.resetAll().then(() =>
        o.writeFirst((fd) => {
          if (conventionalZones > 0) ZoneSlots.clear(io, fd, first.at + SUPERBLOCK_BYTES, conventionalZones)
          io.writeNow(fd, [superblock], first.at)
        }),
      )
      return superblock
    },
  })
  await made
  const found = wholeFields(body, ['zoneCount', 'zoneBytes', 'conventionalZones'], path)
  for (const [name, value] of Object.entries(geometry)) {
    if (found[name as keyof typeof found] !== value) {
      throw new MediumError('MEDIA_FORMAT', `${path} was formatted with another ${name} than the device has now`)
    }
  }
  return { id: body.id }
}
