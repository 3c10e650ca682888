/**
 * `node tools/bench.mjs memtable`: what memtable, batch encoding and point reads cost by themselves. CPU microseconds per
 * operation, median of the rounds. VIVEFS_BENCH_ROUNDS: default 7.
 */
import { BatchEncoder } from '../src/batch/batch-encoder.ts'
import { Lookup } from '../src/lookup.ts'
import { Memtable } from '../src/memtable/memtable.ts'
import { runSync } from '../src/op.ts'

const ROUNDS = Number(process.env.VIVEFS_BENCH_ROUNDS ?? 7)
const COUNT = 100_000
const BATCH = 1000
const MEMTABLE_BYTES = 16 << 20
const LONG_AGO = 2 ** 40

let state = 1
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state
}

const value = Buffer.alloc(100, 'value')
const text = value.toString('latin1')

/** Ways of making keys, all of 16 bytes. */
const shapes: Record<string, () => string> = {
  random: () => random().toString(16).padStart(8, '0') + random().toString(16).padStart(8, '0'),
  'decimal, padded': () => String(random() % 10_000_000).padStart(16, '0'),
  'sublevel prefix': () => `!sub!key${String(random() % 10_000_000).padStart(8, '0')}`,
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

function fill(keys: readonly (string | Buffer)[], content: string | Buffer): Memtable {
  const memtable = new Memtable({ bytesMax: MEMTABLE_BYTES, shared: true })
  const batch = new BatchEncoder()
  for (let i = 0; i < COUNT; ) {
    for (let n = 0; n < BATCH; n++) batch.put(keys[i++]!, content)
    memtable.addEncoded(batch, LONG_AGO + i)
    batch.clear()
  }
  return memtable
}

function round(shape: string, make: () => string): void {
  const texts = Array.from({ length: COUNT }, make)
  const keys = texts.map((key) => Buffer.from(key, 'latin1'))
  const inOrder = [...keys].sort(Buffer.compare)
  // Made in another order than they were written, so that reading them is no walk along the arena.
  const again = [...texts].sort(() => random() - 2 ** 31).map((key) => Buffer.from(key, 'latin1'))
  const others = Array.from({ length: COUNT }, () => Buffer.from(make(), 'latin1'))
  let memtable = new Memtable({ bytesMax: 0 })
  measure(`${shape}: encode text`, COUNT, () => {
    const batch = new BatchEncoder()
    for (let i = 0; i < COUNT; ) {
      for (let n = 0; n < BATCH; n++) batch.put(texts[i++]!, text)
      batch.clear()
    }
  })
  measure(`${shape}: encode bytes`, COUNT, () => {
    const batch = new BatchEncoder()
    for (let i = 0; i < COUNT; ) {
      for (let n = 0; n < BATCH; n++) batch.put(keys[i++]!, value)
      batch.clear()
    }
  })
  measure(`${shape}: encode and insert, ascending`, COUNT, () => fill(inOrder, value))
  measure(`${shape}: encode and insert`, COUNT, () => {
    memtable = fill(keys, value)
  })
  measure(`${shape}: add one by one`, COUNT, () => {
    const single = new Memtable({ bytesMax: MEMTABLE_BYTES, shared: true })
    for (let i = 0; i < COUNT; i++) single.add(LONG_AGO + i, 1, keys[i]!, 0, 16, value, 0, 100)
  })
  const lookup = new Lookup()
  let found = 0
  const look = (list: readonly Buffer[]) => () => {
    for (let i = 0; i < COUNT; i++) {
      memtable.lookup(list[i]!, lookup.start(Number.MAX_SAFE_INTEGER))
      found += lookup.state
    }
  }
  measure(`${shape}: lookup, there`, COUNT, look(again))
  measure(`${shape}: lookup, other keys`, COUNT, look(others))
  measure(`${shape}: cursor next`, COUNT, () => {
    const cursor = memtable.cursor()
    for (runSync(cursor.first()); cursor.valid; cursor.nextNow()) found += cursor.valueEnd
  })
  measure(`${shape}: cursor prev`, COUNT, () => {
    const cursor = memtable.cursor()
    for (runSync(cursor.last()); cursor.valid; cursor.prevNow()) found += cursor.valueEnd
  })
  if (found === 0) throw new Error('nothing was found')
  const perEntry = (memtable.bytes / memtable.entries).toFixed(0)
  figures.set(`${shape}: bytes of memory per entry of 116`, [Number(perEntry)])
}

for (let i = -2; i < ROUNDS; i++) {
  if (i === 0) figures.clear()
  for (const [shape, make] of Object.entries(shapes)) round(shape, make)
}
for (const [name, list] of figures) {
  const median = list.sort((a, b) => a - b)[list.length >> 1]!
  const unit = name.includes('memory') ? '' : ' us'
  console.log(`${name.padEnd(52)} ${median.toFixed(3).padStart(8)}${unit}`)
}
