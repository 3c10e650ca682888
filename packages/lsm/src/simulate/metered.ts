import type { Medium, MediumCost, MediumStats } from '@vivefs/media'

/** Latencies that are kept for the percentiles; of more, every second, fourth ... counts. */
const SAMPLES_MAX = 65_536

/** Times of one kind of operation, by the model. */
export class Latencies {
  #samples: number[] = []
  #every = 1
  #skipped = 0
  count = 0
  totalMs = 0

  add(ms: number): void {
    this.count++
    this.totalMs += ms
    if (++this.#skipped < this.#every) return
    this.#skipped = 0
    this.#samples.push(ms)
    if (this.#samples.length < SAMPLES_MAX) return
    this.#samples = this.#samples.filter((_, i) => i % 2 === 0)
    this.#every *= 2
  }

  /** `share` of them took no longer; 0 for none. */
  percentileMs(share: number): number {
    const sorted = [...this.#samples].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  }
}

/** What a medium of a simulation went through. */
export interface Meter {
  readonly appends: Latencies
  readonly reads: Latencies
  /** Resets of each zone: wear. */
  readonly resets: ReadonlyMap<number, number>
  /** Accesses that did not begin where the one before ended. */
  readonly seeks: number
  readonly stats: MediumStats
}

/** A medium without a time model of its own: seek and rate, as its caps estimate them. */
class CostModel {
  readonly #cost: MediumCost
  readonly #zoneBytes: number
  #head = Number.NaN
  seeks = 0

  constructor(cost: MediumCost, zoneBytes: number) {
    this.#cost = cost
    this.#zoneBytes = zoneBytes
  }

  accessMs(zone: number, offset: number, bytes: number, write: boolean): number {
    const { seekMs, readMBps, writeMBps } = this.#cost
    const position = zone * this.#zoneBytes + offset
    const moved = position !== this.#head
    if (moved) this.seeks++
    this.#head = position + bytes
    const rate = write ? writeMBps : readMBps
    return (moved ? seekMs : 0) + (rate > 0 ? bytes / (rate * 1000) : 0)
  }
}

/**
 * The medium, and what it goes through: `spent` hears the modelled milliseconds of every append and read. Simulators say themselves how long they
 * would have taken; for other media it is what their caps estimate.
 */
export function metered(medium: Medium, spent: (ms: number) => void): { medium: Medium; meter: () => Meter } {
  const model = new CostModel(medium.caps.cost, medium.caps.zoneBytes)
  const [appends, reads] = [new Latencies(), new Latencies()]
  const resets = new Map<number, number>()
  const timed = (list: Latencies, before: number, estimateMs: number) => {
    const own = medium.stats().modelMs - before
    const ms = own > 0 ? own : estimateMs
    list.add(ms)
    spent(ms)
  }
  const bytesOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, part) => sum + part.length, 0)
  const own: Partial<Medium> = {
    append: async (zone, parts) => {
      const before = medium.stats().modelMs
      const offset = await medium.append(zone, parts)
      timed(appends, before, model.accessMs(zone, offset, bytesOf(parts), true))
      return offset
    },
    read: async (zone, offset, into) => {
      const before = medium.stats().modelMs
      const bytes = await medium.read(zone, offset, into)
      timed(reads, before, model.accessMs(zone, offset, bytes, false))
      return bytes
    },
    reset: async (zone) => {
      resets.set(zone, (resets.get(zone) ?? 0) + 1)
      await medium.reset(zone)
    },
  }
  if (medium.appendSync !== undefined)
    own.appendSync = (zone, parts) => {
      const before = medium.stats().modelMs
      const offset = medium.appendSync!(zone, parts)
      timed(appends, before, model.accessMs(zone, offset, bytesOf(parts), true))
      return offset
    }
  if (medium.readSync !== undefined)
    own.readSync = (zone, offset, into) => {
      const before = medium.stats().modelMs
      const bytes = medium.readSync!(zone, offset, into)
      timed(reads, before, model.accessMs(zone, offset, bytes, false))
      return bytes
    }
  if (medium.resetSync !== undefined)
    own.resetSync = (zone) => {
      resets.set(zone, (resets.get(zone) ?? 0) + 1)
      medium.resetSync!(zone)
    }
  const meter = (): Meter => {
    const stats = medium.stats()
    return { appends, reads, resets, seeks: stats.modelMs > 0 ? stats.seeks : model.seeks, stats }
  }
  return { medium: standIn(medium, own), meter }
}

/** `medium` with some of its methods replaced; the others are its own. */
function standIn(medium: Medium, own: Partial<Medium>): Medium {
  return new Proxy(medium, {
    get(target, name) {
      if (name in own) return own[name as keyof Medium]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
