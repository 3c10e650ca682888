#!/usr/bin/env node
/**
 * `npm run test:examples`: copies the examples into an empty folder, installs them with the packed packages as a user would, and runs the
 * trial of each; with the clients of this machine (git, curl, sftp, sshfs, fio, litmus, cadaver, rclone) where they are installed. Before that
 * it follows the README of each, literally.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { followReadme } from './newcomer.mjs'
import { call, packAll } from './pack.mjs'
import { root } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log(
    'Usage: node tools/try-examples.mjs [example ...]\n\nTries the examples. Example: npm run test:examples -- sftp-gateway',
  )
  process.exit(0)
}

const project = mkdtempSync(join(tmpdir(), 'vivefs-examples-'))
const wanted = process.argv.slice(2)

/** The manifest of an example with packed packages instead of those of the workspace, and with what it works with if it is there. */
function rewrite(path, packed) {
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  manifest.dependencies = { ...manifest.dependencies, ...manifest.peerDependencies }
  for (const part of ['dependencies', 'devDependencies']) {
    for (const [name, version] of Object.entries(manifest[part] ?? {})) {
      if (version.startsWith('workspace:')) manifest[part][name] = packed[name] ?? '*'
    }
  }
  writeFileSync(path, JSON.stringify({ version: '0.0.0', ...manifest }, null, 2))
}

let failed = 0
try {
  const packed = packAll(join(project, 'tarballs'))
  const examples = join(project, 'examples')
  cpSync(join(root, 'examples'), examples, { recursive: true, filter: (path) => !path.includes('node_modules') })
  const names = readdirSync(examples).filter((name) => existsSync(join(examples, name, 'package.json')))
  for (const name of names) rewrite(join(examples, name, 'package.json'), packed)
  const manifest = { private: true, workspaces: ['examples/*'], dependencies: packed, overrides: packed }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  console.log('Installing the examples with the packed packages ...')
  call('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], project)
  for (const name of names) {
    const script = ['try.mjs', 'index.mjs'].map((file) => join(examples, name, file)).find(existsSync)
    if (name === 'try' || script === undefined || (wanted.length > 0 && !wanted.includes(name))) continue
    console.log(`\n${name}`)
    if (existsSync(join(examples, name, 'README.md')))
      failed += (await followReadme(join(examples, name), join(project, 'homes', name))).length
    const { status } = spawnSync(process.execPath, [script], { cwd: join(examples, name), stdio: 'inherit' })
    if (status !== 0) failed++
  }
} finally {
  rmSync(project, { recursive: true, force: true })
}
console.log(failed === 0 ? '\nEvery example does what it says.' : `\n${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
