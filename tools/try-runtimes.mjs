#!/usr/bin/env node
/**
 * `npm run test:runtimes`: the packed packages, installed as a user would, in projects of both kinds under each line of Node that is supported,
 * Bun and Deno; and what they weigh. Writes evidence/runtimes.json.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { measureSizes } from './package-sizes.mjs'
import { checks } from './packed/checks.mjs'
import { emptyPlace, KINDS, makeProject, tryChecks, tryCommands } from './packed-project.mjs'
import { fetchRuntime, RUNTIMES } from './runtimes.mjs'
import { root } from './steps.mjs'

const words = process.argv.slice(2)
if (words.includes('--help')) {
  console.log(
    'Usage: node tools/try-runtimes.mjs [--fresh] [runtime ...]\n\n' +
      'Tries the packed packages under other runtimes; --fresh fetches their newest releases again.\n' +
      'Example: npm run test:runtimes -- node-26 bun',
  )
  process.exit(0)
}
const isFresh = words.includes('--fresh')
const wanted = words.filter((word) => !word.startsWith('--'))
const runtimes = RUNTIMES.filter(({ folder }) => wanted.length === 0 || wanted.includes(folder))
const unknown = wanted.filter((word) => !RUNTIMES.some(({ folder }) => folder === word))
if (unknown.length > 0) {
  console.error(`no runtime ${unknown.join(', ')}: there are ${RUNTIMES.map(({ folder }) => folder).join(', ')}`)
  process.exit(2)
}

/** Every check in every kind of project: what failed, with its reason. */
function tryRuntime(folder, { name, command }) {
  const failures = []
  for (const kind of KINDS) {
    emptyPlace(folder, kind)
    const tried = [
      ...Object.keys(checks).map((check) => [check, () => tryChecks(folder, command, kind, [check])]),
      ['commands', () => tryCommands(folder, command, kind)],
    ]
    for (const [check, attempt] of tried) {
      const why = attempt()
      if (why !== undefined) failures.push({ kind, check, why })
    }
  }
  const checked = KINDS.length * (Object.keys(checks).length + 1)
  console.log(`${name}: ${checked - failures.length} of ${checked} checks held`)
  for (const { kind, check, why } of failures) console.log(`  ${kind}, ${check}: ${why.trim().slice(0, 600)}`)
  return { checked, failures }
}

const versionOf = (program) => execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0].trim()
const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`

const project = mkdtempSync(join(tmpdir(), 'vivefs-runtimes-'))
const results = []
let sizes
try {
  console.log('Packing and installing ...')
  const tarballs = makeProject(project)
  sizes = await measureSizes(project, tarballs)
  for (const runtime of runtimes) {
    const command = fetchRuntime(runtime, isFresh)
    const { name } = runtime
    results.push({ name, version: versionOf(command[0]), ...tryRuntime(project, { name, command }) })
  }
} finally {
  rmSync(project, { recursive: true, force: true })
}

const table = new Table({
  head: ['package', 'packed', 'unpacked', 'bundled, minified', 'and by gzip'],
  style: { head: [], border: [] },
})
for (const [name, { packed, unpacked, minified, gzipped }] of Object.entries(sizes.packages))
  table.push([name, ...[packed, unpacked, minified, gzipped].map(kib)])
console.log(`${table}\neverything installed, with what it depends on: ${kib(sizes.installed)}`)

mkdirSync(join(root, 'evidence'), { recursive: true })
const evidence = {
  at: new Date().toISOString(),
  platform: `${process.platform} ${process.arch}`,
  runtimes: results,
  sizes,
}
if (wanted.length === 0) writeFileSync(join(root, 'evidence/runtimes.json'), `${JSON.stringify(evidence, null, 2)}\n`)
process.exit(results.every(({ failures }) => failures.length === 0) ? 0 : 1)
