import { LevelError } from '../error.ts'
import type { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import type { TrafficReason } from '../storage/traffic.ts'
import { Lane, WorkerLostError } from '../worker/lane.ts'
import type { CompactionEngine } from './engine.ts'
import type { JobResult, MergeJob } from './job.ts'
import { runJob } from './run-job.ts'
import { openSources } from './sources.ts'
import type { CompactionCounters } from './stats.ts'
import type { TableFiles } from './table-files.ts'
import { PolledWait } from './task.ts'

/** Below so many bytes the way to a worker costs more than the work. */
const WORKER_BYTES_MIN = 64 * 1024
/** A synchronous caller believes a worker that says nothing for so long to be gone. */
const SILENCE_MS = 30_000

/** Which of the two workers does it: a flush does not wait for a compaction. */
export type JobKind = 'flush' | 'compaction'

export interface RunRequest {
  readonly kind: JobKind
  readonly job: MergeJob
  readonly memtables: readonly Memtable[]
  /** Bytes of the inputs. */
  readonly bytes: number
  readonly files: TableFiles
  /** What the bytes that are read are counted for. */
  readonly reason: TrafficReason
  /** True: the result is not wanted any more, the job ends with LEVEL_DATABASE_NOT_OPEN. */
  readonly stopped: () => boolean
}

/** Runs jobs: in workers, which are started when they are first needed, or on the calling thread, in turns. */
export class JobRunner {
  readonly #engine: CompactionEngine
  readonly #counters: CompactionCounters
  readonly #lanes = new Map<JobKind, Lane>()
  readonly #bell = new Int32Array(new SharedArrayBuffer(4))
  /** How many turns a synchronous caller grants to a job on its thread. */
  turns = 0

  constructor(engine: CompactionEngine, counters: CompactionCounters) {
    this.#engine = engine
    this.#counters = counters
  }

  /** Does the job; the tables are in `files`, not yet durable. */
  *run(request: RunRequest): Op<JobResult> {
    const lane = this.#laneFor(request)
    if (lane !== undefined) {
      const { job, memtables, files, reason, stopped } = request
      try {
        const shared = { ...job, memtables: memtables.map((memtable) => memtable.share()) }
        const result = yield* lane.run(shared, files, { reason, stopped })
        this.#counters.workerJobs++
        return result
      } catch (error) {
        if (!(error instanceof WorkerLostError)) throw error
        this.#counters.workerFailure = error.message
        yield* files.discard()
      }
    }
    return yield* this.#inline(request)
  }

  /** On this thread, with the readers that users have: what they read meanwhile counts for the job. */
  *#inline(request: RunRequest): Op<JobResult> {
    const heats = request.job.runs.flat().map(({ number }) => this.#engine.storage.heatOf(number))
    for (const heat of heats) heat.reader = request.reason
    try {
      return yield* this.#here(request)
    } finally {
      for (const heat of heats) heat.reader = 'user'
    }
  }

  *#here({ job, memtables, files, stopped }: RunRequest): Op<JobResult> {
    const sources = yield* openSources(job, memtables, this.#engine.tables)
    const { mergeOperator: operator } = this.#engine
    const { sources: values } = files.blobs
    return yield* runJob(job, {
      sources,
      operator,
      store: files,
      readValue: (pointer) => values.read(pointer),
      pause: () => this.#pause(stopped),
    })
  }

  *#pause(stopped: () => boolean): Op<void> {
    const later = () => new Promise<void>((resolve) => setImmediate(resolve))
    yield new PolledWait(
      later,
      () => {},
      () => this.turns-- > 0,
    )
    if (stopped()) throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the database is being closed')
  }

  #laneFor({ kind, bytes, memtables }: RunRequest): Lane | undefined {
    const { options, mergeOperator, mergeOperatorReference, storage } = this.#engine
    const { worker, workerBytesMin = WORKER_BYTES_MIN } = options
    if (worker === false || bytes < workerBytesMin || this.#counters.workerFailure !== undefined) return undefined
    if (mergeOperator !== undefined && mergeOperatorReference === undefined) return undefined
    if (memtables.some((memtable) => !memtable.shared)) return undefined
    const there = this.#lanes.get(kind)
    if (there !== undefined) return there
    try {
      const lane = new Lane(worker, storage, this.#bell)
      this.#lanes.set(kind, lane)
      return lane
    } catch (error) {
      this.#counters.workerFailure = `a worker could not be started: ${String(error)}`
      return undefined
    }
  }

  /** To be taken before looking for messages: what {@link waitForWorker} goes by. */
  get bell(): number {
    return Atomics.load(this.#bell, 0)
  }

  /** Blocks until a worker has said something since `bell`; false: there is none to wait for. */
  waitForWorker(bell: number): boolean {
    const busy = [...this.#lanes.values()].filter((lane) => lane.busy && lane.lost === undefined)
    if (busy.length === 0) return false
    if (Atomics.wait(this.#bell, 0, bell, SILENCE_MS) === 'timed-out') {
      for (const lane of busy) lane.lose(`a worker was silent for ${SILENCE_MS} ms`)
    }
    return true
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()))
    this.#lanes.clear()
  }
}
