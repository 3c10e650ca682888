/** The public face of a volume. */

import { Groups, Users } from './accounts.ts'
import type { Call } from './core/call.ts'
import { type ContentRows, contentRows } from './core/content-rows.ts'
import type { AtimePolicy, Core } from './core/core.ts'
import { type Credentials, superuser } from './core/mode.ts'
import { type SpaceReport, spaceReport } from './core/space.ts'
import type { Engine, MediaMap, RelocationReport } from './engine/engine.ts'
import { openEngine, type Where } from './engine/open.ts'
import { type ContentPlace, contentPlaces, inReadOrder, type Located } from './engine/places.ts'
import { type DirectoryEngine, isDirectoryEngine } from './engine/volume-file.ts'
import { ViveError } from './errors.ts'
import { createFs, endSession, type ViveFileSystem } from './face/index.ts'
import { type ChangeFeedStatus, type ChangesKeep, feedKeep } from './feed/options.ts'
import { type ChangeEntry, type ChangesOptions, readChanges } from './feed/read.ts'
import { FOLLOW_MS_DEFAULT, Follower, type FollowStatus } from './follow/follower.ts'
import { FollowerStore } from './follow/follower-store.ts'
import { EXTENT_BYTES_DEFAULT } from './format/extent.ts'
import { isExtentBytes } from './format/superblock.ts'
import { createFsal } from './fsal/fsal.ts'
import type { Fsal } from './fsal/types.ts'
import { runFsck } from './fsck/fsck.ts'
import type { FsckOptions, FsckReport } from './fsck/report.ts'
import { type Op, runAsync } from './op.ts'
import { VolumeQuotas } from './quota/volume-quotas.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import { type SendOptions, send } from './send/send.ts'
import type { SnapshotDirectory } from './snapshot/directory-store.ts'
import { type Fork, Forks, openSnapshot, Snapshots, type TreeView } from './snapshot/snapshots.ts'
import { openLevelStore } from './store/index.ts'
import type { Bytes, Durability, StoreStatistics, TransactionalStore } from './store/store.ts'
import { Bulk, type BulkOptions } from './transaction/bulk.ts'
import {
  type SyncTransaction,
  type Transaction,
  type TransactionOptions,
  transaction,
  transactionSync,
} from './transaction/transaction.ts'
import { type View, type ViewOptions, viewOn } from './view.ts'
import { mountVolume } from './volume.ts'

export interface OpenOptions {
  /**
   * What to do about making a volume: `true` (default) makes one where there is none, `false` throws
   * ERR_VIVEFS_NOT_A_VOLUME, `'exclusive'` throws ERR_VIVEFS_EXISTS where there is one.
   */
  readonly create?: boolean | 'exclusive'
  /** Changes nothing; every change throws EROFS. */
  readonly readOnly?: boolean
  /**
   * With `readOnly`, on lsm: reads beside the writer, of this process or another one, and takes in what it writes every
   * 200 ms (`everyMs`; 0: only by `refresh()`). Needs no lock. See `followed` for its lag.
   */
  readonly follow?: boolean | { readonly everyMs: number }
  /**
   * What keeps a new volume in a directory: `lsm` (default; pure TypeScript; every synchronous call works) or `level` (LevelDB). An old
   * volume opens with its own; `vivefs convert` moves one from `level` to `lsm`.
   */
  readonly engine?: DirectoryEngine
  /**
   * When an operation is acknowledged. `group` (default): the operating system has it, so `kill -9` loses nothing.
   * `strict`: it survives power loss. `relaxed`: at once; a kill may lose the last 8 MiB or second, never torn or
   * reordered; synchronous changes work.
   */
  readonly durability?: Durability
  /** How access times are kept. Default `relatime`. */
  readonly atime?: AtimePolicy
  /** Memory for caches and for what is on its way to the store, bytes. Default 64 MiB. */
  readonly memoryBytes?: number
  /** Extent size of a new volume's files, bytes: a power of two from 4 KiB to 16 MiB. Default 64 KiB. */
  readonly extentBytes?: number
  /** Label of a new volume. */
  readonly label?: string
  /** Owner of a new volume's root directory. Default: the process's user and group. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Who `vive.fs` acts as. Default: the process's own user, groups and umask. */
  readonly credentials?: Partial<Credentials>
  /**
   * Opens a damaged volume, for `fsck({ repair: true })`: no background work starts, and counters that cannot be read are
   * zero. With `readOnly` more is done without: the superblock, and on lsm files of the database; `vive.lost` says what.
   * What is still there is read as usual, a damaged row is EIO. Default false: such damage throws.
   */
  readonly salvage?: boolean
  /**
   * The change feed: `true` (keep 64 MiB) or bounds turn it on for the volume, until `false` turns it off. Default: as it
   * was. A volume with a feed is read, but not written, by versions that know none.
   */
  readonly changes?: boolean | ChangesKeep
  /**
   * Shows the snapshots in a directory of the root, by its name (`'.snapshots'`): to read, in every face, gateway and mount. The root
   * does not list it unless `isListed`. ERR_VIVEFS_EXISTS where the root has something of that name.
   */
  readonly snapshotDirectory?: string | SnapshotDirectory
  /** Clock and randomness, for tests that replay. */
  readonly runtime?: Runtime
}

const MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024
const MEMORY_BYTES_MIN = 4 * 1024 * 1024

/** What an open volume stands on. */
interface Ground {
  readonly engine: string
  readonly durability: Durability | undefined
  readonly tiers: Pick<Engine, 'map' | 'relocate' | 'emptyMedium' | 'places'>
  readonly release: () => Promise<void>
  readonly follower: Follower | undefined
  readonly lost: readonly string[]
}

/** How often a follower refreshes by itself; undefined: it is none. ERR_VIVEFS_OPTION. */
function followMsOf({ follow = false, readOnly }: OpenOptions): number | undefined {
  if (follow === false) return undefined
  if (readOnly !== true) throw new ViveError('ERR_VIVEFS_OPTION', 'follow goes with readOnly: true')
  const everyMs = follow === true ? FOLLOW_MS_DEFAULT : follow.everyMs
  if (!(everyMs >= 0)) throw new ViveError('ERR_VIVEFS_OPTION', 'follow: true or { everyMs }, milliseconds')
  return everyMs
}

const snapshotDirectoryOf = ({ snapshotDirectory: given }: OpenOptions): SnapshotDirectory | undefined =>
  typeof given === 'string' ? { name: given } : given

/** The cores of open volumes, for the modules of this package that work below the public face. */
const cores = new WeakMap<ViveFS, Core>()

/** The core of an open volume. Not public. */
export function coreOf(vive: ViveFS): Core {
  const core = cores.get(vive)
  if (core === undefined) throw new ViveError('ERR_VIVEFS_OPTION', 'not a volume of this copy of vivefs')
  return core
}

/** The process's own identity; on systems without numbers for users everybody is the superuser, as in node:fs. */
function processCredentials(): Credentials {
  return {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    groups: process.getgroups?.() ?? [],
    umask: process.umask(),
  }
}

const unplaced = (): ViveError => new ViveError('ERR_VIVEFS_UNSUPPORTED', 'the volume lies on no media with a policy')

async function moving(move: (() => Promise<RelocationReport>) | undefined): Promise<RelocationReport> {
  if (move === undefined) throw unplaced()
  try {
    return await move()
  } catch (cause) {
    throw new ViveError('ERR_VIVEFS_ENGINE', `content was not moved: ${String((cause as Error).message)}`, { cause })
  }
}

/** An open volume. */
export class ViveFS {
  /** Shaped like node:fs, acting as the process's own user. */
  readonly fs: ViveFileSystem
  /** The inner face, by inode handle (`vivefs/fsal`). */
  readonly fsal: Fsal
  readonly users: Users
  readonly groups: Groups
  /** Limits on what users, groups and projects use. */
  readonly quotas: VolumeQuotas
  /** What the volume was at other times (docs/snapshots.md). */
  readonly snapshots: Snapshots
  /** Writable copies that share what they do not change. */
  readonly forks: Forks
  /** Who `fs` acts as. */
  readonly credentials: Credentials
  /** 32 lower-case hexadecimal digits. */
  readonly volumeId: string
  /** `level`, `lsm`, `memory` or `custom`. */
  readonly engine: string
  /** What a salvage (`salvage`) could not read, or does without. Empty for a sound volume. */
  readonly lost: readonly string[]
  readonly #core: Core
  readonly #release: () => Promise<void>
  readonly #tiers: Ground['tiers']
  readonly #follower: Follower | undefined
  #root: View | undefined
  /** `relaxed`: what still waits in memory is handed over when the process runs out of work without closing. */
  readonly #onIdleExit = (): void => void this.sync()
  #closing: Promise<void> | undefined

