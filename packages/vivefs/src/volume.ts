/** Makes or mounts a volume on an open database: superblock, counters, leases, and what the last session left. */

import { type AtimePolicy, Core } from './core/core.ts'
import { corruption } from './core/corruption.ts'
import { S_IFDIR } from './core/mode.ts'
import { reclaimOrphans } from './core/reclaim.ts'
import type { Engine } from './engine/engine.ts'
import { ViveError } from './errors.ts'
import { EXTENT_BYTES_DEFAULT } from './format/extent.ts'
import { encodeInode, freshInode } from './format/inode.ts'
import { countersKey, inodeKey, inodeLeaseKey, superblockKey } from './format/keys.ts'
import {
  type Counters,
  decodeCounters,
  decodeSuperblock,
  encodeCounters,
  encodeInodeLease,
  encodeSuperblock,
  FEATURES_KNOWN,
  FEATURES_NONE,
  FORMAT_VERSION,
  type Superblock,
} from './format/superblock.ts'
import { type Op, runAsync } from './op.ts'
import type { Runtime } from './runtime.ts'
import { type SnapshotDirectory, withSnapshotDirectory } from './snapshot/directory-store.ts'
import { attachRegistry, openRegistry, openViewAlone } from './snapshot/mount.ts'
import { proceed } from './snapshot/rollback.ts'
import type { TransactionalStore, Tx } from './store/store.ts'

export const ROOT_INO = 1

/** What mkfs decides for good. */
export interface NewVolume {
  readonly volumeId: string
  readonly extentBytes: number
  readonly label: string
  readonly owner: { readonly uid: number; readonly gid: number }
}

export interface MountOptions {
  readonly runtime: Runtime
  readonly atime: AtimePolicy
  readonly readOnly: boolean
  /** Somebody else changes it. */
  readonly isFollower?: boolean
  readonly extentCacheBytes: number
  /** Shows snapshots in a directory of the root. */
  readonly snapshotDirectory?: SnapshotDirectory | undefined
  /** Make a volume when there is none. */
  readonly create: NewVolume | undefined
  /** Refuse when there is a volume. */
  readonly mustBeNew: boolean
  /** Mount in spite of damage, for fsck: no background work starts, unreadable counters are zero. */
  readonly salvage: boolean
  /** The identity of a volume whose superblock cannot be read, for a salvage. */
  readonly volumeId?: string | undefined
  /** Told what a salvage does without. */
  readonly onLost?: (what: string) => void
}

interface Found {
  readonly superblock: Superblock
  readonly counters: Counters
  /** What a salvage does without. */
  readonly lost: readonly string[]
  readonly isSeedLost: boolean
}

/**
 * Errors: ERR_VIVEFS_NOT_A_VOLUME, ERR_VIVEFS_EXISTS, ERR_VIVEFS_FORMAT (with `found` and `supported`),
 * ERR_VIVEFS_CORRUPTION.
 */
export async function mountVolume(store: TransactionalStore, engine: Engine, options: MountOptions): Promise<Core> {
  const { create, mustBeNew, runtime, salvage } = options
  let found = await runAsync(readVolume(store, options))
  if (found !== undefined && mustBeNew) throw new ViveError('ERR_VIVEFS_EXISTS', 'there is a volume already')
  if (found === undefined) {
    if (create === undefined || options.readOnly) {
      throw new ViveError('ERR_VIVEFS_NOT_A_VOLUME', 'the database holds no ViveFS volume')
    }
    found = await runAsync(makeVolume(store, runtime, create))
  }
  const registry = await openRegistry(store, found.superblock, options)
  const { snapshotDirectory } = options
  const shown =
    snapshotDirectory === undefined
      ? store
      : await withSnapshotDirectory(store, registry.keeper, found.superblock, snapshotDirectory)
  const core = new Core({
    store: shown,
    superblock: found.superblock,
    runtime,
    counters: { ...found.counters },
    atime: options.atime,
    readOnly: options.readOnly,
    isFollower: options.isFollower === true,
    extentCacheBytes: options.extentCacheBytes,
    freeBytes: engine.freeBytes,
    shared: registry.keeper,
    isSeedLost: found.isSeedLost,
  })
  for (const what of found.lost) options.onLost?.(what)
  attachRegistry(core, registry)
  const { rollback } = registry.state
  if (rollback !== undefined && !salvage) {
    // Half of one is nothing to look at: the snapshot it goes to is what it will end in.
    if (options.readOnly) return openViewAlone(core, rollback.tag)
    await proceed(core)
  }
  if (!salvage) {
    await runAsync(core.feed.mount())
    await core.quotas.mount()
  }
  if (!options.readOnly && !salvage) {
    // First the jobs that are there: an orphan's purge takes a number above theirs.
    await runAsync(core.jobs.resume())
    await runAsync(reclaimOrphans(core))
  }
  return core
}

