/**
 * `memory`: zones of DRAM in a SharedArrayBuffer. Worker threads open the same zones from the spec (when started after
 * the medium was opened) or from `shared`. Appends of several threads to one zone are kept apart by a lock per zone.
 */

import { MediumError } from './error.ts'
import { capsOf, geometryOption, nameOption, wholeOption } from './geometry.ts'
import type { MediumCaps, MediumSpec } from './medium.ts'
import { leaseShared, type SharedHandle } from './shared-registry.ts'
import { ZonedMedium } from './zoned.ts'

export interface MemoryOptions {
  /** Default 64. */
  readonly zoneCount?: number
  /** Bytes of a zone; default 1 MiB. */
  readonly zoneBytes?: number
  /** Length of appends is a multiple of this; default 1. */
  readonly blockBytes?: number
  /**
   * 'volatile' (default): loss of power loses all, as DRAM does. 'flush': declared durable, as battery-backed memory or
   * a test of crash safety has it: what was flushed survives in the crash image.
   */
  readonly durability?: 'volatile' | 'flush'
  /** Default true. false: like preallocated files, zones are conventional and a twin reports 'unknown' for written zones and shows stale bytes. */
  readonly pointerSurvives?: boolean
  /**
   * Finds the same zones again from the spec. With `durability: 'flush'` the zones of a given name stay after close
   * until `forgetShared(name)`; otherwise they go with the last close.
   */
  readonly name?: string
}

/** A memory medium, and what to post to a worker that was started before it. */
export interface MemoryMedium extends ZonedMedium {
  readonly shared: SharedHandle
}

/**
 * Opens (or creates) zones in memory.
 *
 * @param shared from another thread's `medium.shared`: attaches to its zones.
 * Errors: MEDIA_ARGUMENT, MEDIA_NO_SPACE, MEDIA_WRONG_MEDIUM.
 */
export function openMemory(options: MemoryOptions = {}, shared?: SharedHandle): MemoryMedium {
  return create(options, shared, undefined)
}

function create(options: MemoryOptions, shared: SharedHandle | undefined, twinId: string | undefined): MemoryMedium {
  const geometry = geometryOption(options, { zoneCount: 64, zoneBytes: 1 << 20 })
  const blockBytes = wholeOption(options.blockBytes ?? 1, 'blockBytes', 1, geometry.zoneBytes)
  const durability = options.durability ?? 'volatile'
  if (durability !== 'volatile' && durability !== 'flush') {
    throw new MediumError('MEDIA_ARGUMENT', `durability must be 'volatile' or 'flush', not ${String(durability)}`)
  }
  const pointerSurvives = options.pointerSurvives ?? true
  const name = nameOption(options.name)
  const lease = leaseShared(geometry, { name, keep: durability === 'flush', handle: shared, id: twinId })
  const capacityBytes = geometry.zoneBytes - (geometry.zoneBytes % blockBytes)
  const caps: MediumCaps = capsOf({
    ...geometry,
    blockBytes,
    appendBytesMin: blockBytes,
    appendBytesOptimal: Math.max(blockBytes, 4096),
    zoneCapacityBytes: capacityBytes,
    append: 'device-assigned',
    overwrite: pointerSurvives ? 'reset-zone' : 'any',
    durability,
    pointerSurvives,
    sharing: 'exclusive',
    reopenable: true,
    fencing: 'none',
    cost: { seekMs: 0, readMBps: 10_000, writeMBps: 10_000, streamMBpsMin: 0, mountMs: 0 },
  })
  const spec: MediumSpec = { kind: 'memory', ...geometry, blockBytes, durability, pointerSurvives, name: lease.name }
  const medium = new ZonedMedium({
    spec,
    caps,
    id: lease.id,
    store: lease.zones,
    rules: {
      zoneCount: geometry.zoneCount,
      openZonesMax: 0,
      activeZonesMax: 0,
      atOpenLimit: 'refuse',
      conventional: () => !pointerSurvives,
      capacityBytes: () => capacityBytes,
    },
    finishToCapacity: false,
    emptyTwin: () => create({ ...options, name: undefined } as MemoryOptions, undefined, lease.id),
    onClose: () => lease.release(),
  })
  return Object.assign(medium, { shared: lease.handle })
}
