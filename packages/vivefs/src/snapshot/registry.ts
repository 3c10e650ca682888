/** What snapshots and forks a volume has: read when it is opened, changed by commits. */
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { ViveError } from '../errors.ts'
import { snapshotStateKey } from '../format/keys.ts'
import {
  decodeFork,
  decodeSnapshot,
  decodeSnapshotState,
  type ForkRecord,
  type SnapshotState,
} from '../format/snapshot.ts'
import { forkRange, snapshotRange, tagOfKey } from '../format/snapshot-keys.ts'
import type { Op } from '../op.ts'
import type { TransactionalStore, Tx } from '../store/store.ts'
import type { SnapshotInfo } from './info.ts'
import { Keeper } from './keeper.ts'

export interface ForkInfo extends ForkRecord {
  readonly tag: number
}

const FRESH: SnapshotState = { next: 1, nextFork: 1 }

/** The snapshots and forks of a volume. */
export class Registry {
  readonly keeper = new Keeper()
  /** The volume's rows, without what a snapshot directory adds. */
  readonly store: TransactionalStore
  forks: readonly ForkInfo[] = []
  /** A rollback that an earlier session began. */
  state: SnapshotState = FRESH
  /** Cores of open views and forks, by tag. */
  readonly views = new Map<number, Core>()
  readonly openForks = new Map<number, Promise<Core>>()

  constructor(store: TransactionalStore) {
    this.store = store
  }

  /** Those with names. */
  find(name: string): SnapshotInfo | undefined {
    return this.keeper.snapshots.find((each) => each.name === name && !each.isHidden)
  }

  findFork(name: string): ForkInfo | undefined {
    return this.forks.find((each) => each.name === name)
  }
}

const registries = new WeakMap<Core, Registry>()

export const findRegistry = (core: Core): Registry | undefined => registries.get(core)

/** ERR_VIVEFS_UNSUPPORTED for a view or a fork: they have neither snapshots nor forks of their own. */
export function registryOf(core: Core): Registry {
  const registry = registries.get(core)
  if (registry === undefined) {
    throw new ViveError('ERR_VIVEFS_UNSUPPORTED', 'snapshots and forks have no snapshots and forks of their own')
  }
  return registry
}

export const register = (core: Core, registry: Registry): void => void registries.set(core, registry)

/** Reads what there is. ERR_VIVEFS_CORRUPTION for damaged rows, unless `salvage` skips them. */
export function* readRegistry(store: TransactionalStore, salvage: boolean): Op<Registry> {
  const registry = new Registry(store)
  yield* store.transact((tx) => fill(tx, registry, salvage), { readOnly: true })
  return registry
}

function* fill(tx: Tx, registry: Registry, salvage: boolean): Op<void> {
  const snapshots: SnapshotInfo[] = []
  for (const { key, value } of yield* tx.range(snapshotRange)) {
    const row = decodeSnapshot(key, value)
    if (row.ok) snapshots.push({ tag: tagOfKey(key), ...row.value })
    else if (!salvage) throw corruption(`snapshot ${tagOfKey(key)}`, row.fault)
  }
  const forks: ForkInfo[] = []
  for (const { key, value } of yield* tx.range(forkRange)) {
    const row = decodeFork(key, value)
    if (row.ok) forks.push({ tag: tagOfKey(key), ...row.value })
    else if (!salvage) throw corruption(`fork ${tagOfKey(key)}`, row.fault)
  }
  const row = yield* tx.get(snapshotStateKey)
  const state = row === undefined ? undefined : decodeSnapshotState(row)
  if (state !== undefined && !state.ok && !salvage) throw corruption('snapshot state', state.fault)
  if (state === undefined && snapshots.length > 0 && !salvage) throw corruption('snapshot state', 'missing')
  registry.state = state?.ok ? state.value : FRESH
  registry.forks = forks
  const highest = snapshots.reduce((tag, each) => Math.max(tag, each.tag), 0)
  registry.keeper.set(snapshots, Math.max(registry.state.next - 1, highest))
}

/** The state row. It joins the conflict set, so that changes of the registry come one after the other. */
export function* readState(tx: Tx): Op<SnapshotState> {
  const row = yield* tx.get(snapshotStateKey)
  if (row === undefined) return FRESH
  const state = decodeSnapshotState(row)
  if (!state.ok) throw corruption('snapshot state', state.fault)
  return state.value
}
