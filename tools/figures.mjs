#!/usr/bin/env node
/**
 * `npm run docs:figures`: writes what evidence/*.json says into docs/performance.md and docs/reliability.md, between the marks of each table. Nothing there is
 * typed by hand; what has not been measured on this machine is left as it stands.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log(
    'Usage: node tools/figures.mjs [--check]\n\nWrites the tables of docs/performance.md and docs/reliability.md; --check only tells which are old.\n' +
      'Example: npm run docs:figures',
  )
  process.exit(0)
}

const read = (name) => JSON.parse(readFileSync(join(root, 'evidence', name), 'utf8'))
const tableOf = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
const plain = (text) => String(text).replaceAll('|', '\\|')
const dayOf = (when) => when.slice(0, 10)

/** Three digits that matter. */
const short = (value) => (value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3))))

/** A benchmark: the first peer is ours; the others as multiples of it, so that more than 1 means that they take longer. */
function benchmark(name) {
  const { about, summary, verdicts } = read(name)
  const peers = [...new Set(verdicts.flatMap(({ cells }) => cells.map(({ peer }) => peer)))]
  const [ours, ...others] = peers
  const rows = verdicts.map(({ title, unit, cells, ship }) => {
    const byPeer = new Map(cells.map((cell) => [cell.peer, cell]))
    const own = byPeer.get(ours)
    const ratios = others.map((peer) => {
      const ratio = byPeer.get(peer)?.ratio
      return ratio === undefined ? '' : `${short(ratio)}x`
    })
    return [plain(title), plain(unit), own === undefined ? '' : short(own.median), ...ratios, ship ?? '']
  })
  const { date, node, system, processors, rounds } = about
  return [
    `${dayOf(date)}, Node ${node}, ${system}, ${processors}, ${rounds} round${rounds === 1 ? '' : 's'}; ${summary.met} of ${summary.judged} targets met.`,
    '',
    tableOf(['what', 'unit', ours, ...others, 'target'], rows),
  ].join('\n')
}

/** What the counts of one kind of proof in one run add up to: `12 points, 34 cuts`. */
function addedUp(texts) {
  const sums = new Map()
  for (const text of texts) {
    const counted = text
      .replace(/seeds? \d+( to \d+)?/g, '')
      .matchAll(/(?<![\d.])(\d+) (?!to\b)([a-z]+(?: (?!of\b)[a-z]+)*)/g)
    for (const [, count, label] of counted) sums.set(label, (sums.get(label) ?? 0) + Number(count))
  }
  return [...sums].map(([label, sum]) => `${sum.toLocaleString('en')} ${label}`).join(', ')
}

/** Deep runs: a row for each kind of proof that a run has printed. */
function deepRuns() {
  const rows = []
  for (const [part, { commit, when, passed, failed, proofs = [], seeds = [] }] of Object.entries(
    read('deep.json').parts,
  )) {
    const kinds = new Map()
    for (const text of [...proofs, ...seeds]) {
      const [, kind, rest] = /^([^:]+): (.*)$/.exec(text) ?? [undefined, 'proof', text]
      kinds.set(kind, [...(kinds.get(kind) ?? []), rest])
    }
    const run = `\`${part.replaceAll('packages/', '')}\`, ${dayOf(when)}, ${commit.slice(0, 7)}`
    rows.push([run, `${passed} tests passed, ${failed} failed`, ''])
    for (const [kind, texts] of kinds)
      rows.push(['', plain(kind), plain(addedUp(texts) || texts.join('; ').slice(0, 200))])
  }
  return tableOf(['run', 'what', 'counts'], rows)
}

/** Mounts that were killed and held. */
function mounts() {
  const rows = ['mount-kills.json', 'mount-hold.json']
    .filter((name) => existsSync(join(root, 'evidence', name)))
    .flatMap((name) => {
      const { commit, when, results } = read(name)
      return results.map(({ engine, name: what, state, note }) => [
        `${dayOf(when)}, ${commit.slice(0, 7)}`,
        `${what}, on ${engine}`,
        state,
        plain(note),
      ])
    })
  return tableOf(['run', 'what', 'result', 'counts'], rows)
}

function runtimes() {
  const { at, platform, runtimes: tried } = read('runtimes.json')
  const rows = tried.map(({ name, version, checked, failures }) => [
    name,
    version.replace(/ \(.*/, ''),
    `${checked - failures.length} of ${checked}`,
  ])
  return `${dayOf(at)}, ${platform}.\n\n${tableOf(['runtime', 'version', 'checks that held'], rows)}`
}

function sizes() {
  const { packages, installed } = read('runtimes.json').sizes
  const kib = (bytes) => `${Math.ceil(bytes / 1024).toLocaleString('en')} KiB`
  const rows = Object.entries(packages).map(([name, { packed, unpacked, minified, gzipped }]) => [
    `\`${name}\``,
    ...[packed, unpacked, minified, gzipped].map(kib),
  ])
  const table = tableOf(
    ['package', 'packed', 'unpacked', 'bundled and minified, with what it imports', 'and by gzip'],
    rows,
  )
  return `${table}\n\nAll of them installed, with everything they depend on: ${kib(installed)}.`
}

/** Tables by the name in their marks: the evidence that they need, and how they are made. */
const TABLES = {
  'bench-kv': ['bench-kv.json', () => benchmark('bench-kv.json')],
  'bench-fs': ['bench-fs.json', () => benchmark('bench-fs.json')],
  deep: ['deep.json', deepRuns],
  mounts: ['mount-kills.json', mounts],
  runtimes: ['runtimes.json', runtimes],
  sizes: ['runtimes.json', sizes],
}

const isCheck = process.argv.includes('--check')
let old = 0
for (const page of ['docs/performance.md', 'docs/reliability.md']) {
  const path = join(root, page)
  const before = readFileSync(path, 'utf8')
  const after = before.replace(/<!-- figures: ([a-z-]+) -->\n.*?<!-- end -->/gs, (whole, name) => {
    const [evidence, make] = TABLES[name]
    if (!existsSync(join(root, 'evidence', evidence))) {
      console.log(`${page}: ${name} is left as it stands, there is no evidence/${evidence}`)
      return whole
    }
    return `<!-- figures: ${name} -->\n\n${make()}\n\n<!-- end -->`
  })
  if (after === before) continue
  old++
  console.log(`${page}: ${isCheck ? 'is older than the evidence' : 'written'}`)
  if (!isCheck) writeFileSync(path, after)
}
process.exit(isCheck && old > 0 ? 1 : 0)
