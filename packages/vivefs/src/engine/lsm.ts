/**
 * A volume in a directory, on `@vivefs/lsm`: pure TypeScript, and every synchronous call works. The package is loaded only when such a
 * volume is opened.
 */
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { removeHolder, writeHolder } from './holder.ts'
import { DiskReserve, spendReserve } from './reserve.ts'
import { holderPath, openFailure, reservePathOf, type VolumeDirectory } from './volume-directory.ts'

const ENGINE_DIRECTORY = 'lsm'
const MEMTABLE_BYTES = 8 * 1024 * 1024
const MEMORY_BYTES = 64 * 1024 * 1024
/** Commits on their way that fit into the margin of a full disk beside a compaction. */
const PENDING_MEMTABLES = 4

export async function openLsmEngine({ directory, description }: VolumeDirectory): Promise<Engine> {
  const { LsmLevel } = await import('@vivefs/lsm')
  const database = new LsmLevel<Buffer, Buffer>(join(directory, ENGINE_DIRECTORY), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    memoryBytes: MEMORY_BYTES,
    memtableBytes: MEMTABLE_BYTES,
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
    const reserve = new DiskReserve(directory, reservePath, MEMTABLE_BYTES, {
      reopen: async () => {
        await database.close()
        await database.open()
      },
      compact: () => database.compactRange(),
    })
    await reserve.prepare()
    return {
      name: 'lsm',
      database,
      ownsDatabase: true,
      volumeId: description.volumeId,
      space: reserve,
      pendingBytesMax: PENDING_MEMTABLES * MEMTABLE_BYTES,
      freeBytes: () => reserve.freeBytes(),
      release: () => removeHolder(holderPath(directory)),
    }
  } catch (error) {
    await database.close()
    throw error
  }
}
