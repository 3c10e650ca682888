/**
 * Runtimes for JavaScript other than the one at hand, fetched by npm as the packages in which they are published, into
 * node_modules/.cache/runtimes: the newest release of each line.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { call } from './pack.mjs'
import { root } from './steps.mjs'

const cache = join(root, 'node_modules/.cache/runtimes')
const exe = process.platform === 'win32' ? '.exe' : ''
const machine = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const others = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`
const glibc = process.platform === 'linux' ? '-glibc' : ''

const nodeLine = (major) => ({
  name: `node ${major}`,
  folder: `node-${major}`,
  from: `runtime@npm:node-${machine}@${major}`,
  command: [`node_modules/runtime/bin/node${exe}`],
})

/** What is tried, each with its package (`from`) and the words of its command. */
export const RUNTIMES = [
  ...[20, 22, 24, 26].map(nodeLine),
  {
    name: 'bun',
    folder: 'bun',
    from: `runtime@npm:@oven/bun-${others}`,
    command: [`node_modules/runtime/bin/bun${exe}`],
  },
  {
    name: 'deno',
    folder: 'deno',
    from: `runtime@npm:@deno/${process.platform}-${process.arch}${glibc}`,
    command: [`node_modules/runtime/deno${exe}`, 'run', '--allow-all'],
  },
]

/** The words of a runtime's command, after fetching it where it is not there yet; with `isFresh` the newest once more. Throws what npm says. */
export function fetchRuntime({ folder, from, command: [program, ...words] }, isFresh) {
  const place = join(cache, folder)
  const path = join(place, program)
  if (isFresh || !existsSync(path)) {
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'package.json'), '{ "private": true }\n')
    call('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', from], place)
  }
  return [path, ...words]
}
