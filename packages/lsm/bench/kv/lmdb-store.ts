import type { Pair, Store } from './store.ts'

/** As much of lmdb's interface as is used. */
interface Lmdb {
  batch(work: () => void): Promise<boolean>
  put(key: Buffer, value: Buffer): Promise<boolean>
  get(key: Buffer): Buffer | undefined
  getRange(o: { start?: Buffer; limit?: number }): Iterable<{ key: Buffer; value: Buffer }>
  readonly flushed: Promise<unknown>
  close(): Promise<void>
}

export interface LmdbModule {
  open(o: { path: string; keyEncoding: 'binary'; encoding: 'binary'; mapSize?: number }): Lmdb
}

export class LmdbStore implements Store {
  readonly putSynced: Store['putSynced']
  readonly #db: Lmdb

  constructor(module: LmdbModule, path: string) {
    const db = module.open({ path, keyEncoding: 'binary', encoding: 'binary' })
    this.#db = db
    this.putSynced = async (key, value) => {
      await db.put(key, value)
      await db.flushed
    }
  }

  async batch(pairs: readonly Pair[]): Promise<void> {
    await this.#db.batch(() => {
      for (const { key, value } of pairs) this.#db.put(key, value)
    })
  }

  async put(key: Buffer, value: Buffer): Promise<void> {
    await this.#db.put(key, value)
  }

  get(key: Buffer): Buffer | undefined {
    return this.#db.get(key)
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#db.get(key)
  }

  async scan(): Promise<number> {
    let entries = 0
    for (const { value } of this.#db.getRange({})) entries += value.length > 0 ? 1 : 0
    return entries
  }

  async seek(key: Buffer): Promise<Buffer | undefined> {
    for (const { value } of this.#db.getRange({ start: key, limit: 1 })) return value
    return undefined
  }

  close(): Promise<void> {
    return this.#db.close()
  }
}
