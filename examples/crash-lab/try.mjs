// Tries the lab: every cut of the volume leaves a text that was allowed to survive, and the lab sees when another store does not.
import assert from 'node:assert/strict'
import { held, run } from '@vivefs-examples/try'

const results = JSON.parse(await run(process.execPath, [new URL('index.mjs', import.meta.url).pathname, '--json']))
const isGood = ({ seen }) => seen.startsWith('text') || seen === 'nothing yet'
const [volume, naive] = Object.values(results).map((kinds) => Object.values(kinds).flat())
assert.ok(volume.length > 100)
assert.deepEqual(
  volume.filter((one) => !isGood(one)),
  [],
)
held(`${volume.length} cuts of the power: every promised text survived, whole`)
assert.ok(naive.some(({ seen }) => seen === 'LOST'))
held(`beside it, ${naive.filter((one) => !isGood(one)).length} of ${naive.length} cuts lost what was promised`)
