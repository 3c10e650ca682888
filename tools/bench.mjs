#!/usr/bin/env node
/** Bundles one benchmark of packages/NAME/bench and runs it; what follows its name goes to it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root, run } from './steps.mjs'

const benches = {
  log: 'pfaof',
  store: 'vivefs',
  face: 'vivefs',
  fs: 'vivefs',
  services: 'vivefs',
  reflinks: 'vivefs',
  memtable: 'lsm',
  table: 'lsm',
  compaction: 'lsm',
  ladder: 'lsm',
  space: 'lsm',
  kv: 'lsm',
  memory: 'lsm',
}
const [name, ...args] = process.argv.slice(2)

if (name === undefined || name === '--help' || !(name in benches)) {
  console.log(
    `Usage: node tools/bench.mjs ${Object.keys(benches).join(' | ')} [argument ...]\n\nExample: npm run bench:log`,
  )
  process.exit(name === '--help' ? 0 : 2)
}

const folder = join(root, 'packages', benches[name])
const source = join(folder, 'bench', `${name}.ts`)
if (!existsSync(source)) throw new Error(`there is no ${source}`)
if (args.includes('--help')) {
  // What a benchmark does and takes stands at its head.
  const [head = ''] = readFileSync(source, 'utf8').match(/\/\*\*[\s\S]*?\*\//) ?? []
  const text = head.replace(/^ ?\/?\*+\/? ?/gm, '').trim()
  console.log(`${text}\n\nExample: node tools/bench.mjs ${name}`)
  process.exit(0)
}
const outdir = join(folder, 'dist/bench')
// A worker lies beside the code that starts it: that of lsm, which volumes stand on as well.
const worker = join(root, 'packages', benches[name] === 'vivefs' ? 'lsm' : benches[name], 'src/worker/index.ts')
await build({
  entryPoints: { [name]: source, ...(existsSync(worker) && { worker }) },
  outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  tsconfig: join(root, 'tsconfig.json'),
  external: ['abstract-level', 'classic-level', 'cli-table3', 'level', 'memfs', 'memory-level', 'msgpackr'],
  logLevel: 'error',
})
process.exit(run(process.execPath, ['--expose-gc', join(outdir, `${name}.js`), ...args]))
