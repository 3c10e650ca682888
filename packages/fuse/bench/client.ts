/**
 * Works in directories, as it is told by messages ({@link Ask}); answers `{ ms }`. A process of its own, warm after its first round.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Ask, BLOCK_BYTES } from './ask.ts'

const block = Buffer.alloc(BLOCK_BYTES, 7)
const small = Buffer.alloc(4096, 7)

const eachFile =
  (body: (path: string) => void) =>
  ({ directory, prefix, files }: Ask): void => {
    for (let i = 0; i < files; i++) body(join(directory, `${prefix}${i}`))
  }

/** Bodies of one go, by the name of the phase. */
const phases: Record<string, (ask: Ask) => void> = {
  create: eachFile((path) => closeSync(openSync(path, 'wx'))),
  fill: eachFile((path) => {
    const file = openSync(path, 'r+')
    writeSync(file, small)
    closeSync(file)
  }),
  stat: eachFile((path) => void statSync(path)),
  'stat again': eachFile((path) => void statSync(path)),
  'open+read+close': eachFile((path) => {
    const file = openSync(path, 'r')
    if (readSync(file, small) !== small.length) throw new Error('a read came short')
    closeSync(file)
  }),
  unlink: eachFile(unlinkSync),
  'write MiB': ({ directory, mib }) => {
    const file = openSync(join(directory, 'big'), 'w')
    for (let left = mib * 2 ** 20; left > 0; left -= BLOCK_BYTES) writeSync(file, block)
    fsyncSync(file)
    closeSync(file)
  },
  /** What the kernel has of the file is dropped. */
  cool: ({ directory }) => {
    execFileSync('dd', [`if=${join(directory, 'big')}`, 'iflag=nocache', 'count=0', 'status=none'])
  },
  'read MiB': ({ directory, mib }) => {
    const file = openSync(join(directory, 'big'), 'r')
    for (let left = mib * 2 ** 20; left > 0; left -= BLOCK_BYTES) {
      if (readSync(file, block) !== BLOCK_BYTES) throw new Error('a read came short')
    }
    closeSync(file)
  },
}

process.on('message', (ask: Ask) => {
  const startMs = performance.now()
  phases[ask.phase]!(ask)
  process.send!({ ms: performance.now() - startMs })
})
