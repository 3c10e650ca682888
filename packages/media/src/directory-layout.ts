/**
 * What lies in the directory of a `directory` medium, and how it is made and opened.
 *
 *   DIR/medium.vivefs      superblock (superblock.ts), kind directory; written once
 *   DIR/medium.lock        lock file (lock.ts) while a writer has it open
 *   DIR/reserve            zeros; gone while the reserve is spent
 *   DIR/zones/NNNNNNNN.zone   one file for each zone that was ever written; decimal number of the zone
 */
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { checkBody } from './device.ts'
import { createFileDurably, syncDirectory } from './durable-file.ts'
import { MediumError, toMediumError } from './error.ts'
import { joinLock, type Lock, takeLock } from './lock.ts'
import { SpaceReserve } from './reserve.ts'
import { alignedBytes } from './slab.ts'
import { encodeSuperblock, readSuperblock, type SuperblockBody } from './superblock.ts'
import { ZoneFiles } from './zone-files.ts'

export const SUPERBLOCK_FILE = 'medium.vivefs'
export const LOCK_FILE = 'medium.lock'
export const RESERVE_FILE = 'reserve'
export const ZONES_DIRECTORY = 'zones'

/** The facts of a directory medium that are fixed at creation. */
export interface DirectoryShape {
  readonly zoneCount: number
  readonly zoneBytes: number
  readonly blockBytes: number
  readonly preallocate: boolean
}

export interface OpenedDirectory {
  readonly id: string
  readonly shape: DirectoryShape
  readonly lock: Lock | undefined
}

function makeDirectories(path: string): void {
  let at = join(path, ZONES_DIRECTORY)
  const missing: string[] = []
  while (!existsSync(at)) {
    missing.push(at)
    at = dirname(at)
  }
  mkdirSync(join(path, ZONES_DIRECTORY), { recursive: true })
  for (const made of missing) syncDirectory(dirname(made))
}

/**
 * @param wanted fields of the shape that the caller insists on; MEDIA_WRONG_MEDIUM when the directory has others.
 */
export function openDirectoryLayout(
  path: string,
  o: { id?: string | undefined; readOnly: boolean; join?: string | undefined },
  wanted: Partial<DirectoryShape>,
  defaults: DirectoryShape,
): OpenedDirectory {
  const superblock = join(path, SUPERBLOCK_FILE)
  let lock: Lock | undefined
  try {
    if (!existsSync(superblock)) {
      if (o.readOnly || o.id !== undefined) throw new MediumError('MEDIA_NOT_FOUND', `no medium at ${path}`)
      refuseForeign(path)
      makeDirectories(path)
    }
    const lockPath = join(path, LOCK_FILE)
    if (!o.readOnly) lock = o.join === undefined ? lockWithReserve(path) : joinLock(lockPath, o.join)
    if (!existsSync(superblock)) {
      const body = { id: randomUUID(), ...defaults }
      const draft = join(path, `${SUPERBLOCK_FILE}.${body.id}`)
      createFileDurably(draft, encodeSuperblock('directory', body))
      renameSync(draft, superblock)
      syncDirectory(path)
    }
    const body = readSuperblock(readFileSync(superblock), 'directory', path, o.id)
    checkBody(body, { ...wanted }, path)
    return { id: body.id, shape: shapeOf(body, path), lock }
  } catch (error) {
    lock?.release()
    throw toMediumError(error, 'open')
  }
}

/** On a full disk the reserve makes room for the lock: deleting takes an open medium. Not while somebody else has it open. */
function lockWithReserve(path: string): Lock {
  const lockPath = join(path, LOCK_FILE)
  try {
    return takeLock(lockPath)
  } catch (error) {
    const full = toMediumError(error, 'open').code === 'MEDIA_NO_SPACE'
    if (!full || !new SpaceReserve(join(path, RESERVE_FILE), 0).spend()) throw error
    return takeLock(lockPath)
  }
}

/** A directory that holds something else is not ours to fill. */
function refuseForeign(path: string): void {
  const ours = new Set([LOCK_FILE, RESERVE_FILE, ZONES_DIRECTORY])
  const foreign = existsSync(path)
    ? readdirSync(path).find((name) => !ours.has(name) && !/^medium\./.test(name))
    : undefined
  if (foreign !== undefined) {
    throw new MediumError('MEDIA_FORMAT', `${path} is not empty and not a medium: it holds ${JSON.stringify(foreign)}`)
  }
}

function shapeOf(body: SuperblockBody, path: string): DirectoryShape {
  const { zoneCount, zoneBytes, blockBytes, preallocate } = body
  const whole = [zoneCount, zoneBytes, blockBytes].every((value) => Number.isSafeInteger(value) && Number(value) > 0)
  if (!whole || typeof preallocate !== 'boolean') throw new MediumError('MEDIA_FORMAT', `${path}: superblock fields`)
  return { zoneCount: Number(zoneCount), zoneBytes: Number(zoneBytes), blockBytes: Number(blockBytes), preallocate }
}

/** Zones that have a file. */
export function zonesPresent(path: string, zoneCount: number): number[] {
  return readdirSync(join(path, ZONES_DIRECTORY))
    .map((name) => ZoneFiles.zoneOf(name))
    .filter((zone): zone is number => zone !== undefined && zone < zoneCount)
    .sort((a, b) => a - b)
}

/** Whether direct I/O from aligned slabs works here: tried once on a file of its own. */
export function probeDirect(path: string, blockBytes: number): boolean {
  const { O_DIRECT, O_RDWR, O_CREAT } = constants
  if (O_DIRECT === undefined) return false
  const file = join(path, `medium.probe.${randomUUID()}`)
  try {
    const fd = openSync(file, O_RDWR | O_CREAT | O_DIRECT, 0o600)
    try {
      return writeSync(fd, alignedBytes(blockBytes), 0, blockBytes, 0) === blockBytes
    } finally {
      closeSync(fd)
    }
  } catch {
    return false
  } finally {
    rmSync(file, { force: true })
  }
}
