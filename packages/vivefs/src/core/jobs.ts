/**
 * Background work of a volume: reclaims what big deletes and truncates left (format/job.ts), in bounded transactions,
 * one job at a time. The rows in the store are the truth; the queue here only saves reading them.
 */
import { setImmediate } from 'node:timers/promises'
import { invariant, ViveError } from '../errors.ts'
import { allocatedBytes, applyExtent, decodeExtent, type Segments } from '../format/extent.ts'
import { type ContentJob, decodeJob, encodeJob, type Job, type PurgeJob, type TrimJob } from '../format/job.ts'
import {
  extentRange,
  extentsOfInodeRange,
  jobKey,
  jobRange,
  nodeRange,
  numberOfKey,
  parseExtentKey,
} from '../format/keys.ts'
import { referenceRange, referencesOfInodeRange } from '../format/loan.ts'
import { type Op, runAsync } from '../op.ts'
import type { Bytes, KeyRange, Row } from '../store/store.ts'
import type { Call } from './call.ts'
import type { Core } from './core.ts'
import { corruption } from './corruption.ts'
import { disownAll, dropReferences, Loans } from './loans.ts'
import { superuser } from './mode.ts'

const QUEUE_MAX = 1024
/** Rows deleted in one transaction. */
const KEYS_PER_STEP = 1024
/** Rows read with their values in one transaction: more than the parts of one extent, few enough for memory. */
const ROWS_PER_STEP = 192
const BYTES_PER_STEP = 8 << 20

/** A step of a job in bounded time and space; answers what is left of it. */
export type OtherWork = (call: Call, job: Exclude<Job, ContentJob>) => Op<Job | undefined>

export class JobRunner {
  readonly #core: Core
  readonly #queue = new Map<number, Job>()
  #overflowed = false
  #running: Promise<void> | undefined
  #stopping = false
  #isPaused = false
  #failure: unknown
  #other: OtherWork | undefined

  constructor(core: Core) {
    this.#core = core
  }

  /** Who does the jobs that do not concern the content of one inode. */
  handOver(work: OtherWork): void {
    this.#other = work
  }

