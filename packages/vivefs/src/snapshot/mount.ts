/** Snapshots of a volume that is being opened, and the cores that show them. */
import { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import type { OtherWork } from '../core/jobs.ts'
import { FilesystemError } from '../errors.ts'
import { Incompat, type Superblock } from '../format/superblock.ts'
import { runAsync } from '../op.ts'
import type { TransactionalStore } from '../store/store.ts'
import { openFork, unfork } from './fork.ts'
import type { SnapshotInfo } from './info.ts'
import { findRegistry, Registry, readRegistry, register, registryOf } from './registry.ts'
import { groom, sweep } from './sweep.ts'
import { EXTENT_CACHE_BYTES, identityOf, SnapshotReader, ViewStore, withoutFeed } from './view-store.ts'

/** Before the core of a volume is made: what its store has to keep. */
export async function openRegistry(
  store: TransactionalStore,
  superblock: Superblock,
  { readOnly, salvage }: { readOnly: boolean; salvage: boolean },
): Promise<Registry> {
  const isUsed = (superblock.features.incompat & Incompat.snapshots) !== 0
  const registry = isUsed ? await runAsync(readRegistry(store, salvage)) : new Registry(store)
  if (!readOnly) store.keepWith(registry.keeper)
  return registry
}

const work: OtherWork = function* (call, job) {
  if (job.kind === 'sweep') return yield* sweep(call, job)
  return job.kind === 'groom' ? yield* groom(call, job) : yield* unfork(call, job)
}

/** After the core of a volume was made. */
export function attachRegistry(core: Core, registry: Registry): void {
  register(core, registry)
  core.jobs.handOver(work)
  core.beforeClose(() => closeAll(registry))
}

function makeView(core: Core, info: SnapshotInfo, isAlone: boolean): Core {
  return new Core({
    store: new ViewStore(registryOf(core).store, new SnapshotReader(info, registryOf(core).keeper), isAlone),
    superblock: withoutFeed(core.superblock),
    runtime: core.runtime,
    counters: { inodes: info.inodes, dataBytes: info.dataBytes },
    atime: 'noatime',
    readOnly: true,
    extentCacheBytes: EXTENT_CACHE_BYTES,
    freeBytes: core.options.freeBytes,
    ...(isAlone ? {} : { identity: identityOf(core.superblock.volumeId, 'snapshot', info.tag) }),
  })
}

/** The core of a snapshot's view; one for each snapshot. */
export function openView(core: Core, info: SnapshotInfo): Core {
  const { views } = registryOf(core)
  let view = views.get(info.tag)
  if (view === undefined) {
    view = makeView(core, info, false)
    views.set(info.tag, view)
  }
  return view
}

/** A snapshot in the place of its volume. */
export function openViewAlone(core: Core, tag: number): Core {
  const info = registryOf(core).keeper.snapshots.find((each) => each.tag === tag)
  if (info === undefined) throw corruption(`snapshot ${tag}`, 'missing')
  return makeView(core, info, true)
}

/** The core of the snapshot called `name`. ENOENT. */
export function viewOf(core: Core, name: string): Core {
  const info = registryOf(core).find(name)
  if (info === undefined) throw new FilesystemError('ENOENT')
  return openView(core, info)
}

/** What a volume's snapshots show. Empty for a view. */
export function viewsOf(core: Core): { readonly name: string; readonly view: Core }[] {
  const snapshots = findRegistry(core)?.keeper.snapshots ?? []
  return snapshots.map((info) => ({ name: `snapshot ${info.name}`, view: openView(core, info) }))
}

/** The forks of a volume, but those whose base is missing. Empty for a view. */
export async function forksOf(core: Core): Promise<{ readonly name: string; readonly fork: Core }[]> {
  const forks: { readonly name: string; readonly fork: Core }[] = []
  const registry = findRegistry(core)
  for (const info of registry?.forks ?? []) {
    if (registry?.keeper.has(info.base) !== true) continue
    forks.push({ name: `fork ${info.name}`, fork: await openFork(core, info) })
  }
  return forks
}

/** Closes what shows snapshots and forks, before the volume closes. */
async function closeAll({ views, openForks }: Registry): Promise<void> {
  const forks = await Promise.allSettled(openForks.values())
  for (const fork of forks) if (fork.status === 'fulfilled') await fork.value.close()
  for (const view of views.values()) await view.close()
}
