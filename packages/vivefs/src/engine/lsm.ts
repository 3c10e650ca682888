/**
 * A volume in a directory, on `@vivefs/lsm`: pure TypeScript, and every synchronous call works. The package is loaded only when such a
 * volume is opened.
 */
import { join } from 'node:path'
import { openDirectoryDatabase } from './directory-database.ts'
import type { Engine } from './engine.ts'
import type { VolumeDirectory } from './volume-directory.ts'

const ENGINE_DIRECTORY = 'lsm'
const MEMTABLE_BYTES = 8 * 1024 * 1024
const MEMORY_BYTES = 64 * 1024 * 1024

export async function openLsmEngine(place: VolumeDirectory): Promise<Engine> {
  const { LsmLevel } = await import('@vivefs/lsm')
  const database = new LsmLevel<Buffer, Buffer>(join(place.directory, ENGINE_DIRECTORY), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    memoryBytes: MEMORY_BYTES,
    memtableBytes: MEMTABLE_BYTES,
  })
  const compact = () => database.compactRange()
  return await openDirectoryDatabase(place, { name: 'lsm', database, bufferBytes: MEMTABLE_BYTES, compact })
}
