/** Snapshots of a volume that is being opened, and the cores that show them. */
import { Core } from '../core/core.ts'
import type { OtherWork } from '../core/jobs.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import { Incompat, type Superblock } from '../format/superblock.ts'
import { type Op, runAsync } from '../op.ts'
import type { TransactionalStore } from '../store/store.ts'
import type { SnapshotInfo } from './info.ts'
import { findRegistry, Registry, readRegistry, register, registryOf } from './registry.ts'
import { sweep } from './sweep.ts'
import { SnapshotReader, ViewStore } from './view-store.ts'

/** What a view's core may remember of content, bytes. */
const EXTENT_CACHE_BYTES = 4 << 20

/** Before the core of a volume is made: what its store has to keep. */
export async function openRegistry(
  store: TransactionalStore,
  superblock: Superblock,
  { readOnly, salvage }: { readOnly: boolean; salvage: boolean },
): Promise<Registry> {
  const isUsed = (superblock.features.incompat & Incompat.snapshots) !== 0
  const registry = isUsed ? await runAsync(readRegistry(store, salvage)) : new Registry()
  if (!readOnly) store.keepWith(registry.keeper)
  return registry
}

const work: OtherWork = function* (call, job) {
  if (job.kind === 'sweep') return yield* sweep(call, job)
  throw new ViveError('ERR_VIVEFS_INTERNAL', `no one does a job of kind ${job.kind}`)
}

/** After the core of a volume was made. */
export function attachRegistry(core: Core, registry: Registry): void {
  register(core, registry)
  core.jobs.handOver(work)
}

/** The core of a snapshot's view; one for each snapshot. */
export function openView(core: Core, info: SnapshotInfo): Core {
  const registry = registryOf(core)
  const open = registry.views.get(info.tag)
  if (open !== undefined) return open
  const view = new Core({
    store: new ViewStore(core.store, new SnapshotReader(info, registry.keeper)),
    superblock: core.superblock,
    runtime: core.runtime,
    counters: { inodes: info.inodes, dataBytes: info.dataBytes },
    atime: 'noatime',
    readOnly: true,
    extentCacheBytes: EXTENT_CACHE_BYTES,
    freeBytes: core.options.freeBytes,
  })
  registry.views.set(info.tag, view)
  return view
}

/** The core of the snapshot called `name`. ENOENT. */
export function viewOf(core: Core, name: string): Core {
  const info = registryOf(core).find(name)
  if (info === undefined) throw new FilesystemError('ENOENT')
  return openView(core, info)
}

/** All that a volume shows beside itself. Empty for a view. */
export function viewsOf(core: Core): { readonly name: string; readonly view: Core }[] {
  const registry = findRegistry(core)
  if (registry === undefined) return []
  return registry.keeper.snapshots.map((info) => ({ name: `snapshot ${info.name}`, view: openView(core, info) }))
}

/** Closes what shows snapshots and forks, before the volume closes. */
export function* closeViews(core: Core): Op<void> {
  const registry = registryOf(core)
  for (const view of [...registry.views.values(), ...registry.openForks.values()]) yield view.close()
  registry.views.clear()
  registry.openForks.clear()
}
