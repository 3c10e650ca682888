import { type Medium, openMemory } from '@vivefs/media'
import { Volume } from '@vivefs/pfaof'
import { MAIN_MEDIUM } from '../../src/storage/open-storage.ts'
import { VolumeStorage } from '../../src/storage/volume-storage.ts'

/** A medium in memory, for the tree. */
export function memory(zoneBytes = 1 << 20, zoneCount = 64): Medium {
  return openMemory({ zoneBytes, zoneCount })
}

/** The files of a new database on a medium. */
export async function newStorage(medium: Medium = memory()): Promise<VolumeStorage> {
  const volume = await Volume.create({ media: { [MAIN_MEDIUM]: medium }, now: () => 1 })
  return new VolumeStorage(volume, { [MAIN_MEDIUM]: medium }, async () => {})
}

/** The files on a medium that carries a database. */
export async function sameStorage(medium: Medium, readOnly = false): Promise<VolumeStorage> {
  const volume = await Volume.open({ media: { [MAIN_MEDIUM]: medium }, readOnly, now: () => 1 })
  return new VolumeStorage(volume, { [MAIN_MEDIUM]: medium }, async () => {})
}
