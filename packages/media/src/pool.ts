/**
 * `pool`: a directory on tmpfs or on a DAX filesystem, for memory that several processes of one machine share and for
 * CXL memory. One process writes (a lock names it), any number follow read-only and see each append when it returned.
 * Plain reads and writes: no mapping, so no native code. Between hosts nothing is coherent before CXL 3.0: do not.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describeMedium } from './describe.ts'
import { openDevice } from './device.ts'
import { MediumError, toMediumError } from './error.ts'
import { capsOf, geometryOption, pathOption } from './geometry.ts'
import type { Json, MediumCaps } from './medium.ts'
import { openMemory } from './memory.ts'
import type { Geometry, ZoneStore } from './zone-store.ts'
import { ZonedMedium } from './zoned.ts'

export interface PoolOptions {
  /** The directory; created when absent. */
  readonly path: string
  /** Default 64. */
  readonly zoneCount?: number
  /** Default 1 MiB. */
  readonly zoneBytes?: number
  /** Default: 'volatile' on tmpfs and ramfs, 'flush' elsewhere. Declare 'flush' for persistent memory behind tmpfs. */
  readonly durability?: 'volatile' | 'flush'
  /** Follow another process's pool: neither locks nor writes. */
  readonly readOnly?: boolean
  /** The identity that is expected. */
  readonly id?: string
  /** Token of the lock that another thread of this process holds. */
  readonly join?: string
}

/** Another way to the bytes of a pool's file, e.g. a mapping. */
export interface PoolFront {
  readonly spec: { readonly [key: string]: Json }
  through(store: ZoneStore, geometry: Geometry): ZoneStore
}

/** Name of the file in the pool's directory that holds the zones. */
export const POOL_FILE = 'pool.vivefs'

/**
 * Opens or creates a pool. Errors: MEDIA_ARGUMENT, MEDIA_LOCKED, MEDIA_FORMAT, MEDIA_WRONG_MEDIUM, MEDIA_NOT_FOUND.
 *
 * @param front puts a store of its own in front of the file's, and says so in the spec
 */
export function openPool(options: PoolOptions, front?: PoolFront): ZonedMedium {
  const directory = pathOption(options.path)
  const geometry = geometryOption(options, { zoneCount: 64, zoneBytes: 1 << 20 })
  if (options.durability !== undefined && !['volatile', 'flush'].includes(options.durability)) {
    throw new MediumError('MEDIA_ARGUMENT', `durability must be 'volatile' or 'flush'`)
  }
  const { id, readOnly = false } = options
  try {
    if (!readOnly && id === undefined) mkdirSync(directory, { recursive: true })
  } catch (error) {
    throw toMediumError(error, 'open')
  }
  const path = join(directory, POOL_FILE)
  const where = { path, readOnly, ...(id === undefined ? {} : { id }), ...(options.join ? { join: options.join } : {}) }
  const device = openDevice('pool', where, geometry, { ...geometry }, true)
  const durability = options.durability ?? (describeMedium(directory).volatile ? 'volatile' : 'flush')
  const caps: MediumCaps = capsOf({
    ...geometry,
    zoneCapacityBytes: geometry.zoneBytes,
    appendBytesOptimal: 64 << 10,
    durability,
    sharing: 'processes',
    reopenable: true,
    fencing: 'lock',
    cost: { seekMs: 0, readMBps: 5000, writeMBps: 5000, streamMBpsMin: 0, mountMs: 0 },
  })
  let store: ZoneStore = device.store
  try {
    if (front !== undefined) store = front.through(store, geometry)
  } catch (error) {
    void device.store.close()
    device.release()
    throw error
  }
  return new ZonedMedium({
    spec: { kind: 'pool', ...geometry, durability, ...device.where, path: directory, ...front?.spec },
    caps,
    id: device.id,
    store,
    rules: {
      zoneCount: geometry.zoneCount,
      openZonesMax: 0,
      activeZonesMax: 0,
      atOpenLimit: 'refuse',
      conventional: () => false,
      capacityBytes: () => geometry.zoneBytes,
    },
    finishToCapacity: false,
    readOnly,
    checkLock: () => device.checkLock(),
    emptyTwin: () => openMemory({ ...geometry, durability }),
    onClose: () => device.release(),
  })
}
