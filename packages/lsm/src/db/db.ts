import { checkAborted, untilAborted } from '../abort.ts'
import type { BatchEncoder } from '../batch/batch-encoder.ts'
import { separationOf } from '../blob/separation.ts'
import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import { BLOB } from '../kind.ts'
import { FOUND, Lookup, type ValueOwner } from '../lookup.ts'
import type { PersistentSnapshot } from '../manifest/version-edit.ts'
import { type MediaMap, mapOf } from '../media-map/media-map.ts'
import { type Op, runAsync, runSync } from '../op.ts'
import { loadPolicy } from '../policy/load-policy.ts'
import type { RelocationReport } from '../policy/relocator.ts'
import { openStorage } from '../storage/open-storage.ts'
import { hull } from '../version/table-range.ts'
import { VersionSet } from '../version/version-set.ts'
import { answer } from './answer.ts'
import { approximateBytes } from './approximate.ts'
import { type CheckpointReport, checkpoint } from './checkpoint.ts'
import { Follower } from './follower.ts'
import { Following } from './following.ts'
import { locate, type ValuePlace } from './locate.ts'
import { type LoadedOperator, loadOperator } from './merge-operators.ts'
import { type DbOptions, type DbSettings, PLACES_PART, settingsOf } from './options.ts'
import { fetch, fetchNow, isElsewhere, lookup, lookupNow, resolve, type ValuePart } from './point-read.ts'
import type { ReadView } from './read-view.ts'
import { Scan, type ScanOptions } from './scan.ts'
import { Snapshots } from './snapshots.ts'
import { type DbStats, statsOf } from './stats.ts'
import { type Tree, treeOf } from './tree.ts'
import { Writer } from './writer.ts'

/** Makes what a caller wants of the bytes of a value. A view of them may only be given away where the owner shares; undefined: so it is. */
export type TakeValue<T> = (bytes: Buffer, start: number, end: number, owner: ValueOwner | undefined) => T

/**
 * One open database: keys and values are bytes, and every operation answers on the spot when memory is enough. What abstract-level adds
 * (encodings, deferred opening, events) is in `LsmLevel`.
 */
export class LsmDb {
  readonly snapshots: Snapshots = new Snapshots()
  readonly settings: DbSettings
  readonly tree: Tree
  /** What a salvage left out. */
  readonly damage: readonly LevelError[]
  readonly operator: LoadedOperator
  #writer: Writer | undefined
  #follower: Follower | undefined
  #following: Following | undefined
  readonly #lookup = new Lookup()
  #closed = false

  private constructor(settings: DbSettings, tree: Tree, operator: LoadedOperator, damage: readonly LevelError[]) {
    this.settings = settings
    this.tree = tree
    this.operator = operator
    this.damage = damage
  }

  /**
   * Opens the database at a location, or makes it. LEVEL_LOCKED, LEVEL_MISSING, LEVEL_EXISTS, LEVEL_FORMAT, LEVEL_CORRUPTION,
   * LEVEL_MERGE_OPERATOR, LEVEL_ARGUMENT, LEVEL_IO_ERROR, LEVEL_NO_SPACE.
   */
  static async open(location: string, options: DbOptions = {}): Promise<LsmDb> {
    const settings = settingsOf(options)
    const operator = await loadOperator(settings.mergeOperator)
    const policy = await loadPolicy(options.policy)
    const { readOnly, cacheBytes } = settings
    const places = Math.ceil(settings.memoryBytes / PLACES_PART)
    const storage = await openStorage({ ...settings, location, policy, cacheBytes: places })
    try {
      const versions = await openVersions(storage, settings, operator)
      const tree = treeOf(storage, versions, cacheBytes)
      if (readOnly) return await LsmDb.#follow(settings, tree, operator)
      const db = new LsmDb(settings, tree, operator, [])
      const snapshots = () => db.#liveSnapshots
      db.#writer = await runAsync(Writer.open({ tree, settings, operator, snapshots }))
      return db
    } catch (error) {
      await storage.close().catch(() => {}) // the first failure is the one that counts
      throw error
    }
  }

