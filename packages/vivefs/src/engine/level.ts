/** A volume in a directory, on `level` (LevelDB). The package is loaded only when such a volume is opened. */
import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { Level } from 'level'
import type { Engine } from './engine.ts'
import { removeHolder, writeHolder } from './holder.ts'
import { DiskReserve, spendReserve } from './reserve.ts'
import { holderPath, openFailure, reservePathOf, type VolumeDirectory } from './volume-directory.ts'

const ENGINE_DIRECTORY = 'level'

/** Measured on imports (docs/decisions/0007-leveldb-settings.md). */
const BUFFER_BYTES_MAX = 16 * 1024 * 1024
const BUFFER_BYTES_MIN = 1024 * 1024
/** Commits on their way that fit into the margin of a full disk beside a compaction. */
const PENDING_BUFFERS = 4
const CACHE_BYTES = 16 * 1024 * 1024

/** LevelDB's memtable and table size: smaller on a small disk, where its compactions must fit beside the data. */
function bufferBytesFor(directory: string): number {
  const { blocks, bsize } = statfsSync(directory)
  return Math.max(BUFFER_BYTES_MIN, Math.min(BUFFER_BYTES_MAX, 2 ** Math.floor(Math.log2((blocks * bsize) / 256))))
}

export async function openLevelEngine({ directory, description }: VolumeDirectory): Promise<Engine> {
  const { Level } = await import('level')
  const location = join(directory, ENGINE_DIRECTORY)
  const bufferBytes = bufferBytesFor(directory)
  const database = new Level<Buffer, Buffer>(location, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: bufferBytes,
    maxFileSize: bufferBytes,
    cacheSize: CACHE_BYTES,
  })
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
    const reserve = new DiskReserve(directory, reservePath, bufferBytes, {
      reopen: async () => {
        await database.close()
        await database.open()
      },
      compact: () => compactAll(database),
    })
    await reserve.prepare()
    return {
      name: 'level',
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

/** `compactRange` is classic-level's own, beyond abstract-level. */
async function compactAll(database: Level<Buffer, Buffer>): Promise<void> {
  const { compactRange } = database as unknown as { compactRange?: (from: Buffer, to: Buffer) => Promise<void> }
  await compactRange?.call(database, Buffer.of(0), Buffer.of(0xff))
}
