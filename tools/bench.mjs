#!/usr/bin/env node
/** Bundles one benchmark of packages/NAME/bench and runs it; what follows its name goes to it. */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'
import { root, run } from './steps.mjs'

const benches = { log: 'pfaof', store: 'vivefs', face: 'vivefs', memtable: 'lsm' }
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
const outfile = join(folder, 'dist/bench', `${basename(name)}.mjs`)
await build({
  entryPoints: [source],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  tsconfig: join(root, 'tsconfig.json'),
  external: ['cli-table3', 'abstract-level', 'classic-level', 'level', 'memory-level', 'msgpackr'],
  logLevel: 'error',
})
process.exit(run(process.execPath, ['--expose-gc', outfile, ...args]))
