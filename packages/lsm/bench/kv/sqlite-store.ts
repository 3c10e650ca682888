import { join } from 'node:path'
import type { Pair, Store } from './store.ts'

interface Statement {
  run(...values: Buffer[]): unknown
  get(...values: Buffer[]): { value: Buffer } | undefined
  iterate(...values: Buffer[]): Iterable<{ key: Buffer; value: Buffer }>
}

interface Sqlite {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): Statement
  transaction(work: (pairs: readonly Pair[]) => void): (pairs: readonly Pair[]) => void
  close(): void
}

export type SqliteModule = new (path: string) => Sqlite

/** One table `key -> value` in WAL mode; a flush at every commit only where a synced put is asked for. */
export class SqliteStore implements Store {
  readonly #db: Sqlite
  readonly #put: Statement
  readonly #get: Statement
  readonly #seek: Statement
  readonly #scan: Statement
  readonly #batch: (pairs: readonly Pair[]) => void
  #full = false

  constructor(Module: SqliteModule, path: string) {
    const db = new Module(join(path, 'kv.sqlite'))
    this.#db = db
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = NORMAL')
    db.exec('create table if not exists kv (key blob primary key, value blob) without rowid')
    this.#put = db.prepare('insert or replace into kv values (?, ?)')
    this.#get = db.prepare('select value from kv where key = ?')
    this.#seek = db.prepare('select value from kv where key >= ? order by key limit 1')
    this.#scan = db.prepare('select key, value from kv order by key')
    this.#batch = db.transaction((pairs) => {
      for (const { key, value } of pairs) this.#put.run(key, value)
    })
  }

  readonly putSynced = (key: Buffer, value: Buffer): void => {
    if (!this.#full) this.#db.pragma('synchronous = FULL')
    this.#full = true
    this.#put.run(key, value)
  }

  batch(pairs: readonly Pair[]): void {
    this.#batch(pairs)
  }

  put(key: Buffer, value: Buffer): void {
    this.#put.run(key, value)
  }

  get(key: Buffer): Buffer | undefined {
    return this.#get.get(key)?.value
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#get.get(key)?.value
  }

  async scan(): Promise<number> {
    let entries = 0
    for (const { value } of this.#scan.iterate()) entries += value.length > 0 ? 1 : 0
    return entries
  }

  async seek(key: Buffer): Promise<Buffer | undefined> {
    return this.#seek.get(key)?.value
  }

  async close(): Promise<void> {
    this.#db.close()
  }
}
