import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Medium, openDirectory } from '@vivefs/media'
import { type AppendFile, runAsync, runSync, Volume } from '@vivefs/pfaof'
import Table from 'cli-table3'
import { Comparison } from './cost.ts'

/**
 * `npm run bench:log [-- --json]`: the log beside raw fs calls, in one run and in turns, medians of several rounds. Both write over space that
 * exists (a raw file written before, a recycled zone), in the same directory: VIVEFS_BENCH_DIR chooses which (a real disk, not tmpfs);
 * VIVEFS_BENCH_ROUNDS how many rounds. Exit code 0: it ran to its end, whatever it measured.
 */

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const ROUNDS = Number(process.env.VIVEFS_BENCH_ROUNDS ?? 9)
const WARM_UP = 3
const TOTAL = 64 << 20
const PIECE = 64 << 10
const PAGE = 4096
const SMALL = 128
const SMALLS = 20_000
const READS = 8000
const LONG_READS = 2000
const CYCLES = 200

const append = new Comparison(['raw', 'log'])
const small = new Comparison(['raw', 'log'])
const again = new Comparison(['raw', 'medium', 'readNow', 'read'])
const long = new Comparison(['raw', 'readNow'])
const first = new Comparison(['raw', 'readNow'])

/** The first `count` of `of` numbers in an order that looks random and is the same every time. */
function shuffled(of: number, count: number): number[] {
  const list = Array.from({ length: of }, (_, i) => i)
  let x = 1
  for (let i = of - 1; i > 0; i--) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    const j = x % (i + 1)
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list.slice(0, count)
}

const piece = Buffer.alloc(PIECE)
for (let i = 0; i < PIECE; i++) piece[i] = (i * 2654435761) >>> 24
const record = piece.subarray(0, SMALL)
const page = Buffer.alloc(PAGE)
const into = Buffer.alloc(PIECE)
const pages = shuffled(TOTAL / PAGE, READS)
const pieces = shuffled(TOTAL / PIECE - 1, TOTAL / PIECE - 1)

function need(bytes: number | undefined, want: number): void {
  if (bytes !== want) throw new Error(`${bytes} bytes read, not ${want}`)
}

function readRounds(round: number, fd: number, file: AppendFile, medium: Medium, zone: number, start: number): void {
  const raw = () => {
    for (const at of pages) need(readSync(fd, page, 0, PAGE, at * PAGE), PAGE)
  }
  const readNow = () => {
    for (const at of pages) need(file.readNow(at * PAGE, page), PAGE)
  }
  first.round(round, { raw, readNow })
  again.round(round, {
    raw,
    readNow,
    medium: () => {
      for (const at of pages) need(medium.readSync!(zone, start + at * PAGE, page), PAGE)
    },
    read: () => {
      for (const at of pages) need(runSync(file.read(at * PAGE, page)), PAGE)
    },
  })
  const piecesOf = (read: (at: number) => number | undefined) => () => {
    for (let i = 0; i < LONG_READS; i++) need(read(pieces[i % pieces.length]! * PIECE), PIECE)
  }
  for (const at of pieces) runSync(file.read(at * PIECE, into)) // verifies all of it
  long.round(round, {
    raw: piecesOf((at) => readSync(fd, into, 0, PIECE, at)),
    readNow: piecesOf((at) => file.readNow(at, into)),
  })
}

async function oneRound(round: number, fd: number, volume: Volume, medium: Medium): Promise<void> {
  const file = await runAsync(volume.create({ name: 'log', media: ['d'], preallocateBytes: TOTAL }))
  append.round(round, {
    raw: () => {
      for (let at = 0; at < TOTAL; at += PIECE) writeSync(fd, piece, 0, PIECE, at)
      fdatasyncSync(fd)
    },
    log: () => {
      for (let at = 0; at < TOTAL; at += PIECE) runSync(file.append([piece]))
      runSync(file.sync())
    },
  })
  const { zone, start } = volume.stat('log').extents[0]!
  readRounds(round, fd, file, medium, zone, start)
  small.round(round, {
    raw: () => {
      for (let i = 0; i < SMALLS; i++) writeSync(fd, record, 0, SMALL, i * SMALL)
    },
    log: () => {
      for (let i = 0; i < SMALLS; i++) runSync(file.append([record]))
    },
  })
  fdatasyncSync(fd)
  await runAsync(file.seal())
  await runAsync(volume.delete('log'))
  await runAsync(volume.sync())
}

/** Flushes that 64 concurrent appends with a sync each share. */
async function groupCommit(volume: Volume): Promise<number> {
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
  return volume.status().get('d')!.flushes - before
}

/** What one file's life costs: created, 64 KiB appended, sealed, deleted. */
async function lifeOfFiles(volume: Volume): Promise<{ cpuMs: number; wallMs: number; flushes: number }> {
  const before = volume.status().get('d')!.flushes
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let i = 0; i < CYCLES; i++) {
    const file = await runAsync(volume.create({ name: `t${i}`, media: ['d'], preallocateBytes: TOTAL }))
    await runAsync(file.append([piece]))
    await runAsync(file.seal())
    await runAsync(volume.delete(`t${i}`))
  }
  const used = process.cpuUsage(cpu)
  const flushes = volume.status().get('d')!.flushes - before
  return {
    cpuMs: (used.user + used.system) / 1e3 / CYCLES,
    wallMs: (performance.now() - start) / CYCLES,
    flushes: flushes / CYCLES,
  }
}

