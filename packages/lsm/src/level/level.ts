import type {
  AbstractBatchOperation,
  AbstractClearOptions,
  AbstractDelOptions,
  AbstractPutOptions,
} from 'abstract-level'
import type { BatchEncoder } from '../batch/batch-encoder.ts'
import type { Bytes } from '../bytes.ts'
import type { CheckpointReport } from '../db/checkpoint.ts'
import type { ValuePlace } from '../db/locate.ts'
import type { ValuePart } from '../db/point-read.ts'
import type { DbStats } from '../db/stats.ts'
import { LevelError } from '../error.ts'
import type { MediaMap } from '../media-map/media-map.ts'
import type { RelocationReport } from '../policy/relocator.ts'
import { AbstractFace, type LsmFormat, type LsmLevelOptions } from './abstract-face.ts'
import type { EncodedRangeOptions } from './entry-reader.ts'
import {
  addOperations,
  type Encoding,
  type EncodingHost,
  type EncodingOptions,
  isDelegated,
  type Operation,
  refuseMerges,
} from './operations.ts'
import { LsmSnapshot, sequenceOf } from './snapshot.ts'
import { SyncIterator } from './sync-iterator.ts'
import { takeAs } from './take.ts'

/** Of writes that are typed by abstract-level. */
export interface SyncOption {
  /** Survives loss of power when it is acknowledged. Default false. */
  readonly sync?: boolean | undefined
}

export interface WriteOptions<K = unknown, V = unknown> extends SyncOption {
  readonly keyEncoding?: string | object | undefined
  readonly valueEncoding?: string | object | undefined
  /** Only there so that the types of keys and values can be told. */
  readonly types?: [K, V]
}

/** The operation ends with LEVEL_ABORTED when the signal says so. */
export interface AbortOptions {
  readonly signal?: AbortSignal | undefined
}

export interface PartOptions extends EncodingOptions {
  readonly snapshot?: object | undefined
}

export interface SyncRangeOptions<K = unknown> {
  readonly gt?: K
  readonly gte?: K
  readonly lt?: K
  readonly lte?: K
  readonly reverse?: boolean | undefined
  readonly limit?: number | undefined
  readonly keys?: boolean | undefined
  readonly values?: boolean | undefined
  readonly keyEncoding?: string | object | undefined
  readonly valueEncoding?: string | object | undefined
  readonly snapshot?: object | undefined
  /** Blocks that are read stay in the cache; default true. */
  readonly fillCache?: boolean | undefined
  /** false: bytes may be views of the database's memory, which must not be changed. Default true. */
  readonly copy?: boolean | undefined
}

/** What a write answers that is done: one promise for all of them. */
const DONE: Promise<void> = Promise.resolve()
const RANGE_KEYS = ['gt', 'gte', 'lt', 'lte'] as const

/**
 * An LSM-tree database behind the `AbstractLevel` interface, in pure TypeScript. What it does beyond that interface is announced in
 * `supports.additionalMethods`.
 */
export class LsmLevel<K = string, V = string> extends AbstractFace<K, V> {
  /** Those of the database, looked up once. */
  readonly #keyEncoding: Encoding
  readonly #valueEncoding: Encoding

  /** @param location a directory, or `memory:`; only a name in messages where `options.media` are given */
  constructor(location: string, options?: LsmLevelOptions<K, V> | undefined) {
    super(location, options)
    const host = this as unknown as EncodingHost
    this.#keyEncoding = host.keyEncoding()
    this.#valueEncoding = host.valueEncoding()
  }

