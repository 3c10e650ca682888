import { defineConfig } from 'tsup'
import { library, program } from '../../tsup.base.ts'

export default defineConfig([
  ...library({ index: 'src/index.ts', fsal: 'src/fsal/index.ts', conformance: 'src/conformance/index.ts' }),
  program({ cli: 'src/cli/index.ts' }),
])
