/**
 * `npm run bench:kv`: the key-value table beside other databases. Every peer runs all workloads in a process of its own, in turns, several
 * rounds; CPU time is that of the whole process. Bytes written are what the process gave to write calls until the database was closed.
 * Exit code 0 means that the run completed, whatever it found.
 *
 *     --rounds N           default 5
 *     --peers a,b          default all: lsm, classic-level, lmdb, memory-level, better-sqlite3
 *     --quick              a tenth of the work, for trying things out
 *     --no-install         leave out peers that would have to be installed
 *     --out DIRECTORY      default evidence: bench-kv.json and bench-kv.html
 *     VIVEFS_BENCH_DIR     where the databases lie; a real disk, not tmpfs
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { arch, cpus, platform, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { install } from './kv/install.ts'
import type { Sample } from './kv/measure.ts'
import { page } from './kv/page.ts'
import { PEERS } from './kv/peers.ts'
import { printReport } from './kv/report.ts'
import { judge, type Measured, OURS, summarize } from './kv/verdict.ts'
import { FULL, QUICK, runWorkloads, type Workload } from './kv/workloads.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    peers: { type: 'string' },
    quick: { type: 'boolean', default: false },
    install: { type: 'boolean', default: true },
    out: { type: 'string', default: 'evidence' },
    child: { type: 'string' },
    path: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
  allowNegative: true,
})

type Samples = Partial<Record<Workload, Sample>>

/** One peer, one round: prints its samples as one line. */
async function child(name: string, path: string): Promise<void> {
  const peer = PEERS.find((each) => each.name === name)
  if (peer === undefined) throw new Error(`no peer ${name}`)
  const samples = await runWorkloads(peer, path, options.quick ? QUICK : FULL, Number(options.seed))
  process.stdout.write(`\n${JSON.stringify(samples)}\n`)
}

/** Runs a round in a process of its own. */
async function round(peer: string, seed: number): Promise<Samples> {
  const path = mkdtempSync(join(process.env.VIVEFS_BENCH_DIR ?? tmpdir(), 'kv-bench-'))
  const own = fileURLToPath(import.meta.url)
  const args = ['--expose-gc', own, '--child', peer, '--path', path, '--seed', String(seed)]
  if (options.quick) args.push('--quick')
  try {
    const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
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

function choosePeers(): string[] {
  const wanted = options.peers?.split(',')
  for (const name of wanted ?? [])
    if (!PEERS.some((peer) => peer.name === name))
      throw new Error(`no peer ${name} (${PEERS.map((p) => p.name).join()})`)
  const chosen: string[] = []
  for (const { name, installs } of PEERS) {
    if (wanted !== undefined && !wanted.includes(name)) continue
    const problem =
      installs === undefined ? undefined : options.install ? install(...installs) : 'it would have to be installed'
    if (problem === undefined) chosen.push(name)
    else console.error(`without ${name}: ${problem}`)
  }
  return chosen
}

async function parent(): Promise<void> {
  const rounds = Number(options.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${options.rounds}`)
  const peers = choosePeers()
  const measured: Measured = new Map(peers.map((peer) => [peer, new Map<Workload, Sample[]>()]))
  // A peer that fails is left out; we must not fail.
  const failures = new Map<string, string>()
  for (let i = 0; i < rounds; i++) {
    // Another peer starts every round.
    for (let n = 0; n < peers.length; n++) {
      const peer = peers[(i + n) % peers.length]!
      if (failures.has(peer)) continue
      console.error(`round ${i + 1} of ${rounds}: ${peer}`)
      const samples = await round(peer, i + 1).catch((error: unknown) => {
        if (peer === OURS) throw error
        failures.set(peer, String(error))
        console.error(`without ${peer} from now on: ${String(error)}`)
        return {}
      })
      const into = measured.get(peer)!
      for (const [workload, sample] of Object.entries(samples) as [Workload, Sample][])
        into.set(workload, [...(into.get(workload) ?? []), sample])
    }
  }
  const verdicts = judge(measured)
  const summary = summarize(verdicts)
  printReport(verdicts, peers, summary)
  const about = {
    date: new Date().toISOString(),
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    processors: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    rounds,
    failures: Object.fromEntries(failures),
    counts: options.quick ? QUICK : FULL,
    writtenBytes: 'wchar of /proc/self/io until the database was closed',
  }
  mkdirSync(options.out, { recursive: true })
  const samples = Object.fromEntries([...measured].map(([peer, of]) => [peer, Object.fromEntries(of)]))
  writeFileSync(
    join(options.out, 'bench-kv.json'),
    `${JSON.stringify({ about, summary, verdicts, samples }, null, 2)}\n`,
  )
  writeFileSync(join(options.out, 'bench-kv.html'), page(verdicts, summary, about))
  console.log(`${join(options.out, 'bench-kv.json')} and bench-kv.html have all figures and plots`)
}

if (options.child !== undefined && options.path !== undefined) await child(options.child, options.path)
else await parent()
