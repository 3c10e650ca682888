import type { Separation } from '../blob/separation.ts'
import { isLevelError, LevelError } from '../error.ts'
import { LogReader } from '../log/log-reader.ts'
import { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import { Version } from '../version/version.ts'
import { ReadView } from './read-view.ts'
import { neededLogs, replayBytes, replayLogs } from './recovery.ts'
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

  /** Takes in what is there. The volume and the tree are refreshed by the caller before. */
  *load(): Op<void> {
    const { storage, versions } = this.#tree
    const separation = this.#separation
    const known = new Map(this.#logs.map((log) => [log.number, log]))
    const logs: Followed[] = []
    let last = 0
    for (const number of neededLogs(storage, versions)) {
      const file = yield* storage.open('log', number, 'log')
      if (file.size === 0) break
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
    this.#logs = logs
    this.lastSequence = Math.max(versions.lastSequence, last)
    this.#view = new ReadView(logs.map(({ memtable }) => memtable).reverse(), versions.current)
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
    for (const { meta } of versions.current.tables()) {
      try {
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
    this.#view = new ReadView(memtables, without(versions.current, bad))
    return faults
  }
}

/** The version without the tables that cannot be read. */
function without(version: Version, tables: ReadonlySet<number>): Version {
  if (tables.size === 0) return version
  const levels = version.levels.map((metas) => metas.filter(({ number }) => !tables.has(number)))
  return new Version(version.id, levels, () => {})
}
