import { Turn } from '@vivefs/pfaof'
import type { BlobMap } from '../blob/next-blobs.ts'
import { isNoSpace, isTransient, LevelError } from '../error.ts'
import { ManifestReader } from '../manifest/manifest-reader.ts'
import { ManifestWriter } from '../manifest/manifest-writer.ts'
import type { DurableLog, PersistentSnapshot, VersionEdit } from '../manifest/version-edit.ts'
import type { Op } from '../op.ts'
import { FILE_NUMBER_MAX, fileName, type Storage, type StoredFile } from '../storage/storage.ts'
import { EMPTY_TREE, needsLog, nextState, type TreeState } from './tree-state.ts'
import type { Version } from './version.ts'
import { type FreeFile, VersionList } from './version-list.ts'

export interface VersionSetOptions {
  /** Name of the merge operator; recorded when the database has none yet. */
  readonly mergeOperator?: string
  /** The manifest is started anew when it is longer than this and than four times its base edit. Default 1 MiB. */
  readonly manifestBytesMax?: number
  /** Nothing is written; `refresh` follows the writer. */
  readonly readOnly?: boolean
}

const MANIFEST_BYTES_MAX = 1 << 20

/** An edit that was appended and is not yet installed. */
interface Appended {
  readonly state: TreeState
  readonly edit: VersionEdit
  readonly serial: number
}

/** The tree as the manifest has it: its versions, its numbers, and the only way to change them. */
export class VersionSet {
  readonly #storage: Storage
  readonly #manifestBytesMax: number
  readonly #turn = new Turn()
  readonly #list: VersionList
  /** Installed. */
  #state: TreeState
  /** Written, durable or not. */
  #tail: TreeState
  #appended: Appended[] = []
  #serial = 0
  #nextNumber: number
  #writer: ManifestWriter | undefined
  #reader: ManifestReader | undefined
  #failure: unknown
  #closed = false
  /** What is durable of the logs that are being written: every edit says it, so that a log that is missing later is missed. */
  durableLogs: () => readonly DurableLog[] = () => []
  /** The newest sequence number given out. Grows with every write; edits record it. */
  lastSequence: number

  private constructor(storage: Storage, state: TreeState, o: VersionSetOptions) {
    this.#storage = storage
    this.#state = state
    this.#tail = state
    this.#list = new VersionList(state.levels)
    this.#manifestBytesMax = o.manifestBytesMax ?? MANIFEST_BYTES_MAX
    this.lastSequence = state.lastSequence
    // A number whose file was created before a crash, and is in no manifest, is not given out again.
    this.#nextNumber = storage.list().reduce((next, { number }) => Math.max(next, number + 1), state.nextNumber)
  }

  /** Is there a database to recover? */
  static exists(storage: Storage): boolean {
    return newestManifest(storage) !== undefined
  }

  /** An empty tree; durable when it returns. LEVEL_EXISTS. */
  static *create(storage: Storage, o: VersionSetOptions = {}): Op<VersionSet> {
    if (VersionSet.exists(storage)) throw new LevelError('LEVEL_EXISTS', 'there is a manifest already')
    return yield* VersionSet.createFrom(storage, EMPTY_TREE, o)
  }

  /** A tree that is as `state` says, whatever manifests there are; it supersedes them. Durable when it returns. */
  static *createFrom(storage: Storage, state: TreeState, o: VersionSetOptions = {}): Op<VersionSet> {
    const versions = new VersionSet(storage, state, o)
    const { mergeOperator } = o
    yield* versions.apply(mergeOperator === undefined ? {} : { mergeOperator })
    return versions
  }

  /**
   * The tree of the newest manifest. LEVEL_MISSING: there is no database. LEVEL_CORRUPTION, LEVEL_FORMAT, LEVEL_MERGE_OPERATOR. Writes
   * nothing; the first edit starts a manifest of its own, since nothing is appended to the file of an earlier process.
   */
  static *recover(storage: Storage, o: VersionSetOptions = {}): Op<VersionSet> {
    const reader = yield* openManifest(storage, o.readOnly === true)
    const versions = new VersionSet(storage, reader.state, o)
    if (o.readOnly === true) versions.#reader = reader
    const { mergeOperator } = reader.state
    // Who only looks needs no operator: reading an operand without one says so then.
    const mayDiffer = o.readOnly === true && o.mergeOperator === undefined
    if (mergeOperator !== undefined && mergeOperator !== o.mergeOperator && !mayDiffer) {
      const given = o.mergeOperator === undefined ? 'none' : `the operator ${o.mergeOperator}`
      const message = `the database is written with the merge operator ${mergeOperator}, ${given} was given`
      throw new LevelError('LEVEL_MERGE_OPERATOR', message)
    }
    if (mergeOperator === undefined && o.mergeOperator !== undefined && o.readOnly !== true) {
      yield* versions.apply({ mergeOperator: o.mergeOperator })
    }
    return versions
  }