  /** As in abstract-level, and `sync: true`. */
  override put(key: K, value: V): Promise<void>
  override put<KIn = K, VIn = V>(
    key: KIn,
    value: VIn,
    options: AbstractPutOptions<KIn, VIn> & SyncOption,
  ): Promise<void>
  override put(key: K, value: V, options?: AbstractPutOptions<K, V> & SyncOption): Promise<void> {
    if (!this.#isDirect(options)) return super.put(key, value, options as AbstractPutOptions<K, V>)
    try {
      const { db } = this
      const keys = this.#encodedKey(key, options)
      const values = this.#encodedValue(value, options)
      const batch = db.begin()
      batch.put(keys, values)
      return db.commit(batch, options?.sync === true) ?? DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** As in abstract-level, and `sync: true`. */
  override del(key: K): Promise<void>
  override del<KIn = K>(key: KIn, options: AbstractDelOptions<KIn> & SyncOption): Promise<void>
  override del(key: K, options?: AbstractDelOptions<K> & SyncOption): Promise<void> {
    if (!this.#isDirect(options)) return super.del(key, options as AbstractDelOptions<K>)
    try {
      const { db } = this
      const keys = this.#encodedKey(key, options)
      const batch = db.begin()
      batch.del(keys)
      return db.commit(batch, options?.sync === true) ?? DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Nobody but the engine has to see a write, so it takes the short way: no promise of its own, no object. */
  #isDirect(options: unknown): boolean {
    if (this.status !== 'open' || (options !== undefined && (typeof options !== 'object' || options === null)))
      return false
    return (this.hooks.prewrite as unknown as { noop: boolean }).noop && this.listenerCount('write') === 0
  }

  #encodedKey(key: unknown, options: EncodingOptions | undefined): string | Bytes {
    const host = this as unknown as EncodingHost
    host._assertValidKey(key)
    const given = options?.keyEncoding
    const encoding = given === undefined || given === null ? this.#keyEncoding : host.keyEncoding(given)
    return host.prefixKey(encoding.encode(key), encoding.format, true)
  }

  #encodedValue(value: unknown, options: EncodingOptions | undefined): string | Bytes {
    const host = this as unknown as EncodingHost
    host._assertValidValue(value)
    const given = options?.valueEncoding
    const encoding = given === undefined || given === null ? this.#valueEncoding : host.valueEncoding(given)
    return encoding.encode(value)
  }

  /** As in abstract-level; operations of type `merge` are taken as well. */
  // biome-ignore lint/suspicious/noExplicitAny: three overloads of the base, with its own types of operations
  override batch(...given: any[]): any {
    if (given.length === 0) return super.batch()
    const [operations, options] = given
    if (!this.#isPlain(operations)) return this.#batchBelow(operations, options)
    return this.#batchHere(operations, options)
  }

  /** As in abstract-level. LEVEL_ABORTED: the signal said so; what was deleted before stays deleted. */
  override clear<KIn = K>(options?: AbstractClearOptions<KIn> & AbortOptions): Promise<void> {
    return super.clear(options ?? {})
  }

  /** Nobody but the engine has to see the operations. */
  #isPlain(operations: readonly Operation[]): boolean {
    if (this.status !== 'open' || !Array.isArray(operations)) return false
    if (!(this.hooks.prewrite as unknown as { noop: boolean }).noop || this.listenerCount('write') > 0) return false
    return !operations.some(isDelegated)
  }

  async #batchBelow(operations: readonly Operation[], options: object | undefined): Promise<void> {
    if (Array.isArray(operations)) refuseMerges(operations)
    type Below = AbstractBatchOperation<this, K, V>[]
    await super.batch(operations as unknown as Below, options ?? {})
  }

  async #batchHere(
    operations: readonly Operation[],
    options: (EncodingOptions & WriteOptions) | undefined,
  ): Promise<void> {
    await this.db.commit(this.#encoded(operations, options), options?.sync === true)
  }

  #encoded(operations: readonly Operation[], options: EncodingOptions | undefined): BatchEncoder {
    const batch = this.db.begin()
    addOperations(this as unknown as EncodingHost, batch, operations, options)
    return batch
  }

  #checkSync(what: string): void {
    if (this.status !== 'open') throw new LevelError('LEVEL_DATABASE_NOT_OPEN', `${what}: the database is not open`)
    if (!(this.hooks.prewrite as unknown as { noop: boolean }).noop)
      throw new LevelError('LEVEL_ARGUMENT', `${what}: the prewrite hooks of the database are for asynchronous writes`)
  }

