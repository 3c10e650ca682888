/** The packages as they would be published: tarballs in a folder. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

export const PUBLISHED = ['media', 'pfaof', 'lsm', 'vivefs', 'fuse']

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const shell = process.platform === 'win32'
const env = { ...process.env, npm_config_loglevel: 'error', npm_config_update_notifier: 'false' }

/** Runs a command and answers what it wrote to its standard output. */
export const call = (command, args, cwd) =>
  execFileSync(command, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'inherit'] })

/** Packs every package that is published into `folder`; answers `file:` addresses by package name. */
export function packAll(folder) {
  for (const name of PUBLISHED) {
    call('npx', ['--yes', packageManager, 'pack', '--pack-destination', folder], join(root, 'packages', name))
  }
  return Object.fromEntries(readdirSync(folder).map((file) => [nameOf(file), `file:${join(folder, file)}`]))
}

/** The package name behind a tarball: pnpm names `@scope/name` as `scope-name`. */
function nameOf(file) {
  const base = file.replace(/-\d+\.\d+\.\d+.*$/, '')
  return base.startsWith('vivefs-') ? `@vivefs/${base.slice('vivefs-'.length)}` : base
}
