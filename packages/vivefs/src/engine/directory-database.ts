/** What the engines of a directory have in common: opening on a full disk, the name of the holder, the reserve of space. */

import { statfsSync } from 'node:fs'
import type { AnyLevel } from '../store/database.ts'
import type { Engine } from './engine.ts'
import { removeHolder, writeHolder } from './holder.ts'
import { DiskReserve, spendReserve } from './reserve.ts'
import { holderPath, openFailure, reservePathOf, type VolumeDirectory } from './volume-directory.ts'

/** Commits on their way that fit into the margin of a full disk beside a compaction. */
const PENDING_BUFFERS = 4

const BUFFER_BYTES_MIN = 1024 * 1024

/** Size of a memtable and its table: smaller on a small disk, where compactions must fit beside the data. */
export function bufferBytesFor(directory: string, bytesMax: number): number {
  const { blocks, bsize } = statfsSync(directory)
  return Math.max(BUFFER_BYTES_MIN, Math.min(bytesMax, 2 ** Math.floor(Math.log2((blocks * bsize) / 256))))
}

export interface DirectoryDatabase {
  readonly name: string
  readonly database: AnyLevel
  /** Size of its memtable. */
  readonly bufferBytes: number
  /** Rewrites what is live. */
  compact(): Promise<void>
}

/** Opens the database of a volume's directory. ERR_VIVEFS_LOCKED, ERR_VIVEFS_ENGINE. */
export async function openDirectoryDatabase(
  { directory, description }: VolumeDirectory,
  { name, database, bufferBytes, compact }: DirectoryDatabase,
): Promise<Engine> {
  const reservePath = reservePathOf(directory)
  try {
    await database.open().catch(async (error: unknown) => {
      // Opening writes what the log holds into a table; on a full disk that takes the reserve.
      if (!(await spendReserve(reservePath, error))) throw error
      await database.open()
    })
  } catch (cause) {
    throw await openFailure(directory, cause)
  }
  try {
    await writeHolder(holderPath(directory))
    const reopen = async () => {
      await database.close()
      await database.open()
    }
    const reserve = new DiskReserve(directory, reservePath, bufferBytes, { reopen, compact })
    await reserve.prepare()
    return {
      name,
      database,
      ownsDatabase: true,
      volumeId: description.volumeId,
      space: reserve,
      pendingBytesMax: PENDING_BUFFERS * bufferBytes,
      freeBytes: () => reserve.freeBytes(),
      release: () => removeHolder(holderPath(directory)),
    }
  } catch (error) {
    await database.close()
    throw error
  }
}
