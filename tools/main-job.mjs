#!/usr/bin/env node
/**
 * The main job, end to end, on a real tree: import it into a fresh volume, verify every byte, export it, compare the
 * export with the original, check the volume, and time `fs.promises.cp` of the same tree in the same run.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  opendirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const HELP = `Usage: npm start [-- [DIR] [--engine NAME] [--keep] [--json]]

Imports DIR (default: this workspace's node_modules) into a fresh volume, verifies it byte for byte, exports it, compares
the export with the original, checks the volume, and times fs.promises.cp of the same tree. The volume stays in
.vivefs-demo/ until the next run.

  --engine NAME   what keeps the volume: lsm (default) or level
  --keep          keep the exported copy too
  --json          print the figures as one JSON document
  --help          show this

Exit codes: 0 all the same, 1 something differs or failed, 2 the command line makes no sense.
`

/** Rounds of cp and import go on while they fit in this. */
const ROUNDS_MAX = 3
const ROUNDS_SECONDS = 25

let flags
let positionals
try {
  const parsed = parseArgs({
    allowPositionals: true,
    options: {
      engine: { type: 'string' },
      keep: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  flags = parsed.values
  positionals = parsed.positionals
  if (![undefined, 'level', 'lsm'].includes(flags.engine)) throw new Error('--engine: level or lsm')
  if (positionals.length > 1) throw new Error('one directory at most')
} catch (error) {
  console.error(`${error.message}\n\n${HELP}`)
  process.exit(2)
}
if (flags.help) {
  console.log(HELP)
  process.exit(0)
}

const library = join(root, 'packages/vivefs/dist/index.js')
if (!existsSync(library)) {
  console.error('The packages are not built yet: run npm start, or npm run build.')
  process.exit(1)
}
const { ViveFS, exportTree, importTree, verifyTree } = await import(library)

const source = resolve(positionals[0] ?? join(root, 'node_modules'))
if (!existsSync(source) || !lstatSync(source).isDirectory()) {
  console.error(`There is no directory ${source}.`)
  process.exit(1)
}
const demo = workplace()
const volume = join(demo, 'volume')
const exported = join(demo, 'export')
const copy = join(demo, 'cp')

const say = (text) => {
  if (!flags.json) console.log(text)
}

/** Beside the workspace's own files, unless they are what is imported; each run has its own place, old ones go. */
function workplace() {
  const own = join(root, '.vivefs-demo')
  if (own.startsWith(source + sep)) return mkdtempSync(join(tmpdir(), 'vivefs-demo-'))
  mkdirSync(own, { recursive: true })
  for (const name of readdirSync(own)) {
    const pid = Number(/^run-(\d+)$/.exec(name)?.[1] ?? 0)
    if (pid === 0 || !isAlive(pid)) rmSync(join(own, name), { recursive: true, force: true })
  }
  const place = join(own, `run-${process.pid}`)
  mkdirSync(place)
  return place
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Reads all of it once, so that whoever comes first does not pay for the disk. */
function survey(directory) {
  const found = { files: 0, directories: 0, links: 0, others: 0, bytes: 0 }
  const pending = [directory]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    found.directories++
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      const path = join(next, entry.name)
      if (entry.isDirectory()) pending.push(path)
      else if (entry.isSymbolicLink()) found.links++
      else if (!entry.isFile()) found.others++
      else {
        found.files++
        found.bytes += lstatSync(path).size
        if (lstatSync(path).size < 64 * 1024 * 1024) readFileSync(path)
      }
    }
  }
  return found
}

/** The bytes that a directory takes on disk. */
function spaceOf(directory) {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    bytes += entry.isDirectory() ? spaceOf(path) : lstatSync(path).blocks * 512
  }
  return bytes
}

/** Compares two directories of this machine without any of our own code. Answers what differs. */
function compareDirectories(one, other) {
  const differences = []
  const inodes = new Map()
  const compare = (a, b, name) => {
    const differ = (message) => differences.push({ kind: 'export', path: name, message })
    const left = lstatSync(a, { bigint: true })
    const right = lstatSync(b, { bigint: true, throwIfNoEntry: false })
    if (right === undefined) return differ('missing in the export')
    if (left.mode !== right.mode && !left.isSymbolicLink()) differ('mode')
    if (process.geteuid?.() === 0 && (left.uid !== right.uid || left.gid !== right.gid)) differ('owner')
    // Node sets times to the microsecond.
    const drift = left.mtimeNs - right.mtimeNs
    if (drift > 2000n || drift < -2000n) differ('mtime')
    if (left.isDirectory()) {
      const names = new Set(list(b))
      for (const child of list(a)) {
        names.delete(child)
        compare(join(a, child), join(b, child), join(name, child))
      }
      for (const child of names)
        differences.push({ kind: 'export', path: join(name, child), message: 'only in the export' })
      return
    }
    if (left.isSymbolicLink()) {
      if (!readlinkSync(a, 'buffer').equals(readlinkSync(b, 'buffer'))) differ('target')
      return
    }
    if (left.nlink > 1n) {
      const first = inodes.get(left.ino)
      if (first === undefined) inodes.set(left.ino, right.ino)
      else if (first !== right.ino) differ('hard link')
    }
    if (left.size !== right.size) differ('size')
    else if (left.isFile() && left.size < 1024 * 1024 * 1024 && !readFileSync(a).equals(readFileSync(b)))
      differ('bytes')
  }
  compare(one, other, '.')
  return differences
}

function list(directory) {
  const names = []
  const handle = opendirSync(directory)
  for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) names.push(entry.name)
  handle.closeSync()
  return names
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]

