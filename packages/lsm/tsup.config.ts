import { defineConfig } from 'tsup'
import { library, program } from '../../tsup.base.ts'

export default defineConfig([
  ...library({ index: 'src/index.ts', worker: 'src/worker/index.ts' }),
  program({ cli: 'src/cli/index.ts' }),
])
