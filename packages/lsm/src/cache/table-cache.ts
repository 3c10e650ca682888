import type { Op } from '../op.ts'
import type { RandomReader } from '../table/random-reader.ts'
import { TableReader } from '../table/table-reader.ts'
import type { TableMeta } from '../table-meta.ts'
import type { BlockCache } from './block-cache.ts'

interface Seat {
  reader: TableReader
  /** Met since the last look for somebody to go. */
  used: boolean
}

/** Open tables, at most `max`. A reader that was evicted goes on working for whoever has it. */
export class TableCache {
  readonly #open: (number: number) => Op<{ file: RandomReader }>
  readonly #cache: BlockCache
  readonly #max: number
  readonly #seats: Map<number, Seat> = new Map()

  constructor(open: (number: number) => Op<{ file: RandomReader }>, cache: BlockCache, max: number) {
    this.#open = open
    this.#cache = cache
    this.#max = Math.max(1, max)
  }

  /** Tables that are open. */
  get size(): number {
    return this.#seats.size
  }

  /** The open table, or undefined: drive {@link get}. */
  peek(number: number): TableReader | undefined {
    const seat = this.#seats.get(number)
    if (seat === undefined) return undefined
    seat.used = true
    return seat.reader
  }

  /** The table, opened when it is not. Errors of `TableReader.open` and of the file. */
  *get(meta: Pick<TableMeta, 'number' | 'bytes'>): Op<TableReader> {
    const open = this.peek(meta.number)
    if (open !== undefined) return open
    const { file } = yield* this.#open(meta.number)
    const reader = yield* TableReader.open(file, meta, this.#cache)
    const meanwhile = this.peek(meta.number)
    if (meanwhile !== undefined) {
      reader.close()
      return meanwhile
    }
    this.#makeRoom()
    this.#seats.set(meta.number, { reader, used: false })
    return reader
  }

  #makeRoom(): void {
    while (this.#seats.size >= this.#max) {
      const [number, seat] = this.#seats.entries().next().value!
      this.#seats.delete(number)
      if (seat.used) {
        seat.used = false
        this.#seats.set(number, seat)
      } else seat.reader.close()
    }
  }

  /** Forgets a table that was deleted, and its blocks. */
  evict(number: number): void {
    this.#seats.get(number)?.reader.close()
    this.#seats.delete(number)
    this.#cache.evictFile(number)
  }

  /** Forgets all of them. */
  clear(): void {
    for (const number of [...this.#seats.keys()]) this.evict(number)
  }
}