const directory = await mkdtemp(join(process.env.VIVEFS_BENCH_DIR ?? tmpdir(), 'pfaof-bench-'))
const medium = openDirectory({ path: join(directory, 'd'), zoneCount: 64, zoneBytes: 96 << 20 })
const volume = await Volume.create({ media: { d: medium } })
const fd = openSync(join(directory, 'raw'), 'w+')
for (let round = -WARM_UP; round < ROUNDS; round++) {
  if (round === 0) for (const comparison of [append, small, first, again, long]) comparison.clear()
  await oneRound(round, fd, volume, medium)
}
const flushes = await groupCommit(volume)
const life = await lifeOfFiles(volume)
closeSync(fd)
await volume.close()
await medium.close()
await rm(directory, { recursive: true })

const two = (value: number) => Number(value.toFixed(2))
const us = (ms: number, times: number) => two((ms * 1e3) / times)
const mbps = (ms: number) => Math.round(TOTAL / 1e3 / ms)

const yardsticks = [
  {
    what: 'append 64 KiB, fdatasync at the end: wall',
    raw: `${mbps(append.wallMs('raw'))} MB/s`,
    log: `${mbps(append.wallMs('log'))} MB/s`,
    value: two(append.wallMs('raw') / append.wallMs('log')),
    aim: '>= 0.8 of raw',
    met: append.wallMs('raw') / append.wallMs('log') >= 0.8,
  },
  {
    what: 'the same: CPU per append',
    raw: `${us(append.cpuMs('raw'), TOTAL / PIECE)} us`,
    log: `${us(append.cpuMs('log'), TOTAL / PIECE)} us`,
    value: two(append.cpuMs('raw') / append.cpuMs('log')),
    aim: '>= 0.3 of raw',
    met: append.cpuMs('raw') / append.cpuMs('log') >= 0.3,
  },
  {
    what: 'append 128 B, not synced: CPU',
    raw: `${us(small.cpuMs('raw'), SMALLS)} us`,
    log: `${us(small.cpuMs('log'), SMALLS)} us`,
    value: us(small.cpuMs('log') - small.cpuMs('raw'), SMALLS),
    aim: '<= 8 us more',
    met: us(small.cpuMs('log') - small.cpuMs('raw'), SMALLS) <= 8,
  },
  {
    what: 'read 4 KiB, cached, first time (verified)',
    raw: `${us(first.cpuMs('raw'), READS)} us`,
    log: `${us(first.cpuMs('readNow'), READS)} us`,
    value: two(first.cpuMs('readNow') / first.cpuMs('raw')),
    aim: '<= 2.5 x raw',
    met: first.cpuMs('readNow') / first.cpuMs('raw') <= 2.5,
  },
  {
    what: 'read 4 KiB, verified before: readNow',
    raw: `${us(again.cpuMs('raw'), READS)} us`,
    log: `${us(again.cpuMs('readNow'), READS)} us`,
    value: two(again.cpuMs('readNow') / again.cpuMs('raw')),
    aim: '<= 1.3 x raw',
    met: again.cpuMs('readNow') / again.cpuMs('raw') <= 1.3,
  },
  {
    what: '64 appends at once, each synced: flushes',
    raw: '64',
    log: String(flushes),
    value: flushes,
    aim: '<= 4',
    met: flushes <= 4,
  },
]

const others = {
  'read 4 KiB, verified before: runSync(read)': `${us(again.cpuMs('read'), READS)} us, ${two(again.cpuMs('read') / again.cpuMs('raw'))} x raw`,
  'read 4 KiB: the medium alone': `${us(again.cpuMs('medium'), READS)} us, ${two(again.cpuMs('medium') / again.cpuMs('raw'))} x raw`,
  'read 64 KiB, verified before: readNow': `${us(long.cpuMs('readNow'), LONG_READS)} us, ${two(long.cpuMs('readNow') / long.cpuMs('raw'))} x raw`,
  'create, append 64 KiB, seal, delete: CPU': `${two(life.cpuMs)} ms`,
  'the same: wall': `${two(life.wallMs)} ms`,
  'the same: flushes': String(two(life.flushes)),
}

if (options.json) {
  const rest = Object.fromEntries(Object.entries(others))
  process.stdout.write(
    `${JSON.stringify({ node: process.version, rounds: ROUNDS, yardsticks, others: rest }, null, 2)}\n`,
  )
} else {
  const table = new Table({ head: ['', 'raw fs', 'pfaof', 'measured', 'aim', ''], style: { head: [], border: [] } })
  for (const { what, raw, log, value, aim, met } of yardsticks)
    table.push([what, raw, log, value, aim, met ? 'met' : 'missed'])
  const more = new Table({ style: { head: [], border: [] } })
  for (const [what, value] of Object.entries(others)) more.push([what, value])
  process.stdout.write(`${table.toString()}\n${more.toString()}\n`)
  process.stdout.write(`Node ${process.version}, medians of ${ROUNDS} rounds in turns.\n`)
}
