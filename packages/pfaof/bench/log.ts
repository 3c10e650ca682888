import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '@vivefs/media'
import { runAsync, runSync, Volume } from '@vivefs/pfaof'

/**
 * `npm run bench:log`: the log beside raw fs calls, in one run and in turns, median of several rounds. VIVEFS_BENCH_DIR chooses where (a real disk,
 * not tmpfs). Prints one JSON object at the end.
 */

const ROUNDS = Number(process.env.VIVEFS_BENCH_ROUNDS ?? 5)
const TOTAL = 64 << 20
const PIECE = 64 << 10
const PAGE = 4096
const READS = 8000

interface Cost {
  wallMs: number
  cpuMs: number
}

function measure(work: () => void): Cost {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  work()
  const wallMs = Number(process.hrtime.bigint() - start) / 1e6
  const used = process.cpuUsage(cpu)
  return { wallMs, cpuMs: (used.user + used.system) / 1e3 }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]!
}

const ratio = (a: readonly number[], b: readonly number[]) => Number((median(a) / median(b)).toFixed(2))

const directory = await mkdtemp(join(process.env.VIVEFS_BENCH_DIR ?? tmpdir(), 'pfaof-bench-'))
const medium = await openDirectory({
  path: join(directory, 'd'),
  zoneCount: 16,
  zoneBytes: 96 << 20,
  preallocate: true,
})
const volume = await Volume.create({ media: { d: medium } })
const piece = Buffer.alloc(PIECE)
for (let i = 0; i < PIECE; i++) piece[i] = (i * 2654435761) >>> 24

const append = { raw: [] as Cost[], log: [] as Cost[] }
const read = { raw: [] as number[], first: [] as number[], again: [] as number[], medium: [] as number[] }

function order(): number[] {
  const pages = Array.from({ length: TOTAL / PAGE }, (_, i) => i)
  let x = 1
  for (let i = pages.length - 1; i > 0; i--) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    const j = x % (i + 1)
    ;[pages[i], pages[j]] = [pages[j]!, pages[i]!]
  }
  return pages.slice(0, READS)
}

// The first rounds only warm the code up.
const WARM_UP = 2
for (let round = -WARM_UP; round < ROUNDS; round++) {
  if (round === 0)
    for (const list of [append.raw, append.log, read.raw, read.first, read.again, read.medium]) list.length = 0
  const path = join(directory, `raw${round}`)
  const fd = openSync(path, 'w+')
  const file = await runAsync(volume.create({ name: `log${round}`, media: ['d'], preallocateBytes: TOTAL }))
  const raw = () => {
    for (let at = 0; at < TOTAL; at += PIECE) writeSync(fd, piece, 0, PIECE, at)
    fdatasyncSync(fd)
  }
  const log = () => {
    for (let at = 0; at < TOTAL; at += PIECE) runSync(file.append([piece]))
    runSync(file.sync())
  }
  const turns = round % 2 === 0 ? (['raw', 'log'] as const) : (['log', 'raw'] as const)
  for (const turn of turns) append[turn].push(measure(turn === 'raw' ? raw : log))
  const into = Buffer.alloc(PAGE)
  const pages = order()
  // The medium alone, to tell its share of the cost.
  const { zone, start } = volume.stat(`log${round}`).extents[0]!
  const mediumRead = () => {
    for (const page of pages) medium.readSync!(zone, start + 120 + page * PAGE, into)
  }
  const rawRead = () => {
    for (const page of pages) readSync(fd, into, 0, PAGE, page * PAGE)
  }
  const logRead = () => {
    for (const page of pages) runSync(file.read(page * PAGE, into))
  }
  rawRead()
  read.first.push(measure(logRead).wallMs)
  read.raw.push(measure(rawRead).wallMs)
  read.again.push(measure(logRead).wallMs)
  read.medium.push(measure(mediumRead).wallMs)
  closeSync(fd)
  await runAsync(file.seal())
  await runAsync(volume.delete(`log${round}`))
  await runAsync(volume.sync())
  await rm(path)
}

const many = await runAsync(volume.create({ name: 'many', media: ['d'] }))
await runAsync(many.append([piece]))
await runAsync(many.sync())
const before = volume.status().get('d')!.flushes
await Promise.all(
  Array.from({ length: 64 }, async () => {
    await runAsync(many.append([piece.subarray(0, 200)]))
    await runAsync(many.sync())
  }),
)
const flushes = volume.status().get('d')!.flushes - before
await volume.close()
await medium.close()
await rm(directory, { recursive: true })

const wall = (costs: readonly Cost[]) => costs.map(({ wallMs }) => wallMs)
const cpu = (costs: readonly Cost[]) => costs.map(({ cpuMs }) => cpuMs)
const result = {
  rounds: ROUNDS,
  appendMBps: {
    raw: Math.round(TOTAL / 1e3 / median(wall(append.raw))),
    log: Math.round(TOTAL / 1e3 / median(wall(append.log))),
  },
  appendWallShareOfRaw: ratio(wall(append.raw), wall(append.log)),
  appendCpuShareOfRaw: ratio(cpu(append.raw), cpu(append.log)),
  readUs: {
    raw: Number(((median(read.raw) * 1e3) / READS).toFixed(2)),
    first: Number(((median(read.first) * 1e3) / READS).toFixed(2)),
    medium: Number(((median(read.medium) * 1e3) / READS).toFixed(2)),
    again: Number(((median(read.again) * 1e3) / READS).toFixed(2)),
  },
  firstReadTimesRaw: ratio(read.first, read.raw),
  againReadTimesRaw: ratio(read.again, read.raw),
  flushesOf64SyncedAppends: flushes,
}
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