  static async #follow(settings: DbSettings, tree: Tree, operator: LoadedOperator): Promise<LsmDb> {
    const follower = new Follower(tree, separationOf(settings.compaction.separation))
    const damage = settings.salvage ? await runAsync(follower.salvage()) : []
    if (!settings.salvage) await runAsync(follower.load())
    const db = new LsmDb(settings, tree, operator, damage)
    db.#follower = follower
    const replayed = () => follower.replayed
    if (!settings.salvage) db.#following = new Following(() => db.#refresh(follower), replayed, settings.followMs)
    return db
  }

  /** The newest sequence number that reads see. */
  get lastSequence(): number {
    return this.#follower === undefined ? this.tree.versions.lastSequence : this.#follower.lastSequence
  }

  get #view(): ReadView {
    return this.#writer === undefined ? this.#follower!.view : this.#writer.memtables.view
  }

  get #liveSnapshots(): readonly number[] {
    const { pinned } = this.tree.versions
    if (pinned.size === 0) return this.snapshots.list
    const all = new Set(this.snapshots.list)
    for (const { sequence } of pinned.values()) all.add(sequence)
    return [...all].sort((a, b) => a - b)
  }

  /** The writing half. LEVEL_READ_ONLY. */
  get writer(): Writer {
    if (this.#writer === undefined) throw new LevelError('LEVEL_READ_ONLY', 'the database was opened read only')
    return this.#writer
  }

  /**
   * The value of a key as of a sequence number, as `take` makes it; undefined: there is none. The key may be overwritten as soon as the
   * call returns. A promise only where something has to be waited for. Of a value that lies apart from its key no more than `part` is read.
   */
  read<T>(key: Buffer, sequence: number, take: TakeValue<T>, part?: ValuePart): T | undefined | Promise<T | undefined> {
    const found = this.#lookup.start(sequence)
    const view = this.#view
    const { tables, blobs } = this.tree
    if (lookupNow(view, tables, key, found) && (!isElsewhere(found) || fetchNow(found, blobs, part)))
      return this.#taken(found, key, take, part)
    return answer(this.#readHeld(view, Buffer.from(key), sequence, take, part))
  }

  *#readHeld<T>(
    view: ReadView,
    key: Buffer,
    sequence: number,
    take: TakeValue<T>,
    part: ValuePart | undefined,
  ): Op<T | undefined> {
    const found = new Lookup().start(sequence)
    view.retain()
    try {
      yield* lookup(view, this.tree.tables, key, found)
      if (isElsewhere(found)) yield* fetch(found, this.tree.blobs, part)
      return this.#taken(found, key, take, part)
    } finally {
      view.release()
    }
  }

  /** As {@link read}, on the spot. LEVEL_SYNC_UNAVAILABLE. */
  readNow<T>(key: Buffer, sequence: number, take: TakeValue<T>, part?: ValuePart): T | undefined {
    const found = this.#lookup.start(sequence)
    const view = this.#view
    const { tables, blobs } = this.tree
    if (!lookupNow(view, tables, key, found)) {
      found.start(sequence)
      runSync(lookup(view, tables, key, found), 'getSync')
    }
    if (isElsewhere(found) && !fetchNow(found, blobs, part)) runSync(fetch(found, blobs, part), 'getSync')
    return this.#taken(found, key, take, part)
  }

  #taken<T>(found: Lookup, key: Buffer, take: TakeValue<T>, part: ValuePart | undefined): T | undefined {
    if (found.operands !== undefined) resolve(found, key, this.operator.operator)
    if (found.state !== FOUND) return undefined
    const { valueBytes, valueStart, valueEnd, owner } = found
    // Of a value that lay elsewhere only the part was read.
    if (part === undefined || found.kind === BLOB) return take(valueBytes, valueStart, valueEnd, owner)
    const start = Math.min(valueEnd, valueStart + part.offset)
    return take(valueBytes, start, Math.min(valueEnd, start + part.bytes), owner)
  }

  /** Where the value of a key lies, as of now; undefined: there is none. */
  async locate(key: Buffer): Promise<ValuePlace | undefined> {
    const view = this.#view
    view.retain()
    try {
      return await runAsync(locate(view, this.tree, key, this.lastSequence))
    } finally {
      view.release()
    }
  }

  /** What is visible at a sequence number stays readable until the answer is called. */
  hold(sequence: number): () => void {
    this.snapshots.take(sequence)
    return () => this.snapshots.release(sequence)
  }

  /** Entries of a range as of a sequence number. To be closed. */
  scan(sequence: number, options: ScanOptions): Scan {
    const { tables, blobs } = this.tree
    return new Scan({ tables, blobs, mergeOperator: this.operator.operator }, this.#view, sequence, options)
  }

  /** An empty batch: fill it, and commit it before anything else is begun. LEVEL_READ_ONLY. */
  begin(): BatchEncoder {
    return this.writer.path.begin()
  }

  /** See `WritePath.commit`. */
  commit(batch: BatchEncoder, sync: boolean): undefined | Promise<void> {
    return this.writer.path.commit(batch, sync)
  }

  /** See `WritePath.commitNow`. */
  commitNow(batch: BatchEncoder, sync: boolean): void {
    this.writer.path.commitNow(batch, sync)
  }

  /** Deletes the keys at or after `from` and before `to`. */
  deleteRange(from: Bytes, to: Bytes, sync: boolean): undefined | Promise<void> {
    const batch = this.begin()
    if (Buffer.compare(from, to) < 0) batch.deleteRange(from, to)
    return this.commit(batch, sync)
  }

  /** Everything acknowledged before is durable when it resolves. */
  sync(): Promise<void> {
    return this.writer.path.sync()
  }

  /** Everything written before is in tables when it resolves. */
  flush(): Promise<void> {
    return this.writer.flush()
  }

  /** Merges what lies at or after `from` and before `to` into the deepest level; undefined: no edge. LEVEL_ABORTED. */
  async compactRange(from: Bytes | undefined, to: Bytes | undefined, signal?: AbortSignal): Promise<void> {
    checkAborted(signal)
    await untilAborted(this.flush(), signal)
    const all = hull([...this.tree.versions.current.tables()].map(({ meta }) => meta))
    if (all === undefined) return
    const { smallest, largest, largestIncluded } = all
    const end = to === undefined ? { largest, largestIncluded } : { largest: to, largestIncluded: false }
    await this.writer.compactor.compactRange({ smallest: from ?? smallest, ...end }, signal)
  }

  /** Bytes that the keys at or after `from` and before `to` take in tables, about. */
  approximateBytes(from: Buffer, to: Buffer): Promise<number> {
    return runAsync(approximateBytes(this.#view, this.tree.tables, from, to))
  }

  /** Keeps what is visible now under a name, beyond the life of the process. Durable when it resolves. */
  async keepSnapshot(name: string): Promise<void> {
    const { versions } = this.tree
    if (versions.pinned.has(name)) throw new LevelError('LEVEL_ARGUMENT', `there is a snapshot ${name}`)
    const sequence = this.lastSequence
    const release = this.hold(sequence)
    try {
      await this.sync()
      const snapshot: PersistentSnapshot = { name, sequence, createdMs: this.settings.now() }
      await runAsync(versions.apply({ pinned: [snapshot] }))
    } finally {
      release()
    }
  }

  /** LEVEL_NOT_FOUND. */
  async dropSnapshot(name: string): Promise<void> {
    this.keptSequence(name)
    void this.writer
    await runAsync(this.tree.versions.apply({ unpinned: [name] }))
  }

  /** The sequence number of a named snapshot. LEVEL_NOT_FOUND. */
  keptSequence(name: string): number {
    const kept = this.tree.versions.pinned.get(name)
    if (kept === undefined) throw new LevelError('LEVEL_NOT_FOUND', `there is no snapshot ${name}`)
    return kept.sequence
  }

  /** See `LsmLevel.checkpoint`. */
  async checkpoint(directory: string, signal?: AbortSignal): Promise<CheckpointReport> {
    checkAborted(signal)
    await untilAborted(this.sync(), signal)
    return checkpoint(this, directory, signal)
  }

  /** Read only: takes in what the writer has done since. */
  async refresh(): Promise<void> {
    if (this.#following === undefined)
      throw new LevelError('LEVEL_ARGUMENT', 'only a database opened read only is refreshed')
    await this.#following.refresh()
  }

  async #refresh(follower: Follower): Promise<void> {
    await runAsync(this.tree.storage.refresh())
    await runAsync(this.tree.versions.refresh())
    await runAsync(follower.load())
  }

  stats(): DbStats {
    const { blobBytes } = this.settings.compaction
    return statsOf(this.tree, this.#writer ?? this.#following, this.snapshots, this.damage, blobBytes)
  }

  /** Where everything is. */
  map(): MediaMap {
    return mapOf(this.tree, this.settings.now())
  }

  /**
   * Moves files that lie elsewhere than the policy wants them. `force`: everything written so far, now; else as the timer does.
   * LEVEL_READ_ONLY.
   */
  async relocate(force: boolean): Promise<RelocationReport> {
    const { relocator } = this.writer
    if (relocator === undefined) return { files: 0, bytes: 0 }
    if (force) await this.flush()
    return await relocator.round(force)
  }

  /** See `LsmLevel.emptyMedium`. LEVEL_READ_ONLY, LEVEL_ARGUMENT. */
  async emptyMedium(name: string): Promise<RelocationReport> {
    const { relocator } = this.writer
    if (relocator === undefined) throw new LevelError('LEVEL_ARGUMENT', 'emptyMedium needs relocation, which is off')
    if (this.tree.storage.media[name] === undefined)
      throw new LevelError('LEVEL_ARGUMENT', `there is no medium ${name}`)
    await this.flush()
    return await relocator.empty(name)
  }

  /** Nothing acknowledged is lost, even when nobody waits for it. Idempotent. The lock is released whatever happens. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    try {
      await this.#following?.close()
      await this.#writer?.close()
      await runAsync(this.tree.versions.close())
      this.tree.tables.clear()
    } finally {
      await this.tree.storage.close()
    }
  }
}

async function openVersions(
  storage: Tree['storage'],
  settings: DbSettings,
  { operator }: LoadedOperator,
): Promise<VersionSet> {
  const { readOnly } = settings
  const options = { readOnly, ...(operator === undefined ? {} : { mergeOperator: operator.name }) }
  const isNew = storage.list().every(({ kind, bytes }) => kind === 'manifest' && bytes === 0)
  if (isNew && !readOnly) return await runAsync(VersionSet.create(storage, options))
  return await runAsync(VersionSet.recover(storage, options))
}
