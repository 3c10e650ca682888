import { setTimeout as delay } from 'node:timers/promises'
import { decodeBatch } from '../batch/batch-decoder.ts'
import { BatchEncoder, type LogPlace } from '../batch/batch-encoder.ts'
import { BATCH_HEADER_BYTES, writeBatchHeader } from '../batch/batch-header.ts'
import type { ValueSpace } from '../blob/reclaim.ts'
import type { Separation } from '../blob/separation.ts'
import type { Bytes } from '../bytes.ts'
import { isNoSpace, LevelError } from '../error.ts'
import type { LogWriter } from '../log/log-writer.ts'
import { runAsync, runSync } from '../op.ts'
import type { VersionSet } from '../version/version-set.ts'
import type { LogSet } from './log-set.ts'
import type { MemtableList } from './memtable-list.ts'
import type { Durability } from './options.ts'
import { RelaxedBuffer } from './relaxed-buffer.ts'
import type { SpaceReserve } from './reserve.ts'

/** Writes that may wait for room. */
const WAITING_MAX = 1 << 20
const WAITING_BYTES_MAX = 256 << 20
/** Logs that one memtable may have: recovery reads them all. */
const LOGS_MAX = 4
/**
 * Values of one log, as a part of those that are alive, and at least so many bytes of them. What they overwrite is not seen to be garbage before
 * the flush, and files in which values of one time lie together are garbage as a whole sooner than long ones.
 */
const LOG_SHARE = 1 / 32
const LOG_VALUES_MIN = 8 << 20
/** How long a write waits where compaction falls behind. */
const SLOW_MS = 1

/** What relieves a stalled writer. */
export interface Pressure {
  readonly pressure: 'none' | 'slow' | 'stop'
  /** Files with values. */
  readonly valueSpace: ValueSpace
  /** A flush or compaction is under way. */
  readonly busy: boolean
  /** Does on the spot what can be done for a synchronous writer; false: nothing is under way. */
  relieveNow(): boolean
  /** Space is short, and what of the values in the active memtable's logs is alive is known when they are flushed. */
  readonly flushHelps: boolean
  /** Why there is no room and none is being made. */
  readonly refusal: LevelError | undefined
  /** Resolves when it is worth looking again. */
  relieved(): Promise<void>
  /** For media that are full; resolves to true when some of their space was emptied. */
  makeRoom(): Promise<boolean>
}

