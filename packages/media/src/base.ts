/**
 * What every medium does the same way: checks arguments, orders appends per zone, counts, goes stale and poisoned.
 * A driver extends it and implements the protected hooks only; hooks see valid arguments.
 *
 * Source of the poison rule: "Can Applications Recover from fsync Failures?" (Rebello et al., ATC'20).
 */
import { checkAppend, checkRead, checkZone } from './arguments.ts'
import { isMediumError, MediumError, type MediumErrorCode, toMediumError } from './error.ts'
import type {
  Bytes,
  Medium,
  MediumCaps,
  MediumSpec,
  MediumStats,
  OperationName,
  ReadRequest,
  ReadResult,
  ZoneReport,
} from './medium.ts'
import { MediumCounters } from './stats.ts'
import { DeviceTiming } from './timing.ts'
import { ZoneQueues } from './zone-queues.ts'

/** How long an append trusts the last look at the lock: a process that was stopped for longer looks again. */
const LOCK_TRUST_MS = 20

/** Refusals write nothing (L10), so the zone's pointer is as it was. */
const REFUSALS: ReadonlySet<MediumErrorCode> = new Set<MediumErrorCode>([
  'MEDIA_ARGUMENT',
  'MEDIA_ZONE_RANGE',
  'MEDIA_ALIGNMENT',
  'MEDIA_APPEND_SIZE',
  'MEDIA_ZONE_FULL',
  'MEDIA_ZONE_STATE',
  'MEDIA_OPEN_LIMIT',
  'MEDIA_ACTIVE_LIMIT',
  'MEDIA_STREAM_ORDER',
  'MEDIA_POINTER_UNKNOWN',
  'MEDIA_POINTER_STALE',
  'MEDIA_BUSY',
  'MEDIA_CLOSED',
  'MEDIA_READ_ONLY',
  'MEDIA_NOT_SUPPORTED',
  'MEDIA_SYNC_UNAVAILABLE',
  'MEDIA_POISONED',
])

/** Synchronous operations for one look at the clock. */
const CALLS_PER_CLOCK = 8
/** Of appends only those that are not longer. */
const SHORT_BYTES = 4096

/** What a driver tells the base class. */
export interface BaseOptions {
  readonly spec: MediumSpec
  readonly caps: MediumCaps
  readonly id: string
  readonly timing?: DeviceTiming
  /** There are `finishSync` and `resetSync`: `doFinish` and `doReset` are done when they return, or have synchronous forms. */
  readonly zonesSync?: boolean
  /** Reads of one batch that run at the same time; 1 where order is everything. */
  readonly readsAtOnce?: number
  /** Throws MEDIA_LOCKED when the lock was broken. Asked before changes: who slept must not write into what is another's by now. */
  readonly checkLock?: () => void
}

const now = () => performance.now()

export abstract class BaseMedium implements Medium {
  readonly spec: MediumSpec
  readonly caps: MediumCaps
  readonly id: string
  readonly appendSync?: (zone: number, parts: readonly Bytes[]) => number
  readonly readSync?: (zone: number, offset: number, into: Bytes) => number
  readonly flushSync?: () => void
  readonly finishSync?: (zone: number) => void
  readonly resetSync?: (zone: number) => void
  protected readonly timing: DeviceTiming
  readonly #counters = new MediumCounters()
  readonly #readsAtOnce: number
  readonly #lock: (() => void) | undefined
  #lockSeenMs = 0
  readonly #queues = new ZoneQueues()
  readonly #stale = new Set<number>()
  #running = 0
  #appending = 0
  #untimedReads = 0
  #readMs = 0
  #untimedAppends = 0
  #appendMs = 0
  #drained: (() => void) | undefined
  #closing: Promise<void> | undefined
  #poison: MediumError | undefined

  constructor(options: BaseOptions) {
    this.spec = options.spec
    this.caps = options.caps
    this.id = options.id
    this.timing = options.timing ?? new DeviceTiming(options.caps.cost)
    this.#readsAtOnce = options.readsAtOnce ?? 1
    this.#lock = options.checkLock
    if (options.caps.sync) {
      this.appendSync = (zone, parts) => this.#appendSync(zone, parts)
      this.readSync = (zone, offset, into) => this.#readSync(zone, offset, into)
      this.flushSync = () => this.#flushSync()
    }
    if (options.caps.sync && options.zonesSync === true) {
      this.finishSync = (zone) => this.#zoneSync('finish', zone, () => this.doFinishSync(zone))
      this.resetSync = (zone) => {
        this.#zoneSync('reset', zone, () => this.doResetSync(zone))
        this.#stale.delete(zone)
      }
    }
  }

  // ---- hooks ----

