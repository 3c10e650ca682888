/**
 * A benchmark beside peers: every peer runs all workloads in a process of its own, in turns, several rounds. Prints the table and writes
 * JSON and a page with plots.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { arch, cpus, platform, release } from 'node:os'
import { join } from 'node:path'
import { install } from './install.ts'
import type { Sample } from './measure.ts'
import { page } from './page.ts'
import { printReport } from './report.ts'
import type { Yardsticks } from './row.ts'
import { judge, type Measured, summarize } from './verdict.ts'

/** A peer as the rounds know it. */
export interface PeerName {
  readonly name: string
  /** What is installed on demand for it: a package and its version. */
  readonly installs?: readonly [name: string, version: string]
  /** Why it cannot run here. */
  readonly missing?: string | undefined
}

export interface Benchmark {
  /** Of the page. */
  readonly title: string
  /** Of the files with the results. */
  readonly file: string
  readonly yardsticks: Yardsticks
  readonly peers: readonly PeerName[]
  /** The program that runs a peer with `--child NAME --path FOLDER --seed N` and prints its samples as the last line. */
  readonly program: string
  /** Where a peer's own folder is made. */
  readonly folderOf: (peer: string) => string
  /** What the report says of the run beside machine and time. */
  readonly about: Readonly<Record<string, unknown>>
}

export interface RoundOptions {
  readonly rounds: number
  /** Undefined: all. */
  readonly peers: readonly string[] | undefined
  readonly mayInstall: boolean
  /** Folder of the results. */
  readonly out: string
  /** Passed on to the program. */
  readonly args: readonly string[]
}

type Samples = Readonly<Record<string, Sample>>

/** Runs a round of a peer in a process of its own. */
async function round({ program, folderOf }: Benchmark, peer: string, seed: number, args: readonly string[]) {
  const path = mkdtempSync(join(folderOf(peer), 'vivefs-bench-'))
  const own = ['--expose-gc', program, '--child', peer, '--path', path, '--seed', String(seed), ...args]
  try {
    const running = spawn(process.execPath, own, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    running.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const code = await new Promise<number | null>((resolve, reject) => {
      running.on('error', reject).on('close', resolve)
    })
    if (code !== 0) throw new Error(`${peer} ended with ${code}`)
    return JSON.parse(output.trim().split('\n').at(-1)!) as Samples
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function choosePeers({ peers }: Benchmark, { peers: wanted, mayInstall }: RoundOptions): string[] {
  for (const name of wanted ?? []) {
    if (!peers.some((peer) => peer.name === name))
      throw new Error(`no peer ${name} (${peers.map((p) => p.name).join()})`)
  }
  const chosen: string[] = []
  for (const { name, installs, missing } of peers) {
    if (wanted !== undefined && !wanted.includes(name)) continue
    let problem = missing
    if (problem === undefined && installs !== undefined) {
      problem = mayInstall ? install(...installs) : 'it would have to be installed'
    }
    if (problem === undefined) chosen.push(name)
    else console.error(`without ${name}: ${problem}`)
  }
  return chosen
}

/** Runs everything. A peer that fails is left out from then on; we must not fail. */
export async function runBenchmark(benchmark: Benchmark, options: RoundOptions): Promise<void> {
  const { yardsticks, title, file } = benchmark
  const { ours } = yardsticks
  const { rounds, out } = options
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${rounds}`)
  const peers = choosePeers(benchmark, options)
  const measured: Measured = new Map(peers.map((peer) => [peer, new Map<string, Sample[]>()]))
  const failures = new Map<string, string>()
  for (let i = 0; i < rounds; i++) {
    // Another peer starts every round.
    for (let n = 0; n < peers.length; n++) {
      const peer = peers[(i + n) % peers.length]!
      if (failures.has(peer)) continue
      console.error(`round ${i + 1} of ${rounds}: ${peer}`)
      const samples = await round(benchmark, peer, i + 1, options.args).catch((error: unknown) => {
        if (peer === ours) throw error
        failures.set(peer, String(error))
        console.error(`without ${peer} from now on: ${String(error)}`)
        return {}
      })
      const into = measured.get(peer)!
      for (const [workload, sample] of Object.entries(samples))
        into.set(workload, [...(into.get(workload) ?? []), sample])
    }
  }
  const verdicts = judge(yardsticks, measured)
  const summary = summarize(verdicts)
  printReport(ours, verdicts, peers, summary)
  const about = {
    date: new Date().toISOString(),
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    processors: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    rounds,
    failures: Object.fromEntries(failures),
    ...benchmark.about,
  }
  mkdirSync(out, { recursive: true })
  const samples = Object.fromEntries([...measured].map(([peer, of]) => [peer, Object.fromEntries(of)]))
  writeFileSync(join(out, `${file}.json`), `${JSON.stringify({ about, summary, verdicts, samples }, null, 2)}\n`)
  writeFileSync(join(out, `${file}.html`), page(title, ours, verdicts, summary, about))
  console.log(`${join(out, `${file}.json`)} and ${file}.html have all figures and plots`)
}
