// Tries the inner face: what it prints.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { held, run } from '@vivefs-examples/try'

const output = await run(process.execPath, [fileURLToPath(new URL('index.mjs', import.meta.url))])
for (const line of [
  'the first data is at 1000000; 1 blocks in use',
  'far out',
  'moved 1000007 { eof: true }',
  'ESTALE',
])
  assert.ok(output.includes(line), output)
held('holes, handles that outlive names, cookies, and ESTALE at the end')
