import type { FileView, MediaMap } from './media-map.ts'

/** Rows of the picture: what is no level comes first. */
export interface MapRow {
  readonly title: string
  readonly has: (file: FileView) => boolean
}

/** What of one row lies on one medium. */
export interface MapCell {
  readonly files: readonly FileView[]
  readonly bytes: number
  readonly garbageBytes: number
}

/** Logs and the manifest, files with values, and the levels from the top; rows that have files. */
export function rowsOf({ files, levels }: MediaMap): MapRow[] {
  const rows: MapRow[] = [
    { title: 'log', has: ({ level, holdsValues }) => level < 0 && !holdsValues },
    { title: 'values', has: ({ holdsValues }) => holdsValues },
  ]
  for (let n = 0; n < levels; n++) rows.push({ title: `level ${n}`, has: ({ level }) => level === n })
  return rows.filter(({ has }) => files.some(has))
}

/** The files of a row on a medium; one that lies on several counts where it begins. */
export function cellOf({ files }: MediaMap, row: MapRow, medium: string): MapCell {
  const here = files.filter((file) => row.has(file) && file.media[0] === medium && file.bytes > 0)
  const sum = (of: (file: FileView) => number) => here.reduce((total, file) => total + of(file), 0)
  return { files: here, bytes: sum(({ bytes }) => bytes), garbageBytes: sum(({ garbageBytes }) => garbageBytes) }
}
