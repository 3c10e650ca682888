/**
 * What sharing costs: a clone of a file beside a copy of it, the first writes into it, and deleting it. On lsm in the temporary
 * directory. Argument: MiB of the file (default 1024).
 */
import { constants, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ViveFS } from '../src/index.ts'

const { COPYFILE_FICLONE_FORCE } = constants
const MIB = 1 << 20
const mib = Number(process.argv[2] ?? 1024)
const WRITES = 200
const REST_MS = 3000
const place = mkdtempSync(path.join(os.tmpdir(), 'vivefs-bench-reflinks-'))
const piece = Buffer.alloc(8 * MIB)
for (let at = 0; at < piece.length; at += 4) piece.writeUInt32LE(Math.imul(at, 0x9e3779b1) >>> 0, at)

const line = (what: string, ...cells: string[]): void =>
  console.log(what.padEnd(52), ...cells.map((cell) => cell.padStart(14)))

async function main(): Promise<void> {
  const vive = await ViveFS.open(path.join(place, 'volume'), {
    engine: 'lsm',
    memoryBytes: 256 << 20,
    credentials: { uid: 0, gid: 0 },
  })
  const fs = vive.fs.promises
  const measured = async (what: string, run: () => Promise<unknown>): Promise<void> => {
    // What was written before is moved on in the background.
    await vive.sync()
    await setTimeout(REST_MS)
    const before = vive.statistics().bytesWritten
    const cpu = process.cpuUsage()
    const start = performance.now()
    await run()
    const spent = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    const bytes = vive.statistics().bytesWritten - before
    line(what, `${spent.toFixed(1)} ms`, `${((user + system) / 1000).toFixed(1)} ms`, bytes.toLocaleString('en'))
  }
  const overwrite = async (file: string): Promise<void> => {
    await using handle = await fs.open(file, 'r+')
    const data = Buffer.alloc(4096, 5)
    for (let n = 0; n < WRITES; n++) {
      await handle.write(data, 0, data.length, (Math.imul(n, 0x9e37) % (mib * 256)) * 4096)
    }
  }
  line(`a file of ${mib} MiB`, 'wall', 'CPU', 'bytes written')
  await measured('written', async () => {
    await using handle = await fs.open('/file', 'w')
    for (let done = 0; done < mib * MIB; done += piece.length) await handle.write(piece)
  })
  await measured('copied', () => fs.copyFile('/file', '/copy'))
  await measured('cloned', () => fs.copyFile('/file', '/clone', COPYFILE_FICLONE_FORCE))
  await measured('cloned again', () => fs.copyFile('/file', '/again', COPYFILE_FICLONE_FORCE))
  await measured('the clone cloned', () => fs.copyFile('/clone', '/third', COPYFILE_FICLONE_FORCE))
  await measured(`${WRITES} writes of 4 KiB all over the copy`, () => overwrite('/copy'))
  await measured(`${WRITES} writes of 4 KiB all over a clone`, () => overwrite('/again'))
  await measured(`${WRITES} writes of 4 KiB all over the source`, () => overwrite('/file'))
  await measured('the copy deleted', async () => {
    await fs.rm('/copy')
    await vive.settle()
  })
  await measured('a clone deleted', async () => {
    await fs.rm('/third')
    await vive.settle()
  })
  await measured('the last that reads it deleted', async () => {
    for (const name of ['/clone', '/again', '/file']) await fs.rm(name)
    await vive.settle()
  })
  await vive.close()
}

try {
  await main()
} finally {
  rmSync(place, { recursive: true, force: true })
}
