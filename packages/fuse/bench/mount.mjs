#!/usr/bin/env node
/** `npm run bench:mount`: rates of a mount beside a server that answers with nothing, npm fuse-native, ext4 and no mount at all. */
import { execFileSync, fork, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { bundle } from '../test/bundle.mjs'

const HELP = `Usage: node packages/fuse/bench/mount.mjs [--rounds N] [--files N] [--mib N] [--dir DIR] [--peer DIR] [--json FILE]

Everything is mounted at once and measured in turn by one client, round after round; the first round warms up and does not count.
Metadata with the kernel's caches for names and attributes off, content with the defaults, not cached by the kernel when it is read.

  --rounds N   rounds that count (default 5)
  --files N    files of one round (default 1000)
  --mib N      bytes of the big file, MiB (default 64)
  --dir DIR    where volumes and the directory of ext4 are (default: the system's directory for temporary files)
  --peer DIR   where npm fuse-native is installed (npm install fuse-native in a directory of its own; it needs a C compiler)
  --json FILE  writes the figures of every round

Exit codes: 0 measured (or nothing can be mounted here, which is said); 2 wrong arguments.
`

const METADATA = ['create', 'stat', 'open+read+close', 'unlink']
const CONTENT = ['write MiB', 'read MiB']
/** As fuse-native serves: no locks beyond those among the programs on the mount. */
const BARE = { entrySeconds: 0, attributeSeconds: 0, locks: 'kernel' }

/** Between rounds. */
const SETTLE_MS = 2000

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

function answerOf(client, what) {
  return new Promise((done, failed) => {
    const end = () => failed(new Error(`${what} failed`))
    client.once('exit', end)
    client.once('message', (message) => {
      client.off('exit', end)
      done(message)
    })
  })
}

class Routes {
  #list = []
  #base
  #bundled
  constructor(base, bundled) {
    this.#base = base
    this.#bundled = bundled
  }

  get names() {
    return this.#list.map(({ name }) => name)
  }

  /** Starts a server of a mount and waits until it serves. */
  async add(name, phases, program, { backend, options, peer, env = {} }) {
    const n = this.#list.length
    const directory = join(this.#base, `mnt${n}`)
    mkdirSync(directory)
    const role = { backend, directory, options, where: join(this.#base, `volume${n}`), peer }
    const child = spawn(process.execPath, [this.#bundled.program(program), JSON.stringify(role)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    const ended = new Promise((done) => child.once('exit', done))
    const begun = await Promise.race([new Promise((done) => child.stdout.once('data', () => done(true))), ended])
    if (begun !== true) throw new Error(`${name}: the server ended with ${begun} before it had mounted`)
    this.#list.push({ name, phases, directory, child, ended, client: this.#client, cold: true })
  }

  addDirectory(name, phases) {
    const directory = join(this.#base, 'host')
    mkdirSync(directory)
    this.#list.push({ name, phases, directory, client: this.#client, cold: false })
  }

  addDirect(name, phases) {
    const client = fork(this.#bundled.program('direct'), [join(this.#base, 'direct')])
    const ended = new Promise((done) => client.once('exit', done))
    this.#list.push({ name, phases, directory: '', client, cold: false, direct: { client, ended } })
  }

  #started
  get #client() {
    this.#started ??= fork(this.#bundled.program('client'))
    return this.#started
  }

  /** One round: answers rates by route and phase. */
  async round({ files, mib }, n) {
    const rates = Object.fromEntries(this.#list.map(({ name }) => [name, {}]))
    // Another begins in each round, after what the stores still had to do from the one before.
    const first = n % this.#list.length
    const inTurn = [...this.#list.slice(first), ...this.#list.slice(0, first)]
    await sleep(SETTLE_MS)
    for (const phase of [...METADATA, ...CONTENT]) {
      for (const { name, phases, directory, client, cold } of inTurn) {
        if (!phases.includes(phase)) continue
        client.send({ phase, directory, files, mib, cold })
        const { rate } = await answerOf(client, `${name}: ${phase}`)
        rates[name][phase] = rate
      }
    }
    return rates
  }

  async close() {
    if (this.#started?.connected) this.#started.disconnect()
    for (const { directory, child, ended, direct } of this.#list) {
      if (direct !== undefined) {
        if (direct.client.connected) direct.client.disconnect()
        await direct.ended
      }
      if (child === undefined) continue
      execFileSync('umount', ['-l', directory])
      child.kill('SIGTERM')
      await ended
    }
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

const figure = (value) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US'))

function table(runs, names, phases) {
  const lines = [`| per second | ${phases.join(' | ')} |`, `| --- |${phases.map(() => ' ---: |').join('')}`]
  for (const name of names) {
    const seen = phases.map((phase) => runs.map((run) => run[name][phase]).filter((rate) => rate !== undefined))
    if (seen.every((each) => each.length === 0)) continue
    lines.push(`| ${name} | ${seen.map((each) => (each.length === 0 ? '' : figure(median(each)))).join(' | ')} |`)
  }
  return lines.join('\n')
}

/** Ratios are taken within a round, where both met the same machine. */
function verdicts(runs, names) {
  return TARGETS.filter(([ours, peer]) => names.includes(ours) && names.includes(peer)).flatMap(
    ([ours, peer, phases, wanted]) =>
      phases.map((phase) => {
        const ratio = median(runs.map((run) => run[ours][phase] / run[peer][phase]))
        return `${ratio >= wanted ? 'met   ' : 'missed'}  ${phase}: ${ours} ${ratio.toFixed(2)}x ${peer} (at least ${wanted}x)`
      }),
  )
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
  console.log(`${machine}\n\n${table(runs, names, METADATA)}\n\n${table(runs, names, CONTENT)}\n`)
  const told = verdicts(runs, names)
  console.log(told.join('\n'))
  if (options.json !== undefined) {
    const evidence = { machine, files: options.files, mib: options.mib, runs, verdicts: told }
    writeFileSync(options.json, `${JSON.stringify(evidence, undefined, 1)}\n`)
  }
}

await main()
