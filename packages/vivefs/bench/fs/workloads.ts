/** The workloads of the filesystem table, all of them on one peer, in a process of its own. */
import { join } from 'node:path'
import { measure, type Sample, settled } from '../../../../tools/bench/measure.ts'
import type { Files, Opened, Peer, PromisedFiles } from './peers.ts'

export interface Counts {
  /** Operations on names and small files. */
  readonly small: number
  /** Operations of 64 KiB. */
  readonly big: number
  readonly fsync: number
  /** The longest time of one workload. */
  readonly secondsMax: number
  /** Names of the workloads to run; undefined: all. */
  readonly only?: readonly string[] | undefined
}
export const FULL: Counts = { small: 4000, big: 512, fsync: 400, secondsMax: 2 }
export const QUICK: Counts = { small: 800, big: 64, fsync: 40, secondsMax: 0.5 }

const KIB = 1024
const PAGE_BYTES = 4 * KIB
const BIG_BYTES = 64 * KIB
/** The file that is read and overwritten at random. */
const FILE_BYTES = 16 * 1024 * KIB
const ENTRIES = 100
const CONCURRENT = 32

const small = Buffer.alloc(KIB, 'vivefs benchmark ')
const line = Buffer.alloc(100, 'a line of a log ')
const page = Buffer.alloc(PAGE_BYTES, 'a page of a file ')
const big = Buffer.alloc(BIG_BYTES, 'much of a file ')
const into = Buffer.alloc(BIG_BYTES)

/** One operation; `n` counts from 0 and goes on over all runs of a workload. */
type Step = (n: number) => unknown

interface Work {
  readonly step: Step
  readonly count: number
  /** Before the measured run: what was written lies on the disk, as that of a file that is changed long after it was written. */
  readonly clean?: () => unknown
  readonly end?: () => unknown
}

let state = 1

/** A number below `below`. */
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const somePage = (): number => random(FILE_BYTES / PAGE_BYTES) * PAGE_BYTES
const inFile = (n: number): number => (n * BIG_BYTES) % FILE_BYTES

type Works = Record<string, () => Work | Promise<Work>>

/** What the synchronous workloads find: files of 1 KiB, a directory of 100, a file of 16 MiB. */
function plant(fs: Files, root: string): void {
  fs.mkdirSync(join(root, 'dir'))
  for (let n = 0; n < ENTRIES; n++) fs.writeFileSync(join(root, 'dir', `entry-${n}`), small)
  const fd = fs.openSync(join(root, 'file'), 'w')
  for (let at = 0; at < FILE_BYTES; at += BIG_BYTES) fs.writeSync(fd, big, 0, BIG_BYTES, at)
  fs.closeSync(fd)
}