  get current(): Version {
    return this.#list.current
  }

  /** Everything that is installed. */
  get state(): TreeState {
    return this.#state
  }

  /** The oldest log still needed. */
  get logNumber(): number {
    return this.#state.logNumber
  }

  /** Files with values that tables refer to, by number. */
  get blobs(): BlobMap {
    return this.#state.blobs
  }

  /** The log is needed for recovery: its entries are not all in tables that survive loss of power. */
  needsLog(log: number): boolean {
    return needsLog(this.#state, log)
  }

  /** Logs that are needed and known to be durable: bytes by number. */
  get knownLogs(): ReadonlyMap<number, number> {
    return this.#state.logs
  }

  /** Persistent snapshots by name. */
  get pinned(): ReadonlyMap<string, PersistentSnapshot> {
    return this.#state.pinned
  }

  /** A file number that was never given out. LEVEL_FORMAT when all are used up. */
  newNumber(): number {
    if (this.#nextNumber > FILE_NUMBER_MAX) throw new LevelError('LEVEL_FORMAT', 'the file numbers are used up')
    return this.#nextNumber++
  }

  /**
   * Changes the tree: checks the invariants, appends to the manifest, syncs, installs. Durable and visible when it returns; edits become
   * visible in the order of the calls, and concurrent ones share a sync. `lastSequence` and `nextNumber` are filled in. When
   * it fails nobody knows what is durable: every later call is LEVEL_POISONED until the database is opened anew. LEVEL_NO_SPACE: nothing
   * has changed, and it may be tried again.
   */
  *apply(edit: VersionEdit): Op<void> {
    yield* this.#turn.take()
    let serial: number
    let writer: ManifestWriter
    try {
      this.#checkWritable()
      const next = this.#next(edit)
      serial = ++this.#serial
      try {
        writer = yield* this.#write(next.edit, next.state)
      } catch (error) {
        if (!isTransient(error)) this.#failure = error
        throw error
      }
      this.#tail = next.state
      this.#appended.push({ ...next, serial })
    } finally {
      this.#turn.release()
    }
    try {
      yield* writer.sync()
    } catch (error) {
      this.#failure = error
      throw error
    }
    this.#install(serial)
  }

  #checkWritable(): void {
    if (this.#closed) throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the tree was closed')
    if (this.#reader !== undefined) throw new LevelError('LEVEL_READ_ONLY', 'the tree was opened read only')
    if (this.#failure !== undefined) {
      throw new LevelError(
        'LEVEL_POISONED',
        'writing the manifest failed before: open the database anew',
        this.#failure,
      )
    }
  }

  #next(edit: VersionEdit): { edit: VersionEdit; state: TreeState } {
    const lastSequence = Math.max(this.lastSequence, this.#tail.lastSequence, edit.lastSequence ?? 0)
    const known = this.#tail.logs
    const logs = this.durableLogs().filter(({ number, bytes }) => bytes > (known.get(number) ?? 0))
    const full = { ...edit, lastSequence, nextNumber: this.#nextNumber, ...(logs.length === 0 ? {} : { logs }) }
    const state = nextState(this.#tail, full)
    if ('fault' in state) throw new LevelError('LEVEL_CORRUPTION', `an edit of the tree was refused: ${state.fault}`)
    return { edit: full, state }
  }

  /** Appends the edit. After LEVEL_NO_SPACE the manifest is as before, or a new one is empty and so does not count. */
  *#write(edit: VersionEdit, state: TreeState): Op<ManifestWriter> {
    const writer = this.#writer
    const bytesMax = Math.max(this.#manifestBytesMax, 4 * (writer?.baseBytes ?? 0))
    if (writer !== undefined && writer.bytes <= bytesMax) {
      yield* writer.append(edit)
      return writer
    }
    const number = this.newNumber()
    const next = yield* ManifestWriter.start(this.#storage, number, { ...state, nextNumber: this.#nextNumber })
    try {
      yield* next.sync()
    } catch (error) {
      this.#failure = error
      throw error
    }
    this.#writer = next
    yield* this.#removeManifests(number)
    return next
  }

  *#removeManifests(before: number): Op<void> {
    for (const { kind, number } of this.#storage.list()) {
      if (kind !== 'manifest' || number >= before) continue
      try {
        yield* this.#storage.remove('manifest', number)
      } catch (error) {
        // It counts no more; the next manifest, or the next opening, tries again.
        if (!isNoSpace(error)) throw error
      }
    }
  }

  #install(serial: number): void {
    const edits: VersionEdit[] = []
    let state: TreeState | undefined
    while (this.#appended[0] !== undefined && this.#appended[0].serial <= serial) {
      const first = this.#appended.shift()!
      edits.push(first.edit)
      state = first.state
    }
    if (state === undefined) return // a later edit was installed before, and this one with it
    const before = this.#state
    this.#state = state
    if (state.levels.some((tables, level) => tables !== before.levels[level])) this.#list.install(state.levels, edits)
    for (const { kind, number } of before.blobs.values()) {
      if (!state.blobs.has(number)) this.#list.retire({ kind, number })
    }
  }

  /** Tables of all referenced versions. */
  liveTables(): Set<number> {
    return this.#list.liveTables()
  }

  /** A log that the tree does not need, and of which readers of older versions may need values: it waits for {@link removeFree}. */
  retireLog(number: number): void {
    this.#list.retire({ kind: 'log', number })
  }

  /** Called when files wait for {@link removeFree} because a version was let go of. */
  set onFree(callback: () => void) {
    this.#list.onFree = callback
  }

  /** Files that wait for {@link removeFree}. */
  get freeCount(): number {
    return this.#list.freeCount
  }

  /** Removes files that no version refers to any more; `evict` hears of each before. */
  *removeFree(evict: (file: FreeFile) => void): Op<void> {
    for (let file = this.#list.takeFree(); file !== undefined; file = this.#list.takeFree()) {
      evict(file)
      try {
        yield* this.#storage.remove(file.kind, file.number)
      } catch (error) {
        this.#list.giveBack(file)
        throw error
      }
    }
  }

  /** Removes what a crash left: tables in no version, logs and blob files that are not needed, old manifests. Only before anything else runs. */
  *removeOrphans(): Op<StoredFile[]> {
    this.#checkWritable()
    const live = this.liveTables()
    const newest = this.#writer?.number ?? newestManifest(this.#storage)
    const orphans = this.#storage.list().filter(({ kind, number }) => {
      if (kind === 'table') return !live.has(number)
      if (kind === 'index') return !live.has(number)
      if (kind === 'blob') return !this.blobs.has(number)
      return kind === 'log' ? !this.needsLog(number) && !this.blobs.has(number) : number !== newest
    })
    for (const { kind, number } of orphans) yield* this.#storage.remove(kind, number)
    return orphans
  }

  /** Read only: takes in what the writer has done since; true when that was anything. */
  *refresh(): Op<boolean> {
    const reader = this.#reader
    if (reader === undefined) throw new LevelError('LEVEL_ARGUMENT', 'only a tree opened read only is refreshed')
    let next = reader
    if (newestManifest(this.#storage) === reader.number) {
      if (!(yield* reader.read())) return false
    } else {
      next = yield* openManifest(this.#storage, true)
      this.#reader = next
    }
    const { state } = next
    this.#state = state
    this.#tail = state
    this.lastSequence = Math.max(this.lastSequence, state.lastSequence)
    this.#nextNumber = Math.max(this.#nextNumber, state.nextNumber)
    this.#list.replace(state.levels)
    return true
  }

  /** Ends the manifest. Idempotent. */
  *close(): Op<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#writer !== undefined && this.#failure === undefined) yield* this.#writer.seal()
  }
}

/** The number of the newest manifest that says anything. One that is empty was being started when power was lost. */
function newestManifest(storage: Storage): number | undefined {
  let newest: number | undefined
  for (const { kind, number, bytes } of storage.list()) {
    if (kind === 'manifest' && bytes > 0 && number > (newest ?? -1)) newest = number
  }
  return newest
}

function* openManifest(storage: Storage, readOnly: boolean): Op<ManifestReader> {
  const number = newestManifest(storage)
  if (number === undefined) {
    const lost = storage.list().find(({ kind }) => kind !== 'manifest')
    if (lost === undefined) throw new LevelError('LEVEL_MISSING', 'there is no database')
    const named = fileName(lost.kind, lost.number)
    throw new LevelError('LEVEL_CORRUPTION', `there is no manifest, but ${named}: repair can rebuild it`)
  }
  const reader = new ManifestReader(number, yield* storage.open('manifest', number), readOnly)
  yield* reader.read()
  return reader
}
