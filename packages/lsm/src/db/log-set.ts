import { isTransient, LevelError } from '../error.ts'
import { LogWriter } from '../log/log-writer.ts'
import type { DurableLog } from '../manifest/version-edit.ts'
import { type Op, runAsync, runSync } from '../op.ts'
import type { Storage } from '../storage/storage.ts'
import type { VersionSet } from '../version/version-set.ts'

/** A log that was moved on from. */
export interface EndedLog {
  readonly number: number
  readonly bytes: number
  /** Of the values in it that memtables point to. */
  readonly valueBytes: number
}

/**
 * The logs being written. The newest takes appends; those before it may not be durable yet, so a sync goes through all of them from the
 * oldest on: what is durable is a prefix. The next log is made before it is needed, so that even a synchronous writer can move on.
 */
export class LogSet {
  readonly #storage: Storage
  readonly #versions: VersionSet
  readonly #bytesExpected: number
  #current: LogWriter
  /** Ended, and perhaps not durable; oldest first. */
  #ended: LogWriter[] = []
  /** Logs that were moved on from and are not in tables yet; oldest first. */
  #unflushed: EndedLog[] = []
  /** Their values. */
  #unflushedValues = 0
  /** Logs to go on with; numbers ascending. */
  readonly #spares: LogWriter[] = []
  #preparing: Promise<void> | undefined
  #group: Promise<void> | undefined
  #syncing: Promise<void> = Promise.resolve()
  #failed: (error: unknown) => void
  #closed = false
  /** The newest log that the manifest was told of when it was first durable. */
  #announced = -1
  readonly #announce: () => void
  /** Syncs done for writers, each for all who waited. */
  syncs = 0

  constructor(o: {
    storage: Storage
    versions: VersionSet
    current: LogWriter
    bytesExpected: number
    failed: (error: unknown) => void
    /** Has an edit of the tree made, which says what is durable of the logs; nobody waits for it. */
    announce: () => void
  }) {
    this.#storage = o.storage
    this.#versions = o.versions
    this.#current = o.current
    this.#bytesExpected = o.bytesExpected
    this.#failed = o.failed
    this.#announce = o.announce
    o.versions.durableLogs = () => this.#durable()
    this.prepare()
  }

  static *create(storage: Storage, versions: VersionSet, bytesExpected: number): Op<LogWriter> {
    const number = versions.newNumber()
    return new LogWriter(yield* storage.create('log', number, { bytesExpected }), number)
  }

  get current(): LogWriter {
    return this.#current
  }

  /** Bytes in logs that are still needed are the caller's to count; these are those that a power cut may take. */
  get unsyncedBytes(): number {
    let bytes = this.#current.size - this.#current.syncedSize
    for (const log of this.#ended) bytes += log.size - log.syncedSize
    return bytes
  }

  /** Of values in logs that are not in tables. */
  get valueBytes(): number {
    return this.#unflushedValues + this.#current.valueBytes
  }

  /** As {@link valueBytes}, in this log and those after it. */
  valueBytesFrom(number: number): number {
    let bytes = this.#current.valueBytes
    for (let i = this.#unflushed.length - 1; i >= 0 && this.#unflushed[i]!.number >= number; i--)
      bytes += this.#unflushed[i]!.valueBytes
    return bytes
  }

  get hasSpare(): boolean {
    return this.#spares.length > 0
  }

  /** Makes the next log: on the spot where that is possible, so that a synchronous writer never lacks one. */
  prepare(): void {
    if (this.hasSpare || this.#closed) return
    try {
      if (this.prepareNow()) return
    } catch {
      return // whoever needs the log tries again, and meets the error
    }
    this.#prepareOnce().catch(() => {}) // as above
  }

  /** One at a time: a log that is empty may not stay in front of one that is in use. */
  #prepareOnce(): Promise<void> {
    this.#preparing ??= this.#prepareLater().finally(() => {
      this.#preparing = undefined
    })
    return this.#preparing
  }

