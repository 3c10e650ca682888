#!/usr/bin/env node
/** `npm run bench:mount`: rates of a mount beside a server that answers with nothing, npm fuse-native, ext4 and no mount at all. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from '../test/bundle.mjs'
import { CALLERS, CONTENT, columnOf, METADATA, Routes } from './routes.mjs'

const HELP = `Usage: node packages/fuse/bench/mount.mjs [--rounds N] [--files N] [--mib N] [--dir DIR] [--peer DIR] [--json FILE]

Everything is mounted at once and measured in turn, round after round; the first round warms up and does not count. Names and attributes by one
caller and by four at once, with the kernel's caches for both off; content by one, with the defaults, not cached by the kernel when it is read.
Beside rates: the processor time that the serving process takes for each.

  --rounds N   rounds that count (default 5)
  --files N    files of one round, a multiple of 4 (default 1000)
  --mib N      bytes of the big file, MiB (default 64)
  --dir DIR    where volumes and the directory of ext4 are (default: the system's directory for temporary files)
  --peer DIR   where npm fuse-native is installed (npm install fuse-native in a directory of its own; it needs a C compiler)
  --json FILE  writes the figures of every round

Exit codes: 0 measured (or nothing can be mounted here, which is said); 2 wrong arguments.
`

/** As fuse-native serves: no locks beyond those among the programs on the mount. */
const BARE = { entrySeconds: 0, attributeSeconds: 0, locks: 'kernel' }
/** As little trust as ours gives with 0: until the kernel's clock ticks. The peer gives none with 0. */
const TICK = { ...BARE, attributeSeconds: 0.000_001 }

/** Ours, what it is measured by, the phases, and how many times as fast it has to be. */
const TARGETS = [
  ['tree', 'fuse-native, tree', METADATA, 3],
  ['volume', 'fuse-native, volume', METADATA, 3],
  ['volume, cached', 'nothing', CONTENT, 0.5],
]

function parse() {
  const text = { type: 'string' }
  try {
    const { values } = parseArgs({
      options: { rounds: text, files: text, mib: text, dir: text, peer: text, json: text, help: { type: 'boolean' } },
    })
    const { rounds = '5', files = '1000', mib = '64', ...rest } = values
    const counts = { rounds: Number(rounds), files: Number(files), mib: Number(mib) }
    for (const [name, value] of Object.entries(counts)) {
      if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: a whole number from 1 on`)
    }
    if (counts.files % 4 !== 0) throw new Error('--files: a multiple of 4')
    return { ...rest, ...counts }
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`)
    process.exit(2)
  }
}

