import type { Memtable } from '../memtable/memtable.ts'
import type { Version } from '../version/version.ts'

/** Everything that a read looks at, newest first. Immutable; who reads over time holds a reference to the version. */
export class ReadView {
  /** The active one first, then the immutable ones from new to old. */
  readonly memtables: readonly Memtable[]
  readonly version: Version
  /** The deepest level that holds a table. */
  readonly deepest: number

  constructor(memtables: readonly Memtable[], version: Version) {
    this.memtables = memtables
    this.version = version
    this.deepest = version.deepest
  }
}
