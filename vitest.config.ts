import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url))

/** Tests run on the sources; `tools/check.mjs` tries the built and packed packages by themselves. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^@vivefs\/(media|pfaof)\/conformance$/, replacement: source('$1/src/conformance/index.ts') },
      { find: /^@vivefs\/(media|pfaof)$/, replacement: source('$1/src/index.ts') },
      { find: /^@vivefs\/fuse$/, replacement: source('fuse/src/index.ts') },
      { find: /^@vivefs\/lsm$/, replacement: source('lsm/src/index.ts') },
      { find: /^vivefs\/(fsal|conformance|port|register|vfs)$/, replacement: source('vivefs/src/$1/index.ts') },
      { find: /^vivefs$/, replacement: source('vivefs/src/index.ts') },
    ],
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'examples/**/*.test.ts'],
    pool: 'forks',
    // Every core: the main thread of the runner only waits.
    maxWorkers: availableParallelism(),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    restoreMocks: true,
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
