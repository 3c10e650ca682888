/**
 * Larger than memory: fills a database with several times its `memoryBytes`, reads it at random and in order, writes it again, and prints the
 * greatest resident set on the way beside the bound: 1.5 x memoryBytes + 150 MiB. Exit code 1 when it is exceeded.
 *
 *     node tools/bench.mjs memory [--memory MIB (64)] [--times N (4)]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LsmLevel } from '../src/index.ts'

const { values } = parseArgs({
  options: { memory: { type: 'string', default: '64' }, times: { type: 'string', default: '4' } },
})
const MIB = 1 << 20
const memoryBytes = Number(values.memory) * MIB
const dataBytes = memoryBytes * Number(values.times)
const boundBytes = 1.5 * memoryBytes + 150 * MIB
const VALUE_BYTES = 1000
const count = Math.floor(dataBytes / (VALUE_BYTES + 16))

const path = mkdtempSync(join(process.env.VIVEFS_BENCH_DIR ?? tmpdir(), 'lsm-memory-'))
const level = new LsmLevel<Buffer, Buffer>(path, { memoryBytes, keyEncoding: 'buffer', valueEncoding: 'buffer' })
let greatest = 0
const look = (): void => {
  greatest = Math.max(greatest, process.memoryUsage.rss())
}
const timer = setInterval(look, 20)
const key = Buffer.alloc(16)

/** Keys in random order. */
function keyInto(into: Buffer, i: number): Buffer {
  into.writeUInt32BE((i * 2_654_435_761) % 4_294_967_296, 12)
  return into
}

function phase(name: string): void {
  look()
  const { cache, writes } = level.stats()
  const parts = `cache ${Math.round(cache.bytes / MIB)}, memtables ${Math.round(writes!.memtableBytes / MIB)}`
  console.log(`${name.padEnd(16)} greatest resident set ${Math.round(greatest / MIB)} MiB (now: ${parts} MiB)`)
}

/** Batches in the same memory: what the bench itself leaves to the garbage collector is not the database's. */
async function fill(): Promise<void> {
  const batch = Array.from({ length: 100 }, () => {
    return { type: 'put' as const, key: Buffer.alloc(16), value: Buffer.alloc(VALUE_BYTES) }
  })
  for (let i = 0; i < count; i += batch.length) {
    const size = Math.min(batch.length, count - i)
    for (let j = 0; j < size; j++) {
      keyInto(batch[j]!.key, i + j)
      batch[j]!.value.writeUInt32LE(i + j)
    }
    await level.batch(size === batch.length ? batch : batch.slice(0, size))
    look()
  }
}

try {
  console.log(`memoryBytes ${values.memory} MiB, data ${Math.round(dataBytes / MIB)} MiB in ${count} entries`)
  await fill()
  phase('fill')
  for (let i = 0; i < count; i++) {
    const n = (i * 7919) % count
    if (level.getSync(keyInto(key, n))?.readUInt32LE() !== n) throw new Error(`entry ${n} is lost`)
    if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  phase('random reads')
  let entries = 0
  for await (const _ of level.iterator()) entries++
  if (entries !== count) throw new Error(`${entries} entries instead of ${count}`)
  phase('scan')
  await fill()
  phase('fill again')
} finally {
  clearInterval(timer)
  await level.close()
  rmSync(path, { recursive: true, force: true })
}
const kept = greatest <= boundBytes
console.log(
  `greatest ${Math.round(greatest / MIB)} MiB, bound ${Math.round(boundBytes / MIB)} MiB: ${kept ? 'kept' : 'EXCEEDED'}`,
)
process.exitCode = kept ? 0 : 1
