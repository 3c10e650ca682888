import type { CompactionEngine } from '../compaction/engine.ts'
import { knownOf } from '../compaction/placements.ts'
import { isTransient, LevelError } from '../error.ts'
import { runAsync } from '../op.ts'
import { encodeIndexHeader } from '../storage/indexed-file.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import type { TableMeta } from '../table-meta.ts'
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

/** A table, and where it should go. */
interface Move {
  readonly meta: TableMeta
  readonly placement: Placement
}

/**
 * Moves tables that nobody rewrites to where the policy wants them: a few at a time, rarely, and only when the policy has wanted the same for a
 * while. A move is pfaof's: a crash leaves the file whole on one of both media. A policy that throws, or a medium that fails, ends the round.
 */
export class Relocator {
  readonly #engine: CompactionEngine
  readonly #storage: VolumeStorage
  readonly #settings: RelocationSettings
  readonly #allowance: Allowance
  readonly #wishes: Map<number, Wish> = new Map()
  readonly #movedMs: Map<number, number> = new Map()
  readonly #abort = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> = Promise.resolve()
  /** Why the last round ended early; undefined: it did not. */
  failure: LevelError | undefined

  constructor(engine: CompactionEngine, storage: VolumeStorage, settings: RelocationSettings) {
    this.#engine = engine
    this.#storage = storage
    this.#settings = settings
    this.#allowance = new Allowance(settings.bytesPerHour, engine.now())
    if (storage.placer.policy.relocate === undefined) return
    this.#timer = setInterval(() => void this.round(false).catch(() => {}), settings.everyMs)
    this.#timer.unref()
  }

  /** One look at all tables. `force`: without regard to allowance, rest and hold. Rounds take their turns. */
  round(force: boolean): Promise<RelocationReport> {
    const round = this.#running.then(() => this.#round(force))
    this.#running = round.catch(() => {})
    return round
  }

  async #round(force: boolean): Promise<RelocationReport> {
    let [files, bytes] = [0, 0]
    try {
      for (const { meta, placement } of this.#wanted(force)) {
        if (this.#abort.signal.aborted) break
        if (!force && !this.#allowance.take(meta.bytes, this.#engine.now())) break
        if (!(await this.#move(meta, placement))) continue
        files++
        bytes += meta.bytes
      }
      this.failure = undefined
    } catch (error) {
      if (this.#abort.signal.aborted) return { files, bytes }
      const { placer } = this.#storage
      placer.failed(error)
      const failure = placer.asTransient(error)
      if (isTransient(failure)) this.failure = failure
      throw failure
    }
    return { files, bytes }
  }

  /** Tables that lie elsewhere than the policy wants them to, and have for long enough. */
  #wanted(force: boolean): Move[] {
    const { versions, now } = this.#engine
    const nowMs = now()
    const moves: Move[] = []
    const there = new Set<number>()
    for (const { level, meta } of versions.current.tables()) {
      there.add(meta.number)
      if (level === 0) continue
      const placement = this.#placementOf(level, meta)
      if (placement === undefined) this.#wishes.delete(meta.number)
      else if (this.#isDue(meta.number, placement.media[0], nowMs) || force) moves.push({ meta, placement })
    }
    for (const number of this.#wishes.keys()) if (!there.has(number)) this.#wishes.delete(number)
    for (const number of this.#movedMs.keys()) if (!there.has(number)) this.#movedMs.delete(number)
    return moves
  }

  #placementOf(level: number, meta: TableMeta): Placement | undefined {
    const { versions } = this.#engine
    const current = this.#storage.mediumOf('table', meta.number)
    if (current === undefined) return undefined
    const { bytes: bytesExpected, smallest: lowerKey, largest: upperKey } = meta
    const known = knownOf(this.#engine, versions.current, level, [meta])
    const asked = { ...known, file: 'table', reason: 'move', bytesExpected, lowerKey, upperKey } as const
    const placement = this.#storage.placer.relocate(asked, current)
    return placement === undefined || placement.media[0] === current ? undefined : placement
  }

  #isDue(number: number, medium: string, nowMs: number): boolean {
    const { holdMs, restMs } = this.#settings
    const wish = this.#wishes.get(number)
    if (wish?.medium !== medium) this.#wishes.set(number, { medium, sinceMs: nowMs })
    const sinceMs = wish?.medium === medium ? wish.sinceMs : nowMs
    const writtenMs = this.#movedMs.get(number) ?? this.#storage.stat('table', number)?.createdMs ?? nowMs
    return nowMs - sinceMs >= holdMs && nowMs - writtenMs >= restMs
  }

  /** False: it was compacted away meanwhile. */
  async #move(meta: TableMeta, placement: Placement): Promise<boolean> {
    const version = this.#engine.versions.current.ref()
    try {
      if (!version.levels.some((tables) => tables.includes(meta))) return false
      await this.#copyEnd(meta, placement)
      if (!(await this.#storage.move('table', meta.number, placement.media[0], this.#abort.signal))) return false
    } finally {
      version.unref()
    }
    this.#movedMs.set(meta.number, this.#engine.now())
    this.#wishes.delete(meta.number)
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
