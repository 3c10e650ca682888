/**
 * `node tools/bench.mjs compaction`: what a flush and a compaction cost by themselves, on the calling thread and in a worker. CPU seconds
 * of the process (both threads) and of the main thread alone, per byte of input; median of the rounds. VIVEFS_BENCH_ROUNDS: default 5.
 */
import { openMemory } from '@vivefs/media'
import { Volume } from '@vivefs/pfaof'
import { BlobFiles } from '../src/blob/blob-files.ts'
import { BlockCache } from '../src/cache/block-cache.ts'
import { TableCache } from '../src/cache/table-cache.ts'
import { Compactor } from '../src/compaction/compactor.ts'
import { COMPACTION_DEFAULTS } from '../src/compaction/defaults.ts'
import type { CompactionEngine } from '../src/compaction/engine.ts'
import { PUT } from '../src/kind.ts'
import { Memtable } from '../src/memtable/memtable.ts'
import { type Op, runAsync } from '../src/op.ts'
import { VolumeStorage } from '../src/storage/volume-storage.ts'
import type { RandomReader } from '../src/table/random-reader.ts'
import { VersionSet } from '../src/version/version-set.ts'

const ROUNDS = Number(process.env.VIVEFS_BENCH_ROUNDS ?? 5)
const ENTRIES = 60_000
const TABLES = 4
const VALUE_BYTES = 100

let state = 7
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state
}

async function engineWith(worker: false | undefined): Promise<{ engine: CompactionEngine; compactor: Compactor }> {
  const medium = openMemory({ zoneBytes: 4 << 20, zoneCount: 64 })
  const volume = await Volume.create({ media: { main: medium } })
  const storage = new VolumeStorage(volume, { main: medium }, () => medium.close())
  const versions = await runAsync(VersionSet.create(storage))
  const open = function* (number: number): Op<{ file: RandomReader }> {
    return { file: yield* storage.open('table', number) }
  }
  const engine: CompactionEngine = {
    versions,
    storage,
    blobs: new BlobFiles(storage),
    tables: new TableCache(open, new BlockCache(32 << 20), 1000),
    options: { ...COMPACTION_DEFAULTS, worker, level0Trigger: 1000 },
    mergeOperator: undefined,
    mergeOperatorReference: undefined,
    snapshots: () => [],
    now: Date.now,
    failed: (error) => {
      throw error
    },
  }
  return { engine, compactor: new Compactor(engine) }
}

function filled(engine: CompactionEngine): Memtable {
  const memtable = new Memtable({ bytesMax: 16 << 20, shared: true })
  const value = Buffer.alloc(VALUE_BYTES, 'v')
  for (let i = 0; i < ENTRIES; i++) {
    const key = Buffer.from(random().toString(16).padStart(8, '0') + random().toString(16).padStart(8, '0'))
    memtable.add(++engine.versions.lastSequence, PUT, key, 0, key.length, value, 0, value.length)
  }
  return memtable
}

interface Figure {
  readonly cpu: number
  readonly main: number
  readonly wall: number
}

async function measure(work: () => Promise<void>): Promise<Figure> {
  const cpu = process.cpuUsage()
  const busy = performance.eventLoopUtilization()
  const started = performance.now()
  await work()
  const { user, system } = process.cpuUsage(cpu)
  const { active } = performance.eventLoopUtilization(busy)
  return { cpu: (user + system) / 1e6, main: active / 1e3, wall: (performance.now() - started) / 1e3 }
}

const figures = new Map<string, Figure[]>()
const bytes = new Map<string, number>()

for (let round = 0; round < ROUNDS; round++) {
  for (const [name, worker] of [
    ['inline', false],
    ['worker', undefined],
  ] as const) {
    const { engine, compactor } = await engineWith(worker)
    const memtables = Array.from({ length: TABLES }, () => filled(engine))
    const take = async (what: string, work: () => Promise<void>) => {
      const figure = await measure(work)
      const list = figures.get(`${what}, ${name}`) ?? []
      list.push(figure)
      figures.set(`${what}, ${name}`, list)
    }
    await compactor.flush([filled(engine)], 0) // the worker is warm
    await take('flush', async () => {
      for (const memtable of memtables) await compactor.flush([memtable], 0)
    })
    const everything = { smallest: Buffer.alloc(0), largest: Buffer.from('~'), largestIncluded: true }
    await take('compaction', () => compactor.compactRange(everything))
    const stats = compactor.stats()
    bytes.set(`flush, ${name}`, (stats.bytesFlushed * TABLES) / (TABLES + 1))
    bytes.set(`compaction, ${name}`, stats.bytesRead)
    if (name === 'worker' && stats.workerFailure !== undefined) console.error(stats.workerFailure)
    await compactor.close()
  }
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!
console.log('MB per CPU second | MB per second of the main thread | MB per second')
for (const [name, list] of figures) {
  const megabytes = bytes.get(name)! / 1e6
  const rate = (pick: (figure: Figure) => number) => (megabytes / median(list.map(pick))).toFixed(0).padStart(8)
  console.log(
    name.padEnd(24),
    rate((f) => f.cpu),
    rate((f) => f.main),
    rate((f) => f.wall),
  )
}
