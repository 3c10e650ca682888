#!/usr/bin/env node
/**
 * `npm run fs:mutants`: how many faults put into the face (`--of reflinks`: into the bookkeeping of shared extents) do its tests catch? Takes seeded choices of small changes
 * (operators, constants, conditions, texts of options) in a copy of the sources, runs the differential suite on each and
 * prints the score. `--count N` (100), `--seed S`, `--workers N` (2: as many faults at a time), `--only N,N` (of these, those with these
 * numbers), `--list` (prints the faults without running). A fault that makes the tests hang is caught: they have three times the processor time and
 * ten times the time that they take without a fault, and 4 GiB of memory. Writes, fault by fault, evidence/mutants.json (`--of reflinks`: evidence/mutants-reflinks.json).
 */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { root } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log(
    'Usage: node tools/fs-mutants.mjs [--of face|reflinks] [--count N] [--seed S] [--workers N] [--list]\n\nExample: npm run fs:mutants -- --count 10',
  )
  process.exit(0)
}
const option = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? usual : Number(process.argv[at + 1])
}
const count = option('count', 100)
const workers = option('workers', 2)
const seed = option('seed', Math.floor(Math.random() * 2 ** 32))

/** What may be changed, and the tests that have to notice. */
const areas = {
  face: { include: 'packages/vivefs/test/face/**/*.test.ts', names: '' },
  // Without the engines on disk, and without what takes minutes.
  reflinks: {
    include: 'packages/vivefs/test/reflink/{reflink,damage,model}.test.ts',
    names: '^(?!.*(on lsm|on level|rollbacks and forks)).*$',
  },
}
const of = process.argv.includes('--of') ? process.argv[process.argv.indexOf('--of') + 1] : 'face'
const area = areas[of]
if (area === undefined) throw new Error(`--of ${of}: one of ${Object.keys(areas).join(', ')}`)

const source = join(root, 'packages/vivefs/src')
// Beside the sources, so that packages are found from there.
const folder = join(root, 'packages/vivefs/dist/mutants')
const face = join(source, 'face')

/** mulberry32. */
let state = seed >>> 0
function random() {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const operators = new Map([
  ['===', '!=='],
  ['!==', '==='],
  ['<', '<='],
  ['<=', '<'],
  ['>', '>='],
  ['>=', '>'],
  ['&&', '||'],
  ['||', '&&'],
  ['??', '&&'],
  ['+', '-'],
  ['-', '+'],
  ['&', '|'],
  ['|', '&'],
])

/** What may be changed in a file: places and what comes there instead. */
function faultsOf(file) {
  const text = readFileSync(file, 'utf8')
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const faults = []
  const add = (node, replacement) => faults.push({ file, from: node.getStart(tree), to: node.getEnd(), replacement })
  const isType = (node) => ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
  const visit = (node) => {
    if (isType(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return
    if (ts.isBinaryExpression(node)) {
      const other = operators.get(node.operatorToken.getText(tree))
      if (other !== undefined) add(node.operatorToken, other)
    } else if (ts.isNumericLiteral(node)) {
      add(node, node.text === '0' ? '1' : `(${node.getText(tree)} + 1)`)
    } else if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, 'false')
    else if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, 'true')
    else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      add(node, `(${node.operand.getText(tree)})`)
    } else if (ts.isStringLiteral(node) && /^(follow|nofollow|parent|[EO][A-Z]{3,}|[a-z]{4,12})$/.test(node.text)) {
      if (!ts.isPropertyAssignment(node.parent) || node.parent.name !== node) add(node, `'${node.text}x'`)
    } else if (ts.isIfStatement(node)) add(node.expression, 'false')
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return faults
}

const files = readdirSync(face, { recursive: true })
  .map(String)
  // What the differential suite is about; watchers have scripts of their own, extended attributes have no node.
  .filter(
    (name) => name.endsWith('.ts') && !/types\.ts|xattrs|acls|locks|wording|^watch|temporary|glob|trace/.test(name),
  )
// What of the core answers it without a transaction.
const used = ['core/at-hand.ts', 'core/lookups.ts', 'op.ts'].map((name) => join(source, name))
const sharing = ['core/loans.ts', 'core/clone.ts', 'core/copy-range.ts'].map((name) => join(source, name))
const all = (of === 'face' ? [...files.map((name) => join(face, name)), ...used] : sharing).flatMap(faultsOf)
const chosen = []
while (chosen.length < Math.min(count, all.length)) {
  const fault = all[Math.floor(random() * all.length)]
  if (!chosen.includes(fault)) chosen.push(fault)
}

function describe({ file, from, to, replacement }) {
  const text = readFileSync(file, 'utf8')
  const above = text.slice(0, from).split('\n')
  return `${relative(source, file)}:${above.length}:${above.at(-1).length + 1} ${text.slice(from, to).split('\n')[0].slice(0, 40)} -> ${replacement}`
}

const at = process.argv.indexOf('--only')
if (at >= 0) chosen.splice(0, chosen.length, ...process.argv[at + 1].split(',').map((number) => chosen[number - 1]))
const shown = chosen.map(describe)
console.log(`seed ${seed}: ${chosen.length} of ${all.length} possible faults`)
if (process.argv.includes('--list')) {
  for (const line of shown) console.log(line)
  process.exit(0)
}

rmSync(folder, { recursive: true, force: true })

/** A copy of the sources with a configuration that runs the tests on it. */
function makeCopy(number) {
  const copy = join(folder, String(number))
  mkdirSync(copy, { recursive: true })
  cpSync(source, join(copy, 'src'), { recursive: true })
  writeFileSync(
    join(copy, 'vitest.config.mjs'),
    `export default {
  root: ${JSON.stringify(root)},
  resolve: { alias: [
    { find: /^@vivefs\\/(media|pfaof|lsm)$/, replacement: ${JSON.stringify(join(root, 'packages'))} + '/$1/src/index.ts' },
    { find: /^vivefs$/, replacement: ${JSON.stringify(join(copy, 'src/index.ts'))} },
    { find: /^(\\.\\.\\/)+src\\//, replacement: ${JSON.stringify(`${join(copy, 'src')}/`)} },
  ] },
  test: {
    include: [${JSON.stringify(area.include)}],
    ${area.names === '' ? '' : `testNamePattern: ${JSON.stringify(area.names)},`}
    exclude: ['**/watch.test.ts'],
    pool: 'forks',
    isolate: false,
    fileParallelism: false,
    bail: 1,
    testTimeout: 120000,
  },
}
`,
  )
  return copy
}

const vitest = join(root, 'node_modules/vitest/vitest.mjs')
// The first difference ends a test: what is caught is caught soon.
const env = { ...process.env, VIVEFS_FIRST_DIFFERENCE: '1', ...(of === 'face' ? {} : { VIVEFS_SEED: '7' }) }

const MEMORY_MAX = 4 * 2 ** 30
const PAGE_BYTES = 4096
const TICK_MS = 10

/** Resident bytes and processor time of all processes of a group, as /proc tells (proc(5)); 0 where there is none. */
function useOf(group) {
  let pages = 0
  let ticks = 0
  for (const name of existsSync('/proc/self/stat') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
      if (Number(fields[2]) !== group) continue
      pages += Number(fields[21])
      ticks += Number(fields[11]) + Number(fields[12])
    } catch {
      // It ended meanwhile.
    }
  }
  return { memory: pages * PAGE_BYTES, cpuMs: ticks * TICK_MS }
}

