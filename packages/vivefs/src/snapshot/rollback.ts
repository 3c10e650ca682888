/**
 * The volume becomes again what it was at a snapshot: an intent, bounded steps, and an end. Whoever uses the volume waits
 * meanwhile; a session that ends in the middle is finished by the next open, before anybody sees the volume.
 *
 * Each step puts back rows from the history, and what it replaces is kept for newer snapshots like any change.
 */
import { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { superuser } from '../core/mode.ts'
import { reclaimOrphans } from '../core/reclaim.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import type { FeedSlot } from '../feed/feed.ts'
import { decodeJob, encodeJob, isContentJob } from '../format/job.ts'
import { EXTENT, LOAN, NODE, ORPHAN, REFERENCE } from '../format/key-types.ts'
import { countersKey, jobKey, jobRange, numberOfKey, parseNodeKey, snapshotStateKey } from '../format/keys.ts'
import { writeU64 } from '../format/row.ts'
import { encodeSnapshotState, isAbsent, type SnapshotState } from '../format/snapshot.ts'
import { dataHistoryRange, inoOfVersioned, metaHistoryRange, parseHistoryKey } from '../format/snapshot-keys.ts'
import { encodeCounters } from '../format/superblock.ts'
import { type Op, runAsync } from '../op.ts'
import type { Bytes, KeyRange, Row, Tx } from '../store/store.ts'
import { assertSnapshotName } from './create.ts'
import type { SnapshotInfo } from './info.ts'
import { type Registry, readState, registryOf } from './registry.ts'
import { hides } from './sweep.ts'

const ROWS_PER_STEP = 256
const BYTES_PER_STEP = 8 << 20

/**
 * ENOENT; EROFS; EBUSY (a check or another rollback is under way). Open files whose inode is gone answer ESTALE. When it
 * does not come to its end, every call throws what stopped it, until the volume is opened again.
 */
export async function rollback(core: Core, name: string): Promise<void> {
  assertSnapshotName(name)
  const registry = registryOf(core)
  if (core.options.readOnly) throw new FilesystemError('EROFS')
  if (registry.find(name) === undefined) throw new FilesystemError('ENOENT')
  await core.leases.breakAll()
  await core.lazyTimes.flush()
  await core.jobs.pause()
  let isBegun = false
  const slot: FeedSlot = { seq: 0 }
  try {
    await core.freeze()
    const seal = core.seal()
    try {
      await runAsync(begin(core, registry, name, slot))
      isBegun = true
      await proceed(core)
      await core.quotas.recount()
      seal.open()
      core.feed.acknowledge(slot.seq)
    } catch (error) {
      if (isBegun) seal.fail(new ViveError('ERR_VIVEFS_STORE_FAILED', 'a rollback stopped half-way', { cause: error }))
      else seal.open()
      throw error
    } finally {
      core.thaw()
    }
  } finally {
    await runAsync(core.jobs.restart())
  }
  // Files that were open without a name when the snapshot was made.
  await runAsync(reclaimOrphans(core))
}

function* begin(core: Core, registry: Registry, name: string, slot: FeedSlot): Op<void> {
  yield* core.store.transact(
    function* (tx) {
      const info = registry.find(name)
      if (info === undefined) throw new FilesystemError('ENOENT')
      const state = { ...(yield* readState(tx)), rollback: { tag: info.tag } }
      tx.put(snapshotStateKey, encodeSnapshotState(state))
      core.quotas.markStale(tx)
      core.feed.recordRollback(new Call(core, tx, superuser), slot)
      tx.onCommit(() => {
        registry.state = state
      })
    },
    { reclaims: true },
  )
}

/** Goes on with the rollback that the state speaks of, to its end. Nobody else uses the volume. */
export async function proceed(core: Core): Promise<void> {
  const registry = registryOf(core)
  const { rollback: intent } = registry.state
  if (intent === undefined) return
  const info = registry.keeper.snapshots.find(({ tag }) => tag === intent.tag)
  if (info === undefined) throw corruption(`snapshot ${intent.tag}`, 'missing')
  const jobs = await runAsync(
    core.store.transact((tx) => tx.range({ ...jobRange, keysOnly: true }), { readOnly: true }),
  )
  for (const { key } of jobs) core.reserveJobIds(numberOfKey(key))
  for (;;) {
    const isDone = await runAsync(core.store.transact((tx) => step(core, registry, info, tx), { reclaims: true }))
    if (isDone) break
  }
  core.extents.clear()
}

type Stage = { readonly range: KeyRange; readonly work: 'delete' | 'leave' | 'restore' }

/** What lies under inodes that the snapshot does not know goes; what the history holds comes back. In the order of keys. */
function stagesOf({ nextIno }: SnapshotInfo): Stage[] {
  const newer = (type: number): KeyRange => {
    const gte = Buffer.alloc(9)
    gte[0] = type
    writeU64(gte, nextIno, 1)
    return { gte, lt: Buffer.of(type + 1) }
  }
  return [
    { range: newer(ORPHAN), work: 'delete' },
    { range: newer(NODE), work: 'delete' },
    { range: newer(REFERENCE), work: 'delete' },
    { range: newer(LOAN), work: 'delete' },
    { range: metaHistoryRange, work: 'restore' },
    { range: newer(EXTENT), work: 'leave' },
    { range: dataHistoryRange, work: 'restore' },
  ]
}

/** One transaction; answers whether it was the last. */
function* step(core: Core, registry: Registry, info: SnapshotInfo, tx: Tx): Op<boolean> {
  const state = yield* readState(tx)
  const after = state.rollback?.after
  const rowsMax = Math.max(1, Math.min(ROWS_PER_STEP, Math.floor(BYTES_PER_STEP / core.superblock.extentBytes)))
  for (const { range, work } of stagesOf(info)) {
    if (after !== undefined && Buffer.compare(after, range.lt) >= 0) continue
    const isInside = after !== undefined && Buffer.compare(after, range.gte!) >= 0
    const rest = isInside ? { gt: after, lt: range.lt } : range
    const limit = range === dataHistoryRange ? rowsMax : ROWS_PER_STEP
    const rows = yield* tx.range({ ...rest, limit, keysOnly: work !== 'restore' })
    if (rows.length === 0) continue
    if (work === 'restore') yield* restore(core, tx, rows, info, after)
    else yield* clear(registry, tx, rows, work)
    const next: SnapshotState = {
      ...state,
      rollback: { tag: info.tag, after: Buffer.from(rows[rows.length - 1]!.key) },
    }
    tx.put(snapshotStateKey, encodeSnapshotState(next))
    tx.onCommit(() => {
      registry.state = next
    })
    return false
  }
  yield* finish(core, registry, info, tx, state)
  return true
}

/** Puts back what rows were at a snapshot: of each key the history row with the lowest tag that is not below its own. */
function* restore(core: Core, tx: Tx, rows: readonly Row[], info: SnapshotInfo, after: Bytes | undefined): Op<void> {
  const { keeper } = registryOf(core)
  let done = after === undefined ? undefined : parseHistoryKey(after)
  for (const { key, value } of rows) {
    const at = parseHistoryKey(key)
    if (at === undefined) throw corruption('history', 'shape')
    const isDone = done !== undefined && done.tag >= info.tag && done.key.equals(at.key)
    done = at
    if (at.tag < info.tag || isDone || inoOfVersioned(at.key) >= info.nextIno) continue
    const row = Buffer.from(at.key)
    if (row[0] === EXTENT && !(yield* keeper.leadsTo(tx, info, row))) {
      // Not there, or there and hidden. It must not stay: numbers of data epochs begin again where the snapshot was.
      const [fate] = yield* keeper.fatesOf(tx, [row], keeper.stamp)
      if (fate === 'discard') tx.discard(row)
      else tx.del(row)
      continue
    }
    const node = parseNodeKey(row)
    if (node?.sub === 'inode') {
      const now = yield* tx.get(row)
      if (now !== undefined && hides(row, now, isAbsent(value) ? undefined : value)) addGroom(core, tx, node.ino)
    }
    if (isAbsent(value)) tx.del(row)
    else tx.put(row, value)
  }
}

/** Taken up when the rollback is over. */
function addGroom(core: Core, tx: Tx, ino: number): void {
  const key = jobKey(core.nextJobId())
  tx.put(key, encodeJob(key, { kind: 'groom', ino }))
}

function* clear(registry: Registry, tx: Tx, rows: readonly Row[], work: 'delete' | 'leave'): Op<void> {
  const keys = rows.map(({ key }) => key)
  const { keeper } = registry
  const fates = work === 'leave' ? yield* keeper.fatesOf(tx, keys, keeper.stamp) : []
  for (const [n, key] of keys.entries()) {
    if (work === 'delete' || fates[n] === 'delete') tx.del(key)
    else if (fates[n] === 'discard') tx.discard(key)
  }
}

/** Jobs that began after the snapshot are about what is there again; those from before go on. */
function* finish(core: Core, registry: Registry, info: SnapshotInfo, tx: Tx, state: SnapshotState): Op<void> {
  let { dataBytes } = info
  for (const { key, value } of yield* tx.range(jobRange)) {
    const job = decodeJob(key, value)
    if (!job.ok) throw corruption('job', job.fault)
    if (!isContentJob(job.value)) continue
    if ((job.value.since ?? 0) >= info.tag) {
      tx.del(key)
      addGroom(core, tx, job.value.ino)
    } else dataBytes += Math.max(0, job.value.dataBytes)
  }
  const { rollback: _, ...next } = state
  tx.put(snapshotStateKey, encodeSnapshotState(next))
  tx.onCommit(() => {
    registry.state = next
    core.counters.inodes = info.inodes
    core.counters.dataBytes = dataBytes
  })
  tx.putAtCommit(countersKey, () => encodeCounters(core.counters))
}
