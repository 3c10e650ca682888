import { setTimeout as delay } from 'node:timers/promises'
import { decodeBatch } from '../batch/batch-decoder.ts'
import { BatchEncoder } from '../batch/batch-encoder.ts'
import { BATCH_HEADER_BYTES, writeBatchHeader } from '../batch/batch-header.ts'
import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import { runAsync, runSync } from '../op.ts'
import type { VersionSet } from '../version/version-set.ts'
import type { LogSet } from './log-set.ts'
import type { MemtableList } from './memtable-list.ts'
import type { Durability } from './options.ts'
import { RelaxedBuffer } from './relaxed-buffer.ts'

/** Writes that may wait for room. */
const WAITING_MAX = 1 << 20
const WAITING_BYTES_MAX = 256 << 20
/** How long a write waits where compaction falls behind. */
const SLOW_MS = 1

/** What relieves a stalled writer. */
export interface Pressure {
  readonly pressure: 'none' | 'slow' | 'stop'
  /** Does on the spot what can be done for a synchronous writer; false: nothing is under way. */
  relieveNow(): boolean
  /** Why there is no room and none is being made. */
  readonly refusal: LevelError | undefined
  /** Resolves when it is worth looking again. */
  relieved(): Promise<void>
}

interface Waiting {
  /** The encoded batch, header included; its sequence number is filled in when its turn comes. */
  readonly record: Buffer
  readonly count: number
  readonly sync: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Takes batches into log and memtable, in one order.
 *
 * W1: a batch is in the log before it is in the memtable, and in the memtable before it is acknowledged.
 * W2: sequence numbers are consecutive in the order of the log.
 * W3: an asynchronous write that finds room is done in the step of its call; others wait in line, and nobody asynchronous overtakes them.
 * W4: a write whose append failed has not happened. A failed sync, or a failed append of what was acknowledged before, ends all writing.
 */
export class WritePath {
  readonly #logs: LogSet
  readonly #memtables: MemtableList
  readonly #versions: VersionSet
  readonly #pressure: Pressure
  readonly #strict: boolean
  readonly #relaxed: RelaxedBuffer | undefined
  readonly #encoder = new BatchEncoder()
  readonly #failed: (error: unknown) => void
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #draining: Promise<void> | undefined
  /** An append that the medium answers later is under way: nothing may come between. */
  #appending: Promise<unknown> | undefined
  #poison: unknown
  #closed = false
  /** Counters since open. */
  batches = 0
  entries = 0
  bytes = 0
  stalls = 0

  constructor(o: {
    logs: LogSet
    memtables: MemtableList
    versions: VersionSet
    pressure: Pressure
    durability: Durability
    relaxedBytes: number
    relaxedMs: number
    failed: (error: unknown) => void
  }) {
    this.#logs = o.logs
    this.#memtables = o.memtables
    this.#versions = o.versions
    this.#pressure = o.pressure
    this.#strict = o.durability === 'strict'
    this.#failed = o.failed
    if (o.durability === 'relaxed')
      this.#relaxed = new RelaxedBuffer(o.relaxedBytes, o.relaxedMs, (parts) => this.#appendRelaxed(parts))
  }

  /** Nothing is written any more; whoever waits is told why. */
  poison(error: unknown): void {
    this.#poison ??= error
  }

  get poisoned(): unknown {
    return this.#poison
  }