  /** Writes all of `parts` at the zone's pointer, or throws. */
  protected abstract doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> | number
  protected abstract doRead(zone: number, offset: number, into: Bytes): Promise<number> | number
  protected abstract doFlush(): Promise<void> | void
  protected abstract doFinish(zone: number): Promise<void> | void
  protected abstract doReset(zone: number): Promise<void> | void
  protected abstract doReport(): Promise<readonly ZoneReport[]> | readonly ZoneReport[]
  protected abstract doClose(): Promise<void> | void
  protected doAppendSync(_zone: number, _parts: readonly Bytes[], _bytes: number): number {
    throw new MediumError('MEDIA_SYNC_UNAVAILABLE', `${this.spec.kind} cannot append synchronously`)
  }
  protected doReadSync(_zone: number, _offset: number, _into: Bytes): number {
    throw new MediumError('MEDIA_SYNC_UNAVAILABLE', `${this.spec.kind} cannot read synchronously`)
  }
  protected doFlushSync(): void {
    throw new MediumError('MEDIA_SYNC_UNAVAILABLE', `${this.spec.kind} cannot flush synchronously`)
  }

  protected doFinishSync(zone: number): void {
    this.doFinish(zone)
  }
  protected doResetSync(zone: number): void {
    this.doReset(zone)
  }

  // ---- the contract ----

  async append(zone: number, parts: readonly Bytes[]): Promise<number> {
    this.checkWritable()
    const bytes = checkAppend(this.caps, zone, parts)
    this.#appending++
    try {
      return await this.enqueue(zone, 'append', bytes, async () => {
        this.#checkStale(zone)
        try {
          return await this.doAppend(zone, parts, bytes)
        } catch (error) {
          throw this.#appendFailed(zone, error)
        }
      })
    } finally {
      this.#appending--
    }
  }