function syncWorks(fs: Files, root: string, { small: many, big: some, fsync }: Counts): Works {
  const at = (name: string) => `${root}/${name}`
  const entry = (n: number) => `${root}/dir/entry-${n % ENTRIES}`
  const opened = (name: string, flags: string) => {
    const fd = fs.openSync(at(name), flags)
    return { fd, end: () => fs.closeSync(fd) }
  }
  return {
    create: () => {
      fs.mkdirSync(at('create'))
      return { count: many, step: (n) => fs.writeFileSync(at(`create/${n}`), small) }
    },
    rename: () => {
      const [even, odd] = [at('even'), at('odd')]
      fs.writeFileSync(even, small)
      return { count: many, step: (n) => (n % 2 === 0 ? fs.renameSync(even, odd) : fs.renameSync(odd, even)) }
    },
    unlink: () => {
      const count = many / 2
      fs.mkdirSync(at('unlink'))
      for (let n = 0; n < 2 * count; n++) fs.writeFileSync(at(`unlink/${n}`), small)
      return { count, step: (n) => fs.unlinkSync(at(`unlink/${n}`)) }
    },
    createSynced: () => {
      fs.mkdirSync(at('synced'))
      const step = (n: number) => {
        const fd = fs.openSync(at(`synced/${n}`), 'w')
        fs.writeSync(fd, small, 0, KIB, 0)
        fs.fsyncSync(fd)
        fs.closeSync(fd)
      }
      return { count: fsync, step }
    },
    openReadClose: () => {
      const step = (n: number) => {
        const fd = fs.openSync(entry(n), 'r')
        fs.readSync(fd, into, 0, KIB, 0)
        fs.closeSync(fd)
      }
      return { count: many, step }
    },
    readFile: () => ({ count: many, step: (n) => fs.readFileSync(entry(n)) }),
    stat: () => ({ count: many, step: (n) => fs.statSync(entry(n)) }),
    readdir: () => ({ count: many / 4, step: () => fs.readdirSync(at('dir'), { withFileTypes: true }) }),
    write64: () => {
      const { fd, end } = opened('written', 'w')
      return { count: some, end, step: (n) => fs.writeSync(fd, big, 0, BIG_BYTES, inFile(n)) }
    },
    read64: () => {
      const { fd, end } = opened('file', 'r')
      return { count: some, end, step: (n) => fs.readSync(fd, into, 0, BIG_BYTES, inFile(n)) }
    },
    read4: () => {
      const { fd, end } = opened('file', 'r')
      return { count: many, end, step: () => fs.readSync(fd, into, 0, PAGE_BYTES, somePage()) }
    },
    append: () => {
      const { fd, end } = opened('log', 'a')
      return { count: many, end, step: () => fs.writeSync(fd, line) }
    },
    overwrite4: () => {
      const { fd, end } = opened('file', 'r+')
      const clean = () => fs.fsyncSync(fd)
      return { count: many, clean, end, step: () => fs.writeSync(fd, page, 0, PAGE_BYTES, somePage()) }
    },
  }
}

/** The same for promises. */
async function plantPromised(fs: PromisedFiles, root: string): Promise<void> {
  await fs.mkdir(`${root}/dir`)
  for (let n = 0; n < ENTRIES; n++) await fs.writeFile(`${root}/dir/entry-${n}`, small)
  const handle = await fs.open(`${root}/file`, 'w')
  for (let at = 0; at < FILE_BYTES; at += BIG_BYTES) await handle.write(big, 0, BIG_BYTES, at)
  await handle.close()
}

function promisedWorks(fs: PromisedFiles, root: string, { small: many, big: some, fsync }: Counts): Works {
  const at = (name: string) => `${root}/${name}`
  const entry = (n: number) => `${root}/dir/entry-${n % ENTRIES}`
  const opened = async (name: string, flags: string) => {
    const handle = await fs.open(at(name), flags)
    return { handle, end: () => handle.close() }
  }
  const createSynced = async (name: string) => {
    const handle = await fs.open(name, 'w')
    await handle.write(small, 0, KIB, 0)
    await handle.sync()
    await handle.close()
  }
  return {
    createPromised: async () => {
      await fs.mkdir(at('create'))
      return { count: many, step: (n) => fs.writeFile(at(`create/${n}`), small) }
    },
    createSyncedPromised: async () => {
      await fs.mkdir(at('synced'))
      return { count: fsync, step: (n) => createSynced(at(`synced/${n}`)) }
    },
    createSyncedMany: async () => {
      await fs.mkdir(at('many'))
      const names = Array.from({ length: CONCURRENT }, (_, i) => i)
      const step = (n: number) => Promise.all(names.map((i) => createSynced(at(`many/${n}-${i}`))))
      return { count: fsync / 8, step }
    },
    openReadClosePromised: () => {
      const step = async (n: number) => {
        const handle = await fs.open(entry(n), 'r')
        await handle.read(into, 0, KIB, 0)
        await handle.close()
      }
      return { count: many, step }
    },
    readFilePromised: () => ({ count: many, step: (n) => fs.readFile(entry(n)) }),
    statPromised: () => ({ count: many, step: (n) => fs.stat(entry(n)) }),
    readdirPromised: () => ({ count: many / 4, step: () => fs.readdir(at('dir'), { withFileTypes: true }) }),
    write64Promised: async () => {
      const { handle, end } = await opened('written', 'w')
      return { count: some, end, step: (n) => handle.write(big, 0, BIG_BYTES, inFile(n)) }
    },
    read64Promised: async () => {
      const { handle, end } = await opened('file', 'r')
      return { count: some, end, step: (n) => handle.read(into, 0, BIG_BYTES, inFile(n)) }
    },
    read4Promised: async () => {
      const { handle, end } = await opened('file', 'r')
      return { count: many, end, step: () => handle.read(into, 0, PAGE_BYTES, somePage()) }
    },
    appendPromised: async () => {
      await fs.writeFile(at('log'), small)
      const { handle, end } = await opened('log', 'a')
      return { count: many, end, step: () => handle.write(line, 0, line.length, null) }
    },
    overwrite4Promised: async () => {
      const { handle, end } = await opened('file', 'r+')
      const clean = () => handle.sync()
      return { count: many, clean, end, step: () => handle.write(page, 0, PAGE_BYTES, somePage()) }
    },
  }
}

