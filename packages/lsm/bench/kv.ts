/**
 * `npm run bench:kv`: the key-value table beside other databases. Every peer runs all workloads in a process of its own, in turns, several
 * rounds; CPU time is that of the whole process. Bytes written are what the process gave to write calls until the database was closed.
 * Exit code 0 means that the run completed, whatever it found.
 *
 *     --rounds N           default 5
 *     --peers a,b          default all: lsm, classic-level, lmdb, memory-level, better-sqlite3
 *     --rows a,b           only these workloads (fill, putAwaited, getSync, ...) and those that share a database with them
 *     --quick              a tenth of the work, for trying things out
 *     --no-install         leave out peers that would have to be installed
 *     --out DIRECTORY      default evidence: bench-kv.json and bench-kv.html
 *     VIVEFS_BENCH_DIR     where the databases lie; a real disk, not tmpfs
 */
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runBenchmark } from '../../../tools/bench/rounds.ts'
import { PEERS } from './kv/peers.ts'
import { FULL, QUICK, runWorkloads, WORKLOADS } from './kv/workloads.ts'
import { YARDSTICKS } from './kv/yardsticks.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    peers: { type: 'string' },
    rows: { type: 'string' },
    quick: { type: 'boolean', default: false },
    install: { type: 'boolean', default: true },
    out: { type: 'string', default: 'evidence' },
    child: { type: 'string' },
    path: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
  allowNegative: true,
})
const rows = options.rows?.split(',')
for (const row of rows ?? []) {
  if (!(WORKLOADS as readonly string[]).includes(row)) throw new Error(`no workload ${row} (${WORKLOADS.join()})`)
}
const counts = options.quick ? QUICK : FULL

/** One peer, one round: prints its samples as one line. */
async function child(name: string, path: string): Promise<void> {
  const peer = PEERS.find((each) => each.name === name)
  if (peer === undefined) throw new Error(`no peer ${name}`)
  const samples = await runWorkloads(peer, path, { counts, seed: Number(options.seed), rows })
  process.stdout.write(`\n${JSON.stringify(samples)}\n`)
}

function parent(): Promise<void> {
  const benchmark = {
    title: 'Key-value benchmark',
    file: 'bench-kv',
    yardsticks: YARDSTICKS,
    peers: PEERS,
    program: fileURLToPath(import.meta.url),
    folderOf: () => process.env.VIVEFS_BENCH_DIR ?? tmpdir(),
    about: { counts, writtenBytes: 'wchar of /proc/self/io until the database was closed' },
  }
  return runBenchmark(benchmark, {
    rounds: Number(options.rounds),
    peers: options.peers?.split(','),
    mayInstall: options.install,
    out: options.out,
    args: [...(options.quick ? ['--quick'] : []), ...(options.rows === undefined ? [] : ['--rows', options.rows])],
  })
}

if (options.child !== undefined && options.path !== undefined) await child(options.child, options.path)
else await parent()
