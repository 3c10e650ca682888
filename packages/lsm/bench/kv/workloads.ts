/** The workloads of the key-value table, all of them on one peer, in a process of its own. */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '../../../../tools/bench/install.ts'
import { measure, type Sample, settled, writtenBytes } from '../../../../tools/bench/measure.ts'
import type { Pair, Peer, Store } from './store.ts'

export const WORKLOADS = [
  'fill',
  'putAwaited',
  'getSync',
  'get',
  'scan',
  'seek',
  'sustained',
  'bigFill',
  'bigGetSync',
  'hugeFill',
  'overwrite',
  'syncedMany',
  'syncedOne',
] as const
export type Workload = (typeof WORKLOADS)[number]

export interface Counts {
  readonly fill: number
  readonly put: number
  readonly get: number
  readonly seek: number
  readonly sustained: number
  readonly big: number
  readonly huge: number
  readonly overwrite: number
  readonly synced: number
}

export const FULL: Counts = {
  fill: 100_000,
  put: 150_000,
  get: 50_000,
  seek: 10_000,
  sustained: 600_000,
  big: 1000,
  huge: 250,
  overwrite: 1000,
  synced: 3000,
}
export const QUICK: Counts = {
  fill: 20_000,
  put: 1000,
  get: 5000,
  seek: 500,
  sustained: 60_000,
  big: 100,
  huge: 25,
  overwrite: 100,
  synced: 50,
}

const BATCH = 1000
const BIG_BATCH = 10
const BIG_BYTES = 64 << 10
const HUGE_BYTES = 256 << 10
/** How often the values of `overwrite` are overwritten, in random order. */
export const OVERWRITES = 3
const VALUE_BYTES = 100
const CONCURRENT = 64
const SECONDS_MAX = 4
const SCANS = 4

let state = 1

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

/** 16 decimal digits. */
const keyOf = (n: number): Buffer => Buffer.from(String(n).padStart(16, '0'), 'latin1')

/** Half of it compresses, as in LevelDB's db_bench. */
function makeValue(bytes: number): Buffer {
  const value = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i += 2) value[i] = 32 + random(95)
  return value
}

/** Pairs in random order, made before the clock starts: `next` gives them batch by batch. */
class Source {
  readonly #keys: Buffer[]
  readonly #values: readonly Buffer[]
  #at = 0

  constructor(count: number, valueBytes: number) {
    this.#keys = Array.from({ length: count }, () => keyOf(random(count * 10)))
    this.#values = Array.from({ length: 64 }, () => makeValue(valueBytes))
  }

  get keys(): readonly Buffer[] {
    return this.#keys
  }

