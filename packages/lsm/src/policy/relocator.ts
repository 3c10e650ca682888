import type { CompactionEngine } from '../compaction/engine.ts'
import { isTransient, LevelError } from '../error.ts'
import { runAsync } from '../op.ts'
import { encodeIndexHeader } from '../storage/indexed-file.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import type { TableMeta } from '../table-meta.ts'
import { type Candidate, candidatesOf, isThere } from './candidates.ts'
import type { Placement } from './media-policy.ts'
import { Allowance, type RelocationSettings } from './relocation.ts'

export interface RelocationReport {
  readonly files: number
  readonly bytes: number
}

/** What the policy has wanted for a file, and since when. */
interface Wish {
  readonly medium: string
  readonly sinceMs: number
}

/** A file, and where it should go. */
interface Move {
  readonly file: Candidate
  readonly placement: Placement
}

/**
 * Moves tables and files with values that nobody rewrites to where the policy wants them: a few at a time, rarely, and only when the policy has
 * wanted the same for a while. A move is pfaof's: a crash leaves the file whole on one of both media. Where a medium fails or fills up, files go
 * to the next choice of the policy; a policy that throws ends the round.
 */
export class Relocator {
  readonly #engine: CompactionEngine
  readonly #storage: VolumeStorage
  readonly #settings: RelocationSettings
  readonly #allowance: Allowance
  readonly #before: () => Promise<void>
  readonly #wishes: Map<number, Wish> = new Map()
  readonly #movedMs: Map<number, number> = new Map()
  readonly #abort = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> = Promise.resolve()
  /** Why the last round ended early; undefined: it did not. */
  failure: LevelError | undefined

  /** `before`: done before every round of the timer. */
  constructor(
    engine: CompactionEngine,
    storage: VolumeStorage,
    settings: RelocationSettings,
    before: () => Promise<void>,
  ) {
    this.#before = before
    this.#engine = engine
    this.#storage = storage
    this.#settings = settings
    this.#allowance = new Allowance(settings.bytesPerHour, engine.now())
    if (storage.placer.policy.relocate === undefined) return
    this.#timer = setInterval(() => void this.#look().catch(() => {}), settings.everyMs)
    this.#timer.unref()
  }

  /**
   * Moves what lies on a medium to the next choices of the policy, and where space returns only with all of a medium (tape), erases it. Tables of
   * level 0, logs and the manifest stay: with them on it, it is LEVEL_BUSY. Later rounds move back what the policy wants there.
   */
  empty(medium: string): Promise<RelocationReport> {
    const emptied = this.#running.then(() => this.#empty(medium))
    this.#running = emptied.catch(() => {})
    return emptied
  }

