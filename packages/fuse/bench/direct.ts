/** The sequential phases through `vive.fs` in the process that owns the volume: `node direct.mjs WHERE`, asked like client.ts. No mount in between. */
import { ViveFS } from 'vivefs'
import { type Ask, BLOCK_BYTES } from './ask.ts'

const vive = await ViveFS.open(process.argv[2]!, { engine: 'lsm' })
const { fs } = vive.root
const block = Buffer.alloc(BLOCK_BYTES, 7)
const PATH = '/big'

async function write(mib: number): Promise<void> {
  const file = fs.openSync(PATH, 'w')
  for (let left = mib * 2 ** 20, n = 1; left > 0; left -= BLOCK_BYTES, n++) {
    fs.writeSync(file, block)
    // As the loop of a mount does, the store gets its turn.
    if (n % 128 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  fs.fsyncSync(file)
  fs.closeSync(file)
}

function read(mib: number): void {
  const file = fs.openSync(PATH, 'r')
  for (let left = mib * 2 ** 20; left > 0; left -= BLOCK_BYTES) fs.readSync(file, block)
  fs.closeSync(file)
}

process.on('message', async ({ phase, mib }: Ask) => {
  const startMs = performance.now()
  if (phase === 'write MiB') await write(mib)
  else read(mib)
  process.send!({ ms: performance.now() - startMs })
})
process.once('disconnect', () => void vive.close())