function* readVolume(store: TransactionalStore, options: MountOptions): Op<Found | undefined> {
  return yield* store.transact((tx) => findVolume(tx, options), { readOnly: true })
}

function* findVolume(tx: Tx, options: MountOptions): Op<Found | undefined> {
  const { readOnly, salvage } = options
  const lost: string[] = []
  const row = yield* tx.get(superblockKey)
  const mayDoWithout = salvage && readOnly && options.volumeId !== undefined
  if (row === undefined && !mayDoWithout) {
    // The store's own marker apart, nothing may be there: a stranger's database is not ours to fill.
    const [stranger] = yield* tx.range({ gt: Buffer.of(0), lt: Buffer.of(0xff, 0xff), limit: 1, keysOnly: true })
    if (stranger === undefined) return undefined
    throw new ViveError('ERR_VIVEFS_NOT_A_VOLUME', 'the database holds data, but no ViveFS volume')
  }
  const verdict = row === undefined ? { ok: false as const, fault: 'missing' } : decodeSuperblock(row)
  let superblock: Superblock
  if (verdict.ok) superblock = verdict.value
  else {
    if (!mayDoWithout) throw new ViveError('ERR_VIVEFS_CORRUPTION', `the superblock is damaged: ${verdict.fault}`)
    superblock = stopgap(options.volumeId)
    lost.push(`the superblock (${verdict.fault}): names are found by looking through directories`)
  }
  assertSupported(superblock, readOnly)
  const isSeedLost = !verdict.ok
  const countersRow = yield* tx.get(countersKey)
  const counters = countersRow === undefined ? undefined : decodeCounters(countersRow)
  if (counters?.ok) return { superblock, counters: counters.value, lost, isSeedLost }
  if (!salvage) throw corruption('counters', counters?.fault ?? 'missing')
  lost.push(`the counters (${counters?.fault ?? 'missing'}): space in use is not known`)
  return { superblock, counters: { inodes: 0, dataBytes: 0 }, lost, isSeedLost }
}

/** In the place of a superblock that cannot be read: what reading needs of it. */
const stopgap = (volumeId: string): Superblock => ({
  format: FORMAT_VERSION,
  volumeId,
  createdMs: 0,
  extentBytes: EXTENT_BYTES_DEFAULT,
  nameSeedHigh: 0,
  nameSeedLow: 0,
  rootIno: ROOT_INO,
  features: FEATURES_NONE,
  label: '',
})

function assertSupported({ format, features }: Superblock, readOnly: boolean): void {
  const refuse = (message: string, found: number, supported: number): never => {
    throw new ViveError('ERR_VIVEFS_FORMAT', message, { found, supported })
  }
  if (format !== FORMAT_VERSION) {
    refuse(`the volume has format ${format}; this version supports ${FORMAT_VERSION}`, format, FORMAT_VERSION)
  }
  const { incompat, roCompat } = FEATURES_KNOWN
  const unknown = features.incompat & ~incompat
  if (unknown !== 0) {
    refuse(`the volume uses features that this version lacks: 0x${unknown.toString(16)}`, features.incompat, incompat)
  }
  const unwritable = features.roCompat & ~roCompat
  if (unwritable !== 0 && !readOnly) {
    const bits = `0x${unwritable.toString(16)}`
    refuse(`this version can only read the volume, for want of features: ${bits}`, features.roCompat, roCompat)
  }
}

function* makeVolume(store: TransactionalStore, runtime: Runtime, what: NewVolume): Op<Found> {
  const seed = runtime.random(8)
  const now = runtime.now()
  const superblock: Superblock = {
    format: FORMAT_VERSION,
    volumeId: what.volumeId,
    createdMs: now.sec * 1000 + Math.floor(now.nsec / 1_000_000),
    extentBytes: what.extentBytes,
    nameSeedHigh: seed.readInt32BE(0),
    nameSeedLow: seed.readInt32BE(4),
    rootIno: ROOT_INO,
    features: FEATURES_NONE,
    label: what.label,
  }
  const counters: Counters = { inodes: 1, dataBytes: 0 }
  const rootKey = inodeKey(ROOT_INO)
  const { extentBytes, owner } = what
  const root = encodeInode(rootKey, {
    ...freshInode({ ino: ROOT_INO, mode: S_IFDIR | 0o755, uid: owner.uid, gid: owner.gid, extentBytes, now }),
    nlink: 2,
    parent: ROOT_INO,
  })
  yield* store.transact(
    function* (tx) {
      tx.put(superblockKey, encodeSuperblock(superblock))
      tx.put(countersKey, encodeCounters(counters))
      tx.put(inodeLeaseKey, encodeInodeLease({ next: ROOT_INO + 1 }))
      tx.put(rootKey, root)
    },
    { durable: true },
  )
  return { superblock, counters, lost: [], isSeedLost: false }
}
