/** A volume in a directory, on `level` (LevelDB). The package is loaded only when such a volume is opened. */
import { join } from 'node:path'
import type { Level } from 'level'
import { bufferBytesFor, openDirectoryDatabase } from './directory-database.ts'
import type { Engine } from './engine.ts'
import type { VolumeDirectory } from './volume-directory.ts'

const ENGINE_DIRECTORY = 'level'

/** Measured on imports (docs/decisions/0007-leveldb-settings.md). */
const BUFFER_BYTES_MAX = 16 * 1024 * 1024
const CACHE_BYTES = 16 * 1024 * 1024

export async function openLevelEngine(place: VolumeDirectory): Promise<Engine> {
  const { Level } = await import('level')
  const bufferBytes = bufferBytesFor(place.directory, BUFFER_BYTES_MAX)
  const database = new Level<Buffer, Buffer>(join(place.directory, ENGINE_DIRECTORY), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: bufferBytes,
    maxFileSize: bufferBytes,
    cacheSize: CACHE_BYTES,
  })
  const compact = () => compactAll(database)
  return await openDirectoryDatabase(place, { name: 'level', database, bufferBytes, compact })
}

/** `compactRange` is classic-level's own, beyond abstract-level. */
async function compactAll(database: Level<Buffer, Buffer>): Promise<void> {
  const { compactRange } = database as unknown as { compactRange?: (from: Buffer, to: Buffer) => Promise<void> }
  await compactRange?.call(database, Buffer.of(0), Buffer.of(0xff))
}
