/**
 * Writes until it is killed: node writer.cjs CONFIGURATION LOCATION WORKER SEED. Says `ready`, and after every acknowledged batch its number. A batch n sets
 * `count` to n and the keys of its round to n; now and then one is synced, or synchronous.
 */
import { LsmLevel } from '../../src/index.ts'
import { configuration, directoryMedia } from '../configurations.ts'

const [name, location, worker, seed] = process.argv.slice(2)
const chosen = configuration(name!)
const level = new LsmLevel(location!, {
  memtableBytes: 65_536,
  tableBytes: 65_536,
  baseBytes: 262_144,
  level0Trigger: 2,
  ...chosen.options,
  worker: chosen.threaded === true ? worker! : false,
  media: directoryMedia(chosen, location!),
})

async function write(): Promise<never> {
  await level.open()
  process.stdout.write('ready\n')
  for (let n = Number((await level.get('count')) ?? 0) + 1; ; n++) {
    const keys = Array.from({ length: 10 }, (_, i) => `key ${(n * 31 + i * 7 + Number(seed)) % 400}`)
    const value = `${n} ${'x'.repeat((n * 37) % 300)}`
    const rows = keys.map((key) => ({ type: 'put' as const, key, value }))
    const batch = [...rows, { type: 'put' as const, key: 'count', value: String(n) }]
    const options = { sync: n % 50 === 0 }
    if (n % 3 === 0) level.batchSync(batch, options)
    else await level.batch(batch, options as never)
    process.stdout.write(`${n}\n`)
    // A pipe is written in the background: whoever reads it should know of what happened.
    if (n % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

void write()
