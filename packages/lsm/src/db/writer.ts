import { unitBytesMin, type ValueSpace } from '../blob/reclaim.ts'
import { type Separation, separationOf } from '../blob/separation.ts'
import { Compactor } from '../compaction/compactor.ts'
import type { CompactionEngine } from '../compaction/engine.ts'
import { isNoSpace, isTransient, LevelError } from '../error.ts'
import { type Op, pending, runAsync, runSync, wait } from '../op.ts'
import { Relocator } from '../policy/relocator.ts'
import { ZoneReclaimer } from '../storage/zone-reclaimer.ts'
import { type EndedLog, LogSet } from './log-set.ts'
import { lostTables, replayLost } from './lost-tables.ts'
import { MemtableList, type MemtableSlot } from './memtable-list.ts'
import type { LoadedOperator } from './merge-operators.ts'
import type { DbSettings } from './options.ts'
import { type Replayed, replayLogs } from './recovery.ts'
import { SpaceReserve } from './reserve.ts'
import type { Tree } from './tree.ts'
import { type Pressure, WritePath } from './write-path.ts'

/** Room in a log file beside what the memtable holds of it. */
const LOG_SLACK = 1.25
/** With `flushOnClose`: reading less than this from the log takes no longer than some ten milliseconds. */
const LAST_FLUSH_BYTES_MIN = 1 << 20
/** A log of which less is values does not stay for them. */
const VALUES_SHARE_MIN = 0.5
/** After the media were full. */
const RETRY_MS = 1000

export interface WriterOptions {
  readonly tree: Tree
  readonly settings: DbSettings
  readonly operator: LoadedOperator
  /** Sequence numbers of live snapshots, ascending. */
  readonly snapshots: () => readonly number[]
}

/** The writing half of a database: logs, memtables, write path and compaction, and what goes on between them. */
export class Writer implements Pressure {
  readonly logs: LogSet
  readonly memtables: MemtableList
  readonly path: WritePath
  readonly compactor: Compactor
  readonly zones: ZoneReclaimer
  readonly relocator: Relocator | undefined
  readonly #tree: Tree
  readonly #logBytes: number
  readonly #flushOnClose: boolean
  /** Logs whose entries are in tables, but only in such as loss of power takes. */
  #kept: EndedLog[] = []
  #waiters: (() => void)[] = []
  /** Immutable memtables that the compactor has. */
  readonly #handed: Set<MemtableSlot> = new Set()
  /** The media were too full for the last flush. It is tried again; until then writes that need room are refused. */
  #full: LevelError | undefined
  #retry: NodeJS.Timeout | undefined
  #closing = false

  /** Steps 3 to 5 of recovery, and everything that runs from there on. */
  static *open(o: WriterOptions): Op<Writer> {
    const { storage, versions } = o.tree
    const separation = separationOf(o.settings.compaction.separation)
    const replayed = yield* replayLogs(storage, versions, { salvage: false, shared: sharesMemory(o), separation })
    versions.lastSequence = Math.max(versions.lastSequence, replayed.lastSequence)
    yield* versions.removeOrphans()
    if (replayed.dropped.length > 0) {
      for (const number of replayed.dropped) yield* storage.remove('log', number)
      yield* storage.sync() // before there is a log behind them: see R2
    }
    let writer: Writer | undefined
    const engine = engineOf(
      o,
      (error) => writer?.failed(error),
      () => writer?.changed(),
      () => writer?.logs,
    )
    const compactor = new Compactor(engine)
    const { memtableBytes, logBytes } = o.settings
    const bytesExpected = separation === undefined ? Math.ceil(memtableBytes * LOG_SLACK) : logBytes
    const current = yield* LogSet.create(storage, versions, bytesExpected)
    yield* recoverLost(o.tree, compactor, { shared: sharesMemory(o), separation })
    const full = yield* recoveryFlush(o.tree, compactor, replayed, current.number)
    writer = new Writer(o, { compactor, engine }, current.number, (failed) => {
      const announce = () => void compactor.note().catch(() => {}) // who failed said so, and full media try again with the next edit
      return new LogSet({ storage, versions, current, bytesExpected, failed, announce })
    })
    if (full !== undefined) writer.#inherit(replayed, full)
    writer.#keepOld()
    compactor.schedule()
    return writer
  }

