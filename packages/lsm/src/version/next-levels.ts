import { compareBytes } from '../bytes.ts'
import type { VersionEdit } from '../manifest/version-edit.ts'
import { FILE_NUMBER_MAX } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'
import { isBefore } from './table-range.ts'
import { LEVELS } from './version.ts'

export type Levels = readonly (readonly TableMeta[])[]

export const NO_TABLES: Levels = Array.from({ length: LEVELS }, () => [])

/** The levels after an edit, or the invariant of FORMAT.md, "Manifest", that it breaks. `lastSequence` and `nextNumber` are those after it. */
export function nextLevels(
  before: Levels,
  edit: VersionEdit,
  lastSequence: number,
  nextNumber: number,
): Levels | { fault: string } {
  const levels = before.map((tables) => tables as TableMeta[])
  const changed = new Set<number>()
  for (const { level, number } of edit.removed ?? []) {
    const tables = levels[level]
    const left = tables?.filter((table) => table.number !== number)
    if (tables === undefined || left!.length === tables.length) {
      return { fault: `M2 table-${number} is removed from level ${level} and is not there` }
    }
    levels[level] = left!
    changed.add(level)
  }
  const added = edit.added ?? []
  for (const { level, meta } of added) {
    const fault = faultOf(level, meta, lastSequence, nextNumber)
    if (fault !== undefined) return { fault }
    levels[level] = [...levels[level]!, meta]
    changed.add(level)
  }
  if (added.length > 0) {
    const numbers = new Set<number>()
    for (const tables of levels) for (const { number } of tables) numbers.add(number)
    if (numbers.size !== levels.reduce((sum, tables) => sum + tables.length, 0)) {
      return { fault: 'M1 a table is in the tree twice' }
    }
  }
  for (const level of changed) {
    const fault = sorted(level, levels[level]!)
    if (fault !== undefined) return { fault }
  }
  return levels
}

function faultOf(level: number, meta: TableMeta, lastSequence: number, nextNumber: number): string | undefined {
  const { number, smallest, largest } = meta
  if (level >= LEVELS) return `M1 table-${number} is added to level ${level}: there are ${LEVELS}`
  if (number >= nextNumber || number > FILE_NUMBER_MAX) return `M1 table-${number} was never given out`
  const order = compareBytes(smallest, largest)
  if (order > 0 || (order === 0 && !meta.largestIncluded)) return `M3 table-${number} ends before it begins`
  if (meta.smallestSequence > meta.largestSequence || meta.largestSequence > lastSequence) {
    return `M5 table-${number} has sequence numbers ${meta.smallestSequence} to ${meta.largestSequence}, the last is ${lastSequence}`
  }
  return undefined
}

/** Sorts in place and checks that neighbours are apart. */
function sorted(level: number, tables: TableMeta[]): string | undefined {
  if (level === 0) {
    tables.sort((a, b) => b.largestSequence - a.largestSequence)
    for (let i = 1; i < tables.length; i++) {
      const [newer, older] = [tables[i - 1]!, tables[i]!]
      if (older.largestSequence >= newer.smallestSequence) {
        return `M7 table-${older.number} and table-${newer.number} of level 0 share sequence numbers`
      }
    }
    return undefined
  }
  tables.sort((a, b) => compareBytes(a.smallest, b.smallest))
  for (let i = 1; i < tables.length; i++) {
    const [before, after] = [tables[i - 1]!, tables[i]!]
    if (!isBefore(before, after)) {
      return `M4 table-${before.number} and table-${after.number} overlap in level ${level}`
    }
  }
  return undefined
}