interface Waiting {
  /** The encoded batch, header included; its sequence number is filled in when its turn comes. */
  readonly record: Buffer
  readonly count: number
  /** What it takes in a memtable, and of the values that stay in the log. */
  readonly memoryBytes: number
  readonly separatedBytes: number
  /** It adds something, and was not admitted yet. */
  readonly grows: boolean
  readonly sync: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** What a write needs before it has room: nothing, the next log, or the next memtable with a log of its own. */
type Need = 'nothing' | 'log' | 'memtable'

/** Sizes of a batch: of its record, of what it takes in a memtable, and of the values that stay in the log. */
interface BatchSize {
  readonly bytes: number
  readonly memoryBytes: number
  readonly separatedBytes: number
  readonly count: number
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
  readonly #reserve: SpaceReserve
  readonly #strict: boolean
  readonly #relaxed: RelaxedBuffer | undefined
  readonly #encoder: BatchEncoder
  readonly #separation: Separation | undefined
  readonly #logBytes: number
  /** Logs of the active memtable. */
  #logsOfMemtable = 1
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
    reserve: SpaceReserve
    separation: Separation | undefined
    /** A log is ended when it would grow beyond. */
    logBytes: number
    durability: Durability
    relaxedBytes: number
    relaxedMs: number
    failed: (error: unknown) => void
  }) {
    this.#logs = o.logs
    this.#memtables = o.memtables
    this.#versions = o.versions
    this.#pressure = o.pressure
    this.#reserve = o.reserve
    this.#separation = o.separation
    this.#logBytes = o.logBytes
    this.#encoder = new BatchEncoder(undefined, o.separation)
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
    const refused = batch.grows && !this.#reserve.admits(batch.bytes)
    if (refused || this.#waiting.length > 0 || !this.#hasRoom(batch)) return this.#wait(batch, durable, refused)
    try {
      this.#write(batch)
    } catch (error) {
      if (isUnavailable(error) || isNoSpace(error)) return this.#wait(batch, durable, false)
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
      if (batch.grows) this.#admitNow(batch.bytes)
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
    const need = this.#need(batch)
    return need === 'nothing' || ((need === 'log' || this.#memtables.hasRoom) && this.#logs.hasSpare)
  }

  /** A log that is long enough is moved on from without a flush: the memtable has only pointers to the values in it. */
  #need({ bytes, memoryBytes, separatedBytes, count }: BatchSize): Need {
    if (!this.#memtables.fits(memoryBytes, count)) return 'memtable'
    const { current } = this.#logs
    const size = current.size + this.relaxedBytes
    const fits = size + bytes <= this.#logBytes && this.#isLittle(current.valueBytes + separatedBytes)
    if (size === 0 || fits) return 'nothing'
    return this.#logsOfMemtable < LOGS_MAX ? 'log' : 'memtable'
  }

  /** A log may have values of so many bytes. */
  #isLittle(valueBytes: number): boolean {
    return valueBytes <= LOG_VALUES_MIN || valueBytes <= this.#pressure.valueSpace.liveBytes * LOG_SHARE
  }

  #makeRoomNow(batch: BatchEncoder): void {
    while (!this.#hasRoomNow(batch)) {
      this.stalls++
      if (this.#pressure.refusal !== undefined) throw this.#pressure.refusal
      if (this.#memtables.hasRoom && this.#pressure.flushHelps && this.#logs.prepareNow()) {
        this.#rotate('memtable')
        continue
      }
      if (!this.#pressure.relieveNow() && !this.#hasRoomNow(batch))
        throw new LevelError('LEVEL_BUSY', 'compaction is behind, and a synchronous write cannot wait for it')
      this.#checkWritable()
    }
    if (this.#pressure.pressure === 'slow') this.#pressure.relieveNow()
  }

  #hasRoomNow(batch: BatchEncoder): boolean {
    if (this.#pressure.pressure === 'stop') return false
    const need = this.#need(batch)
    return need === 'nothing' || ((need === 'log' || this.#memtables.hasRoom) && this.#logs.prepareNow())
  }

  #rotate(need: Need = 'memtable'): void {
    if (need === 'nothing') return
    this.#relaxed?.flush()
    if (this.#poison !== undefined) throw this.#poisoned()
    const next = this.#logs.rotate().number
    this.#logsOfMemtable++
    if (need === 'log') return
    this.#memtables.rotate(next)
    this.#logsOfMemtable = 1
  }

  /** W1: there is room. */
  #write(batch: BatchEncoder): void {
    this.#rotate(this.#need(batch))
    const first = this.#versions.lastSequence + 1
    const parts = batch.parts(first)
    const { separatedBytes } = batch
    const held = this.#holdsBack(separatedBytes)
    let place: LogPlace | undefined
    if (!held) {
      const { current } = this.#logs
      const offset = current.appendNow(parts) ?? runSync(current.append(parts))
      if (separatedBytes > 0) {
        place = { log: current.number, offset }
        current.valueBytes += separatedBytes
      }
    }
    this.#memtables.active.addEncoded(batch, first, place)
    this.#versions.lastSequence = first + batch.count - 1
    if (held) this.#relaxed!.add(parts)
    this.batches++
    this.entries += batch.count
    this.bytes += batch.bytes
  }

  /**
   * The batch waits in the process. One with separated values does not: memtables point to where they lie in the log. What waits before it
   * goes with it.
   */
  #holdsBack(separatedBytes: number): boolean {
    const relaxed = this.#relaxed
    if (relaxed === undefined) return false
    if (separatedBytes === 0) return true
    relaxed.flush()
    if (this.#poison !== undefined) throw this.#poisoned()
    return false
  }

  #appendRelaxed(parts: readonly Bytes[]): void {
    try {
      runSync(this.#logs.current.append(parts))
    } catch (error) {
      this.poison(error)
      this.#failed(error)
    }
  }

  #wait(batch: BatchEncoder, sync: boolean, grows: boolean): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX || this.#waitingBytes + batch.bytes > WAITING_BYTES_MAX)
      throw new LevelError('LEVEL_BUSY', `${this.#waiting.length} writes of ${this.#waitingBytes} bytes wait already`)
    const record = Buffer.concat(batch.parts(1))
    this.#waitingBytes += record.length
    this.stalls++
    const { count, memoryBytes, separatedBytes } = batch
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, count, memoryBytes, separatedBytes, grows, sync, resolve, reject })
      this.#draining ??= this.#drain()
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
        const { record, memoryBytes, separatedBytes, count, grows } = next
        if (grows) await this.#admit(record.length)
        await this.#makeRoom({ bytes: record.length, memoryBytes, separatedBytes, count })
        await this.#writeLater(next)
        this.#done()
        if (next.sync) this.sync().then(next.resolve, next.reject)
        else next.resolve()
      } catch (error) {
        this.#done()
        next.reject(error)
      }
    }
    // In the step that saw nobody waiting: whoever comes next starts anew.
    this.#draining = undefined
  }

  /** What is under way may free space; after that the batch is refused. */
  async #admit(bytes: number): Promise<void> {
    while (!this.#reserve.admits(bytes)) {
      if (this.#poison !== undefined) throw this.#poisoned()
      if (this.#pressure.busy) await this.#pressure.relieved()
      else if (!(await this.#pressure.makeRoom()) || !this.#reserve.admits(bytes)) throw this.#reserve.refusal()
    }
  }

  #admitNow(bytes: number): void {
    while (!this.#reserve.admits(bytes)) {
      this.#checkWritable()
      if (!this.#pressure.relieveNow()) throw this.#reserve.refusal()
    }
  }

  #done(): void {
    this.#waitingBytes -= this.#waiting.shift()!.record.length
  }

  async #makeRoom(size: BatchSize): Promise<void> {
    for (;;) {
      if (this.#poison !== undefined) throw this.#poisoned()
      if (this.#pressure.pressure !== 'stop') {
        const need = this.#need(size)
        if (need === 'nothing') return
        if (need === 'log' || this.#memtables.hasRoom) {
          if (this.#logs.hasSpare) return this.#rotate(need)
          await this.#logs.prepared()
          continue
        }
      } else if (this.#memtables.hasRoom && this.#pressure.flushHelps) {
        if (this.#logs.hasSpare) this.#rotate('memtable')
        else await this.#logs.prepared()
        continue
      }
      if (this.#pressure.refusal !== undefined) throw this.#pressure.refusal
      await this.#pressure.relieved()
    }
  }

  async #writeLater({ record, count, separatedBytes }: Waiting): Promise<void> {
    const first = this.#versions.lastSequence + 1
    writeBatchHeader(record, record.length - BATCH_HEADER_BYTES, count, first)
    const verdict = decodeBatch(record)
    if (!verdict.ok)
      throw new Error(`an encoded batch does not decode: ${'fault' in verdict ? verdict.fault : 'short'}`)
    const held = this.#holdsBack(separatedBytes)
    const place = held ? undefined : await this.#appendLater(record, separatedBytes)
    const separation = separatedBytes > 0 ? this.#separation : undefined
    const separated = separation === undefined ? undefined : { separation, place: place! }
    this.#memtables.active.addBatch(verdict.batch, separated)
    this.#versions.lastSequence = first + count - 1
    if (held) this.#relaxed!.add([record])
    this.batches++
    this.entries += count
    this.bytes += record.length
  }

  async #appendWithRoom(log: LogWriter, record: Buffer): Promise<number> {
    try {
      return await runAsync(log.append([record]))
    } catch (error) {
      if (!isNoSpace(error) || !(await this.#pressure.makeRoom())) throw error
      return await runAsync(log.append([record]))
    }
  }

  async #appendLater(record: Buffer, separatedBytes: number): Promise<LogPlace> {
    const { current } = this.#logs
    const appending = this.#appendWithRoom(current, record)
    this.#appending = appending
    try {
      const offset = await appending
      current.valueBytes += separatedBytes
      return { log: current.number, offset }
    } finally {
      this.#appending = undefined
    }
  }
}

function isUnavailable(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'PFAOF_SYNC_UNAVAILABLE' || code === 'LEVEL_SYNC_UNAVAILABLE'
}
