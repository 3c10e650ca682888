/** Works in a directory and prints what it took: `node client.mjs DIR FILES MIB` prints JSON of rates. */
import { closeSync, constants, fsyncSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const [, , directory, filesText, mibText] = process.argv as unknown as [string, string, string, string, string]
const files = Number(filesText)
const mib = Number(mibText)
const path = (i: number): string => join(directory, `f${i}`)
const block = Buffer.alloc(128 * 1024, 7)
const rates: Record<string, number> = {}

function measure(name: string, count: number, body: (i: number) => void): void {
  const start = performance.now()
  for (let i = 0; i < count; i++) body(i)
  rates[name] = (count / (performance.now() - start)) * 1000
}

measure('create', files, (i) => closeSync(openSync(path(i), 'wx')))
for (let i = 0; i < files; i++) {
  const fd = openSync(path(i), 'w')
  writeSync(fd, block, 0, 4096)
  closeSync(fd)
}
measure('stat', files, (i) => void statSync(path(i)))
measure('stat of nothing', files, (i) => void statSync(join(directory, `no${i}`), { throwIfNoEntry: false }))
const into = Buffer.alloc(4096)
measure('open+read+close', files, (i) => {
  const fd = openSync(path(i), 'r')
  readSync(fd, into)
  closeSync(fd)
})
measure('unlink', files, (i) => unlinkSync(path(i)))

const big = join(directory, 'big')
const pieces = mib * 8
const out = openSync(big, constants.O_WRONLY | constants.O_CREAT)
measure('write MiB', pieces, () => void writeSync(out, block))
fsyncSync(out)
closeSync(out)
const inp = openSync(big, 'r')
measure('read MiB', pieces, () => void readSync(inp, block))
closeSync(inp)
unlinkSync(big)
for (const name of ['write MiB', 'read MiB']) rates[name]! /= 8
process.stdout.write(JSON.stringify(rates))
