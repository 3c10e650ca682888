/**
 * `zns`: a simulated NVMe drive with zoned namespaces, on an ordinary file or in memory. What the drive refuses is
 * refused: writing off the pointer cannot be asked for, capacity smaller than the zone, whole blocks only, limits on
 * open and on active zones (a closed zone is still active: finish it), read-only and offline zones.
 *
 * Source: NVMe Zoned Namespace Command Set 1.1; numbers of cost from a first-generation drive (ZNS ATC'21 paper).
 */
import { type DeviceOptions, openDevice } from './device.ts'
import { MediumError } from './error.ts'
import { capsOf, costOption, geometryOption, wholeOption } from './geometry.ts'
import type { MediumCaps, MediumCost } from './medium.ts'
import { ZonedMedium } from './zoned.ts'

export interface ZnsOptions extends DeviceOptions {
  /** Default 32. */
  readonly zoneCount?: number
  /** Default 4 MiB. A real drive has 1-2 GiB. */
  readonly zoneBytes?: number
  /** Writable bytes of a zone; default 15/16 of zoneBytes. */
  readonly zoneCapacityBytes?: number
  /** Default 4096. */
  readonly blockBytes?: number
  /** Default 8; 0 = no limit. */
  readonly openZonesMax?: number
  /** Default 12; 0 = no limit. */
  readonly activeZonesMax?: number
  /** At the open limit: 'refuse' (default, as zonefs with explicit-open), or the drive closes the zone opened first. */
  readonly atOpenLimit?: 'refuse' | 'close-oldest'
  /** Wait as long as the modelled drive would take; default false: only counted in `stats().modelMs`. */
  readonly sleep?: boolean
  readonly cost?: Partial<MediumCost>
}

const COST: MediumCost = { seekMs: 0.05, readMBps: 3000, writeMBps: 1000, streamMBpsMin: 0, mountMs: 0 }

/** Opens or creates the drive. Errors: MEDIA_ARGUMENT, MEDIA_LOCKED, MEDIA_FORMAT, MEDIA_WRONG_MEDIUM, MEDIA_NOT_FOUND. */
export function openZns(options: ZnsOptions = {}): ZonedMedium {
  const geometry = geometryOption(options, { zoneCount: 32, zoneBytes: 4 << 20 })
  const { zoneBytes, zoneCount } = geometry
  const blockBytes = wholeOption(options.blockBytes ?? Math.min(4096, zoneBytes), 'blockBytes', 1, zoneBytes)
  const wanted = options.zoneCapacityBytes ?? Math.max(blockBytes, zoneBytes - zoneBytes / 16)
  const zoneCapacityBytes = wholeOption(wanted - (wanted % blockBytes), 'zoneCapacityBytes', blockBytes, zoneBytes)
  const openZonesMax = wholeOption(options.openZonesMax ?? 8, 'openZonesMax', 0, zoneCount + 8)
  const activeZonesMax = wholeOption(options.activeZonesMax ?? 12, 'activeZonesMax', 0, zoneCount + 12)
  const atOpenLimit = options.atOpenLimit ?? 'refuse'
  if (activeZonesMax > 0 && openZonesMax > activeZonesMax) {
    throw new MediumError('MEDIA_ARGUMENT', `openZonesMax ${openZonesMax} is above activeZonesMax ${activeZonesMax}`)
  }
  const shape = { zoneCount, zoneBytes, zoneCapacityBytes, blockBytes }
  const device = openDevice('zns', options, geometry, shape)
  const caps: MediumCaps = capsOf({
    ...shape,
    appendBytesMin: blockBytes,
    appendBytesOptimal: 128 << 10,
    memoryAlign: 4096,
    openZonesMax,
    activeZonesMax,
    openZonesOptimal: 4,
    append: 'device-assigned',
    reopenable: options.path === undefined,
    fencing: options.path === undefined ? 'none' : 'lock',
    cost: costOption(COST, options.cost),
  })
  const rest = { openZonesMax, activeZonesMax, atOpenLimit, sleep: options.sleep ?? false, cost: { ...options.cost } }
  return new ZonedMedium({
    spec: { kind: 'zns', ...shape, ...rest, ...device.where },
    caps,
    id: device.id,
    store: device.store,
    rules: {
      zoneCount,
      openZonesMax,
      activeZonesMax,
      atOpenLimit,
      conventional: () => false,
      capacityBytes: () => zoneCapacityBytes,
    },
    finishToCapacity: true,
    sleep: options.sleep ?? false,
    readOnly: options.readOnly ?? false,
    checkLock: () => device.checkLock(),
    emptyTwin: () => openZns({ ...shape, ...rest, id: device.id }),
    onClose: () => device.release(),
  })
}
