/**
 * `VOLUME[:PATH]`: a volume's directory and a path inside.
 *
 * The first `:/` ends the volume: what follows the colon is an absolute path, which may hold colons itself. Without a
 * `:/` the last colon ends the volume and the path counts from the volume's root. Without a colon the path is `/`. On
 * Windows the colon of a drive letter (`C:\volume`, `C:/volume:/path`) is no separator. A directory whose own name ends
 * in a colon cannot be written this way.
 */
import { resolve } from 'node:path'
import { UsageError } from './usage.ts'

export interface VolumePath {
  /** The volume's directory as given; empty for "the volume named before". */
  readonly volume: string
  /** Absolute, inside the volume. */
  readonly path: string
}

export function parseVolumePath(text: string, platform: NodeJS.Platform = process.platform): VolumePath {
  const from = platform === 'win32' && /^[a-z]:/i.test(text) ? 2 : 0
  const absolute = text.indexOf(':/', from)
  if (absolute >= 0) return { volume: text.slice(0, absolute), path: text.slice(absolute + 1) }
  const colon = text.lastIndexOf(':')
  if (colon < from) return { volume: text, path: '/' }
  return { volume: text.slice(0, colon), path: `/${text.slice(colon + 1)}` }
}

/** A `VOLUME[:PATH]` that has to name a volume. */
export function volumePathOf(text: string): VolumePath {
  const place = parseVolumePath(text)
  if (place.volume === '') throw new UsageError(`no volume in '${text}': write VOLUME:PATH`)
  return place
}

/**
 * Further paths of one command, in the volume of the first: `VOLUME:PATH` again, `:PATH`, or `PATH` alone. Another
 * volume is a usage error.
 */
export function pathInSameVolume(text: string, volume: string): string {
  if (!text.includes(':')) return text.startsWith('/') ? text : `/${text}`
  const place = parseVolumePath(text)
  if (place.volume !== '' && resolve(place.volume) !== resolve(volume)) {
    throw new UsageError(`'${text}' is in another volume than '${volume}': use import and export between volumes`)
  }
  return place.path
}
