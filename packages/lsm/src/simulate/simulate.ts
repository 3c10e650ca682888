import type { Medium } from '@vivefs/media'
import { LsmLevel, type LsmLevelOptions } from '../level/level.ts'
import type { MediaMap } from '../media-map/media-map.ts'
import type { MediaPolicy } from '../policy/media-policy.ts'
import { Latencies, type Meter, metered } from './metered.ts'
import type { TraceOperation } from './trace.ts'

export interface SimulateOptions {
  /** They stay the caller's. */
  readonly media: Readonly<Record<string, Medium>>
  readonly home?: readonly string[] | undefined
  readonly policy: MediaPolicy | undefined
  readonly operations: AsyncIterable<TraceOperation> | Iterable<TraceOperation>
  /** Sizes of the database, as `LsmLevel` takes them. */
  readonly options?: Pick<LsmLevelOptions<string, Buffer>, 'memtableBytes' | 'tableBytes' | 'baseBytes' | 'memoryBytes'>
  readonly onProgress?: (progress: { phase: 'replay'; loaded: number }) => void
}

/** What one medium went through. Milliseconds are those of the model. */
export interface MediumReport {
  readonly name: string
  readonly busyMs: number
  readonly bytesWritten: number
  readonly bytesRead: number
  readonly liveBytes: number
  readonly seeks: number
  /** Resets of zones, and most of one zone: wear. */
  readonly resets: number
  readonly resetsMax: number
  readonly appendMs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly readMs: { readonly p50: number; readonly p99: number; readonly max: number }
}

export interface SimulationReport {
  readonly policy: string
  readonly operations: number
  /** Time that passed, waiting included, by the model. */
  readonly elapsedMs: number
  readonly bytesPut: number
  /** Bytes written to all media for each byte that was put. */
  readonly writeAmplification: number
  /** What a reader waited for media. */
  readonly getMs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly media: readonly MediumReport[]
  readonly map: MediaMap
}

/** Where the clock of a simulation starts. */
const START_MS = Date.UTC(2026, 0, 1)
const MIB = 1 << 20
/** Time between two rounds of moves, by the clock of the simulation. */
const RELOCATE_MS = 6 * 3_600_000
const PROGRESS_EVERY = 1000

const percentiles = (latencies: Latencies) => {
  return { p50: latencies.percentileMs(0.5), p99: latencies.percentileMs(0.99), max: latencies.percentileMs(1) }
}

/**
 * Replays a trace on a database whose clock is that of the media's time model: what would this policy cost on these media? Everything is really
 * written and read, so it tells of space and wear as well. Compaction runs beside the operations, in the time that they leave.
 */
export async function simulate(o: SimulateOptions): Promise<SimulationReport> {
  const clock = new Clock()
  const meters = new Map<string, () => Meter>()
  const media: Record<string, Medium> = {}
  for (const [name, medium] of Object.entries(o.media)) {
    const one = metered(medium, (ms) => clock.spend(ms))
    media[name] = one.medium
    meters.set(name, one.meter)
  }
  const level = new LsmLevel<string, Buffer>('simulation', {
    media,
    home: o.home,
    policy: o.policy,
    now: () => clock.nowMs,
    worker: false,
    valueEncoding: 'buffer',
    memtableBytes: MIB / 4,
    tableBytes: MIB / 4,
    baseBytes: MIB,
    memoryBytes: 8 * MIB,
    relocation: { everyMs: 2 ** 31 - 1 },
    ...o.options,
  })
  await level.open().catch((error: unknown) => {
    throw (error as { cause?: unknown }).cause ?? error
  })
  try {
    const replay = new Replay(level, clock)
    for await (const operation of o.operations) {
      await replay.do(operation)
      if (replay.operations % PROGRESS_EVERY === 0) o.onProgress?.({ phase: 'replay', loaded: replay.operations })
    }
    await level.flush()
    await settled(level)
    return reportOf(level, replay, clock, meters)
  } finally {
    await level.close()
  }
}

/** Time as the model has it. */
class Clock {
  nowMs = START_MS
  /** What media took in all. */
  spentMs = 0

  spend(ms: number): void {
    this.spentMs += ms
    this.nowMs += ms
  }
}

/** Lets compaction come to its end. */
async function settled(level: LsmLevel<string, Buffer>): Promise<void> {
  do await new Promise<void>((resolve) => setImmediate(resolve))
  while ((level.stats().compaction?.running ?? 0) > 0)
}

class Replay {
  readonly #level: LsmLevel<string, Buffer>
  readonly #clock: Clock
  #value = Buffer.alloc(MIB, 'value ')
  readonly gets: Latencies = new Latencies()
  #relocatedMs = START_MS
  operations = 0
  bytesPut = 0

  constructor(level: LsmLevel<string, Buffer>, clock: Clock) {
    this.#level = level
    this.#clock = clock
  }

  async do(operation: TraceOperation): Promise<void> {
    this.operations++
    const clock = this.#clock
    if (operation.at !== undefined) await this.#until(START_MS + operation.at)
    switch (operation.op) {
      case 'put':
        this.bytesPut += operation.key.length + operation.bytes
        if (operation.bytes > this.#value.length) this.#value = Buffer.alloc(2 * operation.bytes, 'value ')
        return await this.#level.put(operation.key, this.#value.subarray(0, operation.bytes))
      case 'del':
        return await this.#level.del(operation.key)
      case 'get':
        return await this.#timed(() => this.#level.get(operation.key))
      case 'scan':
        return await this.#timed(() => this.#level.iterator({ gte: operation.from, limit: operation.limit }).all())
      case 'sync':
        return await this.#level.syncLog()
      case 'wait':
        return await this.#until(clock.nowMs + operation.ms)
    }
  }

  /** A read is timed while nothing else runs, so that what media do is done for it. */
  async #timed(read: () => Promise<unknown>): Promise<void> {
    await settled(this.#level)
    const before = this.#clock.spentMs
    await read()
    this.gets.add(this.#clock.spentMs - before)
  }

  /** Time passes, a quarter of a day at once, and idle files move. */
  async #until(ms: number): Promise<void> {
    const clock = this.#clock
    while (clock.nowMs < ms) {
      clock.nowMs = Math.min(ms, clock.nowMs + RELOCATE_MS)
      if (clock.nowMs - this.#relocatedMs < RELOCATE_MS) continue
      this.#relocatedMs = clock.nowMs
      await settled(this.#level)
      await this.#level.relocate()
    }
  }
}

function reportOf(
  level: LsmLevel<string, Buffer>,
  { operations, bytesPut, gets }: Replay,
  clock: Clock,
  meters: ReadonlyMap<string, () => Meter>,
): SimulationReport {
  const map = level.map()
  const media = map.media.map(({ name, liveBytes }): MediumReport => {
    const { appends, reads, resets, seeks, stats } = meters.get(name)!()
    const { append, read } = stats.operations
    const counts = [...resets.values()]
    return {
      name,
      busyMs: Math.max(stats.modelMs, appends.totalMs + reads.totalMs),
      bytesWritten: append.bytes,
      bytesRead: read.bytes,
      liveBytes,
      seeks,
      resets: counts.reduce((sum, count) => sum + count, 0),
      resetsMax: Math.max(0, ...counts),
      appendMs: percentiles(appends),
      readMs: percentiles(reads),
    }
  })
  const written = media.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  return {
    policy: map.policy ?? '',
    operations,
    elapsedMs: clock.nowMs - START_MS,
    bytesPut,
    writeAmplification: bytesPut === 0 ? 0 : written / bytesPut,
    getMs: percentiles(gets),
    media,
    map,
  }
}
