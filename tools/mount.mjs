#!/usr/bin/env node
/** `npm run test:mount`: programs of others on a mount, and the server killed under load. Results go into docs/mount.md. */
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from '../packages/fuse/test/bundle.mjs'
import { hold } from './mount-lab/hold.mjs'
import { killRounds } from './mount-lab/kill.mjs'
import { Lab, run } from './mount-lab/mounted.mjs'
import { programs } from './mount-lab/programs.mjs'
import { root } from './steps.mjs'

const HELP = `Usage: node tools/mount.mjs [--full] [--engine NAME] [--only TEXT] [--kills N] [--hold SECONDS] [--install] [--dir DIR] [--json FILE] [--list]

Mounts a volume and runs programs of others on it, then kills the server under load and looks at what is left.

  --full          the long form: every program, longer, on each engine, 50 kills (else a minute, 10 kills)
  --engine NAME   level or lsm (default: lsm; both with --full)
  --only TEXT     what has TEXT in its name; docs/mount.md stays as it is
  --kills N       only kills the server N times under load
  --hold SECONDS  only holds a mount under a mixed load that long, and watches the memory of the server
  --install       installs what is missing with apt-get; without, it is left out and named
  --dir DIR       where volumes are made (default: the system's directory for temporary files)
  --json FILE     writes what was found
  --list          names what can be run

Examples: npm run test:mount -- --full --install
          npm run test:mount -- --hold 3600 --json evidence/mount-hold.json

Exit codes: 0 everything passed, or nothing can be mounted here (which is said); 1 something failed; 2 wrong arguments.
`

