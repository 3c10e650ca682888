/**
 * Works in directories, as it is told by messages `{ phase, directory, files, mib }`; answers `{ rate }`, per second. A process of its own, warm
 * after its first round.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Ask, BLOCK_BYTES } from './ask.ts'

const block = Buffer.alloc(BLOCK_BYTES, 7)
const small = Buffer.alloc(4096, 7)

/** Bodies of one go, by the name of the phase; `before` is not measured. */
const phases: Record<string, { before?: (ask: Ask) => void; run: (ask: Ask) => void; count: (ask: Ask) => number }> = {
  create: {
    run: ({ directory, files }) => {
      for (let i = 0; i < files; i++) closeSync(openSync(join(directory, `f${i}`), 'wx'))
    },
    count: ({ files }) => files,
  },
  stat: {
    before: ({ directory, files }) => {
      for (let i = 0; i < files; i++) {
        const file = openSync(join(directory, `f${i}`), 'r+')
        writeSync(file, small)
        closeSync(file)
      }
    },
    run: ({ directory, files }) => {
      for (let i = 0; i < files; i++) statSync(join(directory, `f${i}`))
    },
    count: ({ files }) => files,
  },
  'open+read+close': {
    run: ({ directory, files }) => {
      for (let i = 0; i < files; i++) {
        const file = openSync(join(directory, `f${i}`), 'r')
        readSync(file, small)
        closeSync(file)
      }
    },
    count: ({ files }) => files,
  },
  unlink: {
    run: ({ directory, files }) => {
      for (let i = 0; i < files; i++) unlinkSync(join(directory, `f${i}`))
    },
    count: ({ files }) => files,
  },
  'write MiB': {
    run: ({ directory, mib }) => {
      const file = openSync(join(directory, 'big'), 'w')
      for (let left = mib * 2 ** 20; left > 0; left -= BLOCK_BYTES) writeSync(file, block)
      fsyncSync(file)
      closeSync(file)
    },
    count: ({ mib }) => mib,
  },
  'read MiB': {
    before: ({ directory, cold }) => {
      if (cold) execFileSync('dd', [`if=${join(directory, 'big')}`, 'iflag=nocache', 'count=0', 'status=none'])
    },
    run: ({ directory, mib }) => {
      const file = openSync(join(directory, 'big'), 'r')
      for (let left = mib * 2 ** 20; left > 0; left -= BLOCK_BYTES) {
        if (readSync(file, block) !== BLOCK_BYTES) throw new Error('a read came short')
      }
      closeSync(file)
    },
    count: ({ mib }) => mib,
  },
}

process.on('message', (ask: Ask) => {
  const { before, run, count } = phases[ask.phase]!
  before?.(ask)
  const startMs = performance.now()
  run(ask)
  process.send!({ rate: (count(ask) * 1000) / (performance.now() - startMs) })
})
