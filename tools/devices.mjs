#!/usr/bin/env node
/**
 * `npm run test:devices`: the media drivers on real kernel devices, in the guest of tools/device-lab. One boot for each
 * device; prints a line for each and writes what happened into docs/devices.md.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { root } from './steps.mjs'

const HELP = `Usage: node tools/devices.mjs [--only NAME[,NAME...]] [--log FOLDER] [--list]

Boots the guest of tools/device-lab once for each device and runs there: the media suite, the append-file suite, a
kill-and-recover test, and a trace that is compared with the simulator. Then wrong use, a volume over three media, and a
database of which every level is on another medium (\`npm run test:ladder\`; what it found goes to evidence/ladder-devices.json).

  --mb N            data of the ladder in MB (default 200)
  --only NAME,...   only these (see --list); docs/devices.md keeps its other lines
  --log FOLDER      where each guest's whole output goes (default: evidence/devices)
  --list            names what can be run

Example: npm run test:devices -- --only nvme,tape

Exit codes: 0 everything passed; 1 something failed; 2 wrong arguments; 3 the lab cannot run here (what is missing is said);
128 and more: interrupted by a signal, which ends the guest too.
`

const GUEST = join(root, 'packages/media/test/devices/guest')
const LAB = join(root, 'tools/device-lab')
const PROGRAMS = ['suites', 'kill', 'trace', 'wrong', 'volume', 'versions']
const LADDER = join(root, 'packages/lsm/test/devices/guest/ladder.ts')
const HDD_THROTTLE = ',throttling.iops-total=150'
const LIMIT_S = 7200

const full = (device) => [`suites ${device}`, `kill ${device}`, `trace ${device}`]
const without = (device) => [`suites ${device}`, `kill ${device}`]

/** name, what it is, the lab's setups, guest programs, and what run-vm.sh needs beside. */
const RUNS = [
  { name: 'zonefs-zns', title: 'zonefs over a ZNS SSD', setups: 'nvme zonefs', programs: full('zonefs-zns') },
  { name: 'zonefs-smr', title: 'zonefs over an SMR disk', setups: 'smr zonefs', programs: full('zonefs-smr') },
  { name: 'raw-zns', title: 'raw ZNS SSD', setups: 'nvme', programs: full('raw-zns') },
  { name: 'raw-smr', title: 'raw SMR disk', setups: 'smr', programs: full('raw-smr') },
  { name: 'nvme', title: 'NVMe SSD, block', setups: 'nvme', programs: full('nvme') },
  {
    name: 'hdd',
    title: 'disk of 150 requests a second, block',
    setups: 'hdd',
    programs: full('hdd'),
    env: { HDD_THROTTLE },
  },
  { name: 'tape', title: 'tape drive', setups: 'nvme tape', programs: full('tape') },
  { name: 'fsdax', title: 'DAX filesystem on persistent memory', setups: 'fsdax', programs: without('fsdax') },
  {
    name: 'cxl-tmpfs',
    title: 'tmpfs bound to a CXL memory node',
    setups: 'cxl-tmpfs',
    programs: without('cxl-tmpfs'),
    options: ['-c'],
  },
  { name: 'wrong', title: 'wrong use, every device', setups: 'nvme smr smr-null hdd tape zonefs', programs: ['wrong'] },
  { name: 'volume', title: 'a volume over NVMe, SMR and tape', setups: 'nvme smr zonefs tape', programs: ['volume'] },
  {
    name: 'ladder',
    title: 'a database over memory, NVMe, SMR and tape',
    setups: 'nvme smr zonefs tape',
    programs: ['ladder'],
  },
]

