import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { BlobPointer } from '../blob/blob-pointer.ts'
import { BlockCache } from '../cache/block-cache.ts'
import { TableCache } from '../cache/table-cache.ts'
import type { JobResult, MergeJob } from '../compaction/job.ts'
import { runJob } from '../compaction/run-job.ts'
import { openSources } from '../compaction/sources.ts'
import type { TableStore } from '../compaction/table-writer.ts'
import { loadOperator } from '../db/merge-operators.ts'
import { LevelError } from '../error.ts'
import { Memtable } from '../memtable/memtable.ts'
import type { MergeOperator } from '../merge-operator.ts'
import { type Op, runSync } from '../op.ts'
import type { RandomReader } from '../table/random-reader.ts'
import { Mailbox } from './mailbox.ts'
import type { JobError, ToWorker, WorkerSetup } from './protocol.ts'
import { RemoteTable } from './remote-table.ts'

/** Inputs are read once: their filters and indexes are all that is kept. */
const CACHE_BYTES = 1 << 20

/** Serves one owner: takes jobs and does them, one after the other. */
export function serve(setup: WorkerSetup): void {
  const collect = collector()
  const mailbox = new Mailbox(setup)
  mailbox.port.on('message', (message: ToWorker) => {
    // Between jobs: answers to one that ended before, and the memory of its last chunks.
    if (message.kind === 'taken') mailbox.chunks.give(message.parts)
    if (message.kind !== 'job') return
    void doJob(message.job, mailbox).then(() => setImmediate(collect))
  })
  mailbox.post({ kind: 'ready' })
}

/**
 * A full collection after each job: filters, indexes and the like are memory outside of the heap, of which V8 would let tens of megabytes
 * pass. The heap of a worker is small; it takes a few milliseconds, here.
 */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('typeof gc === "function" ? gc : undefined')
  return typeof collect === 'function' ? (collect as () => void) : () => {}
}

async function doJob(job: MergeJob, mailbox: Mailbox): Promise<void> {
  mailbox.begin()
  try {
    const { operator } = await loadOperator(job.mergeOperator)
    mailbox.post({ kind: 'done', result: runSync(remoteJob(job, operator, mailbox)) })
  } catch (error) {
    mailbox.post({ kind: 'failed', error: describe(error) })
  }
}

function* remoteJob(job: MergeJob, operator: MergeOperator | undefined, mailbox: Mailbox): Op<JobResult> {
  const metas = new Map(job.runs.flat().map((meta) => [meta.number, meta]))
  const open = function* (number: number): Op<{ file: RandomReader }> {
    return { file: new RemoteTable(number, metas.get(number)!.bytes, mailbox) }
  }
  // A run has one table open at a time; one that is evicted goes on working for whoever has it.
  const tables = new TableCache(open, new BlockCache(CACHE_BYTES), job.runs.length + 1)
  const store: TableStore = {
    chunks: mailbox.chunks,
    *write(table, parts) {
      if (mailbox.stopped) throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the database is being closed')
      mailbox.write(table, parts)
    },
    *end(meta) {
      mailbox.post({ kind: 'end', meta })
    },
    *values(file, items) {
      if (mailbox.stopped) throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the database is being closed')
      mailbox.values(file, items)
    },
  }
  const readValue = function* ({ kind, file, offset, length }: BlobPointer): Op<Buffer> {
    const bytes = mailbox.answer(mailbox.ask(kind, file, offset, length))
    if (bytes.length !== length) throw new LevelError('LEVEL_CORRUPTION', `${kind}-${file}: a value is cut off`)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  try {
    const memtables = job.memtables.map((shared) => Memtable.from(shared))
    const sources = yield* openSources(job, memtables, tables)
    return yield* runJob(job, { sources, operator, store, readValue })
  } finally {
    tables.clear()
  }
}

function describe(error: unknown): JobError {
  if (!(error instanceof Error)) return { code: undefined, message: String(error), stack: undefined }
  const { code } = error as { code?: unknown }
  return { code: typeof code === 'string' ? code : undefined, message: error.message, stack: error.stack }
}
