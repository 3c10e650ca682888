/** The package as plain JavaScript: a server for child processes, beside the worker that it starts. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Native code stays where it is installed. */
const installed: Plugin = {
  name: 'installed',
  setup: ({ onResolve }) => {
    const from = createRequire(source('../../vivefs/package.json'))
    onResolve({ filter: /^(level|classic-level|memory-level|msgpackr)$/ }, ({ path }) => ({
      path: from.resolve(path),
      external: true,
    }))
  },
}

export interface Bundled {
  readonly directory: string
  /** `test/programs/NAME.ts` compiled. */
  program(name: string): string
  readonly worker: string
  /** The command `vivefs`, which finds the package as if it were installed. */
  readonly cli: string
  remove(): void
}

/** @param programs names of `test/programs/NAME.ts` */
export async function bundle(...programs: string[]): Promise<Bundled> {
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-fuse-test-'))
  await build({
    entryPoints: {
      worker: source('../src/worker/index.ts'),
      package: source('../src/index.ts'),
      cli: source('../../vivefs/src/cli/index.ts'),
      ...Object.fromEntries(programs.map((name) => [name, source(`./programs/${name}.ts`)])),
    },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    plugins: [installed],
    banner: {
      js: "import { createRequire as $require } from 'node:module'; const require = $require(import.meta.url);",
    },
    alias: {
      '@vivefs/fuse': source('../src/index.ts'),
      '@vivefs/lsm': source('../../lsm/src/index.ts'),
      '@vivefs/pfaof': source('../../pfaof/src/index.ts'),
      '@vivefs/media': source('../../media/src/index.ts'),
      'vivefs/fsal': source('../../vivefs/src/fsal/index.ts'),
      vivefs: source('../../vivefs/src/index.ts'),
    },
  })
  const place = join(directory, 'node_modules/@vivefs/fuse')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'package.json'), '{"name":"@vivefs/fuse","type":"module","exports":"./index.js"}')
  copyFileSync(join(directory, 'package.mjs'), join(place, 'index.js'))
  copyFileSync(join(directory, 'worker.mjs'), join(place, 'worker.js'))
  return {
    directory,
    program: (name) => join(directory, `${name}.mjs`),
    worker: join(directory, 'worker.mjs'),
    cli: join(directory, 'cli.mjs'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
