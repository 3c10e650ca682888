/** A volume in a directory, on the engine that the directory names. */
import { mkdir, readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ViveError } from '../errors.ts'
import { FORMAT_VERSION } from '../format/superblock.ts'
import { assertNotFollowed, type Engine, type EngineOptions } from './engine.ts'
import { openLevelEngine } from './level.ts'
import { openLsmEngine } from './lsm.ts'
import { type DirectoryEngine, readVolumeFile, VOLUME_FILE, writeVolumeFile } from './volume-file.ts'

/** What new volumes are made on. */
export const ENGINE_DEFAULT: DirectoryEngine = 'lsm'

/**
 * Opens or makes the volume directory with the engine that its description names; `engine` (a prefix of the place) chooses
 * for a new one and must be that of an old one; `options.engine` only chooses. Errors: ERR_VIVEFS_NOT_A_VOLUME (nothing there and `create` false, or other files are there), ERR_VIVEFS_ENGINE (another engine, or
 * its database does not open), ERR_VIVEFS_LOCKED (with `holder`), ERR_VIVEFS_FORMAT, and those of the file system below.
 */
export async function openDirectoryEngine(
  where: string,
  engine: DirectoryEngine | undefined,
  options: EngineOptions,
): Promise<Engine> {
  const directory = resolve(where)
  let description = await readVolumeFile(directory)
  if (description === undefined) {
    await assertMayCreate(directory, options.create)
    const { newVolumeId: volumeId } = options
    description = {
      magic: 'vivefs',
      format: FORMAT_VERSION,
      engine: engine ?? options.engine ?? ENGINE_DEFAULT,
      volumeId,
    }
    await mkdir(directory, { recursive: true })
    await writeVolumeFile(directory, description)
  } else if (engine !== undefined && engine !== description.engine) {
    const message = `the volume at ${directory} is on ${description.engine}, not on ${engine}`
    throw new ViveError('ERR_VIVEFS_ENGINE', message)
  }
  if (description.engine === 'lsm') return await openLsmEngine({ directory, description }, options)
  assertNotFollowed(description.engine, options)
  return await openLevelEngine({ directory, description })
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
