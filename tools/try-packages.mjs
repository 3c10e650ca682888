#!/usr/bin/env node
/**
 * Packs every publishable package, installs the tarballs into an empty project as a user would, and uses them from ESM,
 * from CommonJS and from TypeScript.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { call, packAll } from './pack.mjs'
import { root } from './steps.mjs'

const project = mkdtempSync(join(tmpdir(), 'vivefs-packed-'))

const esm = `
import assert from 'node:assert/strict'
import { ViveFS } from 'vivefs'
import { runAsync } from 'vivefs/fsal'
import * as conformance from 'vivefs/conformance'
import * as media from '@vivefs/media'
import * as pfaof from '@vivefs/pfaof'
import { isFuseError, mountVolume } from '@vivefs/fuse'
import { LsmLevel } from '@vivefs/lsm'
const level = new LsmLevel(process.argv[3], { memtableBytes: 65536, level0Trigger: 2 })
for (let i = 0; i < 5000; i++) await level.put('key ' + i, 'value '.repeat(20) + i)
await level.compactRange()
const { workerJobs, workerFailure } = level.stats().compaction
assert.equal(workerFailure, undefined)
assert.ok(workerJobs > 0)
await level.close()
const vive = await ViveFS.open(process.argv[2])
await vive.fs.promises.mkdir('/a')
await vive.fs.promises.writeFile('/a/hello.txt', 'from esm')
assert.equal(await vive.fs.promises.readFile('/a/hello.txt', 'utf8'), 'from esm')
const { attributes } = await runAsync(vive.fsal.lookup(vive.credentials, vive.fsal.root(), { name: Buffer.from('a') }))
assert.equal(attributes.nlink, 2)
assert.equal(typeof conformance.filesystemSuite, 'function')
assert.ok(Object.keys(media).length > 0 && Object.keys(pfaof).length > 0)
await vive.close()
// A directory that is not there is refused wherever this runs, after the worker was found and had opened its volume.
await assert.rejects(mountVolume('memory://', '/not/there'), isFuseError)
console.log('esm ok')
`
const cjs = `
const assert = require('node:assert/strict')
const { ViveFS } = require('vivefs')
require('@vivefs/media'); require('@vivefs/pfaof'); require('vivefs/fsal')
const { LsmLevel } = require('@vivefs/lsm')
;(async () => {
  const level = new LsmLevel(process.argv[3], { memtableBytes: 65536, level0Trigger: 2 })
  await level.open()
  assert.equal(level.getSync('key 4999'), 'value '.repeat(20) + 4999)
  for (let i = 0; i < 5000; i++) level.putSync('key ' + i, 'value '.repeat(20) + i)
  await level.compactRange()
  assert.equal(level.stats().compaction.workerFailure, undefined)
  assert.ok(level.stats().compaction.workerJobs > 0)
  await level.close()
  const vive = await ViveFS.open(process.argv[2], { create: false })
  assert.equal(await vive.fs.promises.readFile('/a/hello.txt', 'utf8'), 'from esm')
  await assert.rejects(ViveFS.open(process.argv[2]), { code: 'ERR_VIVEFS_LOCKED' })
  await vive.close()
  const { isFuseError, mountVolume } = require('@vivefs/fuse')
  await assert.rejects(mountVolume('memory://', '/not/there'), isFuseError)
  console.log('cjs ok')
})()
`
const ts = `
import { type OpenOptions, ViveFS } from 'vivefs'
import type { Fsal } from 'vivefs/fsal'
import { LsmLevel } from '@vivefs/lsm'
export const count = (level: LsmLevel<string, string>): number => level.iteratorSync({ gte: 'a' }).nextv(10).length
const options: OpenOptions = { durability: 'strict' }
export async function use(): Promise<Fsal> {
  await using vive = await ViveFS.open('memory://', options)
  const text: string = await vive.fs.promises.readFile('/x', 'utf8')
  console.log(text)
  return vive.fsal
}
`

try {
  const dependencies = packAll(join(project, 'tarballs'))
  for (const address of Object.values(dependencies)) checkPackage(address.replace(/^file:/, ''))
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, dependencies, overrides: dependencies }))
  call('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], project)
  writeFileSync(join(project, 'use.mjs'), esm)
  writeFileSync(join(project, 'use.cjs'), cjs)
  writeFileSync(join(project, 'use.ts'), ts)
  for (const file of ['use.mjs', 'use.cjs']) {
    process.stdout.write(call(process.execPath, [file, join(project, 'volume'), join(project, 'level')], project))
  }
  for (const resolution of ['node16', 'bundler']) {
    const module = resolution === 'node16' ? 'node16' : 'esnext'
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      'false',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
    ]
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    call(
      process.execPath,
      [tsc, ...options, ...types, '--module', module, '--moduleResolution', resolution, 'use.ts'],
      project,
    )
    console.log(`types ok (${resolution})`)
  }
  const listing = call(
    process.execPath,
    ['node_modules/vivefs/bin/vivefs.js', 'ls', join(project, 'volume'), '--json'],
    project,
  )
  if (!listing.toString().includes('"a"')) throw new Error(`vivefs ls does not list the directory: ${listing}`)
  const sound = call(
    process.execPath,
    ['node_modules/@vivefs/lsm/bin/vivelsm.js', 'verify', join(project, 'level')],
    project,
  )
  if (sound.toString().trim() !== 'sound') throw new Error(`vivelsm verify: ${sound}`)
  console.log('commands ok')
} finally {
  rmSync(project, { recursive: true, force: true })
}

/** publint and are-the-types-wrong on one tarball (Node 20 and newer know `exports`: the profile node16), and what it weighs. */
function checkPackage(tarball) {
  const tool = (path, args) => call(process.execPath, [join(root, 'node_modules', path), ...args], project).toString()
  const lint = tool('publint/src/cli.js', [tarball, '--strict'])
  if (!lint.includes('All good!')) throw new Error(lint)
  tool('@arethetypeswrong/cli/dist/index.js', [tarball, '--profile', 'node16', '--quiet'])
  const bytes = statSync(tarball).size
  console.log(
    `${basename(tarball).padEnd(28)} ${String(Math.ceil(bytes / 1024)).padStart(6)} KiB packed; publint and types are clean`,
  )
}
