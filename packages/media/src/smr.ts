/**
 * `smr`: a simulated host-managed shingled disk, on an ordinary file or in memory. The first zones are conventional:
 * they have no write pointer, so after reopening theirs is 'unknown' and stale bytes may show. The rest are sequential:
 * written only at the pointer, capacity = size, a limit on open zones. A seek costs what it costs on a disk.
 *
 * Source: ZBC/ZAC (INCITS 536 and 537) as the kernel presents them.
 */
import { type DeviceOptions, openDevice } from './device.ts'
import { capsOf, costOption, geometryOption, wholeOption } from './geometry.ts'
import type { MediumCaps, MediumCost } from './medium.ts'
import { ZonedMedium } from './zoned.ts'

export interface SmrOptions extends DeviceOptions {
  /** Default 64. */
  readonly zoneCount?: number
  /** Default 4 MiB. A real disk has 256 MiB. */
  readonly zoneBytes?: number
  /** How many zones from 0 are conventional; default 2. */
  readonly conventionalZones?: number
  /** Default 4096. */
  readonly blockBytes?: number
  /** Default 16; 0 = no limit. A real disk has about 128. */
  readonly openZonesMax?: number
  readonly sleep?: boolean
  readonly cost?: Partial<MediumCost>
}

const COST: MediumCost = { seekMs: 8, readMBps: 230, writeMBps: 230, streamMBpsMin: 0, mountMs: 0 }

/** Opens or creates the disk. Errors as of `openZns`. */
export function openSmr(options: SmrOptions = {}): ZonedMedium {
  const geometry = geometryOption(options, { zoneCount: 64, zoneBytes: 4 << 20 })
  const { zoneBytes, zoneCount } = geometry
  const blockBytes = wholeOption(options.blockBytes ?? Math.min(4096, zoneBytes), 'blockBytes', 1, zoneBytes)
  const conventionalZones = wholeOption(options.conventionalZones ?? 2, 'conventionalZones', 0, zoneCount)
  const openZonesMax = wholeOption(options.openZonesMax ?? 16, 'openZonesMax', 0, zoneCount + 16)
  const zoneCapacityBytes = zoneBytes - (zoneBytes % blockBytes)
  const shape = { zoneCount, zoneBytes, conventionalZones, blockBytes }
  const device = openDevice('smr', options, geometry, shape)
  const conventional = (zone: number) => zone < conventionalZones
  if (options.path !== undefined && options.readOnly !== true) {
    for (let zone = 0; zone < conventionalZones; zone++) {
      if (device.store.cells.state(zone) !== 'empty') {
        device.store.cells.setPointer(zone, 'unknown')
        device.store.cells.setState(zone, 'closed')
      }
    }
  }
  const caps: MediumCaps = capsOf({
    ...shape,
    zoneCapacityBytes,
    appendBytesMin: blockBytes,
    memoryAlign: 4096,
    openZonesMax,
    openZonesOptimal: 1,
    overwrite: conventionalZones > 0 ? 'any' : 'reset-zone',
    pointerSurvives: conventionalZones === 0,
    reopenable: options.path === undefined,
    fencing: options.path === undefined ? 'none' : 'lock',
    cost: costOption(COST, options.cost),
  })
  const rest = { openZonesMax, sleep: options.sleep ?? false, cost: { ...options.cost } }
  return new ZonedMedium({
    spec: { kind: 'smr', ...shape, ...rest, ...device.where },
    caps,
    id: device.id,
    store: device.store,
    rules: {
      zoneCount,
      openZonesMax,
      activeZonesMax: 0,
      atOpenLimit: 'refuse',
      conventional,
      capacityBytes: () => zoneCapacityBytes,
    },
    finishToCapacity: true,
    sleep: options.sleep ?? false,
    readOnly: options.readOnly ?? false,
    checkLock: () => device.checkLock(),
    emptyTwin: () => openSmr({ ...shape, ...rest, id: device.id }),
    onClose: () => device.release(),
  })
}
