/**
 * A volume in a directory, on `@vivefs/lsm`: pure TypeScript, and every synchronous call works. The package is loaded only when such a
 * volume is opened.
 */
import { join } from 'node:path'
import type { LsmLevel } from '@vivefs/lsm'
import { bufferBytesFor, openDirectoryDatabase } from './directory-database.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { openFailure, type VolumeDirectory } from './volume-directory.ts'

const ENGINE_DIRECTORY = 'lsm'
const MEMTABLE_BYTES_MAX = 8 * 1024 * 1024
const MEMORY_BYTES = 64 * 1024 * 1024

export async function openLsmEngine(place: VolumeDirectory, options: EngineOptions): Promise<Engine> {
  if (options.readOnly && (options.follow || options.salvage)) return await openBeside(place, options.salvage)
  const { LsmLevel } = await import('@vivefs/lsm')
  const bufferBytes = bufferBytesFor(place.directory, MEMTABLE_BYTES_MAX)
  const database = new LsmLevel<Buffer, Buffer>(join(place.directory, ENGINE_DIRECTORY), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    memoryBytes: MEMORY_BYTES,
    reserveBytes: 0, // what may grow is the store's to say
    flushOnClose: true, // an open is waited for more often than a close
    memtableBytes: bufferBytes,
  })
  const compact = () => database.compactRange()
  const engine = await openDirectoryDatabase(place, { name: 'lsm', database, bufferBytes, compact })
  return { ...engine, map: () => database.map() }
}

/** A database for binary rows at a place of its own, made if it is not there. */
export async function openLsmDatabase(place: string): Promise<LsmLevel<Uint8Array, Uint8Array>> {
  const { LsmLevel } = await import('@vivefs/lsm')
  const database: LsmLevel<Uint8Array, Uint8Array> = new LsmLevel(place, { keyEncoding: 'view', valueEncoding: 'view' })
  await database.open()
  return database
}

/** Without the lock, and without a write: beside a writer, or on what is left of a damaged database. */
async function openBeside(place: VolumeDirectory, salvage: boolean): Promise<Engine> {
  const { LsmLevel } = await import('@vivefs/lsm')
  const database = new LsmLevel<Buffer, Buffer>(join(place.directory, ENGINE_DIRECTORY), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    memoryBytes: MEMORY_BYTES,
    readOnly: true,
    salvage,
  })
  try {
    await database.open()
  } catch (cause) {
    throw await openFailure(place.directory, cause)
  }
  return {
    name: 'lsm',
    database,
    map: () => database.map(),
    ownsDatabase: true,
    volumeId: place.description.volumeId,
    ...(salvage ? { lost: database.stats().damage } : { refresh: () => database.refresh() }),
    release: async () => {},
  }
}
