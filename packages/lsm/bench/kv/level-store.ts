import { setTimeout as delay } from 'node:timers/promises'
import type { AbstractLevel } from 'abstract-level'
import type { Pair, Store } from './store.ts'

type Bytes = Buffer | Uint8Array
export type BytesLevel = AbstractLevel<Bytes | string, Buffer, Buffer>

/** What some of these databases do beyond the interface. */
interface Compacting {
  compactRange?(from: Bytes, to: Bytes, options: object): Promise<void>
  stats?(): { compaction?: { running: number } }
}

/** Entries of one `nextv`. */
const PAGE = 1000

/** Any abstract-level database, through its plain interface. */
export class LevelStore implements Store {
  readonly putSynced: Store['putSynced']
  readonly #db: BytesLevel

  constructor(db: BytesLevel, synced = true) {
    this.#db = db
    const sync = { sync: true } as object
    this.putSynced = synced ? (key, value) => db.put(key, value, sync) : undefined
  }

  batch(pairs: readonly Pair[]): Promise<void> {
    return this.#db.batch(pairs.map(({ key, value }) => ({ type: 'put', key, value })))
  }

  put(key: Buffer, value: Buffer): Promise<void> {
    return this.#db.put(key, value)
  }

  get(key: Buffer): Promise<Buffer | undefined> {
    return this.#db.get(key)
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#db.getSync(key)
  }

  async scan(): Promise<number> {
    const iterator = this.#db.iterator()
    let entries = 0
    for (;;) {
      const page = await iterator.nextv(PAGE)
      if (page.length === 0) break
      entries += page.length
    }
    await iterator.close()
    return entries
  }

  async seek(key: Buffer): Promise<Buffer | undefined> {
    const iterator = this.#db.iterator({ gte: key })
    const entry = await iterator.next()
    await iterator.close()
    return entry?.[1]
  }

  async settle(): Promise<void> {
    const db = this.#db as unknown as Compacting
    if (db.compactRange === undefined) return
    await db.compactRange(Buffer.alloc(1), Buffer.alloc(32, 0xff), { keyEncoding: 'buffer' })
    while ((db.stats?.().compaction?.running ?? 0) > 0) await delay(10)
  }

  close(): Promise<void> {
    return this.#db.close()
  }
}
