/**
 * Opens the store of a zoned medium: in shared memory (no path), or in one file with a lock beside it.
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { MediumError, toMediumError } from './error.ts'
import { FileZones } from './file-zones.ts'
import { nameOption, pathOption } from './geometry.ts'
import { checkHeld, joinLock, takeLock } from './lock.ts'
import type { Json } from './medium.ts'
import { leaseShared } from './shared-registry.ts'
import type { SuperblockBody, SuperblockKind } from './superblock.ts'
import type { Geometry, ZoneStore } from './zone-store.ts'

/** Options that every medium in a file has. */
export interface DeviceOptions {
  /** The file; absent: in memory. It is created when it does not exist and no `id` is expected. */
  readonly path?: string
  /** In memory only: finds the same device again; it stays until `forgetShared(name)`. */
  readonly name?: string
  /** The identity that is expected at the path. MEDIA_WRONG_MEDIUM for another, MEDIA_NOT_FOUND for nothing. */
  readonly id?: string
  /** Neither locks nor writes. */
  readonly readOnly?: boolean
  /** Token of a lock that this process holds already (another thread opened it): shares instead of locking. */
  readonly join?: string
}

export interface Device {
  readonly store: ZoneStore
  readonly id: string
  /** What to put into the spec so that it leads back here. */
  readonly where: { readonly [key: string]: Json }
  /** MEDIA_LOCKED when another process broke the lock. */
  checkLock(): void
  release(): void
}

/** Fields of the superblock must be what the caller asked for, where it asked. */
export function checkBody(
  body: SuperblockBody,
  wanted: { readonly [key: string]: Json | undefined },
  path: string,
): void {
  for (const [key, value] of Object.entries(wanted)) {
    if (value !== undefined && body[key] !== value) {
      throw new MediumError('MEDIA_WRONG_MEDIUM', `${path} has ${key} ${String(body[key])}, asked for ${String(value)}`)
    }
  }
}

/**
 * @param shape what a superblock records beside the identity; all of it is checked when the file exists.
 */
export function openDevice(
  kind: SuperblockKind,
  options: DeviceOptions,
  geometry: Geometry,
  shape: { readonly [key: string]: Json },
  follow = false,
): Device {
  if (options.path === undefined) {
    const lease = leaseShared(geometry, { name: nameOption(options.name), keep: true, id: options.id })
    return {
      store: lease.zones,
      id: lease.id,
      where: { name: lease.name },
      checkLock() {},
      release: () => lease.release(),
    }
  }
  const path = pathOption(options.path)
  const readOnly = options.readOnly === true
  const lockPath = `${path}.lock`
  try {
    if (!existsSync(path) && (readOnly || options.id !== undefined)) {
      throw new MediumError('MEDIA_NOT_FOUND', `no ${kind} medium at ${path}`)
    }
    const lock = readOnly
      ? undefined
      : options.join === undefined
        ? takeLock(lockPath)
        : joinLock(lockPath, options.join)
    try {
      if (!existsSync(path)) FileZones.create(path, kind, { id: randomUUID(), ...shape }, geometry)
      const atOpen = !readOnly && options.join === undefined
      const { store, body } = FileZones.open(path, { kind, id: options.id, readOnly, follow, atOpen }, (found) => {
        checkBody(found, shape, path)
        return geometry
      })
      return {
        store,
        id: body.id,
        where: {
          path,
          id: body.id,
          ...(lock === undefined ? { readOnly } : follow ? { join: lock.holder.token } : {}),
        },
        checkLock: () => checkHeld(lock, path),
        release: () => lock?.release(),
      }
    } catch (error) {
      lock?.release()
      throw error
    }
  } catch (error) {
    throw toMediumError(error, 'open')
  }
}
