/** Calls what node:fs warns of on one side and prints the warnings; run by deprecated.test.ts. */
import nodeFs from 'node:fs'
import { ViveFS } from '../../src/index.ts'
import { SyncDatabase } from '../sync-database.ts'

const [, , side, root] = process.argv
const vive = side === 'ours' ? await ViveFS.open(new SyncDatabase() as never) : undefined
const fs = (vive?.fs ?? nodeFs) as unknown as typeof nodeFs
const warnings: unknown[] = []
process.on('warning', ({ name, message, ...rest }) => warnings.push([name, (rest as { code?: string }).code, message]))
fs.mkdirSync(root, { recursive: true })
fs.mkdirSync(`${root}/full/inner`, { recursive: true })
fs.writeFileSync(`${root}/file`, 'content')
const fd = fs.openSync(`${root}/file`, 'r+')

const calls: Readonly<Record<string, () => unknown>> = {
  rmdir: () => fs.rmdirSync(`${root}/full`, { recursive: true } as object),
  left: () => fs.readdirSync(root),
  'rmdir of a file': () => fs.rmdirSync(`${root}/file`, { recursive: true } as object),
  'rmdir of nothing': () => fs.rmdirSync(`${root}/none`, { recursive: true } as object),
  truncate: () => fs.truncateSync(fd as never, 3),
  size: () => fs.fstatSync(fd).size,
  exists: () => fs.existsSync(5 as never),
  F_OK: () => (fs as unknown as { F_OK: number }).F_OK,
}
const results: unknown[] = []
for (const [name, call] of Object.entries(calls)) {
  try {
    results.push([name, call() ?? null])
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException
    results.push([name, code, syscall, message.replace(`number (${fd})`, 'number (fd)')])
  }
  // Warnings come in the next turn.
  await new Promise(setImmediate)
}
fs.closeSync(fd)
await vive?.close()
console.log(JSON.stringify({ results, warnings }))
