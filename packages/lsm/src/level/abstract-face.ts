import { type AbstractDatabaseOptions, AbstractLevel } from 'abstract-level'
import type { Bytes } from '../bytes.ts'
import { LsmDb, type TakeValue } from '../db/db.ts'
import type { DbOptions } from '../db/options.ts'
import type { ValuePart } from '../db/point-read.ts'
import { LevelError } from '../error.ts'
import { ChainedBatch } from './chained-batch.ts'
import { clearRange } from './clear.ts'
import type { EncodedRangeOptions } from './entry-reader.ts'
import { LsmIterator } from './iterator.ts'
import { KeyScratch } from './key-scratch.ts'
import { addEncoded, type EncodedOperation } from './operations.ts'
import { LsmSnapshot, sequenceOf } from './snapshot.ts'
import { MANIFEST } from './supports.ts'
import { takeAs } from './take.ts'

export type LsmFormat = string | Buffer | Uint8Array

export interface LsmLevelOptions<K, V>
  extends Omit<AbstractDatabaseOptions<K, V>, 'createIfMissing' | 'errorIfExists'>,
    DbOptions {}

interface WriteOptions {
  readonly sync?: boolean
}

interface ReadOptions {
  readonly snapshot?: object | undefined
  readonly valueEncoding?: string
  /** false: the bytes may be a view of the database's memory, which must not be changed. */
  readonly copy?: boolean
}

/** The private methods of abstract-level: everything arrives encoded, as text or bytes, and what is in memory is answered on the spot. */
export class AbstractFace<K = string, V = string> extends AbstractLevel<LsmFormat, K, V> {
  readonly location: string
  readonly #keys = new KeyScratch()
  #db: LsmDb | undefined

  constructor(location: string, options?: LsmLevelOptions<K, V> | undefined) {
    if (typeof location !== 'string' || location === '')
      throw new TypeError("The first argument 'location' must be a non-empty string")
    super(MANIFEST() as never, options)
    this.location = location
  }

  /** The open database. LEVEL_DATABASE_NOT_OPEN. */
  protected get db(): LsmDb {
    const db = this.#db
    if (db === undefined) throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'the database is not open')
    return db
  }

  protected keyBytes(key: string | Bytes): Buffer {
    return this.#keys.of(key)
  }

  async _open(options: DbOptions): Promise<void> {
    this.#db = await LsmDb.open(this.location, options)
  }

  async _close(): Promise<void> {
    const db = this.#db
    this.#db = undefined
    await db?.close()
  }

  _get(key: string | Bytes, options: ReadOptions): unknown {
    const db = this.#db!
    const sequence = options.snapshot === undefined ? db.lastSequence : sequenceOf(options.snapshot)!
    return db.read(this.#keys.of(key), sequence, takeAs(options.valueEncoding, options.copy))
  }

  _getSync(key: string | Bytes, options: ReadOptions): unknown {
    const db = this.#db!
    const sequence = options.snapshot === undefined ? db.lastSequence : sequenceOf(options.snapshot)!
    return db.readNow(this.#keys.of(key), sequence, takeAs(options.valueEncoding, options.copy))
  }

  async _getMany(keys: readonly (string | Bytes)[], options: ReadOptions): Promise<unknown[]> {
    return this.#many(keys, options, takeAs(options.valueEncoding, options.copy), undefined)
  }

  async _has(key: string | Bytes, options: ReadOptions): Promise<boolean> {
    const db = this.db
    const sequence = sequenceOf(options.snapshot) ?? db.lastSequence
    return (await db.read(this.#keys.of(key), sequence, present, NOTHING_OF_IT)) === true
  }

  async _hasMany(keys: readonly (string | Bytes)[], options: ReadOptions): Promise<unknown[]> {
    return this.#many(keys, options, present, false, NOTHING_OF_IT)
  }

  /** All keys as of one moment: that of the call. */
  async #many<T>(
    keys: readonly (string | Bytes)[],
    options: ReadOptions,
    take: TakeValue<T>,
    absent: T | undefined,
    part?: ValuePart,
  ): Promise<(T | undefined)[]> {
    const db = this.db
    const sequence = sequenceOf(options.snapshot) ?? db.lastSequence
    const release = db.hold(sequence)
    try {
      const values = new Array<T | undefined>(keys.length)
      for (let i = 0; i < keys.length; i++) {
        const value = db.read(this.#keys.of(keys[i]!), sequence, take, part)
        values[i] = (value instanceof Promise ? await value : value) ?? absent
      }
      return values
    } finally {
      release()
    }
  }

  _put(key: string | Bytes, value: string | Bytes, options: WriteOptions): unknown {
    const db = this.db
    const batch = db.begin()
    batch.put(key, value)
    return db.commit(batch, options.sync === true)
  }

  _del(key: string | Bytes, options: WriteOptions): unknown {
    const db = this.db
    const batch = db.begin()
    batch.del(key)
    return db.commit(batch, options.sync === true)
  }

  _batch(operations: readonly EncodedOperation[], options: WriteOptions): unknown {
    const db = this.db
    const batch = db.begin()
    addEncoded(batch, operations)
    return db.commit(batch, options.sync === true)
  }

  _chainedBatch(): ChainedBatch {
    return new ChainedBatch(this, (fill, sync) => {
      const db = this.db
      const batch = db.begin()
      fill(batch)
      return db.commit(batch, sync)
    })
  }

  _clear(options: EncodedRangeOptions & WriteOptions): Promise<void> {
    return clearRange(this.db, options)
  }

  _iterator(options: EncodedRangeOptions): LsmIterator {
    return new LsmIterator(this, this.db, options)
  }

  _snapshot(options: object): LsmSnapshot {
    const db = this.db
    return new LsmSnapshot(db, db.lastSequence, options)
  }
}

const present = (): true => true
const NOTHING_OF_IT: ValuePart = { offset: 0, bytes: 0 }
