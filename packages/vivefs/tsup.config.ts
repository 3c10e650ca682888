import { defineConfig } from 'tsup'
import { library, program } from '../../tsup.base.ts'

export default defineConfig([
  ...library({
    index: 'src/index.ts',
    fsal: 'src/fsal/index.ts',
    conformance: 'src/conformance/index.ts',
    port: 'src/port/index.ts',
    register: 'src/register/index.ts',
    vfs: 'src/vfs/index.ts',
  }),
  program({ 'port-worker': 'src/port/worker.ts' }),
  program({ cli: 'src/cli/index.ts' }),
])