  /** False: it cannot be made on the spot. LEVEL_NO_SPACE, LEVEL_IO_ERROR. */
  prepareNow(): boolean {
    if (this.hasSpare) return true
    try {
      this.#spares.push(runSync(this.#create()))
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code === 'LEVEL_SYNC_UNAVAILABLE') return false
      throw error
    }
  }

  /** Logs are used in the order of their numbers: one that comes too late is not used. */
  async #prepareLater(): Promise<void> {
    const made = await runAsync(this.#create())
    if (made.number < this.#current.number) return await runAsync(this.#storage.remove('log', made.number))
    this.#spares.push(made)
    this.#spares.sort((a, b) => a.number - b.number)
  }

  #create(): Op<LogWriter> {
    return LogSet.create(this.#storage, this.#versions, this.#bytesExpected)
  }

  /** Waits until there is a spare log. */
  async prepared(): Promise<void> {
    while (!this.hasSpare) await this.#prepareOnce()
  }

  /** Appends go to the next log from now on; there is a spare one. */
  rotate(): LogWriter {
    const next = this.#spares.shift()
    if (next === undefined) throw new LevelError('LEVEL_BUSY', 'there is no log to go on with')
    const { number, size, valueBytes } = this.#current
    this.#unflushed.push({ number, bytes: size, valueBytes })
    this.#unflushedValues += valueBytes
    this.#ended.push(this.#current)
    this.#current = next
    this.prepare()
    return next
  }

  /** What was appended before is durable when it returns; callers of one moment share the flush. */
  sync(): Promise<void> {
    this.#group ??= this.#startGroup()
    return this.#group
  }

  async #startGroup(): Promise<void> {
    const before = this.#syncing
    // Everybody who asks in this step, or while the flush before runs, is of this group.
    await before.catch(() => {})
    this.#group = undefined
    const running = this.#through()
    this.#syncing = running
    running.catch(() => {})
    await running
  }

  async #through(): Promise<void> {
    try {
      await runAsync(this.#sync())
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** As {@link sync}, on the spot. */
  syncNow(): void {
    try {
      runSync(this.#sync())
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'LEVEL_SYNC_UNAVAILABLE') this.#failed(error)
      throw error
    }
  }

  *#sync(): Op<void> {
    this.syncs++
    const current = this.#current
    for (const log of [...this.#ended]) {
      yield* log.sync()
      this.#ended = this.#ended.filter((one) => one !== log)
    }
    if (current.size > current.syncedSize) yield* current.sync()
    if (current.syncedSize === 0 || current.number <= this.#announced || this.#closed) return
    this.#announced = current.number
    this.#announce() // later edits say how far it is
  }

  #durable(): DurableLog[] {
    const logs: DurableLog[] = []
    for (const { number, bytes } of this.#unflushed) {
      // What was moved on from is synced as a whole, or still among the ended.
      const ended = this.#ended.find((log) => log.number === number)
      logs.push({ number, bytes: ended?.syncedSize ?? bytes })
    }
    logs.push({ number: this.#current.number, bytes: this.#current.syncedSize })
    return logs.filter(({ bytes }) => bytes > 0)
  }

  /** Logs of an earlier process that recovery could not write to tables. */
  inherit(logs: readonly EndedLog[]): void {
    this.#unflushed = [...logs, ...this.#unflushed]
    for (const { valueBytes } of logs) this.#unflushedValues += valueBytes
  }

  /** The logs below this number are not needed for recovery any more: their entries are in tables. Answers with them. */
  forget(number: number): readonly EndedLog[] {
    this.#ended = this.#ended.filter((log) => log.number >= number)
    const gone = this.#unflushed.filter((log) => log.number < number)
    if (gone.length > 0) this.#unflushed = this.#unflushed.filter((log) => log.number >= number)
    for (const { valueBytes } of gone) this.#unflushedValues -= valueBytes
    return gone
  }

  /** Logs with numbers from `from` to below `to` that were moved on from, and are not in tables. */
  between(from: number, to: number): readonly EndedLog[] {
    return this.#unflushed.filter(({ number }) => number >= from && number < to)
  }

  /**
   * Removes the spare logs; the others stay for recovery. `sound`: nothing failed before. Then they are durable, and the manifest knows how
   * far they go: whoever opens the database misses what is missing.
   */
  async close(sound: boolean): Promise<void> {
    this.#closed = true
    await this.#preparing?.catch(() => {})
    await this.#syncing.catch(() => {})
    if (sound) await this.#announceAll()
    for (const spare of this.#spares.splice(0)) await runAsync(this.#storage.remove('log', spare.number))
  }

  async #announceAll(): Promise<void> {
    await runAsync(this.#sync())
    const known = this.#versions.knownLogs
    if (this.#durable().every(({ number, bytes }) => known.get(number) === bytes)) return
    try {
      await runAsync(this.#versions.apply({}))
    } catch (error) {
      if (!isTransient(error)) throw error // full media: what was said before has to do
    }
  }
}
