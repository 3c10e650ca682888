/** Where the content of files lies, on media of the caller's. */
import type { ValuePlace } from '@vivefs/lsm'
import type { Bytes } from '../store/store.ts'

/** What a database tells of a row: see `LsmLevel.locate`. */
export type RowPlace = ValuePlace

/** A part of a file's content. */
export interface ContentPlace {
  /** Undefined: in memory, as yet. */
  readonly medium: string | undefined
  /** Bytes from the start of the medium, about. */
  readonly position: number
  /** As stored; 0 where that is not known without reading. */
  readonly bytes: number
}

/** A database that knows where its rows lie. */
export interface PlaceFinder {
  locate(key: Bytes): Promise<RowPlace | undefined>
}

/** Parts that follow each other so closely are told as one: between them are the keys of the rows, and checksums. */
const GAP_BYTES = 4096

/** Where rows of content lie, `limit` of them at most; `keys`: in the order of the content. Neighbours are one part. */
export async function contentPlaces(
  finder: PlaceFinder,
  keys: AsyncIterable<Bytes>,
  limit = Number.POSITIVE_INFINITY,
): Promise<ContentPlace[]> {
  const places: ContentPlace[] = []
  let file = ''
  let rows = 0
  for await (const key of keys) {
    if (rows++ >= limit) break
    const place = await finder.locate(key)
    if (place === undefined) continue
    const { medium, position, bytes } = place
    const last = places.at(-1)
    const ahead = last === undefined ? -1 : position - last.position - last.bytes
    if (last !== undefined && place.file === file && last.medium === medium && ahead >= 0 && ahead <= GAP_BYTES)
      places[places.length - 1] = { medium, position: last.position, bytes: position + bytes - last.position }
    else places.push({ medium, position, bytes })
    file = place.file
  }
  return places
}

/** What is sorted: a path, and where its content begins. */
export interface Located {
  readonly path: string
  readonly place: ContentPlace | undefined
}

/**
 * In the order in which reading them goes fastest: what lies nowhere or is read on the spot (`isNear`) as given, then medium by medium by
 * position.
 */
export function inReadOrder(files: readonly Located[], isNear: (medium: string) => boolean): string[] {
  const near: string[] = []
  const far: { readonly path: string; readonly medium: string; readonly position: number }[] = []
  for (const { path, place } of files) {
    if (place?.medium === undefined || isNear(place.medium)) near.push(path)
    else far.push({ path, medium: place.medium, position: place.position })
  }
  far.sort((a, b) => (a.medium < b.medium ? -1 : a.medium > b.medium ? 1 : a.position - b.position))
  return [...near, ...far.map(({ path }) => path)]
}
