/**
 * Writes to a mount until it is gone: `node writer.mjs DIR SEED`. Says one line of JSON for each thing that was acknowledged, and only then.
 * What it wrote can be told from the line: `{ name, seed, bytes, lines, gone }`.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** The content of a file, by its seed. */
export function contentOf(seed, bytes) {
  const block = createHash('sha256').update(seed).digest()
  return Buffer.alloc(bytes, block)
}

const [, program, directory, seed] = process.argv

if (program.endsWith('writer.mjs') && directory !== undefined) {
  // A pipe that nobody empties would hold the writer: the parent reads all the time.
  const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`)
  const base = join(directory, `w${seed}`)
  mkdirSync(base)
  say({ directory: `w${seed}` })
  let lines = 0
  for (let i = 0; ; i++) {
    const one = `${seed}-${i}`
    const bytes = (i * 7919) % 90_000
    const name = `w${seed}/f${i}`
    const fd = openSync(join(directory, `${name}.new`), 'w')
    writeSync(fd, contentOf(one, bytes))
    const isSynced = i % 3 === 0
    if (isSynced) fsyncSync(fd)
    closeSync(fd)
    renameSync(join(directory, `${name}.new`), join(directory, name))
    say({ name, seed: one, bytes, isSynced })
    appendFileSync(join(base, 'log'), `${i}\n`)
    say({ log: `w${seed}/log`, lines: ++lines })
    if (i % 5 === 4) {
      unlinkSync(join(directory, `w${seed}/f${i - 3}`))
      say({ gone: `w${seed}/f${i - 3}` })
    }
  }
}
