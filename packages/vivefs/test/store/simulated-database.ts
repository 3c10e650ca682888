/**
 * A database for tests: memory-level behind the store's narrow interface, with seeded latencies before and after every
 * effect (so that races really occur), with or without synchronous reads and snapshots, and with failures on demand.
 */
import { MemoryLevel } from 'memory-level'
import {
  asDatabase,
  type Database,
  type DatabaseIterator,
  type Encodings,
  type RangeOptions,
  type SyncDatabaseIterator,
  type WriteRow,
} from '../../src/store/database.ts'
import type { Bytes } from '../../src/store/store.ts'
import { SyncDatabase } from '../sync-database.ts'

/** A small seeded generator (mulberry32): 0 <= n < 1. */
export type Random = () => number

export function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const upTo = (random: Random, n: number): number => Math.floor(random() * n)

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export interface SimulationOptions {
  readonly random?: Random
  /** The most turns of the event loop that an operation takes before, and again after, its effect. */
  readonly turnsMax?: number
  readonly getSync?: boolean
  /** With `getSync`: batches and ranges on the spot, too. */
  readonly sync?: boolean
  /** An iterator that sees what lands while it reads. */
  readonly snapshots?: boolean
  /** Called before every operation; what it throws is the operation's failure. */
  readonly before?: (operation: 'open' | 'get' | 'getSync' | 'nextv' | 'batch' | 'batchSync' | 'close') => void
}

export interface BatchRecord {
  readonly rows: readonly WriteRow[]
  readonly sync: boolean
}

export class SimulatedDatabase implements Database {
  readonly supports: { readonly getSync: boolean; readonly additionalMethods: Readonly<Record<string, boolean>> }
  readonly batchSync?: (rows: readonly WriteRow[], options: Encodings & { sync: boolean }) => void
  readonly iteratorSync?: (options: RangeOptions) => SyncDatabaseIterator
  /** What landed, in order. */
  readonly batches: BatchRecord[] = []
  inFlight = 0
  inFlightMax = 0
  /** While set, batches wait for it before they take effect. */
  held: Promise<void> | undefined
  readonly getSync?: (key: Bytes, options: Encodings) => Bytes | undefined
  readonly #inner: Database
  readonly #options: SimulationOptions
  readonly #random: Random

  constructor(options: SimulationOptions = {}) {
    const inner = options.sync === true ? new SyncDatabase() : new MemoryLevel({ storeEncoding: 'view' })
    this.#inner = asDatabase(inner as MemoryLevel)
    this.#options = options
    this.#random = options.random ?? (() => 0)
    const isSync = options.sync === true
    this.supports = {
      getSync: options.getSync === true,
      additionalMethods: { batchSync: isSync, iteratorSync: isSync },
    }
    if (isSync) {
      this.batchSync = (rows, how) => {
        this.#options.before?.('batchSync')
        this.#inner.batchSync!(rows, how)
        this.batches.push({ rows, sync: how.sync })
      }
      this.iteratorSync = (range) => {
        this.#options.before?.('nextv')
        return this.#inner.iteratorSync!(range)
      }
    }
    if (options.getSync === true) {
      this.getSync = (key, encodings) => {
        this.#options.before?.('getSync')
        return this.#inner.getSync!(key, encodings)
      }
    }
  }

  get status(): string {
    return this.#inner.status
  }

  async open(): Promise<void> {
    this.#options.before?.('open')
    await this.#inner.open()
  }

  async close(): Promise<void> {
    this.#options.before?.('close')
    await this.#inner.close()
  }

  keyEncoding(name: string): { readonly format: string } {
    return this.#inner.keyEncoding(name)
  }

  valueEncoding(name: string): { readonly format: string } {
    return this.#inner.valueEncoding(name)
  }

  async get(key: Bytes, options: Encodings): Promise<Bytes | undefined> {
    await this.#latency()
    this.#options.before?.('get')
    const value = await this.#inner.get(key, options)
    await this.#latency()
    return value
  }

  async batch(rows: readonly WriteRow[], options: Encodings & { sync: boolean }): Promise<void> {
    this.inFlight++
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight)
    try {
      await this.#latency()
      if (this.held !== undefined) await this.held
      this.#options.before?.('batch')
      await this.#inner.batch(rows, options)
      this.batches.push({ rows, sync: options.sync })
      await this.#latency()
    } finally {
      this.inFlight--
    }
  }

  iterator(options: RangeOptions): DatabaseIterator {
    const inner = this.#options.snapshots === false ? undefined : this.#inner.iterator(options)
    let rest: RangeOptions = options
    return {
      nextv: async (size) => {
        await this.#latency()
        this.#options.before?.('nextv')
        // Short pages, as engines that count bytes return them.
        const rows = Math.min(size, 1 + upTo(this.#random, 5))
        let page: [Bytes, Bytes][]
        if (inner !== undefined) page = await inner.nextv(rows)
        else {
          // A new look at every page, from the last key on: whatever landed in between shows.
          const look = this.#inner.iterator(rest)
          page = await look.nextv(rows)
          await look.close()
          const last = page.at(-1)?.[0]
          if (last !== undefined && rest.reverse) rest = { ...rest, lt: last }
          else if (last !== undefined) {
            const { gte: _, ...others } = rest
            rest = { ...others, gt: last }
          }
        }
        await this.#latency()
        return page
      },
      close: async () => {
        await inner?.close()
      },
    }
  }

  async #latency(): Promise<void> {
    for (let turns = upTo(this.#random, (this.#options.turnsMax ?? 0) + 1); turns > 0; turns--) await turn()
  }
}
