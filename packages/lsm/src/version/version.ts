import type { Bytes } from '../bytes.ts'
import type { TableMeta } from '../table-meta.ts'
import { covers, findTable, type KeyRange, overlapping, overlaps } from './table-range.ts'

/** Levels of a tree, level 0 included. */
export const LEVELS = 7

/**
 * The tables of the tree at one moment. Immutable. Whoever reads from it over time holds a reference: the files of a referenced version are
 * not removed.
 */
export class Version {
  /** Grows with every version of a process. */
  readonly id: number
  /** Level 0: newest first, and they overlap. The others by key, disjoint. */
  readonly levels: readonly (readonly TableMeta[])[]
  #references = 0
  readonly #released: (version: Version) => void

  constructor(id: number, levels: readonly (readonly TableMeta[])[], released: (version: Version) => void) {
    this.id = id
    this.levels = levels
    this.#released = released
  }

  get references(): number {
    return this.#references
  }

  ref(): this {
    this.#references++
    return this
  }

  unref(): void {
    if (this.#references <= 0) throw new RangeError('a version was let go of more often than it was taken')
    if (--this.#references === 0) this.#released(this)
  }

  /** The one table of a level from 1 on whose range holds the key. */
  tableFor(level: number, key: Bytes): TableMeta | undefined {
    const tables = this.levels[level]!
    const table = tables[findTable(tables, key)]
    return table !== undefined && covers(table, key) ? table : undefined
  }

  /** Tables of a level that overlap the range, in the level's order. */
  overlapping(level: number, range: KeyRange): TableMeta[] {
    const tables = this.levels[level]!
    return level === 0 ? tables.filter((table) => overlaps(table, range)) : overlapping(tables, range)
  }

  /** All tables, level by level. */
  *tables(): Generator<{ level: number; meta: TableMeta }> {
    for (const [level, tables] of this.levels.entries()) for (const meta of tables) yield { level, meta }
  }

  /** The deepest level that holds a table; 0 for an empty tree. */
  get deepest(): number {
    let level = LEVELS - 1
    while (level > 0 && this.levels[level]!.length === 0) level--
    return level
  }
}
