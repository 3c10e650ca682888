import { BlobFiles } from '../blob/blob-files.ts'
import { type BlobMap, NO_BLOBS, nextBlobs } from '../blob/next-blobs.ts'
import { Separation } from '../blob/separation.ts'
import { compareBytes } from '../bytes.ts'
import { BlockCache } from '../cache/block-cache.ts'
import { TableCache } from '../cache/table-cache.ts'
import type { MergeJob, TableShape } from '../compaction/job.ts'
import { plainPlan } from '../compaction/placements.ts'
import { runJob } from '../compaction/run-job.ts'
import { openSources } from '../compaction/sources.ts'
import { TableFiles } from '../compaction/table-files.ts'
import { isLevelError, LevelError } from '../error.ts'
import { LogReader } from '../log/log-reader.ts'
import type { BlobFileMeta } from '../manifest/version-edit.ts'
import { Memtable } from '../memtable/memtable.ts'
import type { MergeOperator } from '../merge-operator.ts'
import type { Op } from '../op.ts'
import type { FileKind, Storage, StoredFile } from '../storage/storage.ts'
import { TableReader } from '../table/table-reader.ts'
import type { TableMeta } from '../table-meta.ts'
import { isBefore, sumBytes } from './table-range.ts'
import { EMPTY_TREE } from './tree-state.ts'
import { LEVELS } from './version.ts'
import { VersionSet } from './version-set.ts'

export interface RepairOptions {
  readonly shape: TableShape
  /** Bytes of the tables that are written. */
  readonly tableBytes: number
  /** Operands stay as they are without it. */
  readonly mergeOperator?: MergeOperator | undefined
  /** Looks and changes nothing. */
  readonly dryRun?: boolean
}

export interface RepairReport {
  readonly tables: number
  readonly logs: number
  /** What could not be used, or not to its end. It is gone after the repair. */
  readonly damaged: readonly { readonly kind: FileKind; readonly number: number; readonly what: string }[]
  /** Of the tables written; 0 after a dry run. */
  readonly entries: number
  readonly lastSequence: number
  /** The new tables. */
  readonly outputs: readonly TableMeta[]
}

const CACHE_BYTES = 8 << 20
const SPARE_NUMBERS = 16
/** Values in logs from this size on stay there. */
const SEPARATION = new Separation({ bytes: 4096, rules: [] })
const MEMTABLE_BYTES = 1 << 20

/** What a look at all files found. */
interface Found {
  readonly metas: TableMeta[]
  readonly memtables: Memtable[]
  readonly logs: number
  readonly damaged: { kind: FileKind; number: number; what: string }[]
  lastSequence: number
}

/**
 * Makes a database whose manifest is lost usable again, from the tables and logs that are there: all of them are merged by sequence number
 * into new tables of the last level, under a new manifest; then the old files go. It needs as much space again as the tables take.
 *
 * What it cannot know: named snapshots are gone. Which tables a compaction had just replaced nobody can tell: those are removed
 * within moments, but where one is left, keys that were deleted since may come back, and operands may count twice. Tables that are
 * damaged are left out as a whole, logs from the damage on. Values that lie apart from their keys stay where they are.
 *
 * A log that a table refers to was flushed as a whole: it is not replayed, so that what was deleted since stays so. Where a table is damaged
 * it is, since the log may have what that table had.
 */
export function* repair(storage: Storage, o: RepairOptions): Op<RepairReport> {
  const files = [...storage.list()].sort((a, b) => a.number - b.number)
  const cache = new BlockCache(CACHE_BYTES)
  const found = yield* look(storage, files, cache)
  const { metas, memtables, logs, damaged, lastSequence } = found
  const report = { tables: metas.length, logs, damaged, lastSequence }
  if (o.dryRun === true) return { ...report, entries: 0, outputs: [] }
  let next = files.reduce((most, { number }) => Math.max(most, number), 0) + 1
  const job = jobOf(metas, memtables, next, o)
  next += job.numbers.length
  const blobs = new BlobFiles(storage)
  const tables = new TableCache((number) => openFile(storage, number), cache, Math.max(1, metas.length))
  const written = new TableFiles(storage, plainPlan(o.tableBytes), blobs)
  let outputs: readonly TableMeta[] = []
  try {
    const sources = yield* openSources(job, memtables, tables)
    const result = yield* runJob(job, {
      sources,
      operator: o.mergeOperator,
      store: written,
      readValue: (pointer) => blobs.read(pointer),
    })
    yield* written.seal()
    outputs = result.outputs
  } catch (error) {
    yield* written.discard()
    throw error
  }
  const levels = EMPTY_TREE.levels.map((none, level) => (level === LEVELS - 1 ? outputs : none))
  const versions = yield* VersionSet.createFrom(storage, {
    ...EMPTY_TREE,
    levels,
    blobs: valueFiles(files, outputs, damaged),
    lastSequence,
    nextNumber: next + 1,
    logNumber: next,
  })
  yield* versions.removeOrphans()
  yield* versions.close()
  return { ...report, entries: outputs.reduce((sum, { entries }) => sum + entries, 0), outputs }
}