  /** Recovery found the media full: what it replayed stays in memory and in its logs, and the flush is tried again. */
  #inherit({ slots, logs }: Replayed, full: LevelError): void {
    this.#full = full
    this.logs.inherit(logs)
    this.memtables.inherit(slots)
  }

  /** Logs that an earlier process kept for tables on volatile media, which have not forgotten them. */
  #keepOld(): void {
    const { storage, versions } = this.#tree
    for (const { kind, number, bytes } of storage.list()) {
      if (kind !== 'log' || number >= versions.logNumber || !versions.needsLog(number)) continue
      this.#kept.push({ number, bytes, valueBytes: bytes })
    }
  }

  private constructor(
    o: WriterOptions,
    { compactor, engine }: { compactor: Compactor; engine: CompactionEngine },
    logNumber: number,
    logs: (failed: (error: unknown) => void) => LogSet,
  ) {
    const { durability, relaxedBytes, relaxedMs, memtableBytes } = o.settings
    const { versions } = o.tree
    const failed = (error: unknown) => this.failed(error)
    this.#tree = o.tree
    this.#logBytes = o.settings.logBytes
    this.#flushOnClose = o.settings.flushOnClose
    this.compactor = compactor
    this.zones = new ZoneReclaimer(o.tree.storage.volume)
    const { relocation } = o.settings
    if (relocation !== undefined) {
      const idle = new Idle(relocation.holdMs, o.settings.now())
      const before = async () => {
        if (idle.look(this.path.entries, o.settings.now()) && !this.memtables.active.empty) await this.flush()
      }
      this.relocator = new Relocator(engine, o.tree.storage, relocation, before)
    }
    this.logs = logs(failed)
    this.memtables = new MemtableList({
      versions,
      bytesMax: memtableBytes,
      shared: sharesMemory(o),
      logNumber,
      immutable: () => this.#flush(),
    })
    const { logs: logSet, memtables } = this
    const reserve = new SpaceReserve(o.tree.storage, o.settings.reserveBytes)
    const durable = { durability, relaxedBytes, relaxedMs }
    const separation = separationOf(o.settings.compaction.separation)
    const limits = { separation, logBytes: this.#logBytes }
    this.path = new WritePath({
      logs: logSet,
      memtables,
      versions,
      pressure: this,
      reserve,
      ...durable,
      ...limits,
      failed,
    })
  }

  get pressure(): 'none' | 'slow' | 'stop' {
    return this.compactor.pressure
  }

  get valueSpace(): ValueSpace {
    return this.compactor.reclaim.space(this.#tree.versions.blobs)
  }

  /** Not for a few values while something else is being done, or there would be many small tables. */
  get flushHelps(): boolean {
    if (!this.compactor.short) return false
    const { memtables, logs, compactor } = this
    const bytes = logs.valueBytesFrom(memtables.activeLog)
    return bytes > 0 && (!compactor.busy || bytes >= unitBytesMin(this.#logBytes) / 2)
  }

  get busy(): boolean {
    return this.compactor.busy
  }

  relieveNow(): boolean {
    this.compactor.schedule()
    return this.compactor.drainNow(true)
  }

  relieved(): Promise<void> {
    this.compactor.schedule()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  async makeRoom(): Promise<boolean> {
    return (await this.zones.makeRoom()) > 0
  }

  /** Why there is no room and none is being made; undefined: wait. */
  get refusal(): LevelError | undefined {
    if (this.#full !== undefined) return this.#full
    return this.compactor.pressure === 'stop' ? this.compactor.heldUp : undefined
  }

  /** The tree changed, or so did the pressure: stalled writers look again. */
  changed(): void {
    this.memtables.changed()
    const { versions } = this.#tree
    const { logNumber } = versions
    const left = [...this.#kept, ...this.logs.forget(logNumber)]
    this.#kept = left.filter(({ number }) => versions.needsLog(number))
    for (const log of left) if (!versions.needsLog(log.number)) this.#leaveLog(log)
    if (!this.#closing) this.zones.look(this.compactor.heldUp !== undefined)
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** The log is not needed for recovery: it stays as long as somebody may want a value in it. */
  #leaveLog({ number, valueBytes }: EndedLog): void {
    const { versions } = this.#tree
    if (versions.blobs.has(number)) return
    if (valueBytes > 0) versions.retireLog(number)
    else this.#removeLog(number)
  }

  /** On the spot where that is possible: a synchronous writer may not return to the event loop for long. */
  #removeLog(number: number): void {
    const { storage } = this.#tree
    try {
      runSync(storage.remove('log', number))
    } catch {
      // Nothing depends on it: what stays is removed as an orphan when the database is opened again.
      runAsync(storage.remove('log', number)).catch(() => {})
    }
  }

  /** Writing ends, reading goes on. */
  failed(error: unknown): void {
    this.path.poison(error)
    this.changed()
  }

  /** Everything written so far is in tables when it resolves. LEVEL_NO_SPACE: it is safe in the log, and is tried again. */
  async flush(): Promise<void> {
    if (this.#full !== undefined) this.#tryNow()
    if (!this.memtables.active.empty) await this.path.rotate()
    while (this.memtables.immutable.length > 0) {
      this.#checkSound()
      if (this.#full !== undefined) throw this.#full
      await this.relieved()
    }
    this.#checkSound()
  }

  /** Hands immutable memtables to the compactor, oldest first. */
  #flush(): void {
    const { immutable, activeLog } = this.memtables
    for (const [i, slot] of immutable.entries()) {
      if (this.#handed.has(slot)) continue
      this.#handed.add(slot)
      void this.#flushOne(slot, immutable[i + 1]?.logNumber ?? activeLog)
    }
  }

  async #flushOne(slot: MemtableSlot, nextLog: number): Promise<void> {
    try {
      const origin = { firstLog: slot.logNumber, endLog: nextLog }
      const rewrite = wasteful(this.logs.between(slot.logNumber, nextLog))
      await this.compactor.flush([slot.memtable], nextLog, rewrite, origin)
      this.#full = undefined
    } catch (error) {
      if (this.#closing) return
      if (isTransient(error)) this.#tryLater(error)
      else this.failed(error)
    } finally {
      this.#handed.delete(slot)
      this.changed()
    }
  }

  #tryLater(error: LevelError): void {
    this.#full = error
    void this.makeRoom().then((emptied) => {
      if (emptied && this.#full !== undefined && !this.#closing) this.#tryNow()
    })
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.#flush()
    }, RETRY_MS).unref()
  }

  #tryNow(): void {
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#full = undefined
    this.#flush()
  }

  #checkSound(): void {
    const why = this.path.poisoned
    if (why === undefined) return
    throw new LevelError('LEVEL_POISONED', `flushing ended: ${why instanceof Error ? why.message : String(why)}`, why)
  }

  /** Nothing acknowledged is lost: what is in memory only is handed to the log. */
  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#retry)
    await this.relocator?.close()
    await this.zones.close()
    await this.path.close()
    if (this.#flushOnClose) await this.#flushLast()
    await this.compactor.close()
    await this.logs.close(this.path.poisoned === undefined)
    this.changed()
  }

  /** Whoever opens next does not have to read it again. Where it cannot be written, the log has it. */
  async #flushLast(): Promise<void> {
    const isSound = this.path.poisoned === undefined && this.#full === undefined
    if (!isSound || this.memtables.bytes < LAST_FLUSH_BYTES_MIN) return
    try {
      await this.flush()
    } catch (error) {
      if (!isNoSpace(error) && this.path.poisoned === undefined) throw error
    }
  }
}

/** Data ages from its flush on: where nothing is written for some time, what is in memory is flushed. */
class Idle {
  readonly #holdMs: number
  #entries = 0
  #sinceMs: number

  constructor(holdMs: number, nowMs: number) {
    this.#holdMs = holdMs
    this.#sinceMs = nowMs
  }

  /** True: no entry came for long enough. */
  look(entries: number, nowMs: number): boolean {
    if (entries !== this.#entries) this.#sinceMs = nowMs
    this.#entries = entries
    return nowMs - this.#sinceMs >= this.#holdMs
  }
}

/** Step 5 of recovery. Answers with LEVEL_NO_SPACE instead of throwing it. */
function* recoveryFlush(
  { storage, versions }: Tree,
  compactor: Compactor,
  { slots, logs }: Replayed,
  logNumber: number,
): Op<LevelError | undefined> {
  if (slots.length === 0) return undefined
  const memtables = slots.map(({ memtable }) => memtable)
  try {
    const origin = { firstLog: slots[0]!.logNumber, endLog: logNumber }
    yield* pending(compactor.flush(memtables, logNumber, wasteful(logs), origin))
  } catch (error) {
    if (!isTransient(error)) throw error
    // A later sync has to find all before it durable.
    for (const slot of slots) yield* (yield* storage.open('log', slot.logNumber, 'log')).sync()
    return error
  }
  for (const { number } of logs) yield* removeUnneeded(storage, versions, number)
  return undefined
}

function* removeUnneeded(storage: Tree['storage'], versions: Tree['versions'], log: number): Op<void> {
  if (!versions.needsLog(log) && !versions.blobs.has(log)) yield* storage.remove('log', log)
}

/** Puts tables that a volatile medium has forgotten into their places again. */
function* recoverLost(
  { storage, versions }: Tree,
  compactor: Compactor,
  o: { shared: boolean; separation: Separation | undefined },
): Op<void> {
  compactor.flushesOnly = true
  for (const lost of lostTables(storage, versions)) {
    const { slots, logs } = yield* replayLost(storage, versions, lost, o)
    const { firstLog, endLog, table } = lost
    const memtables = slots.map(({ memtable }) => memtable)
    const origin = { firstLog, endLog, lost: table }
    yield* pending(compactor.flush(memtables, versions.logNumber, wasteful(logs), origin))
    for (const { number } of logs) yield* removeUnneeded(storage, versions, number)
  }
  compactor.flushesOnly = false
}

/** Of logs that are being flushed, those that are for the most part something else than values: their values move to a blob file. */
function wasteful(logs: readonly EndedLog[]): EndedLog[] {
  return logs.filter(({ bytes, valueBytes }) => valueBytes > 0 && valueBytes < bytes * VALUES_SHARE_MIN)
}

function sharesMemory(o: WriterOptions): boolean {
  return o.settings.compaction.worker !== false
}

function engineOf(
  o: WriterOptions,
  failed: (error: unknown) => void,
  relieved: () => void,
  logs: () => LogSet | undefined,
): CompactionEngine {
  const { storage, versions, tables, blobs } = o.tree
  return {
    versions,
    storage,
    tables,
    blobs,
    options: o.settings.compaction,
    mergeOperator: o.operator.operator,
    mergeOperatorReference: o.operator.reference,
    snapshots: o.snapshots,
    now: o.settings.now,
    failed,
    relieved,
    loggedValueBytes: () => logs()?.valueBytes ?? 0,
    syncLogs: () =>
      wait(
        () => logs()?.sync() ?? Promise.resolve(),
        () => logs()?.syncNow(),
      ),
  }
}
