/**
 * What snapshots cost: taking one of a small and of a big volume, ordinary operations with 0, 1 and 100 of them, forks,
 * rollbacks, and what a sweep does to others. On lsm in the temporary directory. Argument: files (default 50,000).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ViveFS } from '../src/index.ts'

const files = Number(process.argv[2] ?? 50_000)
const FILES_PER_DIRECTORY = 1000
const OPERATIONS = 500
const ROUNDS = 5
const place = mkdtempSync(path.join(os.tmpdir(), 'vivefs-bench-snapshots-'))
const KIB = Buffer.alloc(1024, 7)
const EXTENT = Buffer.alloc(65_536, 9)

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
const quantile = (values: readonly number[], q: number): number => {
  const all = sorted(values)
  return all[Math.min(all.length - 1, Math.floor(all.length * q))]!
}
const median = (values: readonly number[]): number => quantile(values, 0.5)
const line = (what: string, ...cells: string[]): void =>
  console.log(what.padEnd(52), ...cells.map((cell) => cell.padStart(11)))
const ms = (value: number): string => `${value.toFixed(2)} ms`
const us = (value: number): string => `${value.toFixed(1)} us`

const open = (name: string): Promise<ViveFS> =>
  ViveFS.open(path.join(place, name), { engine: 'lsm', memoryBytes: 256 << 20, credentials: { uid: 0, gid: 0 } })
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

async function takingOne(vive: ViveFS): Promise<string> {
  const spent: number[] = []
  for (let n = 0; n < 9; n++) spent.push(await timed(() => vive.snapshots.create(`taken${n}`)))
  for (let n = 0; n < 9; n++) await vive.snapshots.delete(`taken${n}`)
  await vive.settle()
  return ms(median(spent))
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
  const all = spent.map(median)
  line(what, ...all.map(us), ...all.slice(1).map((each) => `x${(each / all[0]!).toFixed(2)}`))
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
  await compare('overwrite 1 KiB of an old file, the first time', volumes, ({ fs }, n) => {
    const fd = fs.openSync(fileOf(n), 'r+')
    fs.writeSync(fd, KIB, 0, 1024, 0)
    fs.closeSync(fd)
  })
  await compare('the same files again', volumes, ({ fs }, n) => {
    const fd = fs.openSync(fileOf(n), 'r+')
    fs.writeSync(fd, KIB, 0, 1024, 0)
    fs.closeSync(fd)
  })
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
  const made = await timed(() => vive.fork(undefined, 'fork'))
  line(`fork of ${files.toLocaleString('en')} files`, ms(made))
  await vive.forks.delete('fork')
  await vive.settle()
  for (const changed of [100, 1000, 10_000].filter((count) => count <= files)) {
    await vive.snapshots.create('before')
    for (let n = 0; n < changed; n++) vive.fs.writeFileSync(fileOf(n), EXTENT.subarray(0, 2000))
    line(
      `rollback of ${changed.toLocaleString('en')} changed files`,
      ms(await timed(() => vive.snapshots.rollback('before'))),
    )
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
  line(`sweep after ${changed.toLocaleString('en')} changed files`, ms(await sweep))
  for (const [what, spent] of [
    ['alone', alone],
    ['beside the sweep', beside],
  ] as const) {
    const [middle, high] = [quantile(spent, 0.5), quantile(spent, 0.99)]
    line(`a change of 1 KiB ${what}: p50, p99 of ${spent.length}`, ms(middle), ms(high))
  }
}

try {
  const small = await open('small')
  await fill(small, 100, KIB)
  line('snapshot of 100 files', await takingOne(small))
  await small.close()
  const big = await open('big')
  const filled = await timed(() => fill(big, files, KIB))
  line(
    `snapshot of ${files.toLocaleString('en')} files`,
    await takingOne(big),
    `(filled in ${(filled / 1000).toFixed(1)} s)`,
  )
  await ordinary()
  await forksAndRollbacks(big)
  await sweeping(big)
  await big.close()
} finally {
  rmSync(place, { recursive: true, force: true })
}
