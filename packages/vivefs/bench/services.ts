/**
 * What the services of a volume cost (docs/snapshots.md): snapshots of a small and of a big volume, ordinary operations with 0, 1
 * and 100 of them, forks, rollbacks, what a sweep does to others, send and receive. On lsm in the temporary directory; prints a table and
 * writes it down.
 *
 *     --files N       files of the big volume, 1 KiB each; default 100,000
 *     --out FILE      default evidence/services.json
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { receive, ViveFS } from '../src/index.ts'

const { values: given } = parseArgs({
  options: {
    files: { type: 'string', default: '100000' },
    out: { type: 'string', default: 'evidence/services.json' },
  },
})
const files = Number(given.files)
const FILES_PER_DIRECTORY = 1000
const OPERATIONS = 500
const ROUNDS = 5
const SNAPSHOT_MS_MAX = 10
const SENT_FILES = 64
const place = mkdtempSync(path.join(os.tmpdir(), 'vivefs-bench-services-'))
const KIB = Buffer.alloc(1024, 7)
const MIB = Buffer.alloc(1 << 20, 5)
const EXTENT = Buffer.alloc(65_536, 9)

interface Figure {
  readonly what: string
  readonly unit: string
  readonly values: readonly number[]
}

const figures: Figure[] = []
/** One line of the table, and of the evidence. */
function tell(what: string, unit: string, ...values: number[]): void {
  figures.push({ what, unit, values: values.map((value) => Number(value.toPrecision(4))) })
  console.log(what.padEnd(58), ...values.map((value) => `${value.toFixed(2)} ${unit}`.padStart(14)))
}

const quantile = (values: readonly number[], q: number): number => {
  const all = [...values].sort((a, b) => a - b)
  return all[Math.min(all.length - 1, Math.floor(all.length * q))]!
}
const median = (values: readonly number[]): number => quantile(values, 0.5)

const root = { uid: 0, gid: 0 }
const open = (name: string): Promise<ViveFS> =>
  ViveFS.open(path.join(place, name), { engine: 'lsm', memoryBytes: 256 << 20, credentials: root })
const fileOf = (n: number): string => `/d${Math.floor(n / FILES_PER_DIRECTORY)}/f${n % FILES_PER_DIRECTORY}`

async function fill(vive: ViveFS, count: number, bytes: Buffer): Promise<void> {
  const bulk = vive.bulk()
  for (let n = 0; n < count; n++) {
    if (n % FILES_PER_DIRECTORY === 0) await bulk.mkdir(path.posix.dirname(fileOf(n)))
    await bulk.writeFile(fileOf(n), bytes)
  }
  await bulk.close()
}

async function timed(run: () => unknown): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/** Milliseconds of each of nine snapshots. */
async function takingSome(vive: ViveFS): Promise<number[]> {
  const spent: number[] = []
  for (let n = 0; n < 9; n++) spent.push(await timed(() => vive.snapshots.create(`taken${n}`)))
  for (let n = 0; n < 9; n++) await vive.snapshots.delete(`taken${n}`)
  await vive.settle()
  return spent
}

/** CPU time of one operation on each of several volumes, in turns. */
async function compare(what: string, volumes: readonly ViveFS[], run: (vive: ViveFS, n: number) => unknown) {
  const spent: number[][] = volumes.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, vive] of volumes.entries()) {
      const before = process.cpuUsage()
      for (let n = 0; n < OPERATIONS; n++) run(vive, round * OPERATIONS + n)
      const { user, system } = process.cpuUsage(before)
      spent[index]!.push((user + system) / OPERATIONS)
      await vive.sync()
    }
  }
  tell(what, 'us', ...spent.map(median))
}

async function ordinary(): Promise<void> {
  const counts = [0, 1, 100]
  const volumes: ViveFS[] = []
  for (const count of counts) {
    const vive = await open(`with${count}`)
    await fill(vive, OPERATIONS * ROUNDS * 2, KIB)
    vive.fs.writeFileSync('/big', Buffer.alloc(OPERATIONS * ROUNDS * EXTENT.length, 1))
    vive.fs.writeFileSync('/log', KIB)
    vive.fs.mkdirSync('/new')
    for (let n = 0; n < count; n++) {
      await vive.snapshots.create(`s${n}`)
      vive.fs.writeFileSync('/between', String(n))
    }
    volumes.push(vive)
  }
  console.log('\nCPU time of one operation, with 0, 1 and 100 snapshots')
  await compare('stat', volumes, ({ fs }, n) => fs.statSync(fileOf(n)))
  await compare('read 1 KiB', volumes, ({ fs }, n) => fs.readFileSync(fileOf(n)))
  await compare('create 1 KiB', volumes, ({ fs }, n) => fs.writeFileSync(`/new/${n}`, KIB))
  const rewrite = ({ fs }: ViveFS, n: number): void => {
    const fd = fs.openSync(fileOf(n), 'r+')
    fs.writeSync(fd, KIB, 0, 1024, 0)
    fs.closeSync(fd)
  }
  await compare('overwrite 1 KiB of an old file, the first time', volumes, rewrite)
  await compare('the same files again', volumes, rewrite)
  await compare('append 1 KiB to an old file', volumes, ({ fs }) => fs.appendFileSync('/log', KIB))
  const fds = new Map(volumes.map((vive) => [vive, vive.fs.openSync('/big', 'r+')]))
  const overwrite = (vive: ViveFS, n: number): void => {
    vive.fs.writeSync(fds.get(vive)!, EXTENT, 0, EXTENT.length, n * EXTENT.length)
  }
  await compare('overwrite 64 KiB of an old file, the first time', volumes, overwrite)
  await compare('the same extents again', volumes, overwrite)
  const second = OPERATIONS * ROUNDS
  await compare('remove an old file', volumes, ({ fs }, n) => fs.unlinkSync(fileOf(second + n)))
  for (const vive of volumes) {
    vive.fs.closeSync(fds.get(vive)!)
    await vive.close()
  }
}

