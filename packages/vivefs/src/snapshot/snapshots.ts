/** Snapshots and forks of an open volume, as its users see them (docs/snapshots.md). */
import type { Core } from '../core/core.ts'
import type { Credentials } from '../core/mode.ts'
import { type SpaceReport, spaceReport } from '../core/space.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import { createFs, endSession, type ViveFileSystem } from '../face/index.ts'
import { createFsal } from '../fsal/fsal.ts'
import type { Fsal } from '../fsal/types.ts'
import { runFsck } from '../fsck/fsck.ts'
import type { FsckOptions, FsckReport } from '../fsck/report.ts'
import { runAsync } from '../op.ts'
import { type View, type ViewOptions, viewOn } from '../view.ts'
import { createSnapshot, deleteSnapshot } from './create.ts'
import { diffSnapshots, type SnapshotChange } from './diff.ts'
import { closeFork, createFork, deleteFork, openFork } from './fork.ts'
import type { SnapshotInfo } from './info.ts'
import { viewOf } from './mount.ts'
import { type ForkInfo, registryOf } from './registry.ts'
import { rollback } from './rollback.ts'

/** What a snapshot is. */
export interface Snapshot {
  readonly name: string
  readonly created: Date
  /** Inodes in it. */
  readonly inodes: number
  /** Bytes of content in it, shared with the volume or not. */
  readonly dataBytes: number
}

const snapshotOf = ({ name, createdMs, inodes, dataBytes }: SnapshotInfo): Snapshot => ({
  name,
  created: new Date(createdMs),
  inodes,
  dataBytes,
})

/** What a fork is. */
export interface ForkDescription {
  readonly name: string
  readonly created: Date
  /** The snapshot that it began from; undefined: the volume as it was then. */
  readonly from: string | undefined
}

