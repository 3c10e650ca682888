import type { Separation } from '../blob/separation.ts'
import { isLevelError, LevelError } from '../error.ts'
import { LogReader } from '../log/log-reader.ts'
import type { VolatileTable } from '../manifest/version-edit.ts'
import { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import { Version } from '../version/version.ts'
import { replayLost } from './lost-tables.ts'
import { ReadView } from './read-view.ts'
import { missingBesideWriter, neededLogs, replayBytes, replayLogs } from './recovery.ts'
import type { Tree } from './tree.ts'

/** One log that is read again and again from where it was left. */
interface Followed {
  readonly number: number
  readonly memtable: Memtable
  readonly reader: LogReader
}

/** The reading half of a database that somebody else writes: its tree, and its logs in memtables of our own. */
export class Follower {
  readonly #tree: Tree
  readonly #separation: Separation | undefined
  #logs: Followed[] = []
  /** Memtables in the places of tables on volatile media, which are the writer's memory. */
  #replayed: ReadonlyMap<number, readonly Memtable[]> = new Map()
  #view: ReadView
  lastSequence: number

  constructor(tree: Tree, separation: Separation | undefined) {
    this.#tree = tree
    this.#separation = separation
    this.lastSequence = tree.versions.lastSequence
    this.#view = new ReadView([], tree.versions.current)
  }

  get view(): ReadView {
    return this.#view
  }

  /**
   * Takes in what is there: what is durable. The volume and the tree are refreshed by the caller before. LEVEL_CORRUPTION: a log is missing.
   */
  *load(): Op<void> {
    const { storage, versions } = this.#tree
    const [missing] = yield* missingBesideWriter(storage, versions)
    if (missing !== undefined) throw missing.error
    const separation = this.#separation
    const known = new Map(this.#logs.map((log) => [log.number, log]))
    const logs: Followed[] = []
    let last = 0
    let afterEmpty = false
    for (const number of neededLogs(storage, versions)) {
      const file = yield* storage.open('log', number, 'log')
      if (file.size === 0) {
        afterEmpty = true
        continue
      }
      if (last === 0 && afterEmpty && !versions.knownLogs.has(number)) break // see R2
      const log = known.get(number) ?? {
        number,
        memtable: new Memtable({ bytesMax: replayBytes(file.size, separation) }),
        reader: new LogReader(file, number),
      }
      yield* log.reader.replay((batch, offset) => {
        log.memtable.addBatch(batch, separation && { separation, place: { log: number, offset } })
      })
      if (last !== 0 && log.memtable.firstSequence !== last + 1) break // see R1
      last = log.memtable.lastSequence
      logs.push(log)
    }
    const replayed = yield* this.#replayVolatile()
    if (replayed === undefined) return yield* this.load()
    this.#logs = logs
    this.#replayed = replayed
    this.lastSequence = Math.max(versions.lastSequence, last)
    this.#view = new ReadView(logs.map(({ memtable }) => memtable).reverse(), versions.current, replayed)
  }

  /** Tables of level 0 whose entries are read from their logs. */
  get replayed(): number {
    return this.#replayed.size
  }

  /** The entries of tables on volatile media, from their logs, which are durable (V2). Undefined: the writer went on meanwhile, look again. */
  *#replayVolatile(): Op<ReadonlyMap<number, readonly Memtable[]> | undefined> {
    const { versions } = this.#tree
    const replayed = new Map<number, readonly Memtable[]>()
    for (const one of versions.state.volatile.values()) {
      const memtables = this.#replayed.get(one.table) ?? (yield* this.#replayOne(one))
      if (memtables === undefined) return undefined
      replayed.set(one.table, memtables)
    }
    return replayed
  }

  /** From new to old. Undefined: it was compacted, and its logs went, since the manifest was read. */
  *#replayOne(one: VolatileTable): Op<readonly Memtable[] | undefined> {
    const { storage, versions } = this.#tree
    try {
      const { slots } = yield* replayLost(storage, versions, one, { shared: false, separation: this.#separation })
      return slots.map(({ memtable }) => memtable).reverse()
    } catch (error) {
      yield* storage.refresh()
      yield* versions.refresh()
      if (versions.state.volatile.has(one.table)) throw error
      return undefined
    }
  }

  /** What can be read of a damaged database; answers with what was left out. */
  *salvage(): Op<LevelError[]> {
    const { storage, versions, tables } = this.#tree
    const { slots, lastSequence, damage } = yield* replayLogs(storage, versions, {
      salvage: true,
      shared: false,
      separation: this.#separation,
    })
    const faults: LevelError[] = [...damage]
    const bad = new Set<number>()
    const replayed = new Map<number, readonly Memtable[]>()
    for (const { meta } of versions.current.tables()) {
      try {
        const volatile = versions.state.volatile.get(meta.number)
        if (volatile !== undefined) {
          const { slots: entries } = yield* replayLost(storage, versions, volatile, {
            shared: false,
            separation: this.#separation,
          })
          replayed.set(meta.number, entries.map(({ memtable }) => memtable).reverse())
          continue
        }
        const reader = yield* tables.get(meta)
        const fault = yield* reader.verify()
        if (fault === undefined) continue
        faults.push(new LevelError('LEVEL_CORRUPTION', `table-${fault.table}: ${fault.what}`))
      } catch (error) {
        if (!isLevelError(error)) throw error
        faults.push(error)
      }
      bad.add(meta.number)
    }
    this.lastSequence = Math.max(versions.lastSequence, lastSequence)
    const memtables = slots.map(({ memtable }) => memtable).reverse()
    this.#replayed = replayed
    this.#view = new ReadView(memtables, without(versions.current, bad), replayed)
    return faults
  }
}

/** The version without the tables that cannot be read. */
function without(version: Version, tables: ReadonlySet<number>): Version {
  if (tables.size === 0) return version
  const levels = version.levels.map((metas) => metas.filter(({ number }) => !tables.has(number)))
  return new Version(version.id, levels, () => {})
}
