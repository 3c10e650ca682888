import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Medium, openDirectory, openMemory } from '@vivefs/media'
import { isPfaofError, Volume } from '@vivefs/pfaof'
import { LevelError } from '../error.ts'
import { levelError } from './failure.ts'
import { VolumeStorage } from './volume-storage.ts'

/** The name of the only medium of a database that was given a directory. */
export const MAIN_MEDIUM = 'main'
/** A database in memory that nobody else sees. */
export const MEMORY_LOCATION = 'memory:'

const ZONE_BYTES = 16 << 20
const ZONE_COUNT = 32_768
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
  /** Bytes of the zones of a new `memory:` database; default 256 MiB in all. */
  readonly memoryZoneCount?: number | undefined
  readonly now?: (() => number) | undefined
}

interface Opened {
  readonly media: Readonly<Record<string, Medium>>
  readonly release: () => Promise<void>
}

function openMedia(o: StorageOptions): Opened {
  if (o.media !== undefined) return { media: o.media, release: async () => {} }
  let medium: Medium
  if (o.location === MEMORY_LOCATION) {
    medium = openMemory({ zoneCount: o.memoryZoneCount ?? 256, zoneBytes: 1 << 20 })
  } else {
    if (!existsSync(join(o.location, SUPERBLOCK_FILE)) && (o.readOnly || !o.createIfMissing))
      throw new LevelError('LEVEL_MISSING', `${o.location}: the database does not exist`)
    const shape = existsSync(join(o.location, SUPERBLOCK_FILE)) ? {} : { zoneBytes: ZONE_BYTES, zoneCount: ZONE_COUNT }
    medium = openDirectory({ path: o.location, readOnly: o.readOnly, ...shape })
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
    if (!isPfaofError(error, 'PFAOF_NO_VOLUME')) throw error
    if (o.readOnly || !o.createIfMissing)
      throw new LevelError('LEVEL_MISSING', `${o.location}: the database does not exist`, error)
    return await Volume.create({ ...shared, ...(o.home === undefined ? {} : { home: o.home }) })
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
    return new VolumeStorage(await openVolume(o, media), Object.keys(media), release)
  } catch (error) {
    await opened?.release()
    throw levelError(error, `${o.location}: open`)
  }
}