function parse() {
  try {
    return parseArgs({
      options: {
        full: { type: 'boolean' },
        engine: { type: 'string' },
        only: { type: 'string' },
        install: { type: 'boolean' },
        dir: { type: 'string' },
        kills: { type: 'string' },
        hold: { type: 'string' },
        json: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`)
    process.exit(2)
  }
}

const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0

function obstacle() {
  if (process.platform !== 'linux') return 'mounts need Linux'
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return 'there is no /dev/fuse, or no right to open it'
  }
  if (process.geteuid() !== 0) return 'only the superuser may mount'
  if (spawnSync('unshare', ['-m', 'true']).status !== 0) return 'no right to mount'
  return undefined
}

/** Packages that are missing for these checks, installed if that is wanted. */
function provide(checks, install) {
  const lacking = (check) => check.needs.filter(({ command }) => !has(command))
  const packages = [...new Set(checks.flatMap(lacking).map((need) => need.package))]
  if (packages.length > 0 && install) {
    const quiet = ['-y', '-qq', '--no-install-recommends']
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    execFileSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 'ignore', 'inherit'], env })
    execFileSync('apt-get', ['install', ...quiet, ...packages.flatMap((each) => each.split(' '))], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    })
  }
  return (check) => lacking(check).map((need) => need.package)
}

const results = []
/** What a held mount was seen to do, by engine. */
const holds = {}

/** What a program needs is not there, and only it could tell. */
class LeftOut extends Error {}
const LEFT_OUT = 77

async function step(engine, name, body) {
  const start = performance.now()
  let note = ''
  let state = 'ok'
  try {
    note = (await body()) ?? ''
  } catch (error) {
    state = error instanceof LeftOut ? 'left out' : 'FAILED'
    note = error.message.trim()
  }
  const seconds = (performance.now() - start) / 1000
  results.push({ engine, name, state, seconds, note: note.split('\n').at(-1).slice(0, 200) })
  console.log(
    `${state.padEnd(6)} ${seconds.toFixed(1).padStart(6)} s  ${engine.padEnd(5)}  ${name}${note === '' ? '' : `: ${note}`}`,
  )
}

async function runProgram(lab, check, mounted, n, full) {
  const at = join(mounted, `c${n}`)
  const temporary = lab.path(`t${n}-${Date.now()}`)
  mkdirSync(at)
  mkdirSync(temporary)
  const env = { AT: at, TMP: temporary, FULL: full ? '1' : '0', HOME: temporary, LC_ALL: 'C' }
  const { status, output } = await run('sh', ['-euc', check.script], {
    seconds: full ? 1200 : 120,
    env,
    cwd: lab.directory,
  })
  if (status === LEFT_OUT) throw new LeftOut(output.trim().split('\n').at(-1))
  if (status !== 0) throw new Error(output.trim().slice(-600) || `ended with ${status}`)
  await run('rm', ['-rf', at, temporary], { seconds: 120 })
}

async function onMount(lab, engine, checks, lacking, { full, flags }) {
  const name = [engine, ...flags].join('')
  const volume = lab.path(`volume-${name}`)
  const mounted = lab.path(`mnt-${name}`)
  await lab.vivefs('mkfs', volume, '--engine', engine)
  await lab.mount(volume, mounted, ...flags)
  for (const [n, check] of checks.entries()) {
    const missing = lacking(check)
    if (missing.length > 0) {
      results.push({ engine, name: check.name, state: 'left out', seconds: 0, note: `needs ${missing.join(', ')}` })
      console.log(`left out         ${engine.padEnd(5)}  ${check.name}: needs ${missing.join(', ')} (--install)`)
    } else await step(engine, check.name, () => runProgram(lab, check, mounted, n, full))
  }
  await step(engine, ['umount, fsck', ...flags].join(' '), async () => {
    await lab.umount(mounted)
    const report = JSON.parse(await lab.vivefs('fsck', volume, '--json'))
    if (!report.clean) throw new Error(`${report.findingsTotal} findings`)
    return `${report.counts.inodes} inodes left, clean`
  })
}

async function onEngine(lab, engine, checks, lacking, { full, only }) {
  const ways = new Map()
  for (const check of checks) {
    const key = (check.flags ?? []).join(' ')
    ways.set(key, [...(ways.get(key) ?? []), check])
  }
  for (const [key, some] of ways) {
    await onMount(lab, engine, some, lacking, { full, flags: key.split(' ').filter(Boolean) })
  }
  if (only === undefined || 'server killed'.includes(only)) await killed(lab, engine, full ? 50 : 10)
}

async function killed(lab, engine, rounds) {
  await step(engine, `server killed under load ${rounds} times`, async () => {
    const seed = Date.now() % 2 ** 31
    const { facts } = await killRounds(lab, { engine, rounds, seed })
    return `${facts} acknowledged changes there, fsck clean each time, seed ${seed}`
  })
}

async function held(lab, engine, seconds) {
  await step(engine, `held ${seconds} seconds under a mixed load`, async () => {
    const report = await hold(lab, { engine, seconds, seed: Date.now() % 2 ** 31 })
    holds[engine] = report
    const { operations, bytes, early, late, seed } = report
    const amount = `${operations} operations, ${(bytes / 2 ** 30).toFixed(1)} GiB`
    return `${amount}, memory ${early} MiB after a quarter, ${late} MiB at the end, fsck clean, seed ${seed}`
  })
}

function writeDocument(full) {
  const file = join(root, 'docs/mount.md')
  const text = readFileSync(file, 'utf8')
  const [begin, end] = ['<!-- test:mount begin -->', '<!-- test:mount end -->']
  const rows = results.map(
    ({ engine, name, state, seconds, note }) =>
      `| ${name} | ${engine} | ${state} | ${seconds.toFixed(1)} | ${note.replaceAll('|', '\\|')} |`,
  )
  const table = [
    `\`npm run test:mount${full ? ' -- --full' : ''}\`, Linux ${release()}, Node ${process.versions.node}:`,
    '',
    '| what | engine | result | seconds | |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
  const at = text.indexOf(begin)
  writeFileSync(file, `${text.slice(0, at)}${begin}\n${table}\n${text.slice(text.indexOf(end))}`)
}

function countOf(options, name) {
  if (options[name] === undefined) return undefined
  const count = Number(options[name])
  if (Number.isInteger(count) && count > 0) return count
  console.error(`--${name}: a whole number from 1 on\n\n${HELP}`)
  process.exit(2)
}

const evidence = () => ({
  commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
  when: new Date().toISOString(),
  node: process.version,
  kernel: release(),
  results,
  holds,
})

async function main() {
  const options = parse()
  const { full = false, only, engine, install = false, dir = tmpdir() } = options
  if (options.help) return console.log(HELP)
  if (options.list)
    return console.log(programs.map(({ name, short }) => `${name}${short ? '' : ' (--full)'}`).join('\n'))
  if (engine !== undefined && engine !== 'level' && engine !== 'lsm') {
    console.error(`--engine: level or lsm\n\n${HELP}`)
    process.exit(2)
  }
  const why = obstacle()
  if (why !== undefined) return console.log(`test:mount is skipped: ${why}`)
  const isPart = options.kills !== undefined || options.hold !== undefined
  const checks = isPart
    ? []
    : programs.filter(({ name, short }) => (only === undefined ? full || short : name.includes(only)))
  const lacking = provide(checks, install)
  const bundled = await bundle()
  const lab = new Lab(bundled.cli, dir)
  const stop = () => process.exit(130)
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  process.once('exit', () => {
    lab.close()
    bundled.remove()
  })
  const counts = { kills: countOf(options, 'kills'), hold: countOf(options, 'hold') }
  for (const each of engine !== undefined ? [engine] : full ? ['lsm', 'level'] : ['lsm']) {
    if (counts.kills !== undefined) await killed(lab, each, counts.kills)
    if (counts.hold !== undefined) await held(lab, each, counts.hold)
    if (!isPart) await onEngine(lab, each, checks, lacking, { full, only })
  }
  const failed = results.filter(({ state }) => state === 'FAILED').length
  console.log(`\n${results.filter(({ state }) => state === 'ok').length} passed, ${failed} failed`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(evidence(), undefined, 1)}\n`)
  if (only === undefined && engine === undefined && !isPart) writeDocument(full)
  process.exitCode = failed > 0 ? 1 : 0
}

await main()
