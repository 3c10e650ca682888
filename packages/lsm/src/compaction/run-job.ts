import { pointerOf } from '../blob/blob-files.ts'
import type { BlobPointer } from '../blob/blob-pointer.ts'
import { ValueSink } from '../blob/value-sink.ts'
import type { Cursor } from '../cursor.ts'
import { BLOB, PUT } from '../kind.ts'
import type { MergeOperator } from '../merge-operator.ts'
import type { Op } from '../op.ts'
import { DeeperTables } from './deeper-tables.ts'
import { EntryRules } from './entry-rules.ts'
import type { JobResult, MergeJob } from './job.ts'
import type { Sources } from './sources.ts'
import { Stripes } from './stripes.ts'
import { type TableStore, TableWriter } from './table-writer.ts'
import { CoveringTombstones, keptTombstones } from './tombstone-rules.ts'

export interface RunOptions {
  readonly sources: Sources
  readonly operator: MergeOperator | undefined
  readonly store: TableStore
  /** A value that lies apart from its key; the memory is the caller's. */
  readonly readValue: (pointer: BlobPointer) => Op<Buffer>
  /** Lets others have the thread; undefined: the thread is ours. */
  readonly pause?: (() => Op<void>) | undefined
}

/** Entries between two looks at what is ready and at the clock. */
const ENTRIES_A_ROUND = 256
/** How long a round of entries may keep a shared thread. */
const TURN_MS = 2

/**
 * The work of every flush and compaction, on whatever thread: entries of the sources in order, through the rules, into tables. Closes
 * the sources, whatever happens.
 */
export function* runJob(job: MergeJob, { sources, operator, store, readValue, pause }: RunOptions): Op<JobResult> {
  const { cursor, tombstones } = sources
  const started = performance.now()
  try {
    const stripes = new Stripes(job.snapshots)
    const deeper = job.deeper === undefined ? undefined : new DeeperTables(job.deeper)
    const writer = new TableWriter(job, keptTombstones(tombstones, stripes, deeper), deeper, store)
    const values = new ValueSink(job.values, writer, store)
    const covering = new CoveringTombstones(tombstones)
    const rules = new EntryRules({ stripes, tombstones: covering, deeper, operator }, values)
    let entriesIn = 0
    let turn = performance.now()
    yield* cursor.first()
    while (cursor.valid) {
      entriesIn += yield* round(cursor, rules, readValue)
      if (values.ready) yield* values.drain()
      if (writer.ready) yield* writer.drain()
      if (pause === undefined || performance.now() - turn < TURN_MS) continue
      yield* pause()
      turn = performance.now()
    }
    rules.finish()
    yield* values.drain()
    yield* writer.finish()
    const milliseconds = performance.now() - started
    return { outputs: writer.outputs, entriesIn, entriesOut: writer.entries, milliseconds }
  } finally {
    cursor.close()
  }
}

function* round(cursor: Cursor, rules: EntryRules, readValue: RunOptions['readValue']): Op<number> {
  let entries = 0
  for (; entries < ENTRIES_A_ROUND && cursor.valid; entries++) {
    const { keyBytes, keyStart, keyEnd, sequence } = cursor
    if (cursor.kind === BLOB && rules.needsBase(keyBytes, keyStart, keyEnd, sequence)) {
      const value = yield* readValue(pointerOf(cursor.valueBytes, cursor.valueStart, cursor.valueEnd))
      rules.add(keyBytes, keyStart, keyEnd, sequence, PUT, value, 0, value.length)
      if (!cursor.nextNow()) yield* cursor.next()
      continue
    }
    rules.add(
      cursor.keyBytes,
      cursor.keyStart,
      cursor.keyEnd,
      cursor.sequence,
      cursor.kind,
      cursor.valueBytes,
      cursor.valueStart,
      cursor.valueEnd,
    )
    if (!cursor.nextNow()) yield* cursor.next()
  }
  return entries
}