async function forksAndRollbacks(vive: ViveFS): Promise<void> {
  console.log('')
  const made: number[] = []
  for (let n = 0; n < 5; n++) {
    made.push(await timed(() => vive.fork(undefined, `fork${n}`)))
    await vive.forks.delete(`fork${n}`)
    await vive.settle()
  }
  tell(`fork of ${files} files, made and opened`, 'ms', median(made))
  for (const changed of [100, 1000, 10_000].filter((count) => count <= files)) {
    await vive.snapshots.create('before')
    for (let n = 0; n < changed; n++) vive.fs.writeFileSync(fileOf(n), EXTENT.subarray(0, 2000))
    tell(`rollback of ${changed} changed files`, 'ms', await timed(() => vive.snapshots.rollback('before')))
    await vive.snapshots.delete('before')
    await vive.settle()
  }
}

/** How long a change takes that somebody waits for, alone and beside a sweep. */
async function sweeping(vive: ViveFS): Promise<void> {
  const changed = Math.min(files, 20_000)
  await vive.snapshots.create('swept')
  for (let n = 0; n < changed; n++) vive.fs.writeFileSync(fileOf(n), KIB)
  await vive.sync()
  const latencies = async (until: () => boolean): Promise<number[]> => {
    const spent: number[] = []
    while (!until()) {
      spent.push(await timed(() => vive.fs.promises.writeFile(`/d0/foreground${spent.length % 100}`, KIB)))
      await new Promise((resolve) => setImmediate(resolve))
    }
    return spent
  }
  let rounds = 0
  const alone = await latencies(() => rounds++ === 2000)
  await vive.snapshots.delete('swept')
  let isDone = false
  const sweep = timed(() => vive.settle()).then((spent) => {
    isDone = true
    return spent
  })
  const beside = await latencies(() => isDone)
  tell(`sweep after ${changed} changed files`, 'ms', await sweep)
  for (const [what, spent] of [
    ['alone', alone],
    ['beside the sweep', beside],
  ] as const) {
    tell(`a change of 1 KiB ${what}: p50, p99 of ${spent.length}`, 'ms', quantile(spent, 0.5), quantile(spent, 0.99))
  }
}

const mbps = (bytes: number, ms: number): number => bytes / 1000 / ms

async function sending(): Promise<void> {
  const vive = await open('sent')
  for (let n = 0; n < SENT_FILES; n++) await vive.fs.promises.writeFile(`/f${n}`, MIB)
  await vive.snapshots.create('whole')
  let bytes = 0
  const sent = await timed(async () => {
    for await (const piece of vive.send('whole')) bytes += piece.length
  })
  tell(`send of ${SENT_FILES} files of 1 MiB, to nowhere`, 'MB/s', mbps(bytes, sent))
  const copy = path.join(place, 'copy')
  const received = await timed(() => receive(copy, vive.send('whole')))
  tell('the same, received into another volume', 'MB/s', mbps(bytes, received))
  vive.fs.writeFileSync('/f0', MIB)
  await vive.snapshots.create('step')
  tell(
    'a step after one file of them changed',
    'ms',
    await timed(() => receive(copy, vive.send('step', { from: 'whole' }))),
  )
  await vive.close()
}

function writeDown(isWithin: boolean): void {
  const about = {
    when: new Date().toISOString(),
    node: process.version,
    cpu: os.cpus()[0]?.model,
    cores: os.cpus().length,
  }
  const load = os.loadavg().map((each) => Number(each.toFixed(2)))
  mkdirSync(path.dirname(given.out), { recursive: true })
  const text = JSON.stringify(
    { about: { ...about, load }, files, snapshotMsMax: SNAPSHOT_MS_MAX, isWithin, figures },
    null,
    2,
  )
  writeFileSync(given.out, `${text}\n`)
  console.log(`\nWritten to ${given.out}; load of the machine ${load.join(', ')}`)
}

try {
  const small = await open('small')
  await fill(small, 100, KIB)
  tell('snapshot of 100 files: median, highest of 9', 'ms', ...summed(await takingSome(small)))
  await small.close()
  const big = await open('big')
  tell(`making ${files} files of 1 KiB by vive.bulk()`, 's', (await timed(() => fill(big, files, KIB))) / 1000)
  const taken = await takingSome(big)
  tell(`snapshot of ${files} files: median, highest of 9`, 'ms', ...summed(taken))
  await ordinary()
  await forksAndRollbacks(big)
  await sweeping(big)
  await big.close()
  await sending()
  const isWithin = median(taken) < SNAPSHOT_MS_MAX
  writeDown(isWithin)
  if (!isWithin) {
    console.error(`a snapshot of ${files} files takes ${median(taken)} ms; it is to take less than ${SNAPSHOT_MS_MAX}`)
    process.exitCode = 1
  }
} finally {
  rmSync(place, { recursive: true, force: true })
}

function summed(spent: readonly number[]): [number, number] {
  return [median(spent), Math.max(...spent)]
}