async function timed(body) {
  const start = performance.now()
  const result = await body()
  return { seconds: (performance.now() - start) / 1000, result }
}

const human = (bytes) => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

say(`Reading ${source} once ...`)
const tree = survey(source)
const entries = tree.files + tree.directories + tree.links + tree.others
const { bavail, bsize } = statfsSync(demo)
if (bavail * bsize < tree.bytes * 3 + 256 * 1024 * 1024) {
  console.error(`Three copies of ${human(tree.bytes)} do not fit in ${demo}: ${human(bavail * bsize)} are free.`)
  process.exit(1)
}

/**
 * Whether an entry of the source was changed by somebody after this run began: what differs there is listed, but proves
 * nothing.
 */
const isDisturbed = (path) => {
  const stat = lstatSync(join(source, path), { throwIfNoEntry: false })
  return stat === undefined || stat.ctimeMs >= startedAtMs
}

const cpSeconds = []
const importSeconds = []
const startedAtMs = Date.now()
const started = performance.now()
let vive
let imported
let volumeBytes = 0
try {
  for (let round = 1; ; round++) {
    say(`Round ${round}: fs.promises.cp, then import ...`)
    rmSync(copy, { recursive: true, force: true })
    cpSeconds.push(
      (await timed(() => cp(source, copy, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })))
        .seconds,
    )
    rmSync(copy, { recursive: true, force: true })
    rmSync(volume, { recursive: true, force: true })
    // Opening, importing and closing: when it is over, the operating system has everything, as after cp.
    const importing = await timed(async () => {
      vive = await ViveFS.open(volume, { engine: flags.engine })
      const report = await importTree(vive, source, '/')
      await vive.close()
      vive = undefined
      return report
    })
    importSeconds.push(importing.seconds)
    imported = importing.result
    const elapsed = (performance.now() - started) / 1000
    if (round >= ROUNDS_MAX || (elapsed / round) * (round + 1) > ROUNDS_SECONDS) break
  }
  volumeBytes = spaceOf(volume)
  vive = await ViveFS.open(volume, { create: false })
  say('Verifying every byte ...')
  const verified = await verifyTree(source, vive, '/')
  say('Exporting ...')
  const exporting = await timed(() => exportTree(vive, '/', exported))
  say('Comparing the export with the original ...')
  const comparing = await timed(() => compareDirectories(source, exported))
  say('Checking the volume ...')
  const checked = await vive.fsck()
  await vive.close()
  vive = undefined

  const cpMedian = median(cpSeconds)
  const importMedian = median(importSeconds)
  // An error of the export is never the source's fault.
  const differing = [...imported.findings, ...verified.findings, ...comparing.result]
  const disturbed = new Set(differing.map(({ path }) => path).filter(isDisturbed))
  const isSame =
    exporting.result.findingCount === 0 &&
    differing.length === imported.findingCount + verified.findingCount + comparing.result.length &&
    differing.every(({ path }) => disturbed.has(path))
  const figures = {
    source,
    volume,
    node: process.version,
    tree: { ...tree, hardLinks: imported.hardLinks, contentBytes: imported.bytes },
    rounds: importSeconds.length,
    cp: { seconds: cpMedian, all: cpSeconds },
    import: {
      seconds: importMedian,
      all: importSeconds,
      findings: imported.findings,
      timesFasterThanCp: cpMedian / importMedian,
    },
    verify: { seconds: verified.seconds, differences: verified.findingCount, findings: verified.findings.slice(0, 20) },
    export: { seconds: exporting.seconds, findings: exporting.result.findings.slice(0, 20) },
    compare: {
      seconds: comparing.seconds,
      differences: comparing.result.length,
      findings: comparing.result.slice(0, 20),
    },
    fsck: { clean: checked.clean, findings: checked.findingsTotal, seconds: checked.seconds },
    volumeBytes,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    changedMeanwhile: [...disturbed].slice(0, 20),
    same: isSame,
  }
  if (flags.json) console.log(JSON.stringify(figures, null, 2))
  else show(figures)
  process.exitCode = isSame && checked.clean ? 0 : 1
} catch (error) {
  console.error(`The main job failed: ${error.stack}`)
  process.exitCode = 1
} finally {
  await vive?.close()
  rmSync(copy, { recursive: true, force: true })
  if (!flags.keep) rmSync(exported, { recursive: true, force: true })
}

