import { LevelError } from '../error.ts'
import type { Memtable } from '../memtable/memtable.ts'
import type { Op } from '../op.ts'
import type { CompactionEngine } from './engine.ts'
import type { JobResult, MergeJob } from './job.ts'
import { runJob } from './run-job.ts'
import { openSources } from './sources.ts'
import type { TableFiles } from './table-files.ts'
import { PolledWait } from './task.ts'

/** Runs jobs: on the calling thread, in turns. */
export class JobRunner {
  readonly #engine: CompactionEngine
  /** How many turns a synchronous caller grants. */
  turns = 0

  constructor(engine: CompactionEngine) {
    this.#engine = engine
  }

  /** Does the job; the tables are in `files`, not yet durable. It ends with LEVEL_DATABASE_NOT_OPEN when `stopped` says so. */
  *run(
    job: MergeJob,
    memtables: readonly Memtable[],
    files: TableFiles,
    stopped: () => boolean = () => false,
  ): Op<JobResult> {
    const sources = yield* openSources(job, memtables, this.#engine.tables)
    const operator = this.#engine.mergeOperator
    return yield* runJob(job, { sources, operator, store: files, pause: () => this.#pause(stopped) })
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

  /** Waits until a worker has something to say; false: there is none to wait for. */
  waitForWorker(): boolean {
    return false
  }

  async close(): Promise<void> {}
}