  private constructor(core: Core, credentials: Credentials, ground: Ground) {
    const { engine, durability, release } = ground
    this.#core = core
    cores.set(this, core)
    this.#release = release
    this.#tiers = ground.tiers
    this.#follower = ground.follower
    this.lost = ground.lost
    this.credentials = credentials
    this.engine = engine
    this.volumeId = core.superblock.volumeId
    this.fs = createFs(core, credentials)
    this.fsal = createFsal(core)
    this.users = new Users(core)
    this.groups = new Groups(core)
    this.quotas = new VolumeQuotas(core)
    this.snapshots = new Snapshots(core)
    this.forks = new Forks(core, credentials)
    if (durability === 'relaxed') process.once('beforeExit', this.#onIdleExit)
  }

  /**
   * Opens a volume, and makes it where there is none. `where`: `'memory://'`, a directory, `'level:DIR'`, media of your own with a
   * policy that says where what lies (`{ media, policy, home }`, docs/tiers.md; they stay yours to close), or an abstract-level
   * database (which stays the caller's to close, too).
   *
   * Errors: ERR_VIVEFS_LOCKED (another writer has it; `error.holder` names it), ERR_VIVEFS_NOT_A_VOLUME,
   * ERR_VIVEFS_EXISTS, ERR_VIVEFS_FORMAT, ERR_VIVEFS_CORRUPTION, ERR_VIVEFS_ENGINE, ERR_VIVEFS_OPTION.
   */
  static async open(where: Where, options: OpenOptions = {}): Promise<ViveFS> {
    const { create = true, readOnly = false, memoryBytes = MEMORY_BYTES_DEFAULT } = options
    const extentBytes = options.extentBytes ?? EXTENT_BYTES_DEFAULT
    if (!isExtentBytes(extentBytes)) {
      throw new ViveError('ERR_VIVEFS_OPTION', 'extentBytes: a power of two from 4096 to 16777216')
    }
    if (!(memoryBytes >= MEMORY_BYTES_MIN)) {
      throw new ViveError('ERR_VIVEFS_OPTION', `memoryBytes: at least ${MEMORY_BYTES_MIN}`)
    }
    if (options.engine !== undefined && !isDirectoryEngine(options.engine)) {
      throw new ViveError('ERR_VIVEFS_OPTION', "engine: 'level' or 'lsm'")
    }
    const runtime = options.runtime ?? systemRuntime()
    const credentials: Credentials = { ...processCredentials(), ...options.credentials }
    const newVolumeId = runtime.random(16).toString('hex')
    const follow = followMsOf(options)
    const salvage = options.salvage === true
    const engine = await openEngine(where, {
      create: create !== false && follow === undefined,
      readOnly,
      follow: follow !== undefined,
      salvage,
      newVolumeId,
      engine: options.engine,
    })
    try {
      const { refresh } = engine
      const lost = [...(engine.lost ?? [])]
      const openedMs = Date.now()
      const isAlone = refresh === undefined && !(salvage && readOnly)
      const levelStore = await openLevelStore(engine.database, {
        durability: options.durability,
        ownsDatabase: engine.ownsDatabase,
        space: engine.space,
        pendingBytesMax: Math.min(memoryBytes / 4, engine.pendingBytesMax ?? Number.POSITIVE_INFINITY),
        cacheBytes: isAlone ? memoryBytes / 4 : 0,
      })
      let follower: Follower | undefined
      const store: TransactionalStore = isAlone
        ? levelStore
        : new FollowerStore(levelStore, async () => await follower?.refresh())
      try {
        const core = await mountVolume(store, engine, {
          runtime,
          atime: options.atime ?? 'relatime',
          readOnly,
          isFollower: follow !== undefined,
          extentCacheBytes: isAlone ? memoryBytes / 4 : 0,
          mustBeNew: create === 'exclusive',
          snapshotDirectory: snapshotDirectoryOf(options),
          salvage,
          volumeId: engine.volumeId,
          onLost: (what) => lost.push(what),
          create:
            create === false
              ? undefined
              : {
                  volumeId: engine.volumeId ?? newVolumeId,
                  extentBytes,
                  label: options.label ?? '',
                  owner: options.owner ?? credentials,
                },
        })
        if (engine.volumeId !== undefined && core.superblock.volumeId !== engine.volumeId) {
          throw new ViveError('ERR_VIVEFS_CORRUPTION', 'vivefs.json and the database belong to different volumes')
        }
        const { changes } = options
        if (changes !== undefined) {
          await core.feed.configure(changes === false ? false : feedKeep(changes === true ? undefined : changes))
        }
        if (follow !== undefined && refresh !== undefined) {
          follower = new Follower(core, store as FollowerStore, refresh, follow, openedMs)
        }
        return new ViveFS(core, credentials, {
          engine: engine.name,
          durability: options.durability,
          release: () => engine.release(),
          tiers: engine,
          follower,
          lost,
        })
      } catch (error) {
        await store.close()
        throw error
      }
    } catch (error) {
      await engine.release()
      throw error
    }
  }

  /**
   * The volume as somebody else sees it, or from elsewhere: a view has its own umask and current directory. What is not
   * given comes from this volume's own credentials. `cwd`: an absolute path, default `/`; that it is there shows when it is used.
   * `session`: views of one name are one client, what a process is to POSIX locks (docs/locks.md); default: the volume's own.
   */
  as(view: ViewOptions): View {
    return viewOn(this.#core, this.credentials, view)
  }

  /** The volume as the superuser sees it. */
  get root(): View {
    this.#root ??= this.as({ uid: 0, gid: 0, groups: [] })
    return this.#root
  }

  /** A client is gone: closes what the views of that `session` have open, and lets go of their locks. */
  async endSession(session: string): Promise<void> {
    if (session === '') throw new ViveError('ERR_VIVEFS_OPTION', 'session: the name of one')
    return runAsync(endSession(this.#core, session))
  }

  /**
   * Runs `body` as one transaction: all it does through `tx.fs` is there at once when this resolves, or nothing of it
   * when this rejects (with what the body threw). Nobody sees a part of it; after a crash all of it is there or none.
   * The body may run again when the volume changed under it, so it should do nothing else that cannot be repeated.
   *
   * Errors: what the body throws; ERR_VIVEFS_BATCH_TOO_BIG (it writes more than `bytesMax`);
   * ERR_VIVEFS_TRANSACTION_NESTED (the volume is changed inside, but not through `tx`); ERR_VIVEFS_TRANSACTION_OVER (`tx`
   * is used later); EBUSY (overtaken a thousand times); the reason of `signal`.
   */
  transaction<T>(body: (tx: Transaction) => Promise<T> | T, options: TransactionOptions = {}): Promise<T> {
    return transaction(this.#core, body, { credentials: this.credentials, ...options })
  }

  /** As `transaction`, on the spot, with a synchronous body. ERR_VIVEFS_SYNC_UNAVAILABLE where the store cannot. */
  transactionSync<T>(body: (tx: SyncTransaction) => T, options: Omit<TransactionOptions, 'signal'> = {}): T {
    return transactionSync(this.#core, body, { credentials: this.credentials, ...options })
  }

  /**
   * For making very many entries: hundreds of them share one transaction, and memory stays bounded whatever their number
   * (docs/transactions.md). Ends with `close()`, which throws the first error that nobody was told of.
   */
  bulk(options: BulkOptions = {}): Bulk {
    return new Bulk(this.#core, { credentials: this.credentials, ...options })
  }

  /**
   * What changed, entry by entry, in the order in which it happened: durable, and resumable by `since` after a restart
   * (docs/changes.md). The volume keeps it since it was opened with `changes`.
   *
   * Errors: ERR_VIVEFS_CHANGES_OFF; ERR_VIVEFS_CHANGES_GONE (what follows `since` was trimmed; `error.first` is the oldest
   * that is there); ERR_VIVEFS_OPTION.
   */
  changes(options: ChangesOptions = {}): AsyncGenerator<ChangeEntry, void> {
    return readChanges(this.#core, options)
  }

  /**
   * A snapshot as a stream of bytes (docs/send.md), or with `from` what differs from an earlier one; every piece is checksummed. `receive`
   * makes a volume of it elsewhere. While the volume is in use; the snapshot must stay meanwhile (ERR_VIVEFS_CLOSED).
   * Errors: ENOENT, EINVAL (`from` is not earlier), the reason of `signal`.
   */
  send(snapshot: string, options: SendOptions = {}): AsyncGenerator<Buffer, void> {
    return send(this.#core, snapshot, options)
  }

  /** What the change feed holds; undefined when it was never on. */
  get changeFeed(): ChangeFeedStatus | undefined {
    const { state, last } = this.#core.feed
    if (state === undefined) return undefined
    const { isOn, keep, first, rows, bytes } = state
    return { isOn, keep, first, last, entries: rows, bytes }
  }

  /** Turns the change feed on, or changes its bounds; `false` turns it off and lets go of what it holds. EROFS. */
  async keepChanges(keep: boolean | ChangesKeep): Promise<void> {
    await this.#core.feed.configure(keep === false ? false : feedKeep(keep === true ? undefined : keep))
  }

  /** The volume as it was at a snapshot; every change throws EROFS. ENOENT. */
  snapshot(name: string): TreeView {
    return openSnapshot(this.#core, name, this.credentials)
  }

  /** As `forks.create`: a writable copy of a snapshot, or (`from` undefined) of the volume as it is now. */
  fork(from: string | undefined, name: string): Promise<Fork> {
    return this.forks.create(name, from === undefined ? {} : { from })
  }

  /** What was acknowledged before this call survives power loss when it returns (syncfs). */
  sync(): Promise<void> {
    return runAsync(this.#core.store.barrier())
  }

  /** Waits until big deletes and truncates have given their space back, and the change feed is within its bounds. */
  async settle(): Promise<void> {
    await this.#core.jobs.idle()
    await this.#core.feed.idle()
  }

  /**
   * Checks every invariant of the volume, with `repair` also puts right what is wrong (docs/fsck.md). Changes wait
   * meanwhile, reads go on. Errors: EBUSY (a check is running already), EROFS (repair of a read-only volume), the reason
   * of `signal`.
   */
  fsck(options: FsckOptions = {}): Promise<FsckReport> {
    return runFsck(this.#core, options)
  }

  /** How far behind its writer a follower may be; undefined for any other volume. */
  get followed(): FollowStatus | undefined {
    return this.#follower?.status
  }

  /** Follower: takes in what was acknowledged before this call. ERR_VIVEFS_UNSUPPORTED for any other volume. */
  async refresh(): Promise<void> {
    if (this.#follower === undefined) throw new ViveError('ERR_VIVEFS_UNSUPPORTED', 'the volume follows no writer')
    await this.#follower.refresh()
  }

  /** Space and inodes in use. */
  space(): SpaceReport {
    return spaceReport(this.#core)
  }

  /** Where the files of a volume on lsm lie: levels, media, sizes, garbage, age, heat. Undefined for volumes on something else. */
  mediaMap(): MediaMap | undefined {
    return this.#tiers.map?.()
  }

  /**
   * Moves content to the media where the policy wants it, as happens by itself from time to time (`relocation`). `force`: what was written so
   * far, now, without regard to the allowance of bytes and to how long it has been where it is. ERR_VIVEFS_UNSUPPORTED: the volume is not on media with a
   * policy; ERR_VIVEFS_ENGINE: no medium that the policy names takes more, what was moved until then has moved.
   */
  async relocate(options: { readonly force?: boolean } = {}): Promise<RelocationReport> {
    const { relocate } = this.#tiers
    return await moving(relocate && (() => relocate(options.force === true)))
  }

  /**
   * Moves what lies on a medium to the others that the policy names. A tape, whose space returns only as a whole, is erased then: what was
   * deleted there gives its space back, and later rounds of `relocate` fill it again. Errors as of `relocate`.
   */
  async emptyMedium(name: string): Promise<RelocationReport> {
    const { emptyMedium } = this.#tiers
    return await moving(emptyMedium && (() => emptyMedium(name)))
  }

  /**
   * Where the content of a file lies, part by part, without reading it; `limit` rows of content at most. What a clone shares lies where the
   * content of the other file does. Errors: those of `stat`; ERR_VIVEFS_UNSUPPORTED as above.
   */
  async locate(path: string, limit?: number): Promise<ContentPlace[]> {
    const { places } = this.#tiers
    if (places === undefined) throw unplaced()
    const { ino } = await this.fs.promises.stat(path)
    return await contentPlaces(places, this.#contentKeys(Number(ino)), limit)
  }

  /** Keys of the rows that an inode's content is read from, in its order. */
  async *#contentKeys(ino: number): AsyncGenerator<Bytes> {
    const core = this.#core
    for (let from: number | undefined = 0; from !== undefined; ) {
      const index = from
      const page = function* (call: Call): Op<ContentRows> {
        return yield* contentRows(call, yield* call.inode(ino), index)
      }
      const { keys, next }: ContentRows = await runAsync(core.read(superuser, page))
      yield* keys
      from = next
    }
  }

  /**
   * The paths in the order in which their content is read fastest: a tape is wound once. What is read on the spot comes first, and of a
   * file in many parts the first one counts. Errors as of `locate`.
   */
  async readOrder(paths: readonly string[]): Promise<string[]> {
    const located: Located[] = []
    for (const path of paths) located.push({ path, place: (await this.locate(path, 1))[0] })
    const near = new Set(
      this.mediaMap()!
        .media.filter(({ sync, cost }) => sync && cost.seekMs < 1)
        .map(({ name }) => name),
    )
    return inReadOrder(located, (medium) => near.has(medium))
  }

  /** What the store did since the volume was opened. */
  statistics(): StoreStatistics {
    return this.#core.store.statistics()
  }

  /** Closes the volume; acknowledged work is never lost by it. Later calls throw ERR_VIVEFS_CLOSED. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    process.removeListener('beforeExit', this.#onIdleExit)
    await this.#follower?.close()
    try {
      await this.#core.close()
    } finally {
      await this.#release()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
