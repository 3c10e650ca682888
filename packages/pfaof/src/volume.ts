import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Lifetime, Medium } from '@vivefs/media'
import { addMedium } from './add-medium.ts'
import type { AppendFile } from './append-file.ts'
import { LIFETIMES } from './edit.ts'
import { EpochClaim } from './epoch.ts'
import { eraseMedium } from './erase-medium.ts'
import { isPfaofError, PfaofError } from './error.ts'
import { FileTable } from './file-table.ts'
import { Follower } from './follower.ts'
import {
  checkName,
  dropLabel,
  type IdentifiedSet,
  identify,
  isHomeFit,
  labelOf,
  type MediaByName,
  newSet,
  putLabel,
  recordsOf,
} from './medium-set.ts'
import { type MoveOptions, moveFile, type ReclaimOptions, reclaimZones } from './mover.ts'
import { type Op, pending, runAsync } from './op.ts'
import { recover, serve } from './recovery.ts'
import { type ScrubFinding, type ScrubOptions, scrubVolume } from './scrub.ts'
import { dropSnapshot, openInSnapshot, type SnapshotInfo, takeSnapshot } from './snapshot.ts'
import { type FileInfo, fileInfo, type MediumStatus, mediaStatus } from './status.ts'
import { volumeIdText } from './superblock.ts'
import { isUnfinishedCreation } from './unfinished.ts'
import { VolumeCore } from './volume-core.ts'

export interface VolumeOptions {
  /** The media by name. They stay the caller's: closing the volume does not close them. */
  readonly media: MediaByName
  /** Milliseconds since 1970; default `Date.now`. Only for the creation times of files. */
  readonly now?: () => number
  /** Memory for decoded chunk places; default 16 MiB. */
  readonly cacheBytes?: number
  /** Who writes, for whoever meets the claim; default host name and process id. */
  readonly holder?: string
}

export interface CreateVolumeOptions extends VolumeOptions {
  /** Names of the media that keep the file table; default the first that can. */
  readonly home?: readonly string[]
  /** Takes media that carry a volume already, and forgets it. */
  readonly force?: boolean
  /** 16 bytes; default random. */
  readonly volumeId?: Uint8Array
}

export interface OpenVolumeOptions extends VolumeOptions {
  /** Claims nothing and writes nothing; `refresh` follows the writer. */
  readonly readOnly?: boolean
}

export interface CreateFileOptions {
  readonly name: string
  /** Names of media in order of preference; a full one falls to the next. */
  readonly media: readonly string[]
  /** Files of one lifetime share zones. */
  readonly lifetime?: Lifetime
  /** Expected size; a file of half a zone and more gets zones of its own. */
  readonly preallocateBytes?: number
}

const CACHE_BYTES = 16 << 20

/**
 * Append-only files on one or several media. One writer at a time; operations are generators, driven by `runSync` or `runAsync`.
 * What is durable when: `sync` and `seal` of a file, `renameReplace`, `snapshot`, `dropSnapshot`, `move` and `sync` of the volume are
 * durable when they return; `create` with the file's first sync; `delete` with the next of any of these.
 */
export class Volume {
  readonly #core: VolumeCore
  readonly #follower: Follower | undefined
  #closing: Promise<void> | undefined

  private constructor(core: VolumeCore, follower?: Follower) {
    this.#core = core
    this.#follower = follower
  }

  /**
   * Makes a new volume, also where an earlier creation did not come to its end. PFAOF_EXISTS, PFAOF_MEDIUM_UNFIT, PFAOF_FORMAT, PFAOF_IO.
   */
  static create(options: CreateVolumeOptions): Promise<Volume> {
    return runAsync(Volume.#create(options))
  }

  /**
   * Opens a volume and recovers it. PFAOF_NO_VOLUME, PFAOF_WRONG_MEDIUM, PFAOF_MEDIUM_MISSING, PFAOF_FORMAT, PFAOF_CORRUPTION,
   * PFAOF_IO. A crash while it runs does no harm.
   */
  static open(options: OpenVolumeOptions): Promise<Volume> {
    return runAsync(Volume.#open(options))
  }

  static *#create(options: CreateVolumeOptions): Op<Volume> {
    const volumeId = options.volumeId ?? randomBytes(16)
    if (volumeId.length !== 16) throw new PfaofError('PFAOF_ARGUMENT', 'a volume id has 16 bytes')
    const first = Object.entries(options.media).find(([, medium]) => isHomeFit(medium))?.[0]
    const home = options.home ?? (first === undefined ? [] : [first])
    if (home.length === 0) throw new PfaofError('PFAOF_MEDIUM_UNFIT', 'no medium can keep the file table')
    for (const name of home)
      if (options.media[name] === undefined) throw new PfaofError('PFAOF_ARGUMENT', `no medium ${name}`)
    const force = options.force === true || (yield* isUnfinishedCreation(options.media))
    const media = yield* newSet(options.media, home, volumeId, force)
    const records = recordsOf(media)
    for (const medium of media) {
      if (!medium.keyed && medium.home) continue
      // What a creation that was cut off has left; a store that is the home of a volume is claimed, never taken.
      if (force && !medium.home) yield* dropLabel(medium)
      yield* putLabel(medium, labelOf(records, medium.number, volumeId))
    }
    for (const medium of media) yield* medium.report()
    const table = new FileTable()
    const now = options.now ?? Date.now
    table.createdMs = now()
    const core = new VolumeCore({ media, table, volumeId, now, cacheBytes: options.cacheBytes ?? CACHE_BYTES })
    const claim = yield* EpochClaim.claim(
      media.filter((medium) => medium.home),
      0,
      holderOf(options),
    )
    table.apply({ tag: 'epoch', epoch: claim.epoch, holder: holderOf(options) })
    yield* serve(core, claim, 0, records, () => undefined)
    return new Volume(core)
  }

  /** A creation that was cut off on one of several media left no volume, rather than a wrong medium. */
  static *#identify(options: OpenVolumeOptions): Op<IdentifiedSet> {
    try {
      return yield* identify(options.media, options.readOnly === true)
    } catch (error) {
      if (!isPfaofError(error, 'PFAOF_WRONG_MEDIUM') || !(yield* isUnfinishedCreation(options.media))) throw error
      throw new PfaofError('PFAOF_NO_VOLUME', 'the creation of the volume did not come to its end', error)
    }
  }