/** Where fuse-native loads from, and what its library is found by; undefined: it does not. */
function findPeer(given, base) {
  const peer = resolve(given ?? '.')
  let main
  try {
    main = createRequire(join(peer, 'package.json')).resolve('fuse-native/package.json')
  } catch {
    return undefined
  }
  // It looks for libfuse.so.2, which it brings along by another name.
  const own = [join(dirname(main), 'build/Release/libfuse.so'), join(dirname(main), 'prebuilds/linux-x64/libfuse.so')]
  const libraries = join(base, 'libraries')
  mkdirSync(libraries)
  const found = own.find((file) => existsSync(file))
  if (found !== undefined) symlinkSync(found, join(libraries, 'libfuse.so.2'))
  return { peer, env: { LD_LIBRARY_PATH: [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') } }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

const figure = (value) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US'))

/** Medians of `what` (`rate` or `us`), a line for each route that has any. */
function table(title, what, runs, names, columns) {
  const lines = [`| ${title} | ${columns.join(' | ')} |`, `| --- |${columns.map(() => ' ---: |').join('')}`]
  for (const name of names) {
    const seen = columns.map((column) => runs.map((run) => run[name][column]?.[what]).filter((n) => n !== undefined))
    if (seen.every((each) => each.length === 0)) continue
    lines.push(`| ${name} | ${seen.map((each) => (each.length === 0 ? '' : figure(median(each)))).join(' | ')} |`)
  }
  return lines.join('\n')
}

/** A ratio of medians: above 1, ours is better. */
function ratioOf(runs, ours, peer, column, what) {
  const of = (name) => median(runs.map((run) => run[name][column][what]))
  return what === 'rate' ? of(ours) / of(peer) : of(peer) / of(ours)
}

function verdicts(runs, names) {
  const told = []
  for (const [ours, peer, phases, wanted] of TARGETS) {
    if (!names.includes(ours) || !names.includes(peer)) continue
    for (const phase of phases) {
      const columns = CONTENT.includes(phase) ? [phase] : CALLERS.map((callers) => columnOf(phase, callers))
      for (const [what, words] of [
        ['rate', ''],
        ['us', ', processor time'],
      ]) {
        for (const column of columns) {
          const ratio = ratioOf(runs, ours, peer, column, what)
          const verdict = ratio >= wanted ? 'met   ' : 'missed'
          told.push(`${verdict}  ${column}${words}: ${ours} ${ratio.toFixed(2)}x ${peer} (at least ${wanted}x)`)
        }
      }
    }
  }
  return told
}

async function main() {
  const options = parse()
  if (options.help) return console.log(HELP)
  if (process.platform !== 'linux' || !existsSync('/dev/fuse') || process.geteuid() !== 0) {
    return console.log('bench:mount is skipped: it needs Linux, /dev/fuse and the superuser')
  }
  const base = mkdtempSync(join(options.dir ?? tmpdir(), 'vivefs-bench-mount-'))
  const programs = ['server', 'client', 'direct', 'fuse-native-server'].map((name) => `../bench/${name}.ts`)
  const bundled = await bundle(...programs)
  const routes = new Routes(base, bundled)
  const runs = []
  try {
    const all = [...METADATA, ...CONTENT]
    routes.addDirectory('ext4', all)
    await routes.add('nothing, bare', METADATA, 'server', { backend: 'nothing', options: BARE })
    await routes.add('tree', METADATA, 'server', { backend: 'tree', options: BARE })
    await routes.add('volume', METADATA, 'server', { backend: 'volume', options: BARE })
    const peer = findPeer(options.peer, base)
    if (peer === undefined) console.log('npm fuse-native is left out: not installed here (see --peer)')
    else {
      for (const backend of ['tree', 'volume']) {
        const o = { backend, options: BARE, ...peer }
        await routes.add(`fuse-native, ${backend}`, METADATA, 'fuse-native-server', o)
      }
      const tick = { backend: 'tree', options: TICK, ...peer }
      await routes.add('fuse-native, tree, attributes for a tick', METADATA, 'fuse-native-server', tick)
      const o = { backend: 'tree', options: {}, ...peer }
      await routes.add('fuse-native, tree, cached', CONTENT, 'fuse-native-server', o)
    }
    await routes.add('nothing', CONTENT, 'server', { backend: 'nothing', options: {} })
    await routes.add('tree, cached', CONTENT, 'server', { backend: 'tree', options: {} })
    await routes.add('volume, cached', CONTENT, 'server', { backend: 'volume', options: {} })
    await routes.add('volume, writeback', CONTENT, 'server', { backend: 'volume', options: { writeback: true } })
    routes.addDirect('volume without a mount', CONTENT)
    for (let round = 0; round <= options.rounds; round++) {
      const rates = await routes.round(options, 3 * round)
      if (round > 0) runs.push(rates)
    }
  } finally {
    await routes.close()
    rmSync(base, { recursive: true, force: true })
    bundled.remove()
  }
  const { names } = routes
  const machine = `Node ${process.versions.node}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}, medians of ${runs.length} rounds`
  console.log(machine)
  for (const columns of [...CALLERS.map((callers) => METADATA.map((phase) => columnOf(phase, callers))), CONTENT]) {
    console.log(`\n${table('per second', 'rate', runs, names, columns)}`)
    console.log(`\n${table('processor time of the server, us', 'us', runs, names, columns)}`)
  }
  console.log()
  const told = verdicts(runs, names)
  console.log(told.join('\n'))
  if (options.json !== undefined) {
    const evidence = { machine, files: options.files, mib: options.mib, runs, verdicts: told }
    writeFileSync(options.json, `${JSON.stringify(evidence, undefined, 1)}\n`)
  }
}

await main()
