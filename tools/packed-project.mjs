/** A project as a user would have it: the packed packages installed from their tarballs, and the programs of `tools/packed`. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { call, packAll } from './pack.mjs'
import { root } from './steps.mjs'

/** Both kinds of project, by the folder of their program. */
export const KINDS = ['esm', 'cjs']
const TIMEOUT_MS = 120_000

/** Packs, installs and copies into `folder`, which exists; answers the paths of the tarballs by package name. */
export function makeProject(folder) {
  const dependencies = packAll(join(folder, 'tarballs'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies, overrides: dependencies }))
  call('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], folder)
  cpSync(join(root, 'tools/packed'), folder, { recursive: true })
  return Object.fromEntries(Object.entries(dependencies).map(([name, at]) => [name, at.replace(/^file:/, '')]))
}

/** Removes what the checks of a kind have written. */
export function emptyPlace(folder, kind) {
  const place = join(folder, 'places', kind)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
}

/**
 * Runs checks in one process of a runtime, given as words of a command; answers why they failed, or undefined. `kill -9` ends its process, and
 * has to.
 */
export function tryChecks(folder, [program, ...words], kind, names) {
  const args = [...words, join(folder, kind, 'use.js'), join(folder, 'places', kind), ...names]
  const done = spawnSync(program, args, { cwd: join(folder, kind), encoding: 'utf8', timeout: TIMEOUT_MS })
  if (done.error !== undefined) return done.error.message
  if (names.at(-1) === 'kill -9') return done.signal === 'SIGKILL' ? undefined : `ended by itself: ${done.stderr}`
  if (done.status === 0 && done.stdout.includes(`${names.at(-1)}: held`)) return undefined
  return `${done.signal ?? `exit code ${done.status}`}: ${done.stderr || done.stdout}`
}

/** The commands of the packages on what the checks of a kind have left. */
export function tryCommands(folder, [program, ...words], kind) {
  const commands = [
    ['vivefs/bin/vivefs.js', ['ls', join(folder, 'places', kind, 'volume'), '--json'], /"a"/],
    ['vivefs/bin/vivefs.js', ['fsck', join(folder, 'places', kind, 'volume')], /./],
    ['@vivefs/lsm/bin/vivelsm.js', ['verify', join(folder, 'places', kind, 'level')], /^sound/],
  ]
  for (const [path, args, expected] of commands) {
    const script = join(folder, 'node_modules', path)
    const done = spawnSync(program, [...words, script, ...args], { cwd: folder, encoding: 'utf8', timeout: TIMEOUT_MS })
    if (done.status !== 0 || !expected.test(done.stdout)) return `${path} ${args[0]}: ${done.stderr || done.stdout}`
  }
  return undefined
}
