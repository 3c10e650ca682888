import type { Bytes } from '../bytes.ts'
import type { Memtable } from '../memtable/memtable.ts'
import type { Version } from '../version/version.ts'

/** Everything that a read looks at, newest first. Immutable; who reads over time retains it. */
export class ReadView {
  /** The active one first, then the immutable ones from new to old. */
  readonly memtables: readonly Memtable[]
  readonly version: Version
  /** The deepest level that holds a table. */
  readonly deepest: number
  /**
   * Tables of level 0 that lie in another process's memory, by number: memtables with their entries, from new to old, are read in their places.
   * Undefined: there are none.
   */
  readonly replayed: ReadonlyMap<number, readonly Memtable[]> | undefined

  constructor(
    memtables: readonly Memtable[],
    version: Version,
    replayed: ReadonlyMap<number, readonly Memtable[]> | undefined = undefined,
  ) {
    this.memtables = memtables
    this.version = version
    this.deepest = version.deepest
    this.replayed = replayed === undefined || replayed.size === 0 ? undefined : replayed
  }

  /** Tables and memtables stay until {@link release}. */
  retain(): void {
    this.version.ref()
    for (const memtable of this.memtables) memtable.retain()
  }

  release(): void {
    this.version.unref()
    for (const memtable of this.memtables) memtable.release()
  }

  /** What lies in these bytes may be overwritten after a release: views of it must not be given away. */
  reuses(bytes: Bytes): boolean {
    for (const memtable of this.memtables) if (memtable.owns(bytes)) return true
    return this.replayed !== undefined
  }
}