/** The snapshots of a volume. */
export class Snapshots {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Takes a snapshot: one small transaction, whatever the size of the volume.
   * Operations that are under way are wholly in it or not at all. `name`: 1 to 255 bytes without NUL and `/`.
   * Errors: EEXIST, EROFS, ERR_VIVEFS_OPTION.
   */
  async create(name: string): Promise<Snapshot> {
    return snapshotOf(await runAsync(createSnapshot(this.#core, name)))
  }

  /** Oldest first. */
  list(): Snapshot[] {
    const { snapshots } = registryOf(this.#core).keeper
    return snapshots.filter(({ isHidden }) => !isHidden).map(snapshotOf)
  }

  /**
   * Deletes a snapshot. What only it kept is deleted in the background, in bounded steps, and after a restart
   * (`vive.settle()` waits for it). Its views throw ERR_VIVEFS_CLOSED from then on. Errors: ENOENT; EBUSY (a fork stands on
   * it); EROFS.
   */
  delete(name: string): Promise<void> {
    return runAsync(deleteSnapshot(this.#core, name))
  }

  /**
   * Makes the volume again what it was at the snapshot; snapshots and forks stay as they are. All or nothing: whoever uses
   * the volume waits meanwhile (synchronous calls throw ERR_VIVEFS_SYNC_UNAVAILABLE), and one that is interrupted is
   * finished by the next open. Files that were made since answer ESTALE where they are open. Errors: ENOENT; EROFS; EBUSY
   * (a check or another rollback is under way).
   */
  rollback(name: string): Promise<void> {
    return rollback(this.#core, name)
  }

  /**
   * What changed from the snapshot `from` to the snapshot `to`, or to the volume as it is now (what changes while it is
   * being compared may be missing). In bounded memory; in no particular order. Errors: ENOENT; the reason of `signal`.
   */
  diff(
    from: string,
    to?: string,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<SnapshotChange, void> {
    return diffSnapshots(this.#core, from, to, options.signal)
  }
}

/** A tree beside the volume's own: a snapshot's, which cannot be changed (EROFS), or a fork's. */
export class TreeView {
  readonly name: string
  /** Who `fs` acts as. */
  readonly credentials: Credentials
  /** Shaped like node:fs. Device numbers differ from the volume's. */
  readonly fs: ViveFileSystem
  /** The inner face. Its handles are of this tree only. */
  readonly fsal: Fsal
  readonly #core: Core
  #root: View | undefined

  constructor(core: Core, name: string, credentials: Credentials) {
    this.#core = core
    this.name = name
    this.credentials = credentials
    this.fs = createFs(core, credentials)
    this.fsal = createFsal(core)
  }

  /** As `ViveFS.as`. */
  as(view: ViewOptions): View {
    return viewOn(this.#core, this.credentials, view)
  }

  /** The tree as the superuser sees it. */
  get root(): View {
    this.#root ??= this.as({ uid: 0, gid: 0, groups: [] })
    return this.#root
  }

  /** As `ViveFS.endSession`, of what is open in this tree. */
  async endSession(session: string): Promise<void> {
    if (session === '') throw new ViveError('ERR_VIVEFS_OPTION', 'session: the name of one')
    await runAsync(endSession(this.#core, session))
  }

  /** Tells it from every other tree: 32 hexadecimal digits, of which handles and device numbers are made. */
  get identity(): string {
    return this.#core.identity
  }

  /** Space and inodes in use, as the volume reported them. */
  space(): SpaceReport {
    return spaceReport(this.#core)
  }
}

/** ENOENT. */
export const openSnapshot = (core: Core, name: string, credentials: Credentials): TreeView =>
  new TreeView(viewOf(core, name), name, credentials)

/** A writable tree that began as a snapshot; what it does not change it shares. */
export class Fork extends TreeView {
  readonly #fork: Core
  readonly #close: () => Promise<void>

  constructor(core: Core, name: string, credentials: Credentials, close: () => Promise<void>) {
    super(core, name, credentials)
    this.#fork = core
    this.#close = close
  }

  /** As `ViveFS.settle`. */
  settle(): Promise<void> {
    return this.#fork.jobs.idle()
  }

  /** As `ViveFS.fsck`, of this tree. */
  fsck(options: FsckOptions = {}): Promise<FsckReport> {
    return runFsck(this.#fork, options)
  }

  /** Lets go of it; it stays, and can be opened again. Closing the volume closes its forks. */
  close(): Promise<void> {
    return this.#close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The forks of a volume. */
export class Forks {
  readonly #core: Core
  readonly #credentials: Credentials

  constructor(core: Core, credentials: Credentials) {
    this.#core = core
    this.#credentials = credentials
  }

  /**
   * Makes a writable copy of the snapshot `from`, or of the volume as it is now, and opens it: two small rows, whatever the
   * size. Errors: EEXIST, ENOENT, EROFS, ERR_VIVEFS_OPTION.
   */
  async create(name: string, { from }: { readonly from?: string } = {}): Promise<Fork> {
    return await this.#open(await runAsync(createFork(this.#core, name, from)))
  }

  list(): ForkDescription[] {
    const { forks, keeper } = registryOf(this.#core)
    return forks.map(({ name, createdMs, base }) => {
      const snapshot = keeper.snapshots.find(({ tag }) => tag === base)
      return { name, created: new Date(createdMs), from: snapshot?.isHidden === false ? snapshot.name : undefined }
    })
  }

  /** ENOENT. */
  async open(name: string): Promise<Fork> {
    const info = registryOf(this.#core).findFork(name)
    if (info === undefined) throw new FilesystemError('ENOENT')
    return await this.#open(info)
  }

  /** Its rows are deleted in the background; it throws ERR_VIVEFS_CLOSED from then on. ENOENT, EROFS. */
  delete(name: string): Promise<void> {
    return deleteFork(this.#core, name)
  }

  async #open(info: ForkInfo): Promise<Fork> {
    const core = await openFork(this.#core, info)
    return new Fork(core, info.name, this.#credentials, () => closeFork(this.#core, info.tag))
  }
}
