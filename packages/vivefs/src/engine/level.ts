/** A volume in a directory, on `level` (LevelDB). The package is loaded only when such a volume is opened. */
import { statfsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Level } from 'level'
import { ViveError } from '../errors.ts'
import { FORMAT_VERSION } from '../format/superblock.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { readHolder, removeHolder, writeHolder } from './holder.ts'
import { DiskReserve, spendReserve } from './reserve.ts'
import { readVolumeFile, VOLUME_FILE, writeVolumeFile } from './volume-file.ts'

const ENGINE_DIRECTORY = 'level'
const HOLDER_FILE = 'holder.json'
const RESERVE_FILE = 'reserve'

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

/**
 * Opens or makes the volume directory. Errors: ERR_VIVEFS_NOT_A_VOLUME (nothing there and `create` false, or other
 * files are there), ERR_VIVEFS_LOCKED (with `holder`), ERR_VIVEFS_FORMAT, and those of the file system below.
 */
export async function openLevelEngine(where: string, options: EngineOptions): Promise<Engine> {
  const directory = resolve(where)
  let description = await readVolumeFile(directory)
  if (description === undefined) {
    await assertMayCreate(directory, options.create)
    description = { magic: 'vivefs', format: FORMAT_VERSION, engine: 'level', volumeId: options.newVolumeId }
    await mkdir(directory, { recursive: true })
    await writeVolumeFile(directory, description)
  }
  const { Level } = await import('level')
  const location = join(directory, ENGINE_DIRECTORY)
  const holderPath = join(directory, HOLDER_FILE)
  const bufferBytes = bufferBytesFor(directory)
  const database = new Level<Buffer, Buffer>(location, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: bufferBytes,
    maxFileSize: bufferBytes,
    cacheSize: CACHE_BYTES,
  })
  const reservePath = join(directory, RESERVE_FILE)
  try {
    await database.open().catch(async (error: unknown) => {
      // Opening writes what the log holds into a table; on a full disk that takes the reserve.
      if (!(await spendReserve(reservePath, error))) throw error
      await database.open()
    })
  } catch (cause) {
    throw await openFailure(directory, holderPath, cause)
  }
  try {
    await writeHolder(holderPath)
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
      release: () => removeHolder(holderPath),
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

async function assertMayCreate(directory: string, create: boolean): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const others = names.filter((name) => name !== `${VOLUME_FILE}.new`)
  if (others.length > 0) {
    throw new ViveError('ERR_VIVEFS_NOT_A_VOLUME', `${directory} is not empty and holds no ViveFS volume`)
  }
  if (!create) throw new ViveError('ERR_VIVEFS_NOT_A_VOLUME', `there is no ViveFS volume at ${directory}`)
}

async function openFailure(directory: string, holderPath: string, cause: unknown): Promise<ViveError> {
  const code = ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code
  if (code !== 'LEVEL_LOCKED') {
    return new ViveError('ERR_VIVEFS_ENGINE', `the database of the volume at ${directory} does not open`, { cause })
  }
  const holder = await readHolder(holderPath)
  const name =
    holder === undefined
      ? 'another process'
      : holder.pid === process.pid
        ? `this process (since ${holder.since})`
        : `process ${holder.pid} on ${holder.host} (since ${holder.since})`
  return new ViveError('ERR_VIVEFS_LOCKED', `the volume at ${directory} is open in ${name}`, { cause, holder })
}
