import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Medium, openDirectory, openMemory } from '@vivefs/media'
import { isPfaofError, type PfaofError, Volume } from '@vivefs/pfaof'
import { LevelError } from '../error.ts'
import type { MediaPolicy } from '../policy/media-policy.ts'
import { levelError } from './failure.ts'
import { VolumeStorage } from './volume-storage.ts'

/** The name of the only medium of a database that was given a directory. */
export const MAIN_MEDIUM = 'main'
/** A database in memory that nobody else sees. */
export const MEMORY_LOCATION = 'memory:'

/** A database in memory holds 256 MiB; its zones are reserved and not touched before they are used. */
const MEMORY_ZONES = 128
const MEMORY_ZONE_BYTES = 2 << 20
const ZONE_BYTES = 32 << 20
/** Files of empty zones kept for reuse: none, they count for what a database takes. */
const SPARES_MAX = 0
/** Fewer than this are not worth having. */
const ZONE_COUNT_MIN = 64
/** What a directory medium calls its superblock: tells a database from an empty place without making anything. */
const SUPERBLOCK_FILE = 'medium.vivefs'

export interface StorageOptions {
  /** A directory, or `memory:`; only a name in messages where `media` are given. */
  readonly location: string
  /** Media of your own by name; they stay yours: closing the database does not close them. */
  readonly media?: Readonly<Record<string, Medium>> | undefined
  /** Names of the media that keep the file table; default the first that can. */
  readonly home?: readonly string[] | undefined
  readonly createIfMissing: boolean
  readonly errorIfExists: boolean
  readonly readOnly: boolean
  /** Memory for the places of chunks. */
  readonly cacheBytes: number
  /** How far a new database can grow. */
  readonly capacityBytes: number
  readonly now?: (() => number) | undefined
  /** Where files go; default the media in the order in which they were given. */
  readonly policy?: MediaPolicy | undefined
}

interface Opened {
  readonly media: Readonly<Record<string, Medium>>
  readonly release: () => Promise<void>
}

function openMedia(o: StorageOptions): Opened {
  if (o.media !== undefined) return { media: o.media, release: async () => {} }
  let medium: Medium
  if (o.location === MEMORY_LOCATION) {
    medium = openMemory({ zoneCount: MEMORY_ZONES, zoneBytes: MEMORY_ZONE_BYTES })
  } else {
    if (!existsSync(join(o.location, SUPERBLOCK_FILE)) && (o.readOnly || !o.createIfMissing))
      throw new LevelError('LEVEL_MISSING', `${o.location}: the database does not exist`)
    const zoneCount = Math.max(ZONE_COUNT_MIN, Math.ceil(o.capacityBytes / ZONE_BYTES))
    const shape = existsSync(join(o.location, SUPERBLOCK_FILE)) ? {} : { zoneBytes: ZONE_BYTES, zoneCount }
    medium = openDirectory({ path: o.location, readOnly: o.readOnly, sparesMax: SPARES_MAX, ...shape })
  }
  return { media: { [MAIN_MEDIUM]: medium }, release: () => medium.close() }
}

async function openVolume(o: StorageOptions, media: Readonly<Record<string, Medium>>): Promise<Volume> {
  const shared = { media, cacheBytes: o.cacheBytes, ...(o.now === undefined ? {} : { now: o.now }) }
  try {
    const volume = await Volume.open({ ...shared, readOnly: o.readOnly })
    if (!o.errorIfExists) return volume
    await volume.close()
    throw new LevelError('LEVEL_EXISTS', `${o.location}: the database exists already`)
  } catch (error) {
    const mayCreate = !o.readOnly && o.createIfMissing
    const create = { ...shared, ...(o.home === undefined ? {} : { home: o.home }) }
    if (isPfaofError(error, 'PFAOF_WRONG_MEDIUM') && mayCreate) return await createAgain(create, error)
    if (!isPfaofError(error, 'PFAOF_NO_VOLUME')) throw error
    if (!mayCreate) throw new LevelError('LEVEL_MISSING', `${o.location}: the database does not exist`, error)
    return await Volume.create(create)
  }
}

/** Some of several media have labels and others none: a creation that was cut off may be done again, anything else is as `why` says. */
async function createAgain(create: Parameters<typeof Volume.create>[0], why: PfaofError): Promise<Volume> {
  try {
    return await Volume.create(create)
  } catch (error) {
    throw isPfaofError(error, 'PFAOF_EXISTS') ? why : error
  }
}

/**
 * Opens the place where a database lies, or makes it. LEVEL_LOCKED names the holder; LEVEL_MISSING, LEVEL_EXISTS, LEVEL_FORMAT,
 * LEVEL_CORRUPTION, LEVEL_IO_ERROR.
 */
export async function openStorage(o: StorageOptions): Promise<VolumeStorage> {
  let opened: Opened | undefined
  try {
    opened = openMedia(o)
    const { media, release } = opened
    const { policy, now } = o
    return new VolumeStorage(await openVolume(o, media), media, release, { policy, now })
  } catch (error) {
    await opened?.release()
    throw levelError(error, `${o.location}: open`)
  }
}