/** How the tests end on a copy: 'passed', 'failed', or 'stopped': the whole group of processes is killed when it takes too much. */
function outcomeOf(copy, limits) {
  return new Promise((resolve) => {
    const args = [vitest, 'run', '--config', join(copy, 'vitest.config.mjs')]
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'ignore', env, detached: true })
    let stopped = false
    const stop = () => {
      stopped = true
      process.kill(-child.pid, 'SIGKILL')
    }
    const timer = setTimeout(stop, limits.ms)
    let cpuMs = 0
    // A loop that a fault made endless may fill memory long before its time is over.
    const watch = setInterval(() => {
      const use = useOf(child.pid)
      cpuMs = use.cpuMs
      if (use.memory > MEMORY_MAX || use.cpuMs > limits.cpuMs) stop()
    }, 1000)
    child.on('exit', (code) => {
      clearTimeout(timer)
      clearInterval(watch)
      resolve({ end: stopped ? 'stopped' : code === 0 ? 'passed' : 'failed', cpuMs })
    })
  })
}

const evidence = join(root, `evidence/mutants${of === 'face' ? '' : `-${of}`}.json`)
function writeEvidence() {
  const caught = tried - survivors.length
  const figures = { of, seed, possible: all.length, tried, caught, stopped, survivors: [...survivors].sort() }
  if (at < 0) writeFileSync(evidence, `${JSON.stringify(figures, null, 2)}\n`)
}

const copies = Array.from({ length: workers }, (_, number) => makeCopy(number))
const begin = performance.now()
const usual = await outcomeOf(copies[0], { ms: 1_800_000, cpuMs: Number.POSITIVE_INFINITY })
if (usual.end !== 'passed') {
  console.error('the tests fail without any fault: no score')
  process.exit(2)
}
const limits = { ms: Math.max(300_000, (performance.now() - begin) * 10), cpuMs: Math.max(60_000, usual.cpuMs * 3) }
const survivors = []
let stopped = 0
let tried = 0
let next = 0
await Promise.all(
  copies.map(async (copy) => {
    while (next < chosen.length) {
      const index = next++
      const { file, from, to, replacement } = chosen[index]
      // In the copy: somebody may go on working on the sources.
      const changed = join(copy, 'src', relative(source, file))
      const original = readFileSync(changed, 'utf8')
      writeFileSync(changed, original.slice(0, from) + replacement + original.slice(to))
      const { end: outcome } = await outcomeOf(copy, limits)
      tried++
      if (outcome === 'passed') survivors.push(shown[index])
      if (outcome === 'stopped') stopped++
      writeFileSync(changed, original)
      writeEvidence()
      console.log(
        `${outcome === 'passed' ? 'SURVIVED' : outcome === 'stopped' ? 'caught (stopped)' : 'caught  '} ${index + 1}/${chosen.length} ${shown[index]}`,
      )
    }
  }),
)
rmSync(folder, { recursive: true, force: true })
const caught = tried - survivors.length
console.log(`\n${caught} of ${chosen.length} caught (seed ${seed})`)
process.exit(caught >= 0.9 * chosen.length ? 0 : 1)
