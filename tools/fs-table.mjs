#!/usr/bin/env node
/**
 * `npm run fs:table`: every export of the running Node's node:fs beside what `vive.fs` offers. Prints what is missing and
 * exits 1 if anything is; `--write` puts the table into docs/node-fs.md.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log('Usage: node tools/fs-table.mjs [--write]\n\nExample: npm run fs:table')
  process.exit(0)
}

const outfile = join(root, 'packages/vivefs/dist/bench/fs-table.mjs')
await build({
  entryPoints: [join(root, 'packages/vivefs/src/index.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  tsconfig: join(root, 'tsconfig.json'),
  packages: 'external',
  logLevel: 'error',
})
process.removeAllListeners('warning')
const { ViveFS } = await import(pathToFileURL(outfile).href)
const vive = await ViveFS.open('memory://')
const major = process.versions.node.split('.')[0]

const missing = []
/** A cell: there is nothing to have, it is there, or it is missing. */
function cell(name, theirs, ours) {
  if (theirs === undefined) return ''
  if (typeof ours === typeof theirs) return 'yes'
  missing.push(name)
  return 'MISSING'
}

const isForm = (name) => typeof fs[name] === 'function' && !name.endsWith('Sync')
const names = new Set([
  ...Object.keys(fs).map((name) => (name.endsWith('Sync') && name !== 'Sync' ? name.slice(0, -4) : name)),
  ...Object.keys(fs.promises),
])
names.delete('promises')

const rows = [...names].sort().map((name) => {
  const sync = cell(`${name}Sync`, fs[`${name}Sync`], vive.fs[`${name}Sync`])
  const callback = cell(name, fs[name], vive.fs[name])
  const promised = cell(`promises.${name}`, fs.promises[name], vive.fs.promises[name])
  const kind = isForm(name) || sync !== '' || promised !== '' ? '' : typeof fs[name]
  return [name, callback || (kind && 'yes'), sync, promised]
})

/** The public members of a class, inherited ones of the class's own family included. */
function membersOf(object, stop) {
  const found = new Set()
  for (let at = object; at !== null && at !== stop; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const isPublic =
        typeof key === 'symbol' ? /^(Symbol|nodejs)\./.test(key.description) : !/^_|^constructor$/.test(key)
      if (isPublic) found.add(key)
    }
  }
  return found
}

const objects = {}
await vive.fs.promises.writeFile('/file', 'x')
const pairs = {
  FileHandle: [await fs.promises.open(process.argv[1]), await vive.fs.promises.open('/file')],
  Dir: [fs.opendirSync('/'), await vive.fs.promises.opendir('/')],
  Dirent: [
    fs.readdirSync(root, { withFileTypes: true })[0],
    (await vive.fs.promises.readdir('/', { withFileTypes: true }))[0],
  ],
  Stats: [fs.statSync('/'), await vive.fs.promises.stat('/')],
  BigIntStats: [fs.statSync('/', { bigint: true }), await vive.fs.promises.stat('/', { bigint: true })],
  StatFs: [fs.statfsSync('/'), await vive.fs.promises.statfs('/')],
  FSWatcher: [fs.watch(root), vive.fs.watch('/')],
  StatWatcher: [fs.watchFile(root, () => {}), vive.fs.watchFile('/', () => {})],
  ReadStream: [fs.createReadStream(process.argv[1]), vive.fs.createReadStream('/file')],
  WriteStream: [fs.createWriteStream('/dev/null'), vive.fs.createWriteStream('/file')],
}
for (const [name, [theirs, ours]] of Object.entries(pairs)) {
  const members = [...membersOf(theirs, Object.prototype)]
  const absent = members.filter((key) => !(key in ours))
  objects[name] = [members.length, absent.map((key) => (typeof key === 'symbol' ? key.description : key))]
  for (const key of absent) missing.push(`${name}.${String(key)}`)
}
for (const key of Object.keys(fs.constants)) {
  if (vive.fs.constants[key] !== fs.constants[key]) missing.push(`constants.${key}`)
}
const promisified = Object.keys(fs).filter(
  (name) => typeof fs[name] === 'function' && Object.getOwnPropertySymbols(fs[name]).length > 0,
)
for (const name of promisified) {
  if (Object.getOwnPropertySymbols(vive.fs[name] ?? {}).length === 0) missing.push(`util.promisify(${name})`)
}
for (const name of ['realpath', 'realpathSync']) {
  if (typeof vive.fs[name].native !== 'function') missing.push(`${name}.native`)
}

const table = [
  `| name (Node ${major}) | callback or value | sync | promises |`,
  '| --- | --- | --- | --- |',
  ...rows.map((row) => `| ${row.map((text, index) => (index === 0 ? `\`${text}\`` : text)).join(' | ')} |`),
  '',
  '| class | members of node | missing |',
  '| --- | --- | --- |',
  ...Object.entries(objects).map(([name, [count, absent]]) => `| ${name} | ${count} | ${absent.join(', ')} |`),
].join('\n')

if (process.argv.includes('--write')) {
  const page = join(root, 'docs/node-fs.md')
  const [begin, end] = ['<!-- table: npm run fs:table -- --write -->', '<!-- end of table -->']
  const text = fs.readFileSync(page, 'utf8')
  const [before, behind] = [text.split(begin)[0], text.split(end)[1]]
  fs.writeFileSync(page, `${before}${begin}\n\n${table}\n\n${end}${behind}`)
} else console.log(table)
console.log(`\nNode ${process.version}: ${names.size} names, ${missing.length} missing`)
for (const name of missing) console.log(`missing: ${name}`)
process.exit(missing.length === 0 ? 0 : 1)
