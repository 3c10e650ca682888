/** Making, opening and deleting forks: two rows each, whatever the size of the volume. */
import type { Call } from '../core/call.ts'
import { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { superuser } from '../core/mode.ts'
import { reclaimOrphans } from '../core/reclaim.ts'
import { FilesystemError } from '../errors.ts'
import type { UnforkJob } from '../format/job.ts'
import { countersKey, snapshotStateKey } from '../format/keys.ts'
import { encodeFork, encodeSnapshotState, TAG_MAX } from '../format/snapshot.ts'
import { forkedKey, forkedRanges, forkKey } from '../format/snapshot-keys.ts'
import { decodeCounters, encodeCounters } from '../format/superblock.ts'
import { type Op, pending, runAsync } from '../op.ts'
import { assertSnapshotName, create, removeRow } from './create.ts'
import { ForkRows, ForkStore } from './fork-store.ts'
import type { SnapshotInfo } from './info.ts'
import { type ForkInfo, readState, registryOf } from './registry.ts'
import { EXTENT_CACHE_BYTES, identityOf, SnapshotReader, withoutFeed } from './view-store.ts'

const KEYS_PER_STEP = 1024
const WAITS_MAX = 16

/** A fork of the snapshot `from`, or of the volume as it is now. EEXIST, ENOENT, EROFS. */
export function* createFork(core: Core, name: string, from: string | undefined): Op<ForkInfo> {
  assertSnapshotName(name)
  yield* pending(core.lazyTimes.flush())
  for (let waits = 0; ; waits++) {
    const info = yield* core.run(superuser, (call) => make(call, name, from), { reclaims: true })
    if (info !== undefined) return info()
    if (waits === WAITS_MAX) throw new FilesystemError('EBUSY')
    yield* pending(core.jobs.idle())
  }
}

function* make(call: Call, name: string, from: string | undefined): Op<(() => ForkInfo) | undefined> {
  const { core, tx } = call
  const registry = registryOf(core)
  if (registry.findFork(name) !== undefined) throw new FilesystemError('EEXIST')
  let base: (() => SnapshotInfo) | undefined
  if (from === undefined) {
    base = yield* create(call, name, true)
    if (base === undefined) return undefined
  } else {
    const found = registry.find(from)
    if (found === undefined) throw new FilesystemError('ENOENT')
    base = () => found
  }
  const state = yield* readState(tx)
  const tag = state.nextFork
  if (tag >= TAG_MAX) throw new FilesystemError('ENOSPC')
  const next = { ...state, nextFork: tag + 1 }
  tx.put(snapshotStateKey, encodeSnapshotState(next))
  const { sec, nsec } = call.now
  const createdMs = sec * 1000 + Math.floor(nsec / 1_000_000)
  const info = (): ForkInfo => ({ tag, name, createdMs, base: base().tag })
  const key = forkKey(tag)
  tx.putAtCommit(key, () => {
    const { tag: _, ...record } = info()
    return encodeFork(key, record)
  })
  tx.putAtCommit(forkedKey(tag, countersKey), () => encodeCounters(base()))
  tx.onCommit(() => {
    registry.state = next
    registry.forks = [...registry.forks, info()]
  })
  return info
}

/** The core of a fork; one for each. ERR_VIVEFS_CORRUPTION. */
export function openFork(core: Core, info: ForkInfo): Promise<Core> {
  const { openForks } = registryOf(core)
  let fork = openForks.get(info.tag)
  if (fork === undefined) {
    fork = mount(core, info)
    openForks.set(info.tag, fork)
    fork.catch(() => openForks.delete(info.tag))
  }
  return fork
}

async function mount(core: Core, info: ForkInfo): Promise<Core> {
  const registry = registryOf(core)
  const base = registry.keeper.snapshots.find(({ tag }) => tag === info.base)
  if (base === undefined) throw corruption(`the base of fork ${info.tag}`, 'missing')
  const reader = new SnapshotReader(base, registry.keeper)
  const stands = (): boolean => registry.forks.some(({ tag }) => tag === info.tag)
  const store = new ForkStore(registry.store, reader, info.tag, stands)
  const row = await runAsync(store.transact((tx) => tx.get(countersKey), { readOnly: true }))
  const counters = row === undefined ? undefined : decodeCounters(row)
  if (!counters?.ok) throw corruption(`the counters of fork ${info.tag}`, counters?.fault ?? 'missing')
  const fork = new Core({
    store,
    superblock: withoutFeed(core.superblock),
    runtime: core.runtime,
    counters: { ...counters.value },
    atime: core.options.atime,
    readOnly: core.options.readOnly,
    extentCacheBytes: EXTENT_CACHE_BYTES,
    freeBytes: core.options.freeBytes,
    identity: identityOf(core.superblock.volumeId, 'fork', info.tag),
    shared: new ForkRows(base.nextIno),
  })
  if (!core.options.readOnly) {
    await runAsync(fork.jobs.resume())
    await runAsync(reclaimOrphans(fork))
  }
  return fork
}

/** Closes what shows a fork; it can be opened again. */
export async function closeFork(core: Core, tag: number): Promise<void> {
  const { openForks } = registryOf(core)
  const fork = openForks.get(tag)
  openForks.delete(tag)
  await (await fork)?.close()
}

/** ENOENT, EROFS. Whatever shows the fork throws ERR_VIVEFS_CLOSED from then on. */
export async function deleteFork(core: Core, name: string): Promise<void> {
  assertSnapshotName(name)
  await runAsync(core.run(superuser, (call) => remove(call, name), { reclaims: true }))
}

function* remove(call: Call, name: string): Op<void> {
  const { core, tx } = call
  const registry = registryOf(core)
  const state = yield* readState(tx)
  const info = registry.findFork(name)
  if (info === undefined) throw new FilesystemError('ENOENT')
  tx.put(snapshotStateKey, encodeSnapshotState(state))
  tx.del(forkKey(info.tag))
  call.addJob({ kind: 'unfork', fork: info.tag })
  tx.onCommit(() => {
    registry.forks = registry.forks.filter(({ tag }) => tag !== info.tag)
    const open = registry.openForks.get(info.tag)
    registry.openForks.delete(info.tag)
    void open?.then(
      (fork) => fork.store.close(),
      () => {},
    )
  })
  const base = registry.keeper.snapshots.find(({ tag }) => tag === info.base)
  if (base?.isHidden) removeRow(call, base.tag)
}

/** Deletes a fork's rows; answers what is left to do. */
export function* unfork(call: Call, job: UnforkJob): Op<UnforkJob | undefined> {
  for (const range of forkedRanges(job.fork)) {
    const rows = yield* call.tx.range({ ...range, limit: KEYS_PER_STEP, keysOnly: true })
    for (const { key } of rows) call.tx.del(key)
    if (rows.length > 0) return job
  }
  return undefined
}
