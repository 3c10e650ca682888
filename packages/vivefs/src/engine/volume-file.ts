/**
 * `DIR/vivefs.json`: what lies in a volume's directory, readable before any engine is loaded (FORMAT.md, "Directory").
 * It is written whole and synced before the engine's files are made.
 */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ViveError } from '../errors.ts'
import { FORMAT_VERSION } from '../format/superblock.ts'

export const VOLUME_FILE = 'vivefs.json'

/** Engines whose files can lie in a directory. */
export type DirectoryEngine = 'level' | 'lsm'

const ENGINES: readonly string[] = ['level', 'lsm'] satisfies DirectoryEngine[]

export const isDirectoryEngine = (name: string): name is DirectoryEngine => ENGINES.includes(name)

export interface VolumeFile {
  readonly magic: 'vivefs'
  readonly format: number
  readonly engine: DirectoryEngine
  readonly volumeId: string
}

/** Undefined when there is no such file. Errors: ERR_VIVEFS_FORMAT for content that this version does not know; ERR_VIVEFS_NOT_A_VOLUME (a file). */
export async function readVolumeFile(directory: string): Promise<VolumeFile | undefined> {
  const path = join(directory, VOLUME_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'ENOTDIR') {
      throw new ViveError('ERR_VIVEFS_NOT_A_VOLUME', `${directory} is a file; a volume is a directory`, {
        cause: error,
      })
    }
    throw error
  }
  const found = parse(text)
  if (found === undefined) throw new ViveError('ERR_VIVEFS_FORMAT', `${path} does not describe a ViveFS volume`)
  if (found.format > FORMAT_VERSION) {
    throw new ViveError(
      'ERR_VIVEFS_FORMAT',
      `${path} says format ${found.format}; this version of vivefs supports up to ${FORMAT_VERSION}`,
      { found: found.format, supported: FORMAT_VERSION },
    )
  }
  if (!isDirectoryEngine(found.engine)) {
    throw new ViveError('ERR_VIVEFS_FORMAT', `${path} names the engine "${found.engine}", which this version lacks`)
  }
  return found
}

function parse(text: string): VolumeFile | undefined {
  try {
    const value = JSON.parse(text) as Partial<VolumeFile> | null
    const isVolume =
      value?.magic === 'vivefs' &&
      Number.isInteger(value.format) &&
      typeof value.engine === 'string' &&
      /^[0-9a-f]{32}$/.test(String(value.volumeId))
    return isVolume ? (value as VolumeFile) : undefined
  } catch {
    return undefined
  }
}

export async function writeVolumeFile(directory: string, content: VolumeFile): Promise<void> {
  const path = join(directory, VOLUME_FILE)
  const fresh = `${path}.new`
  const file = await open(fresh, 'w')
  try {
    await file.writeFile(`${JSON.stringify(content, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
  await syncDirectory(directory)
  await syncDirectory(dirname(directory))
}

/** Makes names in a directory durable; a no-op on Windows, which cannot open directories and journals names itself. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