/** Operations that one step of a workload makes, where that is not one. */
const perStep: Readonly<Record<string, number>> = { createSyncedMany: CONCURRENT }

/** As many steps as `count`, but for no more than `secondsMax`; answers where the next run begins. */
async function steps(
  step: Step,
  from: number,
  count: number,
  secondsMax: number,
  isPromised: boolean,
): Promise<number> {
  const end = performance.now() + secondsMax * 1000
  let n = from
  while (n < from + count) {
    if (isPromised) await step(n)
    else step(n)
    n++
    if ((n & 15) === 0 && performance.now() > end) break
  }
  return n
}

type Samples = Record<string, Sample>

/** Runs each workload twice; the first run only warms the code up, and no run pays for what was left to the background before it. */
async function runWorks(opened: Opened, works: Works, counts: Counts, isPromised: boolean, samples: Samples) {
  for (const [name, prepare] of Object.entries(works)) {
    if (counts.only?.includes(name) === false) continue
    const { step, count, clean, end } = await prepare()
    const from = await steps(step, 0, count, counts.secondsMax, isPromised)
    await clean?.()
    await opened.settle()
    await settled()
    let to = from
    const sample = await measure(async () => {
      to = await steps(step, from, count, counts.secondsMax, isPromised)
      return (to - from) * (perStep[name] ?? 1)
    })
    samples[name] = sample
    await end?.()
    await opened.settle()
  }
}

/** Names of rows that are about memory. */
const memoryWorks: Readonly<Record<string, string>> = { write64: 'write64Memory', read64: 'read64Memory' }

async function runInMemory(peer: Peer, counts: Counts, samples: Samples): Promise<void> {
  if (peer.openInMemory === undefined) return
  const opened = await peer.openInMemory()
  if (opened.fs !== undefined) {
    plant(opened.fs, opened.root)
    const all = Object.entries(syncWorks(opened.fs, opened.root, counts))
    const works = Object.fromEntries(all.filter(([name]) => name in memoryWorks))
    const own: Samples = {}
    await runWorks(opened, works, counts, false, own)
    for (const [name, sample] of Object.entries(own)) samples[memoryWorks[name]] = sample
  }
  await opened.close()
}

/** All workloads on a peer; `folder` is a fresh folder of the host. */
export async function runWorkloads(peer: Peer, folder: string, counts: Counts, seed: number): Promise<Samples> {
  state = seed
  const samples: Samples = {}
  const opened = await peer.open(folder)
  const { fs, promises, root } = opened
  if (fs !== undefined) {
    fs.mkdirSync(`${root}/sync`)
    plant(fs, `${root}/sync`)
    await runWorks(opened, syncWorks(fs, `${root}/sync`, counts), counts, false, samples)
  }
  await promises.mkdir(`${root}/promises`)
  await plantPromised(promises, `${root}/promises`)
  await runWorks(opened, promisedWorks(promises, `${root}/promises`, counts), counts, true, samples)
  await opened.close()
  await runInMemory(peer, counts, samples)
  // A peer that is in memory anyway.
  for (const [name, inMemory] of Object.entries(memoryWorks)) samples[inMemory] ??= samples[name]
  return samples
}
