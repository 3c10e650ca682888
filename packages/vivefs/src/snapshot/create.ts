/** Making and deleting snapshots: one row each, whatever the size of the volume. */
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { changeFeatures } from '../core/features.ts'
import { superuser } from '../core/mode.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import { decodeJob } from '../format/job.ts'
import { inodeLeaseKey, jobRange, snapshotStateKey } from '../format/keys.ts'
import { encodeSnapshot, encodeSnapshotState, TAG_MAX } from '../format/snapshot.ts'
import { snapshotKey } from '../format/snapshot-keys.ts'
import { decodeInodeLease, Incompat } from '../format/superblock.ts'
import { type Op, pending } from '../op.ts'
import type { SnapshotInfo } from './info.ts'
import { readState, registryOf } from './registry.ts'

const NAME_BYTES_MAX = 255
/** How often a snapshot waits for trims that count. */
const WAITS_MAX = 16

/** ERR_VIVEFS_OPTION for what cannot be the name of a directory entry. */
export function assertSnapshotName(name: unknown): asserts name is string {
  const isName =
    typeof name === 'string' &&
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    !/[/\0]/.test(name) &&
    Buffer.byteLength(name) <= NAME_BYTES_MAX
  if (!isName) throw new ViveError('ERR_VIVEFS_OPTION', 'name: 1 to 255 bytes without NUL and /, not . and ..')
}

/** EEXIST when the name is taken; EROFS. */
export function* createSnapshot(core: Core, name: string): Op<SnapshotInfo> {
  assertSnapshotName(name)
  yield* pending(core.lazyTimes.flush())
  for (let waits = 0; ; waits++) {
    const info = yield* core.run(superuser, (call) => create(call, name, false), { reclaims: true })
    if (info !== undefined) return info()
    // Bytes that a trim still has to count belong to no snapshot, nor do its references: there are none when it is made.
    if (waits === WAITS_MAX) throw new FilesystemError('EBUSY')
    yield* pending(core.jobs.idle())
  }
}

/**
 * Adds a snapshot as part of an operation; undefined when a trim has to count first. What it is is known when the operation is
 * ordered.
 */
export function* create(call: Call, name: string, isHidden: boolean): Op<(() => SnapshotInfo) | undefined> {
  const { core, tx } = call
  const registry = registryOf(core)
  const state = yield* readState(call.tx)
  if (!isHidden && registry.find(name) !== undefined) throw new FilesystemError('EEXIST')
  if (state.next >= TAG_MAX) throw new FilesystemError('ENOSPC')
  const lease = decodeInodeLease((yield* tx.get(inodeLeaseKey)) ?? Buffer.alloc(0))
  if (!lease.ok) throw corruption('inode lease', lease.fault)
  const jobBytes = yield* bytesOfJobs(call)
  if (jobBytes === undefined) return undefined
  if ((core.superblock.features.incompat & Incompat.snapshots) === 0) {
    yield* changeFeatures(call, (features) => ({ ...features, incompat: features.incompat | Incompat.snapshots }))
  }
  const tag = state.next
  const key = snapshotKey(tag)
  const { sec, nsec } = call.now
  const createdMs = sec * 1000 + Math.floor(nsec / 1_000_000)
  let info: SnapshotInfo | undefined
  tx.put(snapshotStateKey, encodeSnapshotState({ ...state, next: tag + 1 }))
  tx.putAtCommit(key, () => {
    const { tag: _, ...record } = info!
    return encodeSnapshot(key, record)
  })
  tx.onCommit(() => {
    const { inodes, dataBytes } = core.counters
    info = { tag, name, createdMs, nextIno: lease.value.next, inodes, dataBytes: dataBytes - jobBytes, isHidden }
    registry.state = { ...state, next: tag + 1 }
    registry.keeper.set([...registry.keeper.snapshots, info], tag)
    // Numbers that are leased and not in use yet are below `nextIno`: they stay unused.
    core.forgetLease()
    core.store.overtake()
  })
  return () => info!
}

/** Bytes that jobs have still to give back to the counters; undefined while one of them counts, or lets go of what is shared. */
function* bytesOfJobs(call: Call): Op<number | undefined> {
  let bytes = 0
  for (const { key, value } of yield* call.tx.range(jobRange)) {
    const job = decodeJob(key, value)
    if (!job.ok) throw corruption('job', job.fault)
    if (job.value.kind !== 'purge' && job.value.kind !== 'trim') continue
    // What it lets go of would be counted in a snapshot that is made before (FORMAT.md R6).
    if (job.value.dataBytes < 0 || job.value.shares === true) return undefined
    bytes += job.value.dataBytes
  }
  return bytes
}

/**
 * Deletes a snapshot; a job deletes what only it saw. ENOENT; EBUSY when a fork stands on it; EROFS. Its views throw
 * ERR_VIVEFS_CLOSED from then on.
 */
export function* deleteSnapshot(core: Core, name: string): Op<void> {
  assertSnapshotName(name)
  yield* core.run(superuser, (call) => remove(call, name), { reclaims: true })
}

function* remove(call: Call, name: string): Op<void> {
  const registry = registryOf(call.core)
  const state = yield* readState(call.tx)
  const info = registry.find(name)
  if (info === undefined) throw new FilesystemError('ENOENT')
  if (registry.forks.some(({ base }) => base === info.tag)) throw new FilesystemError('EBUSY')
  call.tx.put(snapshotStateKey, encodeSnapshotState(state))
  removeRow(call, info.tag)
}

/** Deletes the row of a snapshot that nothing stands on, and begins the sweep. */
export function removeRow(call: Call, tag: number): void {
  const { core, tx } = call
  const { keeper, views } = registryOf(core)
  tx.del(snapshotKey(tag))
  call.addJob({ kind: 'sweep' })
  tx.onCommit(() => {
    keeper.set(
      keeper.snapshots.filter((each) => each.tag !== tag),
      keeper.stamp,
    )
    views.delete(tag)
    core.store.overtake()
  })
}