  /**
   * Writes operations as one batch, on the spot: it has landed when this returns, behind every batch that landed before. The write event
   * is emitted. LEVEL_BUSY when compaction is behind and nothing under way can relieve it.
   */
  batchSync(operations: readonly Operation[], options?: WriteOptions): void {
    this.#checkSync('batchSync')
    if (!Array.isArray(operations)) throw new TypeError("The first argument 'operations' must be an array")
    if (operations.some(isDelegated)) throw new LevelError('LEVEL_ARGUMENT', 'batchSync takes no sublevels')
    this.db.commitNow(this.#encoded(operations, options), options?.sync === true)
    if (this.listenerCount('write') > 0) this.emit('write', operations)
  }

  /** See {@link batchSync}. */
  putSync(key: K, value: V, options?: WriteOptions): void {
    this.batchSync([{ type: 'put', key, value }], options)
  }

  /** See {@link batchSync}. */
  delSync(key: K, options?: WriteOptions): void {
    this.batchSync([{ type: 'del', key }], options)
  }

  /** Merges an operand into the value of a key, by the database's merge operator. */
  async merge(key: K, operand: V, options?: WriteOptions): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.merge(key, operand, options))
    await this.batch([{ type: 'merge', key, value: operand }], options)
  }

  /** Deletes the keys from `start` to before `end`, in one step and without reading them. */
  async deleteRange(start: K, end: K, options?: WriteOptions): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.deleteRange(start, end, options))
    const [from, to] = this.#range(start, end, options)
    await this.db.deleteRange(from, to, options?.sync === true)
  }

  /**
   * Bytes of a value from `offset` on, `length` of them or fewer where it ends before; undefined: there is no such key. Of a value that lies
   * apart from its key nothing else is read. Bytes as they are stored, without decoding; the memory is the caller's.
   */
  async getPart(key: K, offset: number, length: number, options?: PartOptions): Promise<Buffer | undefined> {
    if (this.status === 'opening') return this.deferAsync(() => this.getPart(key, offset, length, options))
    const { db } = this
    const sequence = sequenceOf(options?.snapshot) ?? db.lastSequence
    return db.read(this.#key(key, options), sequence, takeAs('buffer'), partOf(offset, length)) as Promise<Buffer>
  }

  /** As {@link getPart}, on the spot. LEVEL_SYNC_UNAVAILABLE. */
  getPartSync(key: K, offset: number, length: number, options?: PartOptions): Buffer | undefined {
    const { db } = this
    const sequence = sequenceOf(options?.snapshot) ?? db.lastSequence
    return db.readNow(this.#key(key, options), sequence, takeAs('buffer'), partOf(offset, length)) as Buffer
  }

  /**
   * Where the value of a key lies (medium, file, position); undefined: there is none. The value is not read: many reads from a tape, or from
   * a disk with heads, go fastest in the order of their positions.
   */
  async locate(key: K, options?: EncodingOptions): Promise<ValuePlace | undefined> {
    if (this.status === 'opening') return this.deferAsync(() => this.locate(key, options))
    return await this.db.locate(this.#key(key, options))
  }

  /** Entries of a range, on the spot, as of now. To be closed. */
  iteratorSync<KOut = K, VOut = V>(options: SyncRangeOptions = {}): SyncIterator<KOut, VOut> {
    if (this.status !== 'open')
      throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'iteratorSync: the database is not open')
    const host = this as unknown as EncodingHost
    const keys = host.keyEncoding(options.keyEncoding)
    const values = host.valueEncoding(options.valueEncoding)
    const encoded: Record<string, unknown> = { ...options, keyEncoding: keys.format, valueEncoding: values.format }
    for (const name of RANGE_KEYS) {
      if (options[name] !== undefined) encoded[name] = host.prefixKey(keys.encode(options[name]), keys.format, false)
    }
    const decoder = {
      key: (data: unknown) => keys.decode(data) as KOut,
      value: (data: unknown) => values.decode(data) as VOut,
    }
    const detach = (iterator: object) => this.detachResource(iterator as never)
    const iterator = new SyncIterator<KOut, VOut>(this.db, encoded as EncodedRangeOptions, decoder, detach)
    this.attachResource(iterator as never)
    return iterator
  }

  /** Bytes that the range takes on its media, about; what is not yet in tables does not count. */
  async approximateSize(start: K, end: K, options?: EncodingOptions): Promise<number> {
    if (this.status === 'opening') return this.deferAsync(() => this.approximateSize(start, end, options))
    return this.db.approximateBytes(...this.#range(start, end, options))
  }

  /**
   * Merges the range into the deepest level; without arguments everything. LEVEL_ABORTED: the signal said so; the step under way comes to
   * its end, and the database is as sound as before.
   */
  async compactRange(start?: K, end?: K, options?: EncodingOptions & AbortOptions): Promise<void> {
    const { signal } = options ?? {}
    if (this.status === 'opening') return this.deferAsync(() => this.compactRange(start, end, options), { signal })
    const edge = (key: K | undefined) => (key === undefined ? undefined : this.#key(key, options))
    await this.db.compactRange(edge(start), edge(end), signal)
  }

  /** Everything written so far is in tables when it resolves. */
  async flush(): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.flush())
    await this.db.flush()
  }

  /** Everything acknowledged so far survives loss of power when it resolves. */
  async syncLog(): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.syncLog())
    await this.db.sync()
  }

  /**
   * Makes a database of its own in `directory`, absent or empty, that holds what this one does now; it is durable when this resolves. A database
   * in one directory is cloned in one step: finished files are shared by hard links where the filesystem has them, the few that are being
   * written are copied. From other media the tables are flushed and copied, while writing goes on. LEVEL_ARGUMENT: `directory` is not empty.
   * LEVEL_ABORTED: the signal said so; it is as it was before.
   */
  async checkpoint(directory: string, options: AbortOptions = {}): Promise<CheckpointReport> {
    const { signal } = options
    if (this.status === 'opening') return this.deferAsync(() => this.checkpoint(directory, options), { signal })
    return await this.db.checkpoint(directory, signal)
  }

  /** Keeps what the database holds now under a name, until {@link dropSnapshot}, whoever closes or opens it. Durable when it resolves. */
  async keepSnapshot(name: string): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.keepSnapshot(name))
    await this.db.keepSnapshot(name)
  }

  /** LEVEL_NOT_FOUND. */
  async dropSnapshot(name: string): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.dropSnapshot(name))
    await this.db.dropSnapshot(name)
  }

  /** Names of the snapshots that are kept, and when they were taken (milliseconds since 1970). */
  keptSnapshots(): { readonly name: string; readonly createdMs: number }[] {
    return [...this.db.tree.versions.pinned.values()].map(({ name, createdMs }) => ({ name, createdMs }))
  }

  /** A kept snapshot, for the option `snapshot` of reads. To be closed. LEVEL_NOT_FOUND. */
  openSnapshot(name: string): LsmSnapshot {
    return new LsmSnapshot(this.db, this.db.keptSequence(name), { owner: this })
  }

  /** In a database opened read only: takes in what the writer has done since. */
  async refresh(): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.refresh())
    await this.db.refresh()
  }

  /** Counters and sizes. LEVEL_DATABASE_NOT_OPEN. */
  stats(): DbStats {
    return this.db.stats()
  }

  /** Every file with its level, medium, size, garbage, age and heat. LEVEL_DATABASE_NOT_OPEN. */
  map(): MediaMap {
    return this.db.map()
  }

  /**
   * Moves tables and files with values to where the policy's `relocate` wants them, as happens by itself from time to time. `force`: what was
   * written so far, now, without regard to the allowance of bytes and to how long the files have been where they are. LEVEL_NO_SPACE,
   * LEVEL_IO_ERROR: no medium that the policy names takes a file; those before it have moved.
   */
  async relocate(options: { readonly force?: boolean } = {}): Promise<RelocationReport> {
    if (this.status === 'opening') return this.deferAsync(() => this.relocate(options))
    return await this.db.relocate(options.force === true)
  }

  /**
   * Moves what lies on a medium to the next choices of the policy. A tape, whose space returns only as a whole, is erased then, so that what was
   * deleted there gives its space back. What the policy wants there comes back with later rounds of `relocate`. LEVEL_NO_SPACE: the others do
   * not take it all; LEVEL_BUSY: a reader, or a file that does not move, needs the medium.
   */
  async emptyMedium(name: string): Promise<RelocationReport> {
    if (this.status === 'opening') return this.deferAsync(() => this.emptyMedium(name))
    return await this.db.emptyMedium(name)
  }

  #key(key: K, options: EncodingOptions | undefined): Buffer {
    const host = this as unknown as EncodingHost
    host._assertValidKey(key)
    const keys = host.keyEncoding(options?.keyEncoding)
    const encoded: string | Bytes = host.prefixKey(keys.encode(key), keys.format, true)
    return typeof encoded === 'string' ? Buffer.from(encoded, 'utf8') : Buffer.from(encoded)
  }

  #range(start: K, end: K, options: EncodingOptions | undefined): [Buffer, Buffer] {
    return [this.#key(start, options), this.#key(end, options)]
  }
}

function partOf(offset: number, bytes: number): ValuePart {
  if (Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(bytes) && bytes >= 0) return { offset, bytes }
  throw new LevelError('LEVEL_ARGUMENT', `no part of a value: ${bytes} bytes at ${offset}`)
}

export type { LsmFormat, LsmLevelOptions }
