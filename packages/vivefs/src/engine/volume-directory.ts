/**
 * The directory of a volume: `vivefs.json` says which engine its files belong to, before that engine is loaded.
 */
import { join } from 'node:path'
import { ViveError } from '../errors.ts'
import { readHolder } from './holder.ts'
import type { VolumeFile } from './volume-file.ts'

export interface VolumeDirectory {
  readonly directory: string
  readonly description: VolumeFile
}

export const holderPath = (directory: string): string => join(directory, 'holder.json')
export const reservePathOf = (directory: string): string => join(directory, 'reserve')

/** Why the database of a volume did not open. */
export async function openFailure(directory: string, cause: unknown): Promise<ViveError> {
  const code = ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code
  if (code !== 'LEVEL_LOCKED') {
    return new ViveError('ERR_VIVEFS_ENGINE', `the database of the volume at ${directory} does not open`, { cause })
  }
  const holder = await readHolder(holderPath(directory))
  const name =
    holder === undefined
      ? 'another process'
      : holder.pid === process.pid
        ? `this process (since ${holder.since})`
        : `process ${holder.pid} on ${holder.host} (since ${holder.since})`
  return new ViveError('ERR_VIVEFS_LOCKED', `the volume at ${directory} is open in ${name}`, { cause, holder })
}