  /** Bytes acknowledged and not yet handed to the operating system. */
  get relaxedBytes(): number {
    return this.#relaxed?.bytes ?? 0
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** An empty batch: fill it and hand it to {@link commit} or {@link commitNow} before anything else is begun. */
  begin(): BatchEncoder {
    this.#encoder.clear()
    return this.#encoder
  }

  /** Writes the batch; a promise only where the caller has to wait. The batch is the caller's again at once. */
  commit(batch: BatchEncoder, sync: boolean): undefined | Promise<void> {
    this.#checkWritable()
    const durable = sync || this.#strict
    if (batch.count === 0) return durable ? this.sync() : undefined
    if (this.#waiting.length > 0 || !this.#hasRoom(batch)) return this.#wait(batch, durable)
    try {
      this.#write(batch)
    } catch (error) {
      if (isUnavailable(error)) return this.#wait(batch, durable)
      throw error
    }
    return durable ? this.sync() : undefined
  }

  /** As {@link commit}, on the spot. LEVEL_BUSY when there is no room and nothing under way makes any. */
  commitNow(batch: BatchEncoder, sync: boolean): void {
    this.#checkWritable()
    if (batch.count > 0) {
      if (this.#appending !== undefined)
        throw new LevelError('LEVEL_BUSY', 'an asynchronous write is under way, and the medium is slow: try again')
      this.#makeRoomNow(batch)
      this.#write(batch)
    }
    if (sync || this.#strict) this.syncNow()
  }

  /** Everything acknowledged so far survives loss of power when it resolves. */
  sync(): Promise<void> {
    this.#relaxed?.flush()
    if (this.#poison !== undefined) return Promise.reject(this.#poisoned())
    return this.#logs.sync()
  }

  syncNow(): void {
    this.#relaxed?.flush()
    if (this.#poison !== undefined) throw this.#poisoned()
    this.#logs.syncNow()
  }

  /** The active memtable becomes immutable, as soon as there is room for another. */
  async rotate(): Promise<void> {
    while (this.#appending !== undefined || !this.#memtables.hasRoom || !this.#logs.hasSpare) {
      if (this.#poison !== undefined) throw this.#poisoned()
      if (this.#appending !== undefined) await this.#appending.catch(() => {})
      else if (!this.#memtables.hasRoom) {
        if (this.#pressure.refusal !== undefined) throw this.#pressure.refusal
        await this.#pressure.relieved()
      } else await this.#logs.prepared()
    }
    if (!this.#memtables.active.empty) this.#rotate()
  }

  /** What waits is written, or refused; nothing is taken any more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#draining
    this.#relaxed?.flush()
    this.#relaxed?.close()
  }

  #checkWritable(): void {
    if (this.#poison !== undefined) throw this.#poisoned()
    if (this.#closed) throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the database is closed')
  }

  #poisoned(): LevelError {
    const why = this.#poison instanceof Error ? this.#poison.message : String(this.#poison)
    return new LevelError('LEVEL_POISONED', `writing ended, reads go on; open the database anew. ${why}`, this.#poison)
  }

  /** A batch of that size can be written on the spot. */
  #hasRoom(batch: BatchEncoder): boolean {
    if (this.#pressure.pressure !== 'none') return false
    if (this.#memtables.fits(batch.bytes, batch.count)) return true
    return this.#memtables.hasRoom && this.#logs.hasSpare
  }

  #makeRoomNow(batch: BatchEncoder): void {
    while (!this.#hasRoomNow(batch)) {
      this.stalls++
      if (this.#pressure.refusal !== undefined) throw this.#pressure.refusal
      if (!this.#pressure.relieveNow() && !this.#hasRoomNow(batch))
        throw new LevelError('LEVEL_BUSY', 'compaction is behind, and a synchronous write cannot wait for it')
      this.#checkWritable()
    }
    if (this.#pressure.pressure === 'slow') this.#pressure.relieveNow()
  }

  #hasRoomNow(batch: BatchEncoder): boolean {
    if (this.#pressure.pressure === 'stop') return false
    if (this.#memtables.fits(batch.bytes, batch.count)) return true
    return this.#memtables.hasRoom && this.#logs.prepareNow()
  }

  #rotate(): void {
    this.#relaxed?.flush()
    if (this.#poison !== undefined) throw this.#poisoned()
    this.#memtables.rotate(this.#logs.rotate().number)
  }

  /** W1: there is room. */
  #write(batch: BatchEncoder): void {
    if (!this.#memtables.fits(batch.bytes, batch.count)) this.#rotate()
    const first = this.#versions.lastSequence + 1
    const parts = batch.parts(first)
    if (this.#relaxed === undefined) runSync(this.#logs.current.append(parts))
    this.#memtables.active.addEncoded(batch, first)
    this.#versions.lastSequence = first + batch.count - 1
    this.#relaxed?.add(parts)
    this.batches++
    this.entries += batch.count
    this.bytes += batch.bytes
  }

  #appendRelaxed(parts: readonly Bytes[]): void {
    try {
      runSync(this.#logs.current.append(parts))
    } catch (error) {
      this.poison(error)
      this.#failed(error)
    }
  }

  #wait(batch: BatchEncoder, sync: boolean): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX || this.#waitingBytes + batch.bytes > WAITING_BYTES_MAX)
      throw new LevelError('LEVEL_BUSY', `${this.#waiting.length} writes of ${this.#waitingBytes} bytes wait already`)
    const record = Buffer.concat(batch.parts(1))
    this.#waitingBytes += record.length
    this.stalls++
    const { count } = batch
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, count, sync, resolve, reject })
      this.#draining ??= this.#drain().finally(() => {
        this.#draining = undefined
      })
    })
  }

  async #drain(): Promise<void> {
    let grace = 0
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        if (this.#pressure.pressure === 'slow' && grace === 0) {
          // One delay for all who wait now, so that the delay does not grow with their number.
          grace = this.#waiting.length
          await delay(SLOW_MS)
        }
        if (grace > 0) grace--
        await this.#makeRoom(next.record.length, next.count)
        await this.#writeLater(next)
        this.#done()
        if (next.sync) this.sync().then(next.resolve, next.reject)
        else next.resolve()
      } catch (error) {
        this.#done()
        next.reject(error)
      }
    }
  }

  #done(): void {
    this.#waitingBytes -= this.#waiting.shift()!.record.length
  }

  async #makeRoom(bytes: number, count: number): Promise<void> {
    for (;;) {
      if (this.#poison !== undefined) throw this.#poisoned()
      if (this.#pressure.pressure !== 'stop') {
        if (this.#memtables.fits(bytes, count)) return
        if (this.#memtables.hasRoom) {
          if (!this.#logs.hasSpare) await this.#logs.prepared()
          if (this.#memtables.hasRoom) this.#rotate()
          return
        }
      }
      if (this.#pressure.refusal !== undefined) throw this.#pressure.refusal
      await this.#pressure.relieved()
    }
  }

  async #writeLater({ record, count }: Waiting): Promise<void> {
    const first = this.#versions.lastSequence + 1
    writeBatchHeader(record, record.length - BATCH_HEADER_BYTES, count, first)
    const verdict = decodeBatch(record)
    if (!verdict.ok)
      throw new Error(`an encoded batch does not decode: ${'fault' in verdict ? verdict.fault : 'short'}`)
    if (this.#relaxed === undefined) {
      this.#appending = runAsync(this.#logs.current.append([record]))
      try {
        await this.#appending
      } finally {
        this.#appending = undefined
      }
    }
    this.#memtables.active.addBatch(verdict.batch)
    this.#versions.lastSequence = first + count - 1
    this.#relaxed?.add([record])
    this.batches++
    this.entries += count
    this.bytes += record.length
  }
}

function isUnavailable(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'PFAOF_SYNC_UNAVAILABLE' || code === 'LEVEL_SYNC_UNAVAILABLE'
}
