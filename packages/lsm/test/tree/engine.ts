import { BlobFiles } from '../../src/blob/blob-files.ts'
import { BlockCache } from '../../src/cache/block-cache.ts'
import { TableCache } from '../../src/cache/table-cache.ts'
import { Compactor } from '../../src/compaction/compactor.ts'
import { COMPACTION_DEFAULTS } from '../../src/compaction/defaults.ts'
import type { CompactionEngine, CompactionOptions } from '../../src/compaction/engine.ts'
import type { Cursor } from '../../src/cursor.ts'
import { LevelCursor } from '../../src/cursors/level-cursor.ts'
import { MergingCursor } from '../../src/cursors/merging-cursor.ts'
import { DELETE, type Kind, MERGE, RANGE_DELETE } from '../../src/kind.ts'
import { Memtable } from '../../src/memtable/memtable.ts'
import type { MergeOperator, MergeOperatorReference } from '../../src/merge-operator.ts'
import { type Op, runAsync } from '../../src/op.ts'
import { RangeTombstones } from '../../src/range-tombstones.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Version } from '../../src/version/version.ts'
import { VersionSet } from '../../src/version/version-set.ts'
import { JOIN } from './join.ts'

/** Small enough that a thousand entries make a tree of several levels. */
export const TINY: Partial<CompactionOptions> = {
  tableBytes: 3000,
  tableBytesMax: 6000,
  baseBytes: 8000,
  levelRatio: 3,
  blockBytes: 256,
  level0Trigger: 2,
  worker: false,
  paranoid: true,
}

export interface TestEngineOptions {
  readonly options?: Partial<CompactionOptions>
  readonly mergeOperator?: MergeOperator | undefined
  readonly mergeOperatorReference?: MergeOperatorReference
  readonly sharedMemtables?: boolean
}

/** The least of a database that compaction needs: memtables, snapshots, no log. */
export class TestEngine implements CompactionEngine {
  readonly storage: Storage
  readonly versions: VersionSet
  readonly tables: TableCache
  readonly blobs: BlobFiles
  readonly options: CompactionOptions
  readonly mergeOperator: MergeOperator | undefined
  readonly mergeOperatorReference: MergeOperatorReference | undefined
  readonly compactor: Compactor
  readonly live: number[] = []
  failure: unknown
  memtable: Memtable
  immutable: Memtable[] = []
  readonly #shared: boolean

  constructor(storage: Storage, versions: VersionSet, o: TestEngineOptions = {}) {
    this.storage = storage
    this.versions = versions
    this.blobs = new BlobFiles(storage)
    this.options = { ...COMPACTION_DEFAULTS, ...TINY, ...o.options }
    this.mergeOperator = 'mergeOperator' in o ? o.mergeOperator : JOIN
    this.mergeOperatorReference = o.mergeOperatorReference
    this.#shared = o.sharedMemtables === true
    this.tables = new TableCache((number) => this.#open(number), new BlockCache(1 << 20), 100)
    this.memtable = this.newMemtable()
    this.compactor = new Compactor(this)
  }

  static async create(storage: Storage, o: TestEngineOptions = {}): Promise<TestEngine> {
    return new TestEngine(storage, await runAsync(VersionSet.create(storage)), o)
  }

  *#open(number: number): Op<{ file: Awaited<ReturnType<Storage['open']> extends Op<infer T> ? T : never> }> {
    return { file: yield* this.storage.open('table', number) }
  }

  newMemtable(bytesMax = 1 << 16): Memtable {
    return new Memtable({ bytesMax, shared: this.#shared })
  }

  snapshots(): readonly number[] {
    return [...this.live].sort((a, b) => a - b)
  }

  now(): number {
    return 1
  }

  failed(error: unknown): void {
    this.failure = error
  }

  write(kind: Kind, key: string, value: string): void {
    const [k, v] = [Buffer.from(key), Buffer.from(value)]
    this.memtable.add(++this.versions.lastSequence, kind, k, 0, k.length, v, 0, v.length)
  }

  /** Flushes what was written so far. */
  async flush(): Promise<void> {
    const { memtable } = this
    this.memtable = this.newMemtable()
    this.immutable.push(memtable)
    await this.compactor.flush([memtable], this.versions.logNumber)
    this.immutable.splice(this.immutable.indexOf(memtable), 1)
  }

  /** Everything that a reader at `sequence` sees, computed without any of the shortcuts of a real reader. */
  async see(sequence: number, version: Version = this.versions.current): Promise<Map<string, string>> {
    const cursors: Cursor[] = []
    const lists: RangeTombstones[] = []
    for (const memtable of [this.memtable, ...this.immutable]) {
      cursors.push(memtable.cursor())
      lists.push(memtable.rangeTombstones)
    }
    version.ref()
    for (const { level, meta } of version.tables()) {
      lists.push((await runAsync(this.tables.get(meta))).rangeTombstones)
      if (level === 0) cursors.push(new LevelCursor([meta], this.tables))
    }
    for (const tables of version.levels.slice(1)) cursors.push(new LevelCursor(tables, this.tables))
    const cursor = new MergingCursor(cursors)
    const seen = await this.#collect(cursor, RangeTombstones.merge(lists), sequence)
    cursor.close()
    version.unref()
    return seen
  }

  async #collect(cursor: Cursor, tombstones: RangeTombstones, sequence: number): Promise<Map<string, string>> {
    const seen = new Map<string, string>()
    const decided = new Set<string>()
    const operands = new Map<string, Buffer[]>()
    const settle = (key: string, base: Buffer | undefined) => {
      decided.add(key)
      const list = operands.get(key)
      if (list !== undefined) {
        seen.set(key, Buffer.from(this.mergeOperator!.full(Buffer.from(key), base, list)).toString())
      } else if (base !== undefined) seen.set(key, base.toString())
    }
    await runAsync(cursor.first())
    while (cursor.valid) {
      const key = Buffer.from(cursor.keyBytes.subarray(cursor.keyStart, cursor.keyEnd))
      const text = key.toString()
      if (cursor.sequence <= sequence && !decided.has(text)) {
        const value = Buffer.from(cursor.valueBytes.subarray(cursor.valueStart, cursor.valueEnd))
        if (tombstones.covering(key, sequence) > cursor.sequence || cursor.kind === DELETE) settle(text, undefined)
        else if (cursor.kind === MERGE) operands.set(text, [value, ...(operands.get(text) ?? [])])
        else settle(text, value)
      }
      if (!cursor.nextNow()) await runAsync(cursor.next())
    }
    for (const key of operands.keys()) if (!decided.has(key)) settle(key, undefined)
    return new Map([...seen].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  async close(): Promise<void> {
    await this.compactor.close()
    await runAsync(this.versions.close())
  }
}

/** What a plain map makes of the same writes. */
export class Oracle {
  #now: ReadonlyMap<string, string> = new Map()

  write(kind: Kind, key: string, value: string): void {
    const next = new Map(this.#now)
    if (kind === DELETE) next.delete(key)
    else if (kind === MERGE) next.set(key, (next.get(key) ?? '+') + value)
    else if (kind === RANGE_DELETE) for (const one of [...next.keys()]) if (one >= key && one < value) next.delete(one)
    if (kind !== DELETE && kind !== MERGE && kind !== RANGE_DELETE) next.set(key, value)
    this.#now = next
  }

  get state(): ReadonlyMap<string, string> {
    return new Map([...this.#now].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
