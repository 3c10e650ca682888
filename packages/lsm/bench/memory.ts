/**
 * Larger than memory: fills a database with several times its `memoryBytes`, reads it at random and in order, writes it again, and prints the
 * greatest resident set on the way beside the bound: 1.5 x memoryBytes + 150 MiB. Exit code 1 when it is exceeded.
 *
 *     node tools/bench.mjs memory [--memory MIB (64)] [--times N (4)] [--semi MIB (4)]
 *
 * It runs in a process of its own, with `--max-semi-space-size` as `--semi` says: V8's default of 16 MiB lets the young generation alone grow
 * to 48 MiB, whatever is in it, as soon as a program reads much in a row. `--semi 0`: V8's default.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LsmLevel } from '../src/index.ts'

const { values } = parseArgs({
  options: {
    memory: { type: 'string', default: '64' },
    times: { type: 'string', default: '4' },
    semi: { type: 'string', default: '4' },
    child: { type: 'boolean', default: false },
  },
})
const MIB = 1 << 20
const memoryBytes = Number(values.memory) * MIB
const dataBytes = memoryBytes * Number(values.times)
const boundBytes = 1.5 * memoryBytes + 150 * MIB
const VALUE_BYTES = 1000
const ENCODINGS = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
const count = Math.floor(dataBytes / (VALUE_BYTES + 16))

const openAt = (path: string) => new LsmLevel<Buffer, Buffer>(path, { memoryBytes, ...ENCODINGS })
type Level = ReturnType<typeof openAt>

let greatest = 0
const look = (): void => {
  greatest = Math.max(greatest, process.memoryUsage.rss())
}
const key = Buffer.alloc(16)

/** Keys in random order. */
function keyInto(into: Buffer, i: number): Buffer {
  into.writeUInt32BE((i * 2_654_435_761) % 4_294_967_296, 12)
  return into
}

function phase(level: Level, name: string): void {
  look()
  const { cache, writes } = level.stats()
  const parts = `cache ${Math.round(cache.bytes / MIB)}, memtables ${Math.round(writes!.memtableBytes / MIB)}`
  console.log(`${name.padEnd(16)} greatest resident set ${Math.round(greatest / MIB)} MiB (now: ${parts} MiB)`)
}

/** Batches in the same memory: what the bench itself leaves to the garbage collector is not the database's. */
async function fill(level: Level): Promise<void> {
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

async function check(level: Level): Promise<void> {
  console.log(`memoryBytes ${values.memory} MiB, data ${Math.round(dataBytes / MIB)} MiB in ${count} entries`)
  await fill(level)
  phase(level, 'fill')
  for (let i = 0; i < count; i++) {
    const n = (i * 7919) % count
    if (level.getSync(keyInto(key, n))?.readUInt32LE() !== n) throw new Error(`entry ${n} is lost`)
    if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  phase(level, 'random reads')
  let entries = 0
  for await (const _ of level.iterator()) entries++
  if (entries !== count) throw new Error(`${entries} entries instead of ${count}`)
  phase(level, 'scan')
  await fill(level)
  phase(level, 'fill again')
}

async function child(): Promise<void> {
  const path = mkdtempSync(join(process.env.VIVEFS_BENCH_DIR ?? tmpdir(), 'lsm-memory-'))
  const level = openAt(path)
  const timer = setInterval(look, 20)
  try {
    await check(level)
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
}

if (values.child) void child()
else {
  const flags = values.semi === '0' ? [] : [`--max-semi-space-size=${values.semi}`]
  const own = [process.argv[1]!, '--child', '--memory', values.memory, '--times', values.times]
  process.exitCode = spawnSync(process.execPath, [...flags, ...own], { stdio: 'inherit' }).status ?? 1
}