/** What keeps the lab from running; undefined when nothing does. */
function obstacle() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `the lab runs on Linux on x86-64, this is ${process.platform} on ${process.arch}`
  const lab = process.env.DEVICE_LAB ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'device-lab')
  const missing = ['bash', 'timeout'].filter((program) => spawnSync(program, ['--version']).error)
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`
  const own = join(lab, 'cache/qemu-bpo/usr/bin/qemu-system-x86_64')
  if (!existsSync(own) && spawnSync('qemu-system-x86_64', ['--version']).error) {
    return 'not installed: qemu-system-x86_64 (see tools/device-lab/README.md)'
  }
  if (!existsSync(join(lab, 'img-bpo/root.ext4')))
    return 'the guest is not built: run tools/device-lab/build.sh once (3-6 minutes)'
  return undefined
}

async function bundle(folder) {
  const source = (path) => join(root, 'packages', path)
  await build({
    entryPoints: {
      ...Object.fromEntries(PROGRAMS.map((name) => [name, join(GUEST, `${name}.ts`)])),
      ladder: LADDER,
      'lsm-worker': source('lsm/src/worker/index.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    // For packages in CommonJS.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    alias: {
      '@vivefs/media/conformance': source('media/src/conformance/index.ts'),
      '@vivefs/pfaof/conformance': source('pfaof/src/conformance/index.ts'),
      '@vivefs/media': source('media/src/index.ts'),
      '@vivefs/pfaof': source('pfaof/src/index.ts'),
    },
  })
}

/** The guest under way: a group of processes of its own, which is ended when this one is interrupted. */
let running
/** The signal that ended the run. */
let interrupted
/** How long a guest may take to end when it is told to. */
const END_MS = 5000

function interrupt(signal) {
  interrupted ??= signal
  endGuest('SIGTERM')
  setTimeout(() => endGuest('SIGKILL'), END_MS).unref()
}

function endGuest(signal) {
  if (running === undefined) return
  try {
    process.kill(-running.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt)

/** One boot. Resolves to its RESULT lines, in the order of the programs, and its exit code. Its output is in the log as it comes. */
function boot(run, share, log, mb) {
  const programs = run.name === 'ladder' ? [`ladder ${mb}`] : run.programs
  const command = [...programs, 'versions'].map((program) => `node ${program.replace(/^\w+/, '$&.mjs')}`).join('; ')
  const options = ['-u', run.setups, '-s', share, '-t', String(LIMIT_S), ...(run.options ?? [])]
  return new Promise((resolve, reject) => {
    const child = spawn(join(LAB, 'run-vm.sh'), [...options, command], {
      env: { ...process.env, ...run.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    running = child.pid === undefined ? undefined : child
    const lines = []
    const file = createWriteStream(join(log, `${run.name}.log`))
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        file.write(`${line}\n`)
      })
    child.on('error', reject)
    child.on('close', (code) => {
      running = undefined
      file.end()
      const results = lines.filter((line) => line.startsWith('RESULT ')).map((line) => JSON.parse(line.slice(7)))
      resolve({ code, results, versions: lines.find((line) => line.startsWith('VERSIONS '))?.slice(9) })
    })
  })
}

/** One row of the table. */
function judge(run, { code, results }, seconds) {
  const names = run.programs.map((program) => program.split(' ')[0])
  const cells = names.map((name, index) => {
    const result = results[index]
    if (result === undefined) return { name, passed: 0, failed: 1, failures: [`did not end (exit ${code})`], facts: {} }
    return { name, ...result }
  })
  return {
    name: run.name,
    title: run.title,
    ok: cells.every(({ failed, passed }) => failed === 0 && passed > 0),
    cells,
    seconds,
  }
}

const WHAT = {
  suites: 'suites',
  kill: 'kill and recover',
  trace: 'as the simulator',
  wrong: 'refusals',
  volume: 'volume',
  ladder: 'ladder',
}
const cellsText = (cells) =>
  cells.map(({ name, passed, failed }) => `${WHAT[name]} ${passed}${failed > 0 ? `, ${failed} FAILED` : ''}`).join('; ')

const BEGIN = '<!-- results: written by npm run test:devices -->'
const END = '<!-- end of results -->'
const PAGE = join(root, 'docs/devices.md')

/** Puts the rows into the page; those of devices that were not run stay as they are. */
function writePage(rows, versions) {
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest] = page.split(BEGIN)
  const [old = '', after] = (rest ?? '').split(END)
  if (after === undefined) throw new Error(`${PAGE} has lost its markers`)
  const kept = new Map(
    old.split('\n').flatMap((line) => (/^\| `([\w-]+)` /.test(line) ? [[/^\| `([\w-]+)` /.exec(line)[1], line]] : [])),
  )
  const day = new Date().toISOString().slice(0, 10)
  for (const { name, title, ok, cells, seconds } of rows) {
    const facts = cells.flatMap(({ facts: { places, ladder, movedBeforeKill, readsWhileMoving } = {} }) => [
      ...(places ? [`${movedBeforeKill} moved before the kill, ${readsWhileMoving} reads while moving`] : []),
      ...(ladder ? [`${ladder.mb} MB`] : []),
    ])
    kept.set(
      name,
      `| \`${name}\` | ${title} | ${ok ? 'passed' : '**failed**'} | ${[cellsText(cells), ...facts].join('; ')} | ${Math.round(seconds)} | ${day} |`,
    )
  }
  const lines = RUNS.filter(({ name }) => kept.has(name)).map(({ name }) => kept.get(name))
  const version = versions ?? /^Versions: .*$/m.exec(old)?.[0].slice(10) ?? ''
  const table = [
    '| device | what it is | verdict | tests that passed | seconds | day |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ]
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${table.join('\n')}\n\nVersions: ${version}\n\n${END}${after}`)
}

/** What the ladder found, as evidence. */
function keepLadder(found, seconds) {
  const kept = { ...found, day: new Date().toISOString().slice(0, 10), secondsWithBoot: Math.round(seconds) }
  writeFileSync(join(root, 'evidence/ladder-devices.json'), `${JSON.stringify(kept, undefined, 2)}\n`)
}

async function main() {
  let values
  try {
    ;({ values } = parseArgs({
      options: {
        only: { type: 'string' },
        log: { type: 'string', default: join(root, 'evidence/devices') },
        list: { type: 'boolean', default: false },
        mb: { type: 'string', default: '200' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }))
  } catch (error) {
    console.error(`${error.message}\nTry --help.`)
    return 2
  }
  if (values.help) {
    console.log(HELP.trimEnd())
    return 0
  }
  if (values.list) {
    for (const { name, title } of RUNS) console.log(`${name.padEnd(12)} ${title}`)
    return 0
  }
  const wanted = values.only?.split(',')
  const unknown = wanted?.find((name) => !RUNS.some((run) => run.name === name))
  if (unknown !== undefined) {
    console.error(`no device ${unknown}; try --list`)
    return 2
  }
  const missing = obstacle()
  if (missing !== undefined) {
    console.error(`test:devices cannot run here: ${missing}`)
    return 3
  }
  const share = mkdtempSync(join(tmpdir(), 'vivefs-devices-'))
  mkdirSync(values.log, { recursive: true })
  const rows = []
  let versions
  try {
    await bundle(share)
    for (const run of RUNS.filter(({ name }) => wanted === undefined || wanted.includes(name))) {
      if (interrupted !== undefined) break
      const start = performance.now()
      const outcome = await boot(run, share, values.log, values.mb)
      if (interrupted !== undefined) break
      versions = outcome.versions ?? versions
      const row = judge(run, outcome, (performance.now() - start) / 1000)
      rows.push(row)
      console.log(
        `${row.ok ? 'ok    ' : 'FAILED'} ${run.title}: ${cellsText(row.cells)} (${Math.round(row.seconds)} s)`,
      )
      for (const { facts = {} } of row.cells) if (facts.ladder !== undefined) keepLadder(facts.ladder, row.seconds)
      for (const { failures } of row.cells) for (const failure of failures) console.log(`         ${failure}`)
      writePage([row], versions)
    }
  } finally {
    rmSync(share, { recursive: true, force: true })
  }
  if (interrupted !== undefined) {
    console.error(`ended by ${interrupted}; the guest was ended too`)
    return 128 + constants.signals[interrupted]
  }
  const failed = rows.filter(({ ok }) => !ok).length
  console.log(`\n${rows.length - failed} of ${rows.length} passed; whole outputs in ${values.log}`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