  /** Takes up a job whose row is committed. */
  start(id: number, job: Job): void {
    if (this.#queue.size < QUEUE_MAX) this.#queue.set(id, job)
    else this.#overflowed = true
    if (!this.#halts && this.#failure === undefined) this.#running ??= this.#run()
  }

  /** Takes up what an earlier session of the volume left. */
  *resume(): Op<void> {
    const rows = yield* this.#core.read(superuser, (call) => call.tx.range(jobRange))
    for (const row of rows) {
      const id = numberOfKey(row.key)
      this.#core.reserveJobIds(id)
      const job = decodeJob(row.key, row.value)
      if (!job.ok) throw corruption(`job ${id}`, job.fault)
      this.start(id, job.value)
    }
  }

  /** Waits until nothing is left to do; throws what stopped the work. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Stops between two transactions; what is left is taken up by the next open. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  get #halts(): boolean {
    return this.#stopping || this.#isPaused
  }

  /** Stops between two transactions, until `restart`. */
  async pause(): Promise<void> {
    this.#isPaused = true
    await this.#running
  }

  /** Goes on with the jobs that there are now. */
  *restart(): Op<void> {
    this.#isPaused = false
    this.#queue.clear()
    this.#overflowed = false
    yield* this.resume()
  }

  async #run(): Promise<void> {
    try {
      // Give the operation that started the job its acknowledgement first.
      await Promise.resolve()
      while (!this.#halts) {
        const next = this.#queue.entries().next()
        if (next.done) {
          if (!this.#overflowed) break
          this.#overflowed = false
          await runAsync(this.resume())
          continue
        }
        const [id, job] = next.value
        let rest: Job | undefined = job
        while (rest !== undefined && !this.#halts) {
          rest = await runAsync(this.#step(id, rest))
          // A store that answers on the spot would let nobody in between.
          await setImmediate()
        }
        if (rest === undefined) this.#queue.delete(id)
      }
    } catch (error) {
      // The rows stay; whoever waits for `idle` hears of it, and so does the next open.
      this.#failure = error ?? new ViveError('ERR_VIVEFS_INTERNAL', 'a job failed')
    } finally {
      this.#running = undefined
    }
  }

  /** One step of a job's work; what is left of it. */
  #work(call: Call, job: Job): Op<Job | undefined> {
    switch (job.kind) {
      case 'purge':
        return purge(call, job)
      case 'trim':
        return trim(call, job)
      default:
        invariant(this.#other !== undefined, 'jobs of snapshots need who does them')
        return this.#other(call, job)
    }
  }

  #step(id: number, job: Job): Op<Job | undefined> {
    const steps = (call: Call, of: Job): Op<Job | undefined> => this.#work(call, of)
    return this.#core.run(
      superuser,
      function* (call) {
        const rest = yield* steps(call, job)
        const key = jobKey(id)
        if (rest === undefined) call.tx.del(key)
        else if (rest !== job) call.tx.put(key, encodeJob(key, rest))
        return rest
      },
      { reclaims: true },
    )
  }
}

/** Deletes extents that the volume does not see any more; answers whether some had to stay, for whoever sees them still. */
function* deleteHidden(call: Call, all: readonly Bytes[], job: ContentJob): Op<boolean> {
  const { shared } = call.core.options
  const keys = job.shares === true ? yield* disownAll(call, all) : all
  const fates = shared?.shares(job.ino) === true ? yield* shared.fatesOf(call.tx, keys, job.since ?? 0) : []
  for (const [n, key] of keys.entries()) {
    if (fates[n] === 'delete') call.tx.del(key)
    else if (fates[n] !== 'leave') call.tx.discard(key)
  }
  return keys.length < all.length || fates.includes('leave')
}

/** References dropped in one transaction: the last of them deletes what they led to. */
const referencesPerStep = (call: Call): number =>
  Math.max(1, Math.min(256, Math.floor(BYTES_PER_STEP / call.core.superblock.extentBytes)))

/** The job after a step that ended at `last`. */
function goneOn<T extends ContentJob>(job: T, left: boolean, last: Bytes | undefined): T {
  return (left || job.after !== undefined) && last !== undefined ? { ...job, after: Buffer.from(last) } : job
}

/** Rows of a range behind what the job has dealt with. */
const goneOnRange = (range: KeyRange, { after }: ContentJob): KeyRange =>
  after === undefined || (range.gte !== undefined && Buffer.compare(after, range.gte) < 0)
    ? range
    : { ...range, gte: undefined, gt: after }

/** Deletes data first, the rows of the inode last; the volume's counter gives the bytes back at the end. */
function* purge(call: Call, job: PurgeJob): Op<Job | undefined> {
  if (job.shares === true) {
    const limit = referencesPerStep(call)
    const dropped = yield* dropReferences(call, referencesOfInodeRange(job.ino, limit))
    if (dropped.length === limit) return job
  }
  const range = goneOnRange(extentsOfInodeRange(job.ino, KEYS_PER_STEP), job)
  const extents = (yield* call.tx.range({ ...range, keysOnly: true })).map(({ key }) => key)
  const left = yield* deleteHidden(call, extents, job)
  if (extents.length === KEYS_PER_STEP) return goneOn(job, left, extents[extents.length - 1])
  const rows = yield* call.tx.range({ ...nodeRange(job.ino), limit: KEYS_PER_STEP, keysOnly: true })
  const keys = rows.map(({ key }) => key)
  const { shared } = call.core.options
  const fates = shared?.shares(job.ino) === true ? yield* shared.fatesOf(call.tx, keys, job.since ?? 0) : []
  // A name or an attribute is small: what somebody still sees of it is kept aside.
  for (const [n, key] of keys.entries()) {
    if ((fates[n] ?? 'discard') === 'discard') call.tx.discard(key)
    else call.tx.del(key)
  }
  if (rows.length === KEYS_PER_STEP) return goneOn(job, left, extents[extents.length - 1])
  call.giveBack(job.dataBytes)
  return undefined
}

function* trim(call: Call, job: TrimJob): Op<Job | undefined> {
  if (job.shares === true && (yield* dropHiddenReferences(call, job))) return job
  if (job.dataBytes < 0) return yield* countingTrim(call, job)
  const range = goneOnRange(extentRange(job.ino, job.epoch, job.from, KEYS_PER_STEP), job)
  const keys = (yield* call.tx.range({ ...range, keysOnly: true })).map(({ key }) => key)
  const left = yield* deleteHidden(call, keys, job)
  if (keys.length === KEYS_PER_STEP) return goneOn(job, left, keys[keys.length - 1])
  call.giveBack(job.dataBytes)
  return undefined
}

/** Drops what a trim hid of references, a step of it; answers whether there may be more. A counting trim counts them. */
function* dropHiddenReferences(call: Call, job: TrimJob): Op<boolean> {
  const { ino, epoch, from: index, to = Number.POSITIVE_INFINITY } = job
  const limit = referencesPerStep(call)
  const dropped = yield* dropReferences(call, referenceRange({ ino, epoch, index }, limit))
  if (job.dataBytes < 0 && dropped.length > 0) {
    let bytes = 0
    for (const each of dropped) if (each.place.index < to) bytes += each.bytes
    yield* countOut(call, job, bytes)
  }
  return dropped.length === limit
}

/** Takes what a counting trim deleted from the inode, as long as that counts the data epoch. */
function* countOut(call: Call, { ino, epoch: hidden }: TrimJob, bytes: number): Op<void> {
  const inode = yield* call.find(ino)
  if (inode?.epochs.some(({ epoch }) => epoch === hidden)) call.allocate(call.edit(inode), -bytes)
}

/** Deletes whole extents and takes what they held from the inode, as long as the inode still counts that epoch. */
function* countingTrim(call: Call, job: TrimJob): Op<Job | undefined> {
  const rows = yield* call.tx.range(goneOnRange(extentRange(job.ino, job.epoch, job.from, ROWS_PER_STEP), job))
  const isLast = rows.length < ROWS_PER_STEP
  const groups = groupByExtent(rows)
  if (!isLast) groups.pop()
  let bytes = 0
  const keys: Bytes[] = []
  const loans = job.shares === true ? yield* Loans.among(call, keysOf(rows)) : undefined
  for (const group of groups) {
    const parts: Segments[] = []
    for (const row of group) {
      const verdict = decodeExtent(row.key, row.value)
      if (!verdict.ok) throw corruption(`extent ${Buffer.from(row.key).toString('hex')}`, verdict.fault)
      parts.push(verdict.value)
      keys.push(row.key)
    }
    const index = parseExtentKey(group[0].key)?.index ?? 0
    const isOwned = loans?.of(group[0].key)?.isOwned ?? true
    if (isOwned && (job.to === undefined || index < job.to)) bytes += allocatedBytes(applyExtent(undefined, parts))
  }
  const left = yield* deleteHidden(call, keys, job)
  yield* countOut(call, job, bytes)
  return isLast ? undefined : goneOn(job, left, keys[keys.length - 1])
}

const keysOf = (rows: readonly Row[]): Bytes[] => rows.map(({ key }) => key)

function groupByExtent(rows: readonly Row[]): Row[][] {
  const groups: Row[][] = []
  let index = -1
  for (const row of rows) {
    const parts = parseExtentKey(row.key)
    if (parts === undefined) continue
    if (parts.index !== index) groups.push([])
    index = parts.index
    groups[groups.length - 1].push(row)
  }
  return groups
}
