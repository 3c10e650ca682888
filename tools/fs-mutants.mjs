#!/usr/bin/env node
/**
 * `npm run fs:mutants`: how many faults put into the face do its tests catch? Takes seeded choices of small changes
 * (operators, constants, conditions, texts of options) in a copy of the sources, runs the differential suite on each and
 * prints the score. `--count N` (100), `--seed S`, `--list` (prints the faults without running).
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { root } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log(
    'Usage: node tools/fs-mutants.mjs [--count N] [--seed S] [--list]\n\nExample: npm run fs:mutants -- --count 10',
  )
  process.exit(0)
}
const option = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? usual : Number(process.argv[at + 1])
}
const count = option('count', 100)
const seed = option('seed', Math.floor(Math.random() * 2 ** 32))

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
  .filter((name) => name.endsWith('.ts') && !/types\.ts|xattrs|wording|^watch|temporary|glob/.test(name))
const all = files.flatMap((name) => faultsOf(join(face, name)))
const chosen = []
while (chosen.length < Math.min(count, all.length)) {
  const fault = all[Math.floor(random() * all.length)]
  if (!chosen.includes(fault)) chosen.push(fault)
}

function describe({ file, from, to, replacement }) {
  const text = readFileSync(file, 'utf8')
  const line = text.slice(0, from).split('\n').length
  return `${relative(source, file)}:${line} ${text.slice(from, to).split('\n')[0].slice(0, 40)} -> ${replacement}`
}

const shown = chosen.map(describe)
console.log(`seed ${seed}: ${chosen.length} of ${all.length} possible faults`)
if (process.argv.includes('--list')) {
  for (const line of shown) console.log(line)
  process.exit(0)
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
cpSync(source, join(folder, 'src'), { recursive: true })
writeFileSync(
  join(folder, 'vitest.config.mjs'),
  `export default {
  root: ${JSON.stringify(root)},
  resolve: { alias: [
    { find: /^@vivefs\\/(media|pfaof|lsm)$/, replacement: ${JSON.stringify(join(root, 'packages'))} + '/$1/src/index.ts' },
    { find: /^vivefs$/, replacement: ${JSON.stringify(join(folder, 'src/index.ts'))} },
  ] },
  test: { include: ['packages/vivefs/test/face/**/*.test.ts'], exclude: ['**/watch.test.ts'], pool: 'forks', bail: 1, testTimeout: 60000 },
}
`,
)
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const run = () =>
  spawnSync(process.execPath, [vitest, 'run', '--config', join(folder, 'vitest.config.mjs')], {
    cwd: root,
    stdio: 'ignore',
    timeout: 240_000,
  }).status

if (run() !== 0) {
  console.error('the tests fail without any fault: no score')
  process.exit(2)
}
let caught = 0
for (const [index, fault] of chosen.entries()) {
  // From the copy: somebody may go on working on the sources.
  const copy = join(folder, 'src', relative(source, fault.file))
  const original = readFileSync(copy, 'utf8')
  writeFileSync(copy, original.slice(0, fault.from) + fault.replacement + original.slice(fault.to))
  const isCaught = run() !== 0
  if (isCaught) caught++
  writeFileSync(copy, original)
  console.log(`${isCaught ? 'caught  ' : 'SURVIVED'} ${index + 1}/${chosen.length} ${shown[index]}`)
}
rmSync(folder, { recursive: true, force: true })
console.log(`\n${caught} of ${chosen.length} caught (seed ${seed})`)
process.exit(caught >= 0.9 * chosen.length ? 0 : 1)
