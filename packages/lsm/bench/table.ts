/**
 * `node tools/bench.mjs table`: what tables cost by themselves, beside the targets. CPU microseconds per operation, median of the
 * rounds, which interleave. VIVEFS_BENCH_ROUNDS: default 7.
 */
import { BlockCache } from '../src/cache/block-cache.ts'
import type { Cursor } from '../src/cursor.ts'
import { MergingCursor } from '../src/cursors/merging-cursor.ts'
import { PUT, SEQUENCE_MAX } from '../src/kind.ts'
import { FOUND, Lookup } from '../src/lookup.ts'
import { type Op, runSync } from '../src/op.ts'
import { TableBuilder } from '../src/table/table-builder.ts'
import { TableReader } from '../src/table/table-reader.ts'
import type { TableMeta } from '../src/table-meta.ts'

const ROUNDS = Number(process.env.VIVEFS_BENCH_ROUNDS ?? 7)
const COUNT = 70_000
const KEY_BYTES = 16
const VALUE_BYTES = 100

let state = 1
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state
}

/** All keys in one buffer, sorted. */
function makeKeys(make: () => string): Buffer {
  const keys = new Set<string>()
  while (keys.size < COUNT) keys.add(make())
  return Buffer.from([...keys].sort().join(''), 'latin1')
}

const shapes: Record<string, () => string> = {
  random: () => random().toString(16).padStart(8, '0') + random().toString(16).padStart(8, '0'),
  'decimal, padded': () => String(random() % 10_000_000).padStart(KEY_BYTES, '0'),
}

const figures = new Map<string, number[]>()

function measure(name: string, count: number, work: () => void): void {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  const list = figures.get(name) ?? []
  list.push((user + system) / count)
  figures.set(name, list)
}

interface Built {
  parts: Uint8Array[]
  meta: TableMeta
}

function build(keys: Buffer, step: number, from: number, number: number): Built {
  const builder = new TableBuilder({
    blockBytes: 4096,
    restartInterval: 16,
    filterBitsPerKey: 10,
    compression: 'none',
    createdMs: 0,
    number,
  })
  const value = Buffer.alloc(VALUE_BYTES, 'value')
  const parts: Uint8Array[] = []
  for (let i = from; i < COUNT; i += step) {
    builder.add(keys, i * KEY_BYTES, (i + 1) * KEY_BYTES, i + 1, PUT, value, 0, VALUE_BYTES)
    if (i % 4096 === 0) parts.push(...builder.take())
  }
  const meta = builder.finish()
  parts.push(...builder.take())
  return { parts, meta }
}

function open({ parts, meta }: Built, cache: BlockCache): TableReader {
  const bytes = Buffer.concat(parts)
  const file = {
    size: bytes.length,
    *read(offset: number, into: Uint8Array): Op<number> {
      return file.readNow(offset, into)
    },
    readNow: (offset: number, into: Uint8Array): number => bytes.copy(into, 0, offset, offset + into.length),
  }
  return runSync(TableReader.open(file, meta, cache))
}

function count(cursor: Cursor, forward: boolean): number {
  let entries = 0
  runSync(forward ? cursor.first() : cursor.last())
  while (cursor.valid) {
    entries++
    if (forward ? !cursor.nextNow() : !cursor.prevNow()) runSync(forward ? cursor.next() : cursor.prev())
  }
  return entries
}

function expectCount(entries: number): void {
  if (entries !== COUNT) throw new Error(`${entries} entries`)
}

function reads(name: string, reader: TableReader, keys: Buffer): void {
  const lookup = new Lookup()
  const key = Buffer.alloc(KEY_BYTES)
  const order = Uint32Array.from({ length: COUNT }, () => random() % COUNT)
  const ask = (absent: boolean): number => {
    let found = 0
    for (let i = 0; i < COUNT; i++) {
      const at = order[i]! * KEY_BYTES
      for (let j = 0; j < KEY_BYTES; j++) key[j] = keys[at + j]!
      if (absent) key[KEY_BYTES - 1]! ^= 64
      if (!reader.lookupNow(key, lookup.start(SEQUENCE_MAX))) throw new Error('not cached')
      if (lookup.state === FOUND) found++
    }
    return found
  }
  measure(`${name}: lookupNow, cached (target 1.0)`, COUNT, () => expectCount(ask(false)))
  measure(`${name}: lookupNow, absent`, COUNT, () => {
    ask(true)
  })
  measure(`${name}: seek, cached`, COUNT / 10, () => {
    const cursor = reader.cursor()
    for (let i = 0; i < COUNT / 10; i++) {
      const at = order[i]! * KEY_BYTES
      runSync(cursor.seek(keys.subarray(at, at + KEY_BYTES), SEQUENCE_MAX))
      if (!cursor.valid) throw new Error('not found')
    }
  })
}

for (let round = 0; round < ROUNDS; round++) {
  for (const [name, make] of Object.entries(shapes)) {
    const keys = makeKeys(make)
    const cache = new BlockCache(2 ** 26)
    let built!: Built
    measure(`${name}: TableBuilder (target 0.77 = 150 MB/s)`, COUNT, () => {
      built = build(keys, 1, 0, 1)
    })
    const reader = open(built, cache)
    count(reader.cursor(), true)
    reads(name, reader, keys)
    measure(`${name}: cursor nextNow, cached (target 0.15)`, COUNT, () => expectCount(count(reader.cursor(), true)))
    measure(`${name}: cursor prevNow, cached`, COUNT, () => expectCount(count(reader.cursor(), false)))
    const uncached = { fillCache: false, readAheadBytes: 2 ** 20, verify: true }
    for (const sources of [2, 4]) {
      const parts = Array.from({ length: sources }, (_, i) =>
        open(build(keys, sources, i, 10 * sources + i), new BlockCache(0)),
      )
      const merged = () => new MergingCursor(parts.map((part) => part.cursor(uncached)))
      measure(`${name}: merge of ${sources}, verified, interleaved keys`, COUNT, () =>
        expectCount(count(merged(), true)),
      )
    }
  }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1]!
for (const [name, list] of figures) console.log(`${median(list).toFixed(3).padStart(8)} us  ${name}`)
