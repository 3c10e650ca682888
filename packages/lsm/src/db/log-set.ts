import { LevelError } from '../error.ts'
import { LogWriter } from '../log/log-writer.ts'
import { type Op, runAsync, runSync } from '../op.ts'
import type { Storage } from '../storage/storage.ts'
import type { VersionSet } from '../version/version-set.ts'

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
  #spare: LogWriter | undefined
  #preparing: Promise<void> | undefined
  #group: Promise<void> | undefined
  #syncing: Promise<void> = Promise.resolve()
  #failed: (error: unknown) => void
  #closed = false
  /** Syncs done for writers, each for all who waited. */
  syncs = 0

  constructor(o: {
    storage: Storage
    versions: VersionSet
    current: LogWriter
    bytesExpected: number
    failed: (error: unknown) => void
  }) {
    this.#storage = o.storage
    this.#versions = o.versions
    this.#current = o.current
    this.#bytesExpected = o.bytesExpected
    this.#failed = o.failed
    this.prepare()
  }

  static *create(storage: Storage, versions: VersionSet, bytesExpected: number): Op<LogWriter> {
    const number = versions.newNumber()
    return new LogWriter(yield* storage.create('log', number, bytesExpected), number)
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

  get hasSpare(): boolean {
    return this.#spare !== undefined
  }

  /** Makes the next log in the background. */
  prepare(): void {
    if (this.#spare !== undefined || this.#preparing !== undefined || this.#closed) return
    this.#preparing = this.#prepare().finally(() => {
      this.#preparing = undefined
    })
  }

  async #prepare(): Promise<void> {
    try {
      this.#spare = await runAsync(LogSet.create(this.#storage, this.#versions, this.#bytesExpected))
    } catch {
      // Whoever needs the log tries again, and meets the error then.
    }
  }

  /** Waits until there is a spare log. */
  async prepared(): Promise<void> {
    await this.#preparing
    if (this.#spare !== undefined) return
    const spare = await runAsync(LogSet.create(this.#storage, this.#versions, this.#bytesExpected))
    this.#spare ??= spare
  }

  /** Appends go to the next log from now on. LEVEL_SYNC_UNAVAILABLE when there is none and it cannot be made on the spot. */
  rotate(): LogWriter {
    if (this.#spare === undefined && this.#preparing !== undefined)
      throw new LevelError('LEVEL_SYNC_UNAVAILABLE', 'the next log is being made')
    const next = this.#spare ?? runSync(LogSet.create(this.#storage, this.#versions, this.#bytesExpected))
    this.#spare = undefined
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
      if ((error as { code?: unknown }).code !== 'PFAOF_SYNC_UNAVAILABLE') this.#failed(error)
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
  }

  /** The logs below this number are not needed: their data is in tables. */
  forget(number: number): void {
    this.#ended = this.#ended.filter((log) => log.number >= number)
  }

  /** Removes the spare log; the others stay for recovery. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#preparing
    await this.#syncing.catch(() => {})
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined) await runAsync(this.#storage.remove('log', spare.number))
  }
}
