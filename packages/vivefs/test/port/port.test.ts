/** Volumes over worker threads: one owner, others through a port, with the promise and callback faces. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { MessageChannel } from 'node:worker_threads'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { connectPort, openInWorker, type PortFileSystem, type ServeOptions, servePort } from '../../src/port/index.ts'

async function served(options: ServeOptions = {}) {
  const vive = await ViveFS.open('memory://')
  const { port1, port2 } = new MessageChannel()
  servePort(vive, port1, options)
  const volume = connectPort(port2)
  const close = async (): Promise<void> => {
    port1.close()
    await vive.close()
  }
  return { vive, volume, close }
}

/** The same calls on the volume itself and through the port. */
async function outcomes(fs: PortFileSystem): Promise<unknown[]> {
  const { promises } = fs
  const seen: unknown[] = []
  const attempt = async (run: () => unknown): Promise<void> => {
    try {
      seen.push(await run())
    } catch (error) {
      const { name, code, errno, syscall, path: at, dest, message } = error as NodeJS.ErrnoException & { dest?: string }
      seen.push({ name, code, errno, syscall, path: at, dest, message, isError: error instanceof Error })
    }
  }
  await attempt(() => promises.mkdir('/a/b', { recursive: true }))
  await attempt(() => promises.writeFile('/a/file', 'content'))
  await attempt(() => promises.writeFile('/a/pieces', ['one', 'two']))
  await attempt(() => promises.appendFile('/a/file', new Uint8Array([33])))
  await attempt(() => promises.readFile('/a/file'))
  await attempt(() => promises.readFile('/a/pieces', 'utf8'))
  await attempt(() => promises.readFile(Buffer.from('/a/file'), { encoding: 'hex' }))
  await attempt(() => promises.readFile(new URL('file:///a/file'), 'utf8'))
  await attempt(() => promises.readFile('/none'))
  await attempt(() => promises.rename('/none', '/other'))
  await attempt(() => promises.mkdir('/a'))
  await attempt(() => promises.stat(5 as never))
  await attempt(() => promises.chmod('/a/file', 'x'))
  await attempt(() => promises.rm('/a'))
  await attempt(async () => {
    const stats = await promises.stat('/a/file')
    return [stats.isFile(), stats.size, stats.mtime instanceof Date, Object.keys(stats).length]
  })
  await attempt(async () => {
    const stats = await promises.stat('/a/file', { bigint: true })
    return [stats.isFile(), stats.size, typeof stats.mtimeNs]
  })
  await attempt(async () =>
    (await promises.readdir('/a', { withFileTypes: true })).map((entry) => [
      entry.name,
      entry.parentPath,
      entry.isDirectory(),
    ]),
  )
  await attempt(async () => {
    const handle = await promises.open('/a/file', 'r+')
    const into = Buffer.alloc(4)
    const answers = [
      await handle.read(into, 0, 4, 1),
      (await handle.write('XY', 2)).bytesWritten,
      (await handle.writev([Buffer.from('1'), Buffer.from('2')], 0)).bytesWritten,
      (await handle.stat()).size,
      await handle.readFile('utf8'),
      String(into),
    ]
    await handle.close()
    return answers
  })
  await attempt(async () => {
    const names: string[] = []
    for await (const entry of await promises.opendir('/a')) names.push(entry.name)
    return names.sort()
  })
  await attempt(async () => {
    await pipeline(fs.createReadStream('/a/file', { start: 1 }), fs.createWriteStream('/a/copy'))
    return promisify(fs.readFile)('/a/copy', 'utf8')
  })
  await attempt(async () => {
    const fd = await promisify(fs.open)('/a/file', 'r')
    const into = Buffer.alloc(3)
    const got = await new Promise((resolve) =>
      fs.read(fd, into, 0, 3, 0, (error, bytes, buffer) => resolve([error, bytes, buffer === into])),
    )
    await promisify(fs.close)(fd)
    return [got, String(into)]
  })
  await attempt(() => promisify(fs.fstat)(1e6))
  await attempt(() => promises.cp('/a', '/copied', { recursive: true }))
  await attempt(() => promises.setxattr('/a/file', 'user.x', 'value'))
  await attempt(() => promises.getxattr('/a/file', 'user.x'))
  await attempt(() => promises.rm('/a', { recursive: true }))
  await attempt(() => promises.access('/a'))
  return seen
}

test('through a port everything is as it is on the volume itself', async () => {
  const direct = await ViveFS.open('memory://')
  const { volume, close } = await served()
  const theirs = await outcomes(direct.fs as unknown as PortFileSystem)
  expect(await outcomes(volume.fs)).toEqual(theirs)
  await direct.close()
  await close()
})

test('views, rights of a port, and what cannot cross it', async () => {
  const { vive, volume, close } = await served()
  await vive.fs.promises.mkdir('/dir')
  await volume.as({ cwd: '/dir', umask: 0o077 }).fs.promises.writeFile('file', 'x')
  expect((await vive.fs.promises.stat('/dir/file')).mode & 0o777).toBe(0o600)
  await expect(volume.as({ uid: 0 }).fs.promises.readdir('/')).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
  await expect(volume.close()).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
  await expect(volume.fs.promises.cp('/dir', '/copy', { recursive: true, filter: () => true })).rejects.toMatchObject({
    code: 'ERR_VIVEFS_OPTION',
  })
  expect((await volume.space()).inodes).toBe((await vive.space()).inodes)
  const many = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => volume.fs.promises.writeFile(`/dir/m${i}`, `${i}`)),
  )
  expect(many.length).toBe(1000)
  expect((await vive.fs.promises.readdir('/dir')).length).toBe(1001)
  await close()
})

test('a volume in a worker of its own', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'vivefs-port-'))
  const outfile = path.join(import.meta.dirname ?? __dirname, '../../dist/test/port-worker.mjs')
  try {
    await build({
      entryPoints: [path.join(import.meta.dirname ?? __dirname, '../../src/port/worker.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      logLevel: 'error',
    })
    const workerFile = pathToFileURL(outfile)
    const volume = await openInWorker(path.join(directory, 'volume'), { workerFile })
    await volume.fs.promises.mkdir('/a')
    await Promise.all(Array.from({ length: 200 }, (_, i) => volume.fs.promises.writeFile(`/a/${i}`, `content ${i}`)))
    expect((await volume.fs.promises.readdir('/a')).length).toBe(200)
    await volume.snapshots.create('here')
    expect((await (await volume.snapshot('here')).fs.promises.stat('/')).isDirectory()).toBe(true)
    await expect(openInWorker(path.join(directory, 'volume'), { workerFile })).rejects.toMatchObject({
      code: 'ERR_VIVEFS_LOCKED',
    })
    await volume.close()
    await expect(volume.fs.promises.readdir('/a')).rejects.toMatchObject({ code: 'ERR_VIVEFS_CLOSED' })
    const again = await openInWorker(path.join(directory, 'volume'), { workerFile, readOnly: true })
    expect(await again.fs.promises.readFile('/a/7', 'utf8')).toBe('content 7')
    await expect(again.fs.promises.writeFile('/a/7', '')).rejects.toMatchObject({
      code: 'EROFS',
      syscall: 'open',
      path: '/a/7',
    })
    await again.close()
  } finally {
    rmSync(directory, { recursive: true, force: true })
    rmSync(outfile, { force: true })
  }
})