  next(count: number): Pair[] {
    const pairs: Pair[] = []
    const end = Math.min(this.#keys.length, this.#at + count)
    for (let i = this.#at; i < end; i++) pairs.push({ key: this.#keys[i]!, value: this.#values[i & 63]! })
    this.#at = end
    return pairs
  }
}

async function fill(store: Store, source: Source, batch: number): Promise<number> {
  let operations = 0
  for (let pairs = source.next(batch); pairs.length > 0; pairs = source.next(batch)) {
    await store.batch(pairs)
    operations += pairs.length
  }
  return operations
}

/** One call for each, but for no more than some seconds: a single write may take a flush of the disk. */
async function paced<T>(items: readonly T[], call: (item: T) => Promise<unknown> | unknown): Promise<number> {
  const end = performance.now() + SECONDS_MAX * 1000
  let done = 0
  for (const item of items) {
    await call(item)
    done++
    if ((done & 15) === 0 && performance.now() > end) break
  }
  return done
}

/** Bytes that the files below a folder take on disk. */
function spaceOf(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  const own = stats.blocks * 512
  return stats.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + spaceOf(join(path, name)), own) : own
}

/** Opens a fresh database, runs `work` in it, closes it, and completes the first sample with what was written. */
async function inStore(
  peer: Peer,
  path: string,
  userBytes: number,
  work: (store: Store) => Promise<Sample>,
): Promise<void> {
  const before = writtenBytes()
  const store = await peer.open(path, load)
  const sample = await work(store)
  await store.close()
  const after = writtenBytes()
  const space = spaceOf(path)
  // A database in memory neither writes nor takes space.
  if (space === 0) return
  sample.writtenBytes = before === undefined || after === undefined ? undefined : after - before
  sample.spaceBytes = space
  sample.userBytes = userBytes
}

type Samples = Partial<Record<Workload, Sample>>

/**
 * Measures what steady use costs: after one run that does not count, since code is optimized in place, and once the process rests, so
 * that no row pays for what the one before it has left to do in the background.
 */
async function measureWarm(work: () => Promise<number>): Promise<Sample> {
  await work()
  await settled()
  return measure(work)
}

const some = (keys: readonly Buffer[], count: number) =>
  Array.from({ length: count }, () => Buffer.from(keys[random(keys.length)]!))

function checkValue(peer: Peer, value: Buffer | undefined, bytes: number): void {
  if (value?.length !== bytes) throw new Error(`${peer.name} lost a value`)
}

async function small(peer: Peer, path: string, counts: Counts, samples: Samples): Promise<void> {
  const source = new Source(counts.fill, VALUE_BYTES)
  const { keys } = source
  await inStore(peer, path, counts.fill * (16 + VALUE_BYTES), async (store) => {
    const filled = await measure(() => fill(store, source, BATCH))
    samples.fill = filled
    await settled()
    const wanted = some(keys, counts.get)
    samples.getSync = await measureWarm(async () => {
      for (const key of wanted) checkValue(peer, store.getSync(key), VALUE_BYTES)
      return wanted.length
    })
    samples.get = await measureWarm(async () => {
      for (const key of wanted) checkValue(peer, await store.get(key), VALUE_BYTES)
      return wanted.length
    })
    samples.scan = await measureWarm(async () => {
      let entries = 0
      for (let i = 0; i < SCANS; i++) entries += await store.scan()
      return entries
    })
    const targets = some(keys, counts.seek)
    samples.seek = await measureWarm(() =>
      paced(targets, async (key) => checkValue(peer, await store.seek(key), VALUE_BYTES)),
    )
    return filled
  })
}

/** Puts into a database that is there and rests; as many as it takes for what they leave to the background to be in them. */
async function puts(peer: Peer, path: string, counts: Counts, samples: Samples): Promise<void> {
  const source = new Source(counts.fill, VALUE_BYTES)
  await inStore(peer, path, counts.fill * (16 + VALUE_BYTES), async (store) => {
    await fill(store, source, BATCH)
    await settled()
    const value = makeValue(VALUE_BYTES)
    const fresh = Array.from({ length: counts.put }, () => keyOf(random(counts.fill * 10)))
    samples.putAwaited = await measureWarm(() => paced(fresh, (key) => store.put(key, value)))
    return samples.putAwaited
  })
}

async function sustained(peer: Peer, path: string, counts: Counts, samples: Samples): Promise<void> {
  const source = new Source(counts.sustained, VALUE_BYTES)
  await inStore(peer, path, counts.sustained * (16 + VALUE_BYTES), async (store) => {
    samples.sustained = await measure(() => fill(store, source, BATCH))
    return samples.sustained
  })
}

async function big(peer: Peer, path: string, counts: Counts, samples: Samples): Promise<void> {
  const source = new Source(counts.big, BIG_BYTES)
  const { keys } = source
  await inStore(peer, path, counts.big * (16 + BIG_BYTES), async (store) => {
    const filled = await measure(() => fill(store, source, BIG_BATCH))
    samples.bigFill = filled
    await settled()
    const wanted = some(keys, counts.big)
    samples.bigGetSync = await measureWarm(async () => {
      for (const key of wanted) checkValue(peer, store.getSync(key), BIG_BYTES)
      return wanted.length
    })
    return filled
  })
}

/** A value a commit. */
async function huge(peer: Peer, path: string, counts: Counts, samples: Samples): Promise<void> {
  const count = counts.huge
  const source = new Source(count, HUGE_BYTES)
  await inStore(peer, path, count * (16 + HUGE_BYTES), async (store) => {
    samples.hugeFill = await measure(() => fill(store, source, 1))
    return samples.hugeFill
  })
}

async function overwrite(peer: Peer, path: string, counts: Counts, samples: Samples): Promise<void> {
  const keys = Array.from({ length: counts.overwrite }, (_, i) => keyOf(i))
  const values = Array.from({ length: 16 }, () => makeValue(BIG_BYTES))
  const total = counts.overwrite * (1 + OVERWRITES)
  await inStore(peer, path, total * (16 + BIG_BYTES), async (store) => {
    const sample = await measure(async () => {
      for (let i = 0; i < total; i++) {
        const key = keys[i < keys.length ? i : random(keys.length)]!
        await store.put(key, values[i & 15]!)
      }
      return total
    })
    await store.settle?.()
    samples.overwrite = sample
    return sample
  })
}

async function synced(peer: Peer, path: string, counts: Counts, samples: Samples): Promise<void> {
  const value = makeValue(VALUE_BYTES)
  const store = await peer.open(path, load)
  const { putSynced } = store
  if (putSynced !== undefined) {
    const fresh = (count: number) => Array.from({ length: count }, () => keyOf(random(1e9)))
    const keys = fresh(counts.synced)
    samples.syncedOne = await measureWarm(() => paced(keys, (key) => putSynced(key, value)))
    const lines = Array.from({ length: CONCURRENT }, () => fresh(Math.ceil(counts.synced / 5)))
    await settled()
    samples.syncedMany = await measure(async () => {
      const done = await Promise.all(lines.map((line) => paced(line, (key) => putSynced(key, value))))
      return done.reduce((a, b) => a + b)
    })
  }
  await store.close()
}

/** Enough for the optimizing compiler; peers in native code need none. */
const WARM_UP: Counts = {
  fill: 50_000,
  put: 20_000,
  get: 50_000,
  seek: 20_000,
  sustained: 20_000,
  big: 2000,
  huge: 100,
  overwrite: 100,
  synced: 1000,
}
const WARM_UP_QUICK: Counts = {
  fill: 8000,
  put: 500,
  get: 8000,
  seek: 500,
  sustained: 2000,
  big: 40,
  huge: 10,
  overwrite: 40,
  synced: 10,
}

/** What shares a database, and which rows it measures. */
const PARTS: readonly { readonly name: string; readonly rows: readonly Workload[]; readonly work: typeof small }[] = [
  { name: 'small', rows: ['fill', 'getSync', 'get', 'scan', 'seek'], work: small },
  { name: 'puts', rows: ['putAwaited'], work: puts },
  { name: 'sustained', rows: ['sustained'], work: sustained },
  { name: 'big', rows: ['bigFill', 'bigGetSync'], work: big },
  { name: 'huge', rows: ['hugeFill'], work: huge },
  { name: 'overwrite', rows: ['overwrite'], work: overwrite },
  { name: 'synced', rows: ['syncedMany', 'syncedOne'], work: synced },
]

export interface WorkloadOptions {
  readonly counts: Counts
  readonly seed: number
  /** Only the parts with these; default all. */
  readonly rows?: readonly string[] | undefined
}

/** All workloads on a peer, in folders below `path`; the first pass of each only warms the code up. */
export async function runWorkloads(peer: Peer, path: string, options: WorkloadOptions): Promise<Samples> {
  const { counts, seed, rows: wanted } = options
  const samples: Samples = {}
  state = seed
  for (const { name, rows, work } of PARTS) {
    if (wanted !== undefined && !rows.some((row) => wanted.includes(row))) continue
    await work(peer, join(path, `warm-${name}`), counts === FULL ? WARM_UP : WARM_UP_QUICK, {})
    await settled()
    await work(peer, join(path, name), counts, samples)
    await settled()
  }
  return samples
}
