/** What a piece of work costs the process, and how costs are compared: in turns within one run, by medians. */

export interface Cost {
  readonly wallMs: number
  /** User and system time of the whole process. */
  readonly cpuMs: number
}

/** Runs `work` and tells what it took. */
export function costOf(work: () => void): Cost {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  work()
  const wallMs = Number(process.hrtime.bigint() - start) / 1e6
  const used = process.cpuUsage(cpu)
  return { wallMs, cpuMs: (used.user + used.system) / 1e3 }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Costs of several ways to do the same. */
export class Comparison<Way extends string> {
  readonly #costs: Map<Way, Cost[]>

  constructor(ways: readonly Way[]) {
    this.#costs = new Map(ways.map((way) => [way, []]))
  }

  /** One turn of every way; the order is turned round from one round to the next. */
  round(round: number, work: Readonly<Record<Way, () => void>>): void {
    const ways = [...this.#costs.keys()]
    for (const way of round % 2 === 0 ? ways : ways.reverse()) this.#costs.get(way)!.push(costOf(work[way]))
  }

  /** Forgets everything: the rounds before were to warm up. */
  clear(): void {
    for (const costs of this.#costs.values()) costs.length = 0
  }

  wallMs(way: Way): number {
    return median(this.#costs.get(way)!.map(({ wallMs }) => wallMs))
  }

  cpuMs(way: Way): number {
    return median(this.#costs.get(way)!.map(({ cpuMs }) => cpuMs))
  }
}
