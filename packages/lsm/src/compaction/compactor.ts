import { onAbort } from '../abort.ts'
import { Reclaim, referredOf } from '../blob/reclaim.ts'
import { isTransient, LevelError } from '../error.ts'
import type { BlobFileMeta, VersionEdit, VolatileTable } from '../manifest/version-edit.ts'
import type { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import type { TableMeta } from '../table-meta.ts'
import { type KeyRange, sumBytes } from '../version/table-range.ts'
import type { CompactionEngine } from './engine.ts'
import { JobRunner } from './job-runner.ts'
import { compactionJob, editOf, flushJob, overlapBytesMax } from './jobs.ts'
import { levelTargets } from './level-targets.ts'
import { ManualCompaction } from './manual.ts'
import { hiddenScore, isTrivialMove, type Picked, pick, pickLevel0, pickReclaim } from './picker.ts'
import { mayStay } from './placements.ts'
import { CompactionCounters, type CompactionStats } from './stats.ts'
import { TableFiles } from './table-files.ts'
import { Task } from './task.ts'

/** After the media were full: how long compaction waits for space. */
const NO_SPACE_MS = 1000

/** On the way from the soft to the hard limit of space: where garbage comes first, and where writers are slowed down. */
const SPACE_FIRST = 0.5
const SPACE_SLOW = 0.75
/** Level 0 comes before files with values when it hides so much of what makes it urgent by itself. */
const HIDDEN_FIRST = 0.5

export type Pressure = 'none' | 'slow' | 'stop'

/** A log and the bytes of the values in it that memtables point to. */
export interface ValueLog {
  readonly number: number
  readonly valueBytes: number
}

/** Where the entries of a flush come from. */
export interface FlushOrigin {
  /** Their logs: from `firstLog` to before `endLog`. Without them the table has to survive loss of power. */
  readonly firstLog: number
  readonly endLog: number
  /** The table of level 0 that a volatile medium has forgotten, in whose place the new one comes. */
  readonly lost?: number
}

interface FlushRequest {
  readonly memtables: readonly Memtable[]
  readonly logNumber: number
  readonly rewrite: readonly ValueLog[]
  readonly origin: FlushOrigin | undefined
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Keeps the tree in shape: flushes memtables into level 0 and merges levels, one flush and one compaction at a time, in workers
 * where there are any. A failed job poisons the database (`engine.failed`); full media do not: the flush says LEVEL_NO_SPACE, and
 * compaction tries again later.
 */
export class Compactor {
  readonly #engine: CompactionEngine
  readonly #runner: JobRunner
  readonly #counters = new CompactionCounters()
  readonly reclaim: Reclaim
  #flushes: FlushRequest[] = []
  #flushing: Task<void> | undefined
  #manual: ManualCompaction[] = []
  #compacting: Task<void> | undefined
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = []
  #closing = false
  /** Something failed while it was being closed: what is left to remove is an orphan when the database is opened again. */
  #resting = false
  #closed: Promise<void> | undefined
  /** Called when nothing is under way any more. */
  #ended: (() => void) | undefined
  #failure: unknown
  #retry: NodeJS.Timeout | undefined
  /** Flushes only: not all tables can be read yet. */
  flushesOnly = false
  #heldUp: LevelError | undefined

  constructor(engine: CompactionEngine) {
    this.#engine = engine
    this.reclaim = new Reclaim(engine.options, engine.storage)
    this.#runner = new JobRunner(engine, this.#counters)
    engine.versions.onFree = () => this.schedule()
  }

  /** How hard writers should be slowed down: by the tables in level 0, and by the space that values take. */
  get pressure(): Pressure {
    const { options, versions } = this.#engine
    const { level0Slowdown, level0Stop } = options
    const tables = versions.current.levels[0]!.length
    const space = this.#spacePressure()
    if (tables >= level0Stop || (space >= 1 && this.#mayFree())) return 'stop'
    return tables >= level0Slowdown || space >= SPACE_SLOW ? 'slow' : 'none'
  }

  /** Values take so much space that writers wait. */
  get short(): boolean {
    return this.#spacePressure() >= 1
  }

  #spacePressure(): number {
    // Full media are reported by whoever writes; waiting for space to be freed would be waiting for ever.
    if (this.#retry !== undefined) return 0
    const { versions, loggedValueBytes } = this.#engine
    return this.reclaim.pressure(versions.current, versions.blobs, loggedValueBytes?.() ?? 0)
  }

  /** There is something that may turn out to be garbage, or goes. */
  #mayFree(): boolean {
    const { versions, loggedValueBytes } = this.#engine
    if (this.busy || (loggedValueBytes?.() ?? 0) > 0) return true
    return referredOf(versions.current).above > 0 || this.reclaim.targets(versions.blobs).size > 0
  }

  /** Why the last compaction could not be done, while that is so. It is tried again. */
  get heldUp(): LevelError | undefined {
    return this.#heldUp
  }

  /** A flush or compaction is under way. */
  get busy(): boolean {
    return this.#flushing !== undefined || this.#compacting !== undefined
  }

  /**
   * Makes one table of level 0 of immutable memtables, oldest first. When it resolves, that is durable and logs below `logNumber` are
   * not needed; it has removed nothing of the memtables. Values in the logs of `rewrite` move to blob files; those in other logs stay there, and
   * these logs are sealed. Flushes take their turns. An error that is `transient` (LEVEL_NO_SPACE): it may be tried again.
   */
  flush(
    memtables: readonly Memtable[],
    logNumber: number,
    rewrite: readonly ValueLog[] = [],
    origin?: FlushOrigin,
  ): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.#refuses(reject)) return
      this.#flushes.push({ memtables, logNumber, rewrite, origin, resolve, reject })
      this.#nextFlush()
    })
  }

  /** An edit that changes nothing, in its turn: it says what is durable of the logs. */
  note(): Promise<void> {
    return this.flush([], this.#engine.versions.logNumber)
  }

  /**
   * Merges everything in the range down to the deepest level, tombstones gone where no snapshot needs them. What is in memory is not in it.
   * LEVEL_ABORTED: the signal said so. A step that is under way comes to its end, and counts; there is no further one.
   */
  compactRange(range: KeyRange, signal?: AbortSignal): Promise<void> {
    let stop = () => {}
    return new Promise<void>((resolve, reject) => {
      if (this.#refuses(reject)) return
      const manual = new ManualCompaction(range, this.#engine.versions.newNumber(), resolve, reject)
      this.#manual.push(manual)
      if (signal !== undefined) {
        stop = onAbort(signal, (error) => {
          this.#manual = this.#manual.filter((one) => one !== manual)
          reject(error)
        })
      }
      this.schedule()
    }).finally(() => stop())
  }

  /** Resolves when there is nothing left to do. */
  idle(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.#refuses(reject)) return
      this.#waiting.push({ resolve, reject })
      this.schedule()
    })
  }

  #refuses(reject: (error: unknown) => void): boolean {
    if (this.#closing) reject(new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the database is being closed'))
    else if (this.#failure !== undefined) {
      reject(new LevelError('LEVEL_POISONED', 'a flush or compaction failed before', this.#failure))
    } else return false
    return true
  }

  /** Looks for something to do, and starts it. Called whenever the tree or the snapshots changed. */
  schedule(): void {
    if (this.#compacting !== undefined) return
    const op = this.#next()
    if (op === undefined) {
      this.#rest()
      return
    }
    const started = performance.now()
    this.#compacting = new Task(op, (error) => {
      this.#compacting = undefined
      this.#counters.compactionMs += performance.now() - started
      if (error === undefined) this.#heldUp = undefined
      if (error !== undefined) this.#compactionFailed(error)
      this.#engine.relieved?.()
      this.schedule()
    })
    this.#compacting.start()
  }

  #next(): Op<void> | undefined {
    if (this.#failure !== undefined) return undefined
    if (this.#engine.versions.freeCount > 0 && this.#retry === undefined && !this.#resting) return this.#sweep()
    const picked = this.#closing || this.flushesOnly ? undefined : this.#pick()
    return picked === undefined ? undefined : this.#evading(() => this.#compact(picked))
  }

  /** There is nothing more to start. */
  #rest(): void {
    if (this.busy) return
    for (const { resolve } of this.#waiting.splice(0)) resolve()
    this.#ended?.()
  }

  #pick(): Picked | undefined {
    const oldest = this.#engine.snapshots()[0]
    const automatic = () => (this.#retry === undefined ? this.#automatic(oldest) : undefined)
    // Writers that are held up come before whoever asked for a range.
    if (this.pressure !== 'none') return automatic() ?? this.#manualStep(oldest)
    return this.#manualStep(oldest) ?? automatic()
  }

  #automatic(oldest: number | undefined): Picked | undefined {
    const { versions, options } = this.#engine
    const { current, blobs } = versions
    const reclaiming = () => pickReclaim(current, options, this.reclaim.targets(blobs))
    const pressure = this.#spacePressure()
    if (pressure < SPACE_FIRST) return pick(current, options, oldest) ?? reclaiming()
    const hidden = hiddenScore(current, options)
    if (hidden >= HIDDEN_FIRST || (pressure >= 1 && hidden > 0))
      return pickLevel0(current, levelTargets(current, options))
    return reclaiming() ?? pick(current, options, oldest)
  }

  #manualStep(oldest: number | undefined): Picked | undefined {
    const { versions, options } = this.#engine
    for (let manual = this.#manual[0]; manual !== undefined; manual = this.#manual[0]) {
      const picked = manual.next(versions.current, options, oldest)
      if (picked !== undefined) return picked
      this.#manual.shift()
      manual.resolve()
    }
    return undefined
  }

  #nextFlush(): void {
    if (this.#flushing !== undefined || this.#failure !== undefined) return
    const request = this.#flushes.shift()
    if (request === undefined) return
    const started = performance.now()
    this.#flushing = new Task(
      this.#evading(() => this.#flush(request)),
      (error) => {
        this.#flushing = undefined
        this.#counters.flushMs += performance.now() - started
        if (error === undefined) request.resolve()
        else {
          request.reject(error)
          if (!isTransient(error)) this.#failed(error)
        }
        this.#engine.relieved?.()
        this.#nextFlush()
        this.schedule()
      },
    )
    this.#flushing.start()
  }

  /** Does a job again, elsewhere, when a medium failed that the policy can do without. The last failure is `transient`. */
  *#evading(job: () => Op<void>): Op<void> {
    const { placer } = this.#engine.storage
    for (;;) {
      try {
        yield* job()
        return
      } catch (error) {
        if (!placer.failed(error)) throw placer.asTransient(error)
      }
    }
  }

  *#flush({ memtables, logNumber, rewrite, origin }: FlushRequest): Op<void> {
    const { versions, storage, blobs } = this.#engine
    const filled = memtables.filter((memtable) => !memtable.empty)
    const removed = origin?.lost === undefined ? [] : [{ level: 0, number: origin.lost }]
    if (filled.length === 0)
      return yield* versions.apply({ logNumber: Math.max(logNumber, versions.logNumber), removed })
    const bytes = filled.reduce((sum, memtable) => sum + memtable.bytes, 0)
    const valueBytes = rewrite.reduce((sum, log) => sum + log.valueBytes, 0)
    const numbers = rewrite.map(({ number }) => number)
    const { job, plan } = flushJob(this.#engine, filled, numbers, valueBytes)
    const files = new TableFiles(storage, plan, blobs)
    const { outputs } = yield* this.#build(files, () =>
      this.#runner.run({
        kind: 'flush',
        job,
        memtables: filled,
        bytes,
        files,
        reason: 'flush',
        stopped: () => false,
      }),
    )
    const volatile = yield* this.#keepLogs(files, origin)
    const added = outputs.map((meta) => ({ level: 0, meta }))
    const logs = yield* this.#sealLogs(outputs)
    const named = [...logs, ...files.blobs.metas(this.#engine.now())]
    yield* this.#install(files, { logNumber, blobs: named, removed, added, volatile })
    this.#counters.flushes++
    this.#counters.bytesFlushed += files.bytesWritten
    this.#counters.bytesRewritten += files.blobs.bytesWritten
    yield* this.#sweep()
  }

  /** What a volatile medium may forget stays in the logs, which have to be durable before anybody relies on that. */
  *#keepLogs(files: TableFiles, origin: FlushOrigin | undefined): Op<VolatileTable[]> {
    const { forgotten } = files
    if (forgotten.length === 0) return []
    if (origin === undefined) {
      yield* files.discard()
      throw new LevelError('LEVEL_ARGUMENT', 'a table without logs was placed where loss of power takes it')
    }
    if (this.#engine.syncLogs !== undefined) yield* this.#engine.syncLogs()
    const { firstLog, endLog } = origin
    return forgotten.map((table) => ({ table, firstLog, endLog }))
  }

  /** Logs that the new tables refer to stay as files with values: from now on they are durable, and nothing is appended. */
  *#sealLogs(outputs: readonly TableMeta[]): Op<BlobFileMeta[]> {
    const { storage, versions, now } = this.#engine
    const logs: BlobFileMeta[] = []
    for (const { blobs } of outputs) {
      for (const { file: number, kind } of blobs ?? []) {
        if (kind !== 'log' || versions.blobs.has(number) || logs.some((log) => log.number === number)) continue
        const file = yield* storage.open('log', number, 'log')
        yield* file.seal()
        logs.push({ number, kind, bytes: file.size, createdMs: now() })
      }
    }
    return logs
  }

  *#compact(picked: Picked): Op<void> {
    const { versions, storage, blobs } = this.#engine
    const version = versions.current.ref()
    try {
      const inputs = [...picked.inputs, ...picked.overlapped]
      const isTrivial = isTrivialMove(version, picked, overlapBytesMax(this.#engine, version, picked.outputLevel))
      if (isTrivial && mayStay(this.#engine, version, picked)) {
        yield* versions.apply(editOf(picked, picked.inputs))
        this.#counters.moves++
        return
      }
      const empty = this.#toEmpty(inputs)
      const { job, plan } = compactionJob(this.#engine, version, picked, empty)
      const files = new TableFiles(storage, plan, blobs)
      const result = yield* this.#build(files, () =>
        this.#runner.run({
          kind: 'compaction',
          job,
          memtables: [],
          bytes: sumBytes(inputs),
          files,
          reason: `compaction-${picked.outputLevel}`,
          stopped: () => this.#closing,
        }),
      )
      yield* this.#install(files, {
        ...editOf(picked, result.outputs),
        blobs: files.blobs.metas(this.#youngest(empty)),
      })
      this.#counters.compactions++
      this.#counters.bytesRead += sumBytes(inputs)
      this.#counters.bytesCompacted += files.bytesWritten
      this.#counters.bytesRewritten += files.blobs.bytesWritten
      this.#counters.entriesDropped += result.entriesIn - result.entriesOut
    } finally {
      version.unref()
    }
    yield* this.#sweep()
  }

  /** When the youngest data of these files was flushed: what is moved together ages together, and nothing too soon. */
  #youngest(files: ReadonlySet<number>): number {
    const { versions, now } = this.#engine
    let youngest = 0
    for (const file of files) youngest = Math.max(youngest, versions.blobs.get(file)?.createdMs ?? now())
    return files.size === 0 ? now() : youngest
  }

  /** Of the files to empty, those that these tables refer to. */
  #toEmpty(inputs: readonly TableMeta[]): ReadonlySet<number> {
    const targets = this.reclaim.targets(this.#engine.versions.blobs)
    const empty = new Set<number>()
    if (targets.size === 0) return empty
    for (const { blobs } of inputs) for (const { file } of blobs ?? []) if (targets.has(file)) empty.add(file)
    return empty
  }

  /** Runs a job and makes its tables durable. When that fails no version knows of them, and they go. */
  *#build<T>(files: TableFiles, run: () => Op<T>): Op<T> {
    try {
      const result = yield* run()
      yield* files.seal()
      return result
    } catch (error) {
      yield* files.discard()
      throw error
    }
  }

  /** Puts new tables into the tree. Only where it is certain that the manifest does not name them they go again. */
  *#install(files: TableFiles, edit: VersionEdit): Op<void> {
    try {
      yield* this.#engine.versions.apply(edit)
    } catch (error) {
      if (isTransient(error)) yield* files.discard()
      throw error
    }
  }

  /** Removes the files that nobody reads any more. */
  *#sweep(): Op<void> {
    const { versions, tables, blobs, storage } = this.#engine
    if (versions.freeCount === 0) return
    let large = false
    yield* versions.removeFree(({ kind, number }) => {
      if (kind === 'table') tables.evict(number)
      else {
        large = true
        blobs.forget(number)
      }
    })
    if (large) yield* storage.sync()
  }

  /** Full media hold compaction up for a while; whoever waits for it is told. */
  #compactionFailed(error: unknown): void {
    if (this.#closing) {
      this.#resting = true
      return
    }
    if (!isTransient(error)) {
      this.#failed(error)
      return
    }
    this.#heldUp = error
    for (const { reject } of [...this.#manual.splice(0), ...this.#waiting.splice(0)]) reject(error)
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.schedule()
    }, NO_SPACE_MS).unref()
  }

  #failed(error: unknown): void {
    if (this.#closing || this.#failure !== undefined) return
    this.#failure = error
    const poisoned = new LevelError('LEVEL_POISONED', 'a flush or compaction failed before', error)
    for (const { reject } of [...this.#flushes.splice(0), ...this.#manual.splice(0), ...this.#waiting.splice(0)]) {
      reject(poisoned)
    }
    this.#engine.failed(error)
  }

  /**
   * For a synchronous writer, while the event loop stands still: takes what jobs have waiting. `block` true: works on, and waits for
   * workers, until a job has ended. False: nothing can move before the event loop does.
   */
  drainNow(block = false): boolean {
    this.#runner.turns = block ? Number.POSITIVE_INFINITY : 1
    try {
      const tasks = [this.#flushing, this.#compacting].filter((task) => task !== undefined)
      let moved = false
      for (;;) {
        const { bell } = this.#runner
        let further = false
        for (const task of tasks) if (task.drainNow()) further = true
        moved ||= further
        if (!block || tasks.some((task) => task.settled)) return moved
        if (!further && !this.#runner.waitForWorker(bell)) return moved
      }
    } finally {
      this.#runner.turns = 0
    }
  }

  stats(): CompactionStats {
    const levels = this.#engine.versions.current.levels.map((tables) => ({
      tables: tables.length,
      bytes: sumBytes(tables),
    }))
    const running = Number(this.#flushing !== undefined) + Number(this.#compacting !== undefined)
    return { ...this.#counters, heldUp: this.#heldUp?.message, running, levels }
  }

  /**
   * Ends a compaction under way without its result, lets flushes end, and lets go of the workers. What waits for compactions fails with
   * LEVEL_DATABASE_NOT_OPEN. Idempotent.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#retry)
    const closed = new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the database is being closed')
    for (const { reject } of [...this.#manual.splice(0), ...this.#waiting.splice(0)]) reject(closed)
    if (this.busy) await new Promise<void>((resolve) => (this.#ended = resolve))
    await this.#runner.close()
  }
}
