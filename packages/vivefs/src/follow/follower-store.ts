/**
 * The store of a volume that somebody else writes. Nothing is remembered between two operations, so each of them sees the
 * database as it was last refreshed; one that was under way when it was refreshed runs again.
 */
import { FilesystemError } from '../errors.ts'
import { drivenSync, type Op, pending } from '../op.ts'
import type { StoreCaps, StoreStatistics, TransactionalStore, TransactOptions, Tx } from '../store/store.ts'

/** How often an operation starts anew because files were deleted under it. */
const ATTEMPTS_MAX = 4

export class FollowerStore implements TransactionalStore {
  readonly caps: StoreCaps
  readonly #store: TransactionalStore
  readonly #refresh: () => Promise<void>

  constructor(store: TransactionalStore, refresh: () => Promise<void>) {
    this.caps = store.caps
    this.#store = store
    this.#refresh = refresh
  }

  *transact<T>(body: (tx: Tx) => Op<T>, options?: TransactOptions): Op<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return yield* this.#store.transact(body, options)
      } catch (error) {
        // The writer's compactions delete files that it needs no more; the newest state needs them no more either.
        const isStale = FilesystemError.is(error) && error.code === 'EIO' && attempt < ATTEMPTS_MAX && !drivenSync()
        if (!isStale) throw error
        yield* pending(this.#refresh())
      }
    }
  }

  /** The database was refreshed: what is under way runs again. */
  overtake(): void {
    this.#store.overtake()
  }

  get isUsable(): boolean {
    return this.#store.isUsable
  }

  /** Nothing is known without asking the database. */
  peek(): undefined {
    return undefined
  }

  observe(): () => void {
    // Nobody here remembers rows: see peek.
    return () => {}
  }

  keepWith(): void {
    // Nothing is written.
  }

  *barrier(): Op<void> {
    throw new FilesystemError('EROFS')
  }

  statistics(): StoreStatistics {
    return this.#store.statistics()
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}
