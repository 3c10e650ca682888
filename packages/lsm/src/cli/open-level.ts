import { readFileSync } from 'node:fs'
import { type Medium, type MediumSpec, openMedium } from '@vivefs/media'
import { LsmLevel } from '../level/level.ts'

/** Media of a database, described in a file. */
export interface MediaFile {
  readonly media: Readonly<Record<string, MediumSpec>>
  readonly home?: readonly string[]
}

/** Reads `{ "media": { name: spec }, "home": [name] }`; a spec is what `medium.spec` says, e.g. `{ "kind": "smr", "path": "disk.img" }`. */
export function mediaFileOf(path: string): MediaFile {
  const read: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const { media } = (read ?? {}) as Partial<MediaFile>
  if (typeof media !== 'object' || media === null || Object.keys(media).length === 0)
    throw new Error(`${path}: expected { "media": { name: spec, ... }, "home": [name] }`)
  return read as MediaFile
}

/** Opens all of them; what was opened is closed when one cannot be. */
export async function openMedia({ media }: MediaFile, readOnly: boolean): Promise<Record<string, Medium>> {
  const opened: Record<string, Medium> = {}
  try {
    for (const [name, spec] of Object.entries(media))
      opened[name] = await openMedium(readOnly ? { ...spec, readOnly } : spec)
    return opened
  } catch (error) {
    await closeMedia(opened)
    throw error
  }
}

export async function closeMedia(media: Readonly<Record<string, Medium>>): Promise<void> {
  for (const medium of Object.values(media)) await medium.close()
}

/** Opens a database read only, on the media of a file where one is given, and closes it whatever happens. */
export async function withLevel<T>(
  location: string,
  mediaPath: string | undefined,
  use: (level: LsmLevel) => Promise<T>,
): Promise<T> {
  const media = mediaPath === undefined ? undefined : await openMedia(mediaFileOf(mediaPath), true)
  const level = new LsmLevel(location, { readOnly: true, media })
  try {
    await level.open().catch((error) => {
      throw (error as { cause?: unknown }).cause ?? error
    })
    return await use(level)
  } finally {
    await level.close()
    if (media !== undefined) await closeMedia(media)
  }
}