  // The synchronous forms are hot: a buffered write or read costs 1 to 2 us, so nothing is allocated around it. The clock costs a tenth of
  // one: one call in eight is timed, and those after it count as having taken as long.
  #appendSync(zone: number, parts: readonly Bytes[]): number {
    this.checkWritable()
    const bytes = checkAppend(this.caps, zone, parts)
    if (this.#queues.size > 0) this.#queues.checkIdle(zone)
    if (this.#stale.size > 0) this.#checkStale(zone)
    const start = now()
    if (this.#lock !== undefined) this.#checkLock('append', start)
    try {
      const offset = this.doAppendSync(zone, parts, bytes)
      if (bytes > SHORT_BYTES) this.#counters.append.add(now() - start, bytes, false)
      else {
        if (this.#untimedAppends-- === 0) {
          this.#appendMs = now() - start
          this.#untimedAppends = CALLS_PER_CLOCK - 1
        }
        this.#counters.append.add(this.#appendMs, bytes, false)
      }
      return offset
    } catch (error) {
      this.#counters.append.add(now() - start, 0, true)
      throw this.#appendFailed(zone, error)
    }
  }

  async read(zone: number, offset: number, into: Bytes): Promise<number> {
    this.checkOpen()
    checkRead(this.caps, zone, offset, into)
    return this.measure(
      'read',
      (bytes: number) => bytes,
      () => this.doRead(zone, offset, into),
    )
  }

  #readSync(zone: number, offset: number, into: Bytes): number {
    this.checkOpen()
    checkRead(this.caps, zone, offset, into)
    const start = this.#untimedReads === 0 ? now() : 0
    try {
      const bytes = this.doReadSync(zone, offset, into)
      if (this.#untimedReads-- === 0) {
        this.#readMs = now() - start
        this.#untimedReads = CALLS_PER_CLOCK - 1
      }
      this.#counters.read.add(this.#readMs, bytes, false)
      return bytes
    } catch (error) {
      this.#counters.read.add(this.#readMs, 0, true)
      throw toMediumError(error, 'read')
    }
  }

  async *readMany(requests: readonly ReadRequest[]): AsyncIterable<ReadResult> {
    const order = requests.map((_, index) => index)
    order.sort((a, b) => {
      const [x, y] = [requests[a]!, requests[b]!]
      return x.zone - y.zone || x.offset - y.offset
    })
    const window: Promise<ReadResult>[] = []
    const start = async (index: number): Promise<ReadResult> => {
      const request = requests[index]!
      try {
        return { request, index, bytes: await this.read(request.zone, request.offset, request.into) }
      } catch (error) {
        return { request, index, bytes: 0, error: toMediumError(error, 'read', request.zone) }
      }
    }
    for (const index of order) {
      if (window.length >= this.#readsAtOnce) yield await window.shift()!
      window.push(start(index))
    }
    while (window.length > 0) yield await window.shift()!
  }

  async flush(): Promise<void> {
    this.checkWritable()
    if (this.#queues.size > 0) {
      await this.#queues.settled()
      this.checkWritable()
    }
    await this.measure(
      'flush',
      () => 0,
      async () => {
        try {
          await this.doFlush()
        } catch (error) {
          throw this.#flushFailed(error)
        }
      },
    )
  }

  #flushSync(): void {
    this.checkWritable()
    if (this.#appending > 0) throw new MediumError('MEDIA_BUSY', 'asynchronous appends are under way')
    this.measureSync('flush', 0, () => {
      try {
        this.doFlushSync()
      } catch (error) {
        throw this.#flushFailed(error)
      }
    })
  }

  async finish(zone: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    await this.enqueue(zone, 'finish', 0, async () => this.doFinish(zone))
  }

  async reset(zone: number): Promise<void> {
    this.checkWritable()
    this.checkZone(zone)
    await this.enqueue(zone, 'reset', 0, async () => {
      await this.doReset(zone)
      this.#stale.delete(zone)
    })
  }

  #zoneSync(name: 'finish' | 'reset', zone: number, run: () => void): void {
    this.checkWritable()
    checkZone(this.caps, zone)
    this.#queues.checkIdle(zone)
    if (this.#lock !== undefined) this.#checkLock(name, now())
    this.measureSync(name, 0, run)
  }

  async report(): Promise<readonly ZoneReport[]> {
    this.checkOpen()
    await this.#queues.settled()
    const report = await this.measure(
      'report',
      () => 0,
      () => this.doReport(),
    )
    this.#stale.clear()
    return report
  }

  stats(): MediumStats {
    return this.#counters.copy(this.timing.seeks, this.timing.modelMs)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
    try {
      await this.doClose()
    } catch (error) {
      throw toMediumError(error, 'close')
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ---- for drivers ----

  /** Runs after everything that was asked of the zone before; at most ZONE_QUEUE_MAX wait. */
  protected enqueue<T>(zone: number, name: OperationName, bytes: number, run: () => Promise<T>): Promise<T> {
    return this.#queues.run(zone, () =>
      this.measure(
        name,
        () => bytes,
        async () => {
          if (this.#poison !== undefined) this.checkWritable()
          if (this.#lock !== undefined) this.#checkLock(name, now())
          return run()
        },
      ),
    )
  }

  /** Counts one asynchronous operation and keeps `close` waiting for it. */
  protected async measure<T>(
    name: OperationName,
    bytesOf: (value: T) => number,
    run: () => Promise<T> | T,
  ): Promise<T> {
    const start = now()
    this.#running++
    try {
      const value = await run()
      this.#counters.add(name, now() - start, bytesOf(value), false)
      return value
    } catch (error) {
      this.#counters.add(name, now() - start, 0, true)
      throw toMediumError(error, name)
    } finally {
      this.#running--
      if (this.#running === 0) this.#drained?.()
    }
  }

  protected measureSync<T>(name: OperationName, bytes: number, run: () => T): T {
    const start = now()
    try {
      const value = run()
      this.#counters.add(name, now() - start, bytes, false)
      return value
    } catch (error) {
      this.#counters.add(name, now() - start, 0, true)
      throw toMediumError(error, name)
    }
  }

  /** True from the call of `close` on. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** For `erase`: every zone starts anew. */
  protected forgetStale(): void {
    this.#stale.clear()
  }

  protected checkOpen(): void {
    if (this.#closing !== undefined) throw new MediumError('MEDIA_CLOSED', `${this.spec.kind} medium is closed`)
  }

  protected checkWritable(): void {
    this.checkOpen()
    if (this.#poison !== undefined) {
      throw new MediumError('MEDIA_POISONED', 'a flush failed; open the medium anew', { cause: this.#poison })
    }
  }

  protected checkZone(zone: number): void {
    checkZone(this.caps, zone)
  }

  #checkLock(name: OperationName, at: number): void {
    if (name === 'append' && at - this.#lockSeenMs < LOCK_TRUST_MS) return
    this.#lock!()
    this.#lockSeenMs = at
  }

  #checkStale(zone: number): void {
    if (this.#stale.has(zone)) {
      throw new MediumError('MEDIA_POINTER_STALE', `an append to zone ${zone} failed; call report() first`, { zone })
    }
  }

  #appendFailed(zone: number, cause: unknown): MediumError {
    const error = toMediumError(cause, 'append', zone)
    if (!REFUSALS.has(error.code)) this.#stale.add(zone)
    return error
  }

  /** For work in the background whose failure leaves in doubt what lies on the medium: as after a failed flush. */
  protected poison(cause: unknown): void {
    if (!this.closed) this.#flushFailed(cause)
  }

  #flushFailed(cause: unknown): MediumError {
    const error = toMediumError(cause, 'flush')
    if (!isMediumError(error, 'MEDIA_CLOSED')) this.#poison ??= error
    return error
  }
}
