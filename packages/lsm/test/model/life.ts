/** A random life of a database beside a sorted map; every answer is compared on the way. */
import { SeededRandom } from '@vivefs/media'
import { expect } from 'vitest'
import type { LsmLevel, LsmSnapshot } from '../../src/index.ts'
import { type Range, SortedMap, type Step } from './oracle.ts'

export interface LifeOptions {
  readonly seed: number
  readonly operations: number
  /** Opens the database; called again after every close. */
  readonly open: () => LsmLevel
  readonly keys?: number
  /** Merges need an operator. */
  readonly merges?: boolean
  /** See `Configuration`. */
  readonly waits?: boolean
}

/** Operations between two looks at everything. */
const CHECK_EVERY = 2000

/** It has to be waited for. */
const UNAVAILABLE = Symbol('unavailable')

export class Life {
  readonly #random: SeededRandom
  readonly #o: LifeOptions
  readonly #map = new SortedMap()
  #level: LsmLevel
  readonly #snapshots: { readonly snapshot: LsmSnapshot; readonly map: SortedMap }[] = []
  readonly #kept = new Map<string, SortedMap>()
  #values = 0
  #done = 0

  constructor(o: LifeOptions) {
    this.#o = o
    this.#random = new SeededRandom(o.seed)
    this.#level = o.open()
  }

  /** Answers with what the database holds in the end, for comparing configurations. */
  async run(): Promise<[string, string][]> {
    await this.#level.open()
    for (; this.#done < this.#o.operations; this.#done++) {
      await this.#step()
      if (this.#done % CHECK_EVERY === CHECK_EVERY - 1) await this.#checkAll()
    }
    await this.#checkAll()
    const rows = await this.#level.iterator().all()
    await this.#level.close()
    return rows
  }

  /** Said by hand: the comparisons of the test library would take most of the time. */
  #equal(found: unknown, expected: unknown, what: string): void {
    if (found !== expected) expect(found, `seed ${this.#o.seed}, operation ${this.#done}: ${what}`).toBe(expected)
  }

