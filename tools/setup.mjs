#!/usr/bin/env node
/**
 * Makes a fresh clone ready with nothing but Node and npm: fetches the pinned pnpm through npm, installs what the lock
 * file says, and (with --build) builds the packages whose sources changed. Does nothing when nothing changed.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stampFile = join(root, '.vivefs-setup.json')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const packages = ['media', 'pfaof', 'lsm', 'vivefs', 'fuse']

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`ViveFS needs Node 20.19 or newer; this is ${process.version}.`)
  process.exit(1)
}

/** A digest of every file under the given paths, by name and content. */
function digest(paths) {
  const hash = createHash('sha256')
  const visit = (path) => {
    if (!existsSync(join(root, path))) return
    const entries = readdirSync(join(root, path), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name === 'node_modules' || entry.name === 'dist') continue
      const child = `${path}/${entry.name}`
      if (entry.isDirectory()) visit(child)
      else
        hash
          .update(child)
          .update('\0')
          .update(readFileSync(join(root, child)))
    }
  }
  for (const path of paths) {
    if (/\.[a-z]+$/.test(path))
      hash.update(path).update(existsSync(join(root, path)) ? readFileSync(join(root, path)) : '')
    else visit(path)
  }
  return hash.digest('hex')
}

/** Removes what earlier builds left: chunks whose names changed. What runs meanwhile keeps the files that it needs until now. */
function removeOlder(startMs) {
  for (const name of packages) {
    const dist = join(root, `packages/${name}/dist`)
    for (const entry of readdirSync(dist, { withFileTypes: true })) {
      const path = join(dist, entry.name)
      if (entry.isFile() && statSync(path).mtimeMs < startMs) rmSync(path)
    }
  }
}

/** Runs the pinned pnpm; npx fetches it on first use and keeps it in npm's own cache. */
function pnpm(args) {
  const done = spawnSync('npx', ['--yes', manifest.packageManager, ...args], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_loglevel: 'error', npm_config_update_notifier: 'false' },
  })
  if (done.error) throw done.error
  if (done.status !== 0) {
    console.error(`\npnpm ${args.join(' ')} failed.`)
    process.exit(done.status ?? 1)
  }
}

const stamp = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {}
const remember = (part) => writeFileSync(stampFile, `${JSON.stringify(Object.assign(stamp, part), null, 2)}\n`)

const manifests = [
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  ...packages.map((name) => `packages/${name}/package.json`),
]
const installed = `${process.version} ${digest(manifests)}`
if (stamp.installed !== installed || !existsSync(join(root, 'node_modules/.bin'))) {
  console.log('Installing dependencies ...')
  pnpm(['install', '--frozen-lockfile', '--reporter=append-only'])
  remember({ installed, built: undefined })
}

if (process.argv.includes('--build')) {
  const sources = digest([
    ...manifests,
    'tsconfig.base.json',
    'tsup.base.ts',
    ...packages.flatMap((name) => [`packages/${name}/src`, `packages/${name}/tsup.config.ts`]),
  ])
  const complete = packages.every((name) => existsSync(join(root, `packages/${name}/dist/index.d.cts`)))
  if (stamp.built !== sources || !complete) {
    console.log('Building the packages ...')
    const startMs = Date.now()
    pnpm(['--recursive', '--workspace-concurrency=1', '--reporter=append-only', 'run', 'build'])
    removeOlder(startMs)
    remember({ built: sources })
  }
}
