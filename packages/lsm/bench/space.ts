/**
 * The space that values take while they are overwritten three times in random order: all files of the database, sampled as it goes, beside what is
 * alive. Exit code 1 when they ever take more than `spaceHard` (2) times that and the allowance for small databases.
 *
 * Usage: node tools/bench.mjs space [MiB alive = 256] [bytes of a value = 65536] [--sync] [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { LsmLevel } from '../src/index.ts'

const MIB = 1 << 20
const OVERWRITES = 3
const BATCH_BYTES = 65_536
const SAMPLES = 64
const HARD = 2
const KEY_BYTES = 10

type Level = LsmLevel<string, Buffer>

/** Looks at the files of a database as it is written. */
class Sampler {
  readonly #level: Level
  /** The most bytes of files, as a part of what may be. */
  ofLimit = 0
  /** The most bytes of files for each byte alive, since all of it was there. */
  most = 0
  mostReported = 0

  constructor(level: Level) {
    this.#level = level
  }

  look(aliveBytes: number, isWhole: boolean): void {
    const { bytes, allowanceBytes, amplificationMax } = this.#level.stats().space
    this.ofLimit = Math.max(this.ofLimit, bytes / (HARD * aliveBytes + allowanceBytes))
    if (!isWhole) return
    this.most = Math.max(this.most, bytes / aliveBytes)
    this.mostReported = Math.max(this.mostReported, amplificationMax ?? 0)
  }
}

/** Numbers of keys: each once, then at random. */
function* order(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i
  let state = 7
  for (let i = 0; i < count * OVERWRITES; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    yield (state >>> 8) % count
  }
}

async function overwrite(level: Level, count: number, valueBytes: number, sync: boolean): Promise<Sampler> {
  const sampler = new Sampler(level)
  const value = Buffer.alloc(valueBytes, 'value')
  const perBatch = Math.max(1, Math.floor(BATCH_BYTES / valueBytes))
  const every = Math.max(1, Math.floor(count / SAMPLES))
  let batch: { type: 'put'; key: string; value: Buffer }[] = []
  let written = 0
  for (const i of order(count)) {
    batch.push({ type: 'put', key: `k${String(i).padStart(KEY_BYTES - 1, '0')}`, value })
    written++
    if (batch.length < perBatch && written % every !== 0) continue
    if (sync) level.batchSync(batch)
    else await level.batch(batch)
    batch = []
    if (written % every === 0) sampler.look(Math.min(written, count) * (valueBytes + KEY_BYTES), written >= count)
  }
  if (batch.length > 0) await level.batch(batch)
  return sampler
}

async function main(): Promise<void> {
  const options = { sync: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [mib, valueBytes] = [Number(positionals[0] ?? 256), Number(positionals[1] ?? BATCH_BYTES)]
  const count = Math.floor((mib * MIB) / valueBytes)
  if (!(count >= SAMPLES)) throw new Error(`at least ${SAMPLES} values`)
  const directory = mkdtempSync(join(process.env.VIVEFS_BENCH_DIR ?? tmpdir(), 'lsm-space-'))
  const level: Level = new LsmLevel<string, Buffer>(directory, { valueEncoding: 'buffer' })
  try {
    await level.open()
    const started = performance.now()
    const { ofLimit, most, mostReported } = await overwrite(level, count, valueBytes, values.sync)
    const seconds = (performance.now() - started) / 1000
    await level.flush()
    do await delay(20)
    while (level.stats().compaction!.running > 0)
    const { space, media, writes } = level.stats()
    const alive = count * (valueBytes + KEY_BYTES)
    const written = Object.values(media[0]!.traffic).reduce((sum, row) => sum + (row?.written ?? 0), 0)
    const found = {
      mib,
      valueBytes,
      sync: values.sync,
      most,
      mostReported,
      limit: HARD + space.allowanceBytes / alive,
      atTheEnd: space.bytes / alive,
      writtenPerByte: written / (alive * (1 + OVERWRITES)),
      mbPerSecond: (alive * (1 + OVERWRITES)) / 1e6 / seconds,
      stalls: writes!.stalls,
    }
    const text = (number: number) => number.toFixed(2)
    if (values.json) console.log(JSON.stringify(found))
    else {
      console.log(
        `${mib} MiB alive in values of ${valueBytes} bytes, overwritten ${OVERWRITES} times${values.sync ? ', synchronously' : ''}:`,
      )
      console.log(
        `  at the most ${text(most)} times what is alive (stats() said at most ${text(mostReported)}), limit ${text(found.limit)}`,
      )
      console.log(
        `  at the end ${text(found.atTheEnd)}; ${text(found.writtenPerByte)} bytes written for each byte, ${found.mbPerSecond.toFixed(0)} MB/s`,
      )
    }
    if (ofLimit > 1) {
      console.log(`  FAILS: ${text(ofLimit)} of the limit was taken`)
      process.exitCode = 1
    }
  } finally {
    await level.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