  #same(
    rows: readonly (readonly [string, string])[],
    expected: readonly (readonly [string, string])[],
    what: unknown,
  ): void {
    let equal = rows.length === expected.length
    for (let i = 0; equal && i < rows.length; i++) {
      equal = rows[i]![0] === expected[i]![0] && rows[i]![1] === expected[i]![1]
    }
    if (equal) return
    expect(rows, `seed ${this.#o.seed}, operation ${this.#done}: ${JSON.stringify(what)}`).toEqual(expected)
  }

  #int(below: number): number {
    return this.#random.below(below)
  }

  #key(): string {
    const keys = this.#o.keys ?? 500
    // A few keys are met often; their lengths differ.
    const n = this.#int(4) === 0 ? this.#int(10) : this.#int(keys)
    return `k${n % 7}`.repeat(1 + (n % 3)) + n
  }

  #value(): string {
    const bytes = this.#int(50) === 0 ? 5000 : this.#int(40)
    return `${this.#values++}:${'é'.repeat(this.#int(3))}${'x'.repeat(bytes)}`
  }

  #write(): Step {
    const roll = this.#int(10)
    if (roll < 2) return { type: 'del', key: this.#key() }
    if (roll < 4 && this.#o.merges !== false) return { type: 'merge', key: this.#key(), value: `+${this.#values++}` }
    return { type: 'put', key: this.#key(), value: this.#value() }
  }

  #range(): Range {
    const [a, b] = [this.#key(), this.#key()]
    const lower = [{}, { gte: a }, { gt: a }][this.#int(3)]
    const upper = [{}, { lte: b }, { lt: b }][this.#int(3)]
    const limit = this.#int(2) === 0 ? {} : { limit: this.#int(20) }
    return { ...lower, ...upper, ...limit, reverse: this.#int(2) === 0 }
  }

  async #step(): Promise<void> {
    const roll = this.#int(1000)
    if (roll < 550) await this.#writes()
    else if (roll < 750) await this.#read()
    else if (roll < 900) await this.#scan()
    else if (roll < 940) await this.#snapshot()
    else if (roll < 960) await this.#deleteRange()
    else if (roll < 975) await this.#keep()
    else if (roll < 985) await this.#level.flush()
    else if (roll < 988) await this.#level.compactRange()
    else if (roll < 990) await this.#reopen()
    else await this.#seek()
  }

  async #writes(): Promise<void> {
    const steps = Array.from({ length: 1 + this.#int(20) }, () => this.#write())
    const sync = this.#int(100) === 0
    const isNow = this.#int(2) === 0 && this.#now(() => this.#level.batchSync(steps, { sync })) !== UNAVAILABLE
    if (!isNow) await this.#level.batch(steps as never, { sync } as never)
    this.#map.apply(steps)
  }

  #view(): { map: SortedMap; options: { snapshot?: LsmSnapshot } } {
    const old = this.#snapshots[this.#int(this.#snapshots.length + 3)]
    return old === undefined ? { map: this.#map, options: {} } : { map: old.map, options: { snapshot: old.snapshot } }
  }

  async #read(): Promise<void> {
    const { map, options } = this.#view()
    const key = this.#key()
    const expected = map.get(key)
    const found = this.#now(() => this.#level.getSync(key, options))
    if (found !== UNAVAILABLE) this.#equal(found, expected, `getSync ${key}`)
    this.#equal(await this.#level.get(key, options), expected, `get ${key}`)
    this.#equal(await this.#level.has(key, options), expected !== undefined, `has ${key}`)
  }

  async #scan(): Promise<void> {
    const { map, options } = this.#view()
    const range = this.#range()
    const expected = map.range(range)
    this.#same(await this.#level.iterator({ ...range, ...options }).all(), expected, range)
    const iterator = this.#level.iteratorSync({ ...range, ...options })
    const rows = this.#now(() => {
      const all: [string, string][] = []
      for (let some = iterator.nextv(7); some.length > 0; some = iterator.nextv(7)) all.push(...some)
      return all
    })
    iterator.close()
    if (rows !== UNAVAILABLE) this.#same(rows, expected, range)
  }

  /** A call on the spot, where it has an answer. */
  #now<T>(call: () => T): T | typeof UNAVAILABLE {
    try {
      return call()
    } catch (error) {
      const { code } = error as { code?: string }
      if (this.#o.waits === true && (code === 'LEVEL_SYNC_UNAVAILABLE' || code === 'LEVEL_BUSY')) return UNAVAILABLE
      throw error
    }
  }

  async #seek(): Promise<void> {
    const range = this.#range()
    const target = this.#key()
    const iterator = this.#level.iterator(range)
    await iterator.next()
    iterator.seek(target)
    const edge = range.reverse === true ? { lte: target } : { gte: target }
    const inRange = new SortedMap(new Map([[target, '']])).range({ ...range, limit: 1 }).length === 1
    const { limit = Number.POSITIVE_INFINITY } = range
    const all = this.#map.range({ ...range, limit: 1e9 })
    const behind = new SortedMap(new Map(all)).range({ ...edge, reverse: range.reverse === true })
    const left = limit - Math.min(limit, Math.min(1, all.length))
    const expected = inRange ? behind.slice(0, left) : []
    this.#same(await iterator.nextv(5), expected.slice(0, 5), { seek: target, ...range })
    await iterator.close()
  }

  async #snapshot(): Promise<void> {
    if (this.#snapshots.length > 4 || (this.#snapshots.length > 0 && this.#int(2) === 0)) {
      const [gone] = this.#snapshots.splice(this.#int(this.#snapshots.length), 1)
      await gone!.snapshot.close()
    } else this.#snapshots.push({ snapshot: this.#level.snapshot() as LsmSnapshot, map: this.#map.copy() })
  }

  async #deleteRange(): Promise<void> {
    const [a, b] = [this.#key(), this.#key()].sort((x, y) => (x < y ? -1 : 1)) as [string, string]
    if (this.#int(2) === 0) await this.#level.deleteRange(a, b)
    else await this.#level.clear({ gte: a, lt: b })
    this.#map.deleteRange(a, b)
  }

  async #keep(): Promise<void> {
    const name = `kept ${this.#int(3)}`
    if (this.#kept.has(name)) {
      const snapshot = this.#level.openSnapshot(name)
      const rows = await this.#level.iterator({ snapshot }).all()
      this.#same(rows, this.#kept.get(name)!.range({}), name)
      await snapshot.close()
      await this.#level.dropSnapshot(name)
      this.#kept.delete(name)
    } else {
      await this.#level.keepSnapshot(name)
      this.#kept.set(name, this.#map.copy())
    }
  }

  async #reopen(): Promise<void> {
    for (const { snapshot } of this.#snapshots.splice(0)) await snapshot.close()
    await this.#level.close()
    this.#level = this.#o.open()
    await this.#level.open()
  }

  async #checkAll(): Promise<void> {
    this.#same(await this.#level.iterator().all(), this.#map.range({}), 'everything')
    const backwards = await this.#level.iterator({ reverse: true }).all()
    this.#same(backwards, this.#map.range({ reverse: true }), 'everything, backwards')
    this.#equal(this.#level.stats().writes?.poisoned, undefined, 'poisoned')
  }
}
