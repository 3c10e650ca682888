import type { FileView, MediaMap } from './media-map.ts'

/** Rows of the picture: what is no level comes first. */
export interface MapRow {
  readonly title: string
  /** -1: files of no level. */
  readonly level: number
}

/** What lies at one level on one medium. */
export interface MapCell {
  readonly files: readonly FileView[]
  readonly bytes: number
  readonly garbageBytes: number
}

/** Levels that have files, from the top; before them the logs, values and the manifest. */
export function rowsOf({ files, levels }: MediaMap): MapRow[] {
  const used = new Set(files.map(({ level }) => level))
  const rows: MapRow[] = used.has(-1) ? [{ title: 'log, values', level: -1 }] : []
  for (let level = 0; level < levels; level++) if (used.has(level)) rows.push({ title: `level ${level}`, level })
  return rows
}

/** The files of a level on a medium; one that lies on several counts where it begins. */
export function cellOf({ files }: MediaMap, level: number, medium: string): MapCell {
  const here = files.filter((file) => file.level === level && file.media[0] === medium && file.bytes > 0)
  const sum = (of: (file: FileView) => number) => here.reduce((total, file) => total + of(file), 0)
  return { files: here, bytes: sum(({ bytes }) => bytes), garbageBytes: sum(({ garbageBytes }) => garbageBytes) }
}
