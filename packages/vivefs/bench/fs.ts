/**
 * `npm run bench:fs`: the filesystem table: vivefs on lsm beside node:fs on a disk and on tmpfs, memfs, ZenFS and agentfs-sdk. Every peer
 * runs all workloads in a process of its own, in turns, several rounds; CPU time is that of the whole process, its threads included.
 * Exit code 0 means that the run completed, whatever it found.
 *
 *     --rounds N           default 5
 *     --peers a,b          default all: vivefs, ext4, tmpfs, memfs, zenfs, agentfs
 *     --quick              a fifth of the work, for trying things out
 *     --only a,b           workloads by name (fs/workloads.ts), default all
 *     --no-install         leave out peers that would have to be installed
 *     --out DIRECTORY      default evidence: bench-fs.json and bench-fs.html
 *     VIVEFS_BENCH_DIR     where `ext4` and the volume lie; a real disk, not tmpfs
 */
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runBenchmark } from '../../../tools/bench/rounds.ts'
import { PEERS, TMPFS } from './fs/peers.ts'
import { FULL, QUICK, runWorkloads } from './fs/workloads.ts'
import { YARDSTICKS } from './fs/yardsticks.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    peers: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    install: { type: 'boolean', default: true },
    out: { type: 'string', default: 'evidence' },
    child: { type: 'string' },
    path: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
  allowNegative: true,
})
const counts = { ...(options.quick ? QUICK : FULL), only: options.only?.split(',') }
const disk = process.env.VIVEFS_BENCH_DIR ?? tmpdir()
/** f_type of the ext family. */
const EXT = 0xef53

/** One peer, one round: prints its samples as one line. */
async function child(name: string, path: string): Promise<void> {
  const peer = PEERS.find((each) => each.name === name)
  if (peer === undefined) throw new Error(`no peer ${name}`)
  const samples = await runWorkloads(peer, path, counts, Number(options.seed))
  process.stdout.write(`\n${JSON.stringify(samples)}\n`)
}

function parent(): Promise<void> {
  const { type } = statfsSync(disk)
  if (type !== EXT)
    console.error(`${disk} is no ext4 (0x${type.toString(16)}): the figures of that name are of what it is`)
  const benchmark = {
    title: 'Filesystem benchmark',
    file: 'bench-fs',
    yardsticks: YARDSTICKS,
    peers: PEERS,
    program: fileURLToPath(import.meta.url),
    folderOf: (peer: string) => (peer === 'tmpfs' ? TMPFS : disk),
    about: { counts, diskType: `0x${type.toString(16)}` },
  }
  return runBenchmark(benchmark, {
    rounds: Number(options.rounds),
    peers: options.peers?.split(','),
    mayInstall: options.install,
    out: options.out,
    args: [...(options.quick ? ['--quick'] : []), ...(options.only === undefined ? [] : ['--only', options.only])],
  })
}

if (options.child !== undefined && options.path !== undefined) await child(options.child, options.path)
else await parent()