  async #empty(medium: string): Promise<RelocationReport> {
    const { placer } = this.#storage
    const report = { files: 0, bytes: 0 }
    for (const file of candidatesOf(this.#engine)) {
      if (!this.#storage.liesOn(file.kind, file.number, medium)) continue
      const placement = placer.placeElsewhere(file.asked, medium)
      if (!(await this.#move(file, placement))) continue
      report.files++
      report.bytes += file.bytes
    }
    if (placer.media().get(medium)!.writeOnce) await this.#storage.erase(medium)
    return report
  }

  /** Failures are kept for the statistics. */
  async #look(): Promise<void> {
    await this.#before()
    await this.round(false)
  }

  /** One look at all files. `force`: without regard to allowance, rest and hold. Rounds take their turns. */
  round(force: boolean): Promise<RelocationReport> {
    const round = this.#running.then(() => this.#round(force))
    this.#running = round.catch(() => {})
    return round
  }

  async #round(force: boolean): Promise<RelocationReport> {
    const report = { files: 0, bytes: 0 }
    try {
      await this.#evading(() => this.#pass(force, report))
      this.failure = undefined
    } catch (error) {
      if (this.#abort.signal.aborted) return report
      const failure = this.#storage.placer.asTransient(error)
      if (isTransient(failure)) this.failure = failure
      throw failure
    }
    return report
  }

  /** Asks the policy anew when a medium failed or filled up: what is left goes to the next choice. */
  async #evading(pass: () => Promise<void>): Promise<void> {
    const { placer } = this.#storage
    for (let left = placer.media().size; ; left--) {
      try {
        await pass()
        return
      } catch (error) {
        if (this.#abort.signal.aborted || !placer.failed(error) || left <= 0) throw error
      }
    }
  }

  async #pass(force: boolean, report: { files: number; bytes: number }): Promise<void> {
    for (const { file, placement } of this.#wanted(force)) {
      if (this.#abort.signal.aborted) return
      if (!force && !this.#allowance.take(file.bytes, this.#engine.now())) return
      if (!(await this.#move(file, placement))) continue
      report.files++
      report.bytes += file.bytes
    }
  }

  /** Files that lie elsewhere than the policy wants them to, and have for long enough. */
  #wanted(force: boolean): Move[] {
    const nowMs = this.#engine.now()
    const moves: Move[] = []
    const there = new Set<number>()
    for (const file of candidatesOf(this.#engine)) {
      there.add(file.number)
      const placement = this.#placementOf(file)
      if (placement === undefined) this.#wishes.delete(file.number)
      else if (this.#isDue(file, placement.media[0], nowMs) || force) moves.push({ file, placement })
    }
    for (const number of this.#wishes.keys()) if (!there.has(number)) this.#wishes.delete(number)
    for (const number of this.#movedMs.keys()) if (!there.has(number)) this.#movedMs.delete(number)
    return moves
  }

  #placementOf({ kind, number, asked }: Candidate): Placement | undefined {
    const current = this.#storage.mediumOf(kind, number)
    if (current === undefined) return undefined
    const placement = this.#storage.placer.relocate(asked, current)
    return placement === undefined || placement.media[0] === current ? undefined : placement
  }

  #isDue({ kind, number }: Candidate, medium: string, nowMs: number): boolean {
    const { holdMs, restMs } = this.#settings
    const wish = this.#wishes.get(number)
    if (wish?.medium !== medium) this.#wishes.set(number, { medium, sinceMs: nowMs })
    const sinceMs = wish?.medium === medium ? wish.sinceMs : nowMs
    const writtenMs = this.#movedMs.get(number) ?? this.#storage.stat(kind, number)?.createdMs ?? nowMs
    return nowMs - sinceMs >= holdMs && nowMs - writtenMs >= restMs
  }

  /** False: it was compacted away, or emptied, meanwhile. */
  async #move(file: Candidate, placement: Placement): Promise<boolean> {
    const { kind, number, table } = file
    const version = this.#engine.versions.current.ref()
    try {
      if (!isThere(this.#engine, file)) return false
      if (table !== undefined) await this.#copyEnd(table, placement)
      if (!(await this.#storage.move(kind, number, placement.media[0], this.#abort.signal))) return false
    } finally {
      version.unref()
    }
    this.#movedMs.set(number, this.#engine.now())
    this.#wishes.delete(number)
    return true
  }

  /** Index and filters stay where they are read fast. */
  async #copyEnd(meta: TableMeta, { index: media }: Placement): Promise<void> {
    const { number } = meta
    if (media === undefined || this.#storage.stat('index', number) !== undefined) return
    const reader = await runAsync(this.#engine.tables.get(meta))
    const start = reader.index.offsets[reader.index.blocks]!
    const end = Buffer.allocUnsafeSlow(meta.bytes - start)
    const table = await runAsync(this.#storage.open('table', number, 'move'))
    const bytes = await runAsync(table.read(start, end))
    if (bytes !== end.length) throw new LevelError('LEVEL_CORRUPTION', `table-${number} ends before its footer`)
    const options = { bytesExpected: end.length, placement: { media }, reason: 'index' } as const
    const copy = await runAsync(this.#storage.create('index', number, options))
    try {
      await runAsync(copy.append([encodeIndexHeader(number, start), end]))
      await runAsync(copy.seal())
    } catch (error) {
      await runAsync(this.#storage.remove('index', number))
      throw error
    }
  }

  /** Ends a move under way without its result. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#abort.abort()
    await this.#running
  }
}
