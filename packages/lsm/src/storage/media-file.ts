import { readFileSync } from 'node:fs'
import { type Medium, type MediumSpec, openMedium } from '@vivefs/media'
import type { MediaPolicy } from '../policy/media-policy.ts'
import { namedPolicy } from '../policy/named-policy.ts'

/** Media of a database, described in a file. */
export interface MediaFile {
  readonly media: Readonly<Record<string, MediumSpec>>
  readonly home?: readonly string[]
  /** `ladder:a,b,c`, `single:a`, `archive:hot,cold,tape`, or a module whose default export is a policy. */
  readonly policy?: string
}

/** Media that a file describes, open: what a database is opened with. */
export interface OpenMediaFile {
  readonly media: Record<string, Medium>
  readonly home: readonly string[] | undefined
  readonly policy: MediaPolicy | undefined
  close(): Promise<void>
}

/**
 * Reads `{ "media": { name: spec }, "home": [name], "policy": "ladder:a,b" }`; a spec is what `medium.spec` says, e.g.
 * `{ "kind": "smr", "path": "disk.img" }`. Home and policy may be missing.
 */
export function mediaFileOf(path: string): MediaFile {
  const read: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const { media, policy } = (read ?? {}) as Partial<MediaFile>
  if (typeof media !== 'object' || media === null || Object.keys(media).length === 0)
    throw new Error(`${path}: expected { "media": { name: spec, ... }, "home": [name], "policy": "ladder:a,b" }`)
  if (policy !== undefined && typeof policy !== 'string') throw new Error(`${path}: policy must be text`)
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

/** Opens what a file describes. `policy`: instead of the one that the file names. Errors of `node:fs`, `MEDIA_*`, LEVEL_ARGUMENT. */
export async function openMediaFile(
  path: string,
  o: { readonly readOnly?: boolean; readonly policy?: string | undefined } = {},
): Promise<OpenMediaFile> {
  const file = mediaFileOf(path)
  const named = o.policy ?? file.policy
  const policy = named === undefined ? undefined : await namedPolicy(named)
  const media = await openMedia(file, o.readOnly === true)
  return { media, home: file.home, policy, close: () => closeMedia(media) }
}
