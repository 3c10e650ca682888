import type { Medium } from '@vivefs/media'
import { LsmLevel } from '../level/level.ts'
import { namedPolicy } from '../policy/named-policy.ts'
import { openMediaFile } from '../storage/media-file.ts'

export interface OpenOptions {
  /** A file that describes the media. */
  readonly media?: string
  /** Instead of the one that the file names. */
  readonly policy?: string
}

/** Opens the media of a file where one is given, and closes them whatever happens. */
export async function withMedia<T>(
  path: string | undefined,
  readOnly: boolean,
  use: (media: Record<string, Medium> | undefined) => Promise<T>,
): Promise<T> {
  if (path === undefined) return await use(undefined)
  const file = await openMediaFile(path, { readOnly })
  try {
    return await use(file.media)
  } finally {
    await file.close()
  }
}

/** Opens a database read only, on the media of a file where one is given, and closes it whatever happens. */
export async function withLevel<T>(
  location: string,
  { media: path, policy: named }: OpenOptions,
  use: (level: LsmLevel) => Promise<T>,
): Promise<T> {
  const file = path === undefined ? undefined : await openMediaFile(path, { readOnly: true, policy: named })
  try {
    const policy = file === undefined && named !== undefined ? await namedPolicy(named) : file?.policy
    const level = new LsmLevel(location, { readOnly: true, media: file?.media, policy })
    try {
      await level.open().catch((error) => {
        throw (error as { cause?: unknown }).cause ?? error
      })
      return await use(level)
    } finally {
      await level.close()
    }
  } finally {
    await file?.close()
  }
}