function show(figures) {
  const { tree: counts, cp: copied, import: put, verify, export: got, compare, fsck } = figures
  const rate = (seconds) => `${human(counts.bytes / seconds)}/s, ${Math.round(entries / seconds)} entries/s`
  const pace = (seconds) => (seconds / copied.seconds).toFixed(2)
  const rows = [
    ['', 'seconds', 'rate', 'time, cp = 1', 'result'],
    ['fs.promises.cp', copied.seconds.toFixed(2), rate(copied.seconds), '1.00', ''],
    [
      'import',
      put.seconds.toFixed(2),
      rate(put.seconds),
      pace(put.seconds),
      `${put.timesFasterThanCp.toFixed(2)} x cp`,
    ],
    ['verify', verify.seconds.toFixed(2), rate(verify.seconds), pace(verify.seconds), differ(verify.differences)],
    [
      'export',
      got.seconds.toFixed(2),
      rate(got.seconds),
      pace(got.seconds),
      got.findings.length === 0 ? 'complete' : `${got.findings.length} findings`,
    ],
    [
      'compare export',
      compare.seconds.toFixed(2),
      rate(compare.seconds),
      pace(compare.seconds),
      differ(compare.differences),
    ],
    ['fsck', fsck.seconds.toFixed(2), '', '', fsck.clean ? 'clean' : `${fsck.findings} findings`],
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  console.log(`\n${figures.source}`)
  console.log(
    `${counts.files} files (${counts.hardLinks} of them further hard links), ${counts.directories} directories, ${counts.links} symbolic links, ${human(counts.bytes)}\n`,
  )
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('   ')
        .trimEnd(),
    )
  console.log(
    `\nThe volume takes ${human(figures.volumeBytes)} on disk (${(figures.volumeBytes / Math.max(1, counts.contentBytes)).toFixed(2)} of the content). Peak memory ${human(figures.peakRssBytes)}.`,
  )
  for (const finding of [...put.findings, ...verify.findings, ...got.findings, ...compare.findings])
    console.log(`  ${finding.kind}: ${finding.path}: ${finding.message}`)
  if (figures.changedMeanwhile.length > 0) {
    console.log(`Changed by another program while this ran, and not counted: ${figures.changedMeanwhile.join(', ')}`)
  }
  const cli = 'npx vivefs'
  const place = relative(process.cwd(), figures.volume) || figures.volume
  const first = list(source).find((name) => !name.startsWith('.')) ?? ''
  console.log(`\nThe volume is in ${place}. Try next:
  ${cli} tree ${place} --depth 1
  ${cli} ls -l ${place}:/${first}
  ${cli} find ${place} --name '*.json' --type f
  ${cli} du -s ${place}
  ${cli} import DIR ${place}:/more
  ${cli} --help\n`)
}

function differ(count) {
  return count === 0 ? 'the same' : `${count} differences`
}