/** The files that the new tables refer to. One that is missing is in the tree all the same: whoever reads a value in it is told. */
function valueFiles(files: readonly StoredFile[], outputs: readonly TableMeta[], damaged: Found['damaged']): BlobMap {
  const found = new Map<number, BlobFileMeta & { values: number; live: number }>()
  for (const { blobs = [], createdMs } of outputs) {
    for (const { file: number, kind, values, bytes } of blobs) {
      const known = found.get(number)
      const size = files.find((one) => one.kind === kind && one.number === number)?.bytes ?? 0
      const sum = { values: values + (known?.values ?? 0), live: bytes + (known?.live ?? 0) }
      found.set(number, {
        number,
        kind,
        bytes: size,
        createdMs: Math.min(createdMs, known?.createdMs ?? createdMs),
        ...sum,
      })
    }
  }
  const metas = [...found.values()].map(({ values, live, ...meta }) => {
    if (meta.bytes >= live) return meta
    damaged.push({
      kind: meta.kind,
      number: meta.number,
      what: `${values} values in it are lost: it is missing or cut off`,
    })
    return { ...meta, bytes: live }
  })
  const added = outputs.map((meta) => ({ level: LEVELS - 1, meta }))
  const map = nextBlobs(NO_BLOBS, EMPTY_TREE.levels, { blobs: metas, added })
  if ('fault' in map) throw new LevelError('LEVEL_CORRUPTION', map.fault)
  return map
}

function* openFile(storage: Storage, number: number) {
  return { file: yield* storage.open('table', number) }
}

function* look(storage: Storage, files: readonly StoredFile[], cache: BlockCache): Op<Found> {
  const found: Found = { metas: [], memtables: [], logs: 0, damaged: [], lastSequence: 0 }
  let logs = 0
  const order = [...files.filter(({ kind }) => kind === 'table'), ...files.filter(({ kind }) => kind === 'log')]
  for (const { kind, number, bytes } of order) {
    try {
      if (kind === 'table') yield* lookAtTable(storage, number, bytes, cache, found)
      else if (bytes > 0 && (found.damaged.length > 0 || !isReferredTo(found.metas, number))) {
        logs++
        yield* lookAtLog(storage, number, found)
      }
    } catch (error) {
      if (!isLevelError(error) || (error.code !== 'LEVEL_CORRUPTION' && error.code !== 'LEVEL_FORMAT')) throw error
      found.damaged.push({ kind, number, what: error.message })
    }
  }
  return { ...found, logs }
}

function isReferredTo(metas: readonly TableMeta[], file: number): boolean {
  return metas.some(({ blobs }) => blobs?.some((reference) => reference.file === file) === true)
}

function* lookAtTable(storage: Storage, number: number, bytes: number, cache: BlockCache, found: Found): Op<void> {
  const reader = yield* TableReader.open(yield* storage.open('table', number), { number, bytes }, cache)
  const fault = yield* reader.verify()
  const { meta } = reader
  reader.close()
  if (fault !== undefined) {
    found.damaged.push({ kind: 'table', number, what: fault.what })
    return
  }
  found.metas.push(meta)
  found.lastSequence = Math.max(found.lastSequence, meta.largestSequence)
}

/** The batches up to the damage count. */
function* lookAtLog(storage: Storage, number: number, found: Found): Op<void> {
  const file = yield* storage.open('log', number)
  const memtable = new Memtable({ bytesMax: Math.min(file.size, MEMTABLE_BYTES) })
  const reader = new LogReader(file, number)
  try {
    yield* reader.replay((batch, offset) => {
      memtable.addBatch(batch, { separation: SEPARATION, place: { log: number, offset } })
    })
  } finally {
    if (!memtable.empty) found.memtables.push(memtable)
    found.lastSequence = Math.max(found.lastSequence, memtable.lastSequence)
  }
}

function jobOf(
  metas: readonly TableMeta[],
  memtables: readonly Memtable[],
  number: number,
  o: RepairOptions,
): MergeJob {
  const bytes = sumBytes(metas) + memtables.reduce((sum, memtable) => sum + memtable.bytes, 0)
  const outputs = Math.ceil((2 * bytes) / o.tableBytes) + SPARE_NUMBERS
  return {
    runs: runsOf(metas),
    memtables: [],
    snapshots: [],
    deeper: [],
    numbers: Array.from({ length: outputs }, (_, i) => number + i),
    tableBytes: o.tableBytes,
    overlapBytesMax: Number.MAX_SAFE_INTEGER,
    createdMs: metas.reduce((oldest, { createdMs }) => Math.min(oldest, createdMs), Number.MAX_SAFE_INTEGER),
    shape: o.shape,
    values: { rewrite: [], separation: { bytes: Number.POSITIVE_INFINITY, rules: [] }, numbers: [], fileBytes: 0 },
    verify: true,
    mergeOperator: undefined,
  }
}

/** As few sorted, disjoint runs as possible: each table goes to the first that it lies behind. */
function runsOf(metas: readonly TableMeta[]): TableMeta[][] {
  const runs: TableMeta[][] = []
  for (const meta of [...metas].sort((a, b) => compareBytes(a.smallest, b.smallest))) {
    const run = runs.find((one) => isBefore(one[one.length - 1]!, meta))
    if (run === undefined) runs.push([meta])
    else run.push(meta)
  }
  return runs
}
