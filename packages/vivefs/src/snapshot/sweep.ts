/**
 * After the deletion of a snapshot: history that no snapshot needs goes (S3), and with the history of an inode the extents
 * that were left in place for it (S4). One pass over the keys of the history, in bounded steps.
 */
import type { Call } from '../core/call.ts'
import { corruption } from '../core/corruption.ts'
import { Loans } from '../core/loans.ts'
import type { DataEpoch } from '../format/inode.ts'
import { decodeInode } from '../format/inode.ts'
import { type ContentJob, decodeJob, type GroomJob, isContentJob, type SweepJob } from '../format/job.ts'
import { extentsOfInodeRange, inodeKey, jobRange, parseExtentKey, parseNodeKey } from '../format/keys.ts'
import { isAbsent } from '../format/snapshot.ts'
import {
  dataHistoryRange,
  historyRange,
  inoOfVersioned,
  metaHistoryRange,
  parseHistoryKey,
} from '../format/snapshot-keys.ts'
import type { Op } from '../op.ts'
import { keyText } from '../store/key.ts'
import type { Bytes, Row } from '../store/store.ts'
import type { SnapshotInfo } from './info.ts'
import { registryOf } from './registry.ts'

/** What a damaged inode row may lead to. */
const ANYTHING: readonly DataEpoch[] = []

/** Rows looked at in one step. */
const ROWS_PER_STEP = 128

/** One step; answers what is left to do. */
export function* sweep(call: Call, job: SweepJob): Op<SweepJob | undefined> {
  const { snapshots } = registryOf(call.core).keeper
  const rows = yield* nextRows(call, job.after)
  let budget = ROWS_PER_STEP
  let after = job.after
  let groom = job.groom
  for (const { key } of rows) {
    const parts = parseHistoryKey(key)
    if (parts === undefined) throw corruption('history', 'shape')
    const last = after === undefined ? undefined : parseHistoryKey(after)
    const previous = last?.key.equals(parts.key) ? last.tag : 0
    if (!isNeeded(snapshots, parts.key, previous, parts.tag)) {
      const node = parseNodeKey(parts.key)
      if (node?.sub === 'inode' && (groom !== undefined || (yield* mayHideExtents(call, node.ino, key)))) {
        const groomed = yield* groomInode(call, node.ino, key, groom, budget)
        groom = groomed.after
        budget -= groomed.rows
        if (!groomed.isDone) return { ...job, ...cursorOf(after), groom: groom! }
        groom = undefined
      }
      call.tx.del(key)
    }
    after = Buffer.from(key)
    if (--budget <= 0) break
  }
  if (rows.length === 0) return undefined
  const { groom: _, ...rest } = job
  return { ...rest, ...cursorOf(after) }
}

/** One step of a groom; answers what is left to do. */
export function* groom(call: Call, job: GroomJob): Op<GroomJob | undefined> {
  const { isDone, after } = yield* groomInode(call, job.ino, undefined, job.after, ROWS_PER_STEP)
  return isDone ? undefined : { ...job, after: after! }
}

const cursorOf = (after: Bytes | undefined): { after?: Bytes } => (after === undefined ? {} : { after })

/** Keys of the history behind `after`: metadata first, then data. */
function* nextRows(call: Call, after: Bytes | undefined): Op<readonly Row[]> {
  const rows: Row[] = []
  for (const range of [metaHistoryRange, dataHistoryRange]) {
    if (after !== undefined && Buffer.compare(after, range.lt) >= 0) continue
    const isInside = after !== undefined && Buffer.compare(after, range.gte!) > 0
    const start = isInside ? { gt: after } : { gte: range.gte! }
    const limit = ROWS_PER_STEP - rows.length
    if (limit > 0) rows.push(...(yield* call.tx.range({ ...start, lt: range.lt, limit, keysOnly: true })))
  }
  return rows
}

/** S3. `previous`: the tag of the history row before it, of the same key, or 0. */
export const isNeeded = (snapshots: readonly SnapshotInfo[], key: Bytes, previous: number, tag: number): boolean =>
  snapshots.some((each) => previous < each.tag && each.tag <= tag && inoOfVersioned(key) < each.nextIno)

