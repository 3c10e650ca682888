import { ArenaPool } from '../memtable/arena-pool.ts'
import { Memtable } from '../memtable/memtable.ts'
import type { VersionSet } from '../version/version-set.ts'
import { IMMUTABLE_MAX } from './options.ts'
import { ReadView } from './read-view.ts'

/** A memtable and the log that has its entries. */
export interface MemtableSlot {
  readonly memtable: Memtable
  readonly logNumber: number
}

/** What an entry takes in a memtable beside its bytes, about. */
const ENTRY_BYTES = 16
/** The first memtable grows as it is filled: a database that is opened for a moment pays for no more. */
const FIRST_BYTES = 256 << 10

/**
 * The memtables, and with the current version what reads look at.
 *
 * A memtable is read until the version that has its table is installed: the edit that adds the table also says that its log is not needed,
 * so both happen in one step, and no entry is seen twice or not at all.
 */
export class MemtableList {
  readonly #versions: VersionSet
  readonly #bytesMax: number
  readonly #pool: ArenaPool
  readonly #became: () => void
  #active: MemtableSlot
  /** Oldest first. */
  #immutable: MemtableSlot[] = []
  #view: ReadView | undefined

  /**
   * @param immutable is called when there is one more of them
   */
  constructor(o: {
    versions: VersionSet
    bytesMax: number
    shared: boolean
    logNumber: number
    immutable: () => void
  }) {
    this.#versions = o.versions
    this.#pool = new ArenaPool(o.bytesMax, o.shared, IMMUTABLE_MAX)
    this.#bytesMax = this.#pool.bytes
    this.#became = o.immutable
    this.#active = this.#slot(o.logNumber, Math.min(this.#bytesMax, FIRST_BYTES))
  }

  get active(): Memtable {
    return this.#active.memtable
  }

  get activeLog(): number {
    return this.#active.logNumber
  }

  /** Immutable memtables that are not in the tree yet, oldest first. */
  get immutable(): readonly MemtableSlot[] {
    this.#settle()
    return this.#immutable
  }

  /** Memory of all of them. */
  get bytes(): number {
    let bytes = this.active.bytes
    for (const { memtable } of this.immutable) bytes += memtable.bytes
    return bytes
  }

  /** The batch goes into the active memtable. One that is empty takes any. */
  fits(bytes: number, count: number): boolean {
    const { memtable } = this.#active
    return memtable.empty || memtable.bytes + bytes + count * ENTRY_BYTES <= this.#bytesMax
  }

  /** The active memtable may become immutable. */
  get hasRoom(): boolean {
    return this.immutable.length < IMMUTABLE_MAX
  }

  /** Entries go to a new memtable, and to a log with this number, from now on. */
  rotate(logNumber: number): void {
    this.#immutable.push(this.#active)
    this.#active = this.#slot(logNumber)
    this.#view = undefined
    this.#became()
  }

  /** Takes in memtables that recovery found and could not write to tables: they are older than all others. Only before anything is written. */
  inherit(slots: readonly MemtableSlot[]): void {
    this.#immutable.push(...slots)
    this.#view = undefined
    this.#became()
  }

  /** What a read that starts now looks at. */
  get view(): ReadView {
    const view = this.#view
    if (view !== undefined && view.version === this.#versions.current) return view
    this.#settle()
    const memtables = [this.active]
    for (let i = this.#immutable.length - 1; i >= 0; i--) memtables.push(this.#immutable[i]!.memtable)
    this.#view = new ReadView(memtables, this.#versions.current)
    return this.#view
  }

  /** The tree changed. */
  changed(): void {
    this.#view = undefined
    this.#settle()
  }

  #settle(): void {
    const { logNumber } = this.#versions
    while (this.#immutable[0] !== undefined && this.#immutable[0].logNumber < logNumber) {
      this.#immutable.shift()!.memtable.release()
    }
  }

  #slot(logNumber: number, bytesMax = this.#bytesMax): MemtableSlot {
    return { memtable: new Memtable({ bytesMax, pool: this.#pool }), logNumber }
  }
}
