/** The packages as plain JavaScript, laid out as if they were installed, and programs of the tests beside them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Native code, and what has parts of its own, stay where they are installed. */
const installed = {
  name: 'installed',
  setup: ({ onResolve }) => {
    const from = createRequire(source('../../vivefs/package.json'))
    onResolve({ filter: /^(level|classic-level|memory-level|msgpackr)$/ }, ({ path }) => ({
      path: from.resolve(path),
      external: true,
    }))
  },
}

const shared = {
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
  plugins: [installed],
  banner: { js: "import { createRequire as $require } from 'node:module'; const require = $require(import.meta.url);" },
  alias: {
    '@vivefs/pfaof': source('../../pfaof/src/index.ts'),
    '@vivefs/media': source('../../media/src/index.ts'),
  },
}

const packages = {
  vivefs: { index: '../../vivefs/src/index.ts', fsal: '../../vivefs/src/fsal/index.ts' },
  '@vivefs/lsm': { index: '../../lsm/src/index.ts', worker: '../../lsm/src/worker/index.ts' },
  '@vivefs/fuse': { index: '../src/index.ts', worker: '../src/worker/index.ts' },
}

const siblings = (name) => Object.keys(packages).filter((other) => other !== name)

/**
 * @param {...string} programs files in TypeScript, relative to this one
 * @returns {Promise<import('./bundle.mjs').Bundled>}
 */
export async function bundle(...programs) {
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-fuse-test-'))
  for (const [name, entries] of Object.entries(packages)) {
    const outdir = join(directory, 'node_modules', name)
    const entryPoints = Object.fromEntries(Object.entries(entries).map(([entry, file]) => [entry, source(file)]))
    mkdirSync(outdir, { recursive: true })
    const exports = Object.fromEntries(
      Object.keys(entries).map((entry) => [entry === 'index' ? '.' : `./${entry}`, `./${entry}.js`]),
    )
    writeFileSync(join(outdir, 'package.json'), JSON.stringify({ name, type: 'module', exports }))
    await build({ ...shared, entryPoints, outdir, external: siblings(name) })
  }
  await build({
    ...shared,
    splitting: false,
    entryPoints: {
      cli: source('../../vivefs/src/cli/index.ts'),
      ...Object.fromEntries(programs.map((path) => [basename(path, '.ts'), source(path)])),
    },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    external: Object.keys(packages),
  })
  return {
    directory,
    program: (name) => join(directory, `${name}.mjs`),
    cli: join(directory, 'cli.mjs'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