/** Whether an old version of an inode leads to extents that the newest one does not. */
function* mayHideExtents(call: Call, ino: number, kept: Bytes): Op<boolean> {
  const was = yield* call.tx.get(kept)
  if (was === undefined || isAbsent(was)) return false
  const key = inodeKey(ino)
  return hides(key, was, yield* call.tx.get(key))
}

/** Whether the row `was` of an inode leads to extents that the row `now` does not. */
export function hides(key: Bytes, was: Bytes, now: Bytes | undefined): boolean {
  const before = decodeInode(key, was)
  if (before.ok && before.value.epochs.length === 0) return false
  const after = now === undefined ? undefined : decodeInode(key, now)
  if (!before.ok || !after?.ok) return true
  const { epochs } = after.value
  return !before.value.epochs.every(({ epoch, end }) => epochs.some((each) => each.epoch === epoch && each.end >= end))
}

/** Deletes up to `budget` extents that nobody sees once the history row `goes` is gone. */
function* groomInode(
  call: Call,
  ino: number,
  goes: Bytes | undefined,
  from: Bytes | undefined,
  budget: number,
): Op<{ isDone: boolean; rows: number; after: Bytes | undefined }> {
  const lists = yield* seenEpochs(call, ino, goes)
  const jobs = yield* jobsOf(call, ino)
  const whole = extentsOfInodeRange(ino, budget)
  const range = from === undefined ? whole : { ...whole, gte: undefined, gt: from }
  const rows = yield* call.tx.range({ ...range, keysOnly: true })
  const keys = rows.map(({ key }) => key)
  const loans = yield* Loans.among(call, keys)
  const lentOnce = yield* registryOf(call.core).keeper.lentOnce(call.tx, keys)
  for (const key of keys) {
    const at = parseExtentKey(key)
    if (at === undefined) throw corruption('extent', 'shape')
    const isSeen = lists.some(
      (epochs) => epochs === ANYTHING || epochs.some(({ epoch, end }) => epoch === at.epoch && at.index < end),
    )
    // What a job of the volume is about to delete, it may have to count.
    const isAhead = jobs.some((job) => job.kind === 'purge' || (job.epoch === at.epoch && job.from <= at.index))
    if (isSeen || isAhead || loans.of(key) !== undefined) continue
    if (lentOnce.has(keyText(key))) call.tx.del(key)
    else call.tx.discard(key)
  }
  const isDone = rows.length < budget
  return { isDone, rows: rows.length, after: isDone ? undefined : Buffer.from(rows[rows.length - 1]!.key) }
}

/** The data epochs of all versions of an inode that somebody sees: the newest, and those that snapshots need. */
export function* seenEpochs(call: Call, ino: number, goes?: Bytes): Op<(readonly DataEpoch[])[]> {
  const { tx } = call
  const { snapshots } = registryOf(call.core).keeper
  const key = inodeKey(ino)
  const versions: (Bytes | undefined)[] = [yield* tx.get(key)]
  let previous = 0
  for (const row of yield* tx.range(historyRange(key, 0))) {
    const { tag } = parseHistoryKey(row.key)!
    const stays = goes === undefined || keyText(row.key) !== keyText(goes)
    if (stays && !isAbsent(row.value) && isNeeded(snapshots, key, previous, tag)) versions.push(row.value)
    previous = tag
  }
  const lists: (readonly DataEpoch[])[] = []
  for (const row of versions) {
    if (row === undefined) continue
    const inode = decodeInode(key, row)
    lists.push(inode.ok ? inode.value.epochs : ANYTHING)
  }
  return lists
}

function* jobsOf(call: Call, ino: number): Op<ContentJob[]> {
  const jobs: ContentJob[] = []
  for (const { key, value } of yield* call.tx.range(jobRange)) {
    const job = decodeJob(key, value)
    if (!job.ok) throw corruption('job', job.fault)
    if (isContentJob(job.value) && job.value.ino === ino) jobs.push(job.value)
  }
  return jobs
}
