import { defineConfig, type Options } from 'tsup'
import { library } from '../../tsup.base.ts'

/** CommonJS finds the worker by `__dirname`; the branch that the bundler warns of is for ES modules only. */
const quiet = (options: Options): Options => ({
  ...options,
  esbuildOptions: (o) => {
    o.logOverride = { 'empty-import-meta': 'silent' }
  },
})

export default defineConfig(library({ index: 'src/index.ts', worker: 'src/worker/index.ts' }).map(quiet))
