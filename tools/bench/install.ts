/** Packages that a benchmark compares with and the workspace does not depend on: installed on demand, outside of it. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const MINUTES_MAX = 10

/** Where they live. VIVEFS_BENCH_CACHE chooses another place. */
const cache: string =
  process.env.VIVEFS_BENCH_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'vivefs-bench')

const requireThere = createRequire(join(cache, 'x.js'))

/** A package of the cache. Throws when it is not there, or its native part is not. */
export function load(name: string): unknown {
  return requireThere(name)
}

/** The same of a package that is an ES module. */
export function loadModule(name: string): Promise<unknown> {
  return import(pathToFileURL(requireThere.resolve(name)).href)
}

/** Installs a package into the cache unless it works there already; a text says why it could not. */
export function install(name: string, version: string): string | undefined {
  const works = () =>
    spawnSync(process.execPath, ['-e', `import(${JSON.stringify(name)})`], { cwd: cache }).status === 0
  mkdirSync(cache, { recursive: true })
  if (installedVersion(name) === version && works()) return undefined
  const args = ['install', '--prefix', cache, '--no-audit', '--no-fund', '--save-exact', `${name}@${version}`]
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const done = spawnSync(npm, args, { encoding: 'utf8', timeout: MINUTES_MAX * 60_000, cwd: cache })
  if (done.status !== 0) return `npm install ${name}@${version} failed: ${lastLine(done.stderr) || String(done.error)}`
  return works() ? undefined : `${name} was installed, but its native part does not load`
}

function installedVersion(name: string): string | undefined {
  const path = join(cache, 'node_modules', name, 'package.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version : undefined
}

const lastLine = (text: string | null): string => (text ?? '').trim().split('\n').at(-1) ?? ''