  static *#open(options: OpenVolumeOptions): Op<Volume> {
    const set = yield* Volume.#identify(options)
    const { media, superblock } = set
    const now = options.now ?? Date.now
    const cacheBytes = options.cacheBytes ?? CACHE_BYTES
    if (options.readOnly === true) {
      const core = new VolumeCore({ media, table: new FileTable(), volumeId: superblock.volumeId, now, cacheBytes })
      const follower = new Follower(core, set)
      yield* follower.refresh()
      return new Volume(core, follower)
    }
    return new Volume(yield* recover(set, { now, cacheBytes, holder: holderOf(options) }))
  }

  /** 32 hexadecimal digits. */
  get id(): string {
    return volumeIdText(this.#core.volumeId)
  }

  /** Grows with every writer. */
  get epoch(): number {
    return this.#core.table.epoch
  }

  get readOnly(): boolean {
    return this.#core.readOnly
  }

  /** Makes an empty file. PFAOF_EXISTS, PFAOF_ARGUMENT, PFAOF_NO_SPACE. */
  *create(o: CreateFileOptions): Op<AppendFile> {
    const core = this.#core
    core.checkWritable()
    checkName(o.name, 'file')
    const media = o.media.map((name) => this.#mediumNumber(name))
    if (media.length === 0) throw new PfaofError('PFAOF_ARGUMENT', 'a file needs at least one medium')
    const lifetime = o.lifetime ?? 'medium'
    if (!LIFETIMES.includes(lifetime)) throw new PfaofError('PFAOF_ARGUMENT', `lifetime ${String(lifetime)}`)
    const id = yield* core.journal.nextId()
    const createdMs = Math.max(0, Math.floor(core.now()))
    yield* core.commit(() => {
      if (core.table.names.has(o.name)) throw new PfaofError('PFAOF_EXISTS', `there is a file ${o.name}`)
      return [{ tag: 'create', id, name: o.name, lifetime, createdMs, media }]
    })
    const { zoneCapacityBytes } = core.media[media[0]!]!.medium.caps
    const file = core.file(id, (o.preallocateBytes ?? 0) * 2 >= zoneCapacityBytes)
    file.editSerial = core.serial
    return file
  }

  /** The file of that name; the same object however often it is opened. PFAOF_NOT_FOUND. */
  *open(name: string): Op<AppendFile> {
    this.#core.checkReadable()
    return this.#core.file(this.#idOf(name))
  }

  /** Gives a file another name, in place of the file that had it. Durable when it returns, and so is the file. */
  *renameReplace(from: string, to: string): Op<void> {
    const core = this.#core
    core.checkWritable()
    checkName(to, 'file')
    yield* core.file(this.#idOf(from)).sync()
    yield* core.commit(() => [{ tag: 'rename', id: this.#idOf(from), name: to }])
    yield* core.syncTable(core.serial)
  }

  /** Removes a name, and the file unless a snapshot holds it. Its zones are reused once that is durable. */
  *delete(name: string): Op<void> {
    const core = this.#core
    core.checkWritable()
    yield* core.commit(() => [{ tag: 'delete', id: this.#idOf(name) }], undefined, true)
  }

  /** Makes every edit of the file table durable, deletes among them. */
  *sync(): Op<void> {
    const core = this.#core
    core.checkWritable()
    yield* core.syncTable(core.serial)
  }

  /** Files in order of creation. */
  *list(): Generator<FileInfo> {
    this.#core.checkReadable()
    for (const record of [...this.#core.table.files.values()]) {
      if (record.name !== undefined) yield fileInfo(this.#core, record)
    }
  }

  /** PFAOF_NOT_FOUND. */
  stat(name: string): FileInfo {
    this.#core.checkReadable()
    return fileInfo(this.#core, this.#core.table.files.get(this.#idOf(name))!)
  }

  /** Space, counters and health of every medium. */
  status(): ReadonlyMap<string, MediumStatus> {
    this.#core.checkReadable()
    return mediaStatus(this.#core)
  }

  /**
   * Takes one more medium into the volume; files may go there when it resolves, and from then on every open needs it. It keeps no file table.
   * The medium stays the caller's. PFAOF_EXISTS when the name or the medium is taken; PFAOF_ARGUMENT, PFAOF_IO, PFAOF_FENCED. A crash
   * before the end leaves a medium with a label that no volume lists: open without it, and add it again. Source: `zpool add`.
   */
  addMedium(name: string, medium: Medium): Promise<void> {
    return runAsync(addMedium(this.#core, name, medium))
  }

  /** Copies a sealed file to another medium, checking every page; readers go on meanwhile. PFAOF_NOT_SEALED, PFAOF_NO_SPACE. */
  move(name: string, toMedium: string, o: MoveOptions = {}): Promise<void> {
    return runAsync(moveFile(this.#core, this.#idOf(name), this.#mediumNumber(toMedium), o))
  }

  /** Empties zones of which little is alive, by copying that. Returns the zones that became free. */
  reclaim(medium: string, o: ReclaimOptions = {}): Promise<number> {
    return runAsync(reclaimZones(this.#core, this.#mediumNumber(medium), o))
  }

  /**
   * Gives all space of a medium back, where it returns only as a whole (tape). PFAOF_BUSY: something on it is still in use, by a snapshot or a reader
   * too; PFAOF_ARGUMENT: it gives its space back zone by zone. A crash leaves it as it was, or empty.
   */
  erase(medium: string): Promise<void> {
    return runAsync(eraseMedium(this.#core, this.#mediumNumber(medium)))
  }

  /** Holds all files as they are now, under a name. Durable when it returns. PFAOF_EXISTS. */
  snapshot(name: string): Op<void> {
    return takeSnapshot(this.#core, name)
  }

  /** PFAOF_NOT_FOUND. */
  dropSnapshot(name: string): Op<void> {
    return dropSnapshot(this.#core, name)
  }

  *snapshots(): Generator<SnapshotInfo> {
    for (const [name, { createdMs, files }] of this.#core.table.snapshots) {
      yield { name, createdMs, files: [...files.values()].map((file) => ({ ...file })) }
    }
  }

  /** A file as a snapshot holds it: sealed, with the size of that time. PFAOF_NOT_FOUND. */
  *openSnapshot(snapshot: string, name: string): Op<AppendFile> {
    return openInSnapshot(this.#core, snapshot, name)
  }

  /** Reads everything that is alive and yields what is not as it was written. */
  scrub(o: ScrubOptions = {}): AsyncIterable<ScrubFinding> {
    return scrubVolume(this.#core, o)
  }

  /** In a volume opened read only: takes in what the writer has done since. */
  *refresh(): Op<void> {
    this.#core.checkReadable()
    if (this.#follower === undefined)
      throw new PfaofError('PFAOF_ARGUMENT', 'only a volume opened read only is refreshed')
    yield* this.#follower.refresh()
  }

  /** Seals what is open, and lets go. Idempotent. When it fails the volume is closed all the same, as after a crash. */
  close(): Promise<void> {
    this.#closing ??= runAsync(this.#close())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  *#close(): Op<void> {
    const core = this.#core
    try {
      if (core.readOnly) return
      core.checkWritable()
      for (const id of [...core.table.files.keys()]) {
        if (core.table.files.get(id)?.sealed === false) yield* core.file(id).seal()
      }
      core.pool.close()
      yield* pending(core.housekeeping.idle())
      yield* core.commit(() => [{ tag: 'close' }])
      yield* core.syncTable(core.serial)
      yield* pending(core.housekeeping.idle())
    } finally {
      core.close()
    }
  }

  #idOf(name: string): number {
    const id = this.#core.table.names.get(name)
    if (id === undefined) throw new PfaofError('PFAOF_NOT_FOUND', `no file ${name}`)
    return id
  }

  #mediumNumber(name: string): number {
    const medium = this.#core.media.find((one) => one.name === name)
    if (medium === undefined) throw new PfaofError('PFAOF_ARGUMENT', `the volume has no medium ${name}`)
    return medium.number
  }
}

function holderOf(o: VolumeOptions): string {
  return (o.holder ?? `${hostname()} ${process.pid}`).slice(0, 200)
}
