/** Locks as programs use them: through file handles of several views, through ports, from worker threads. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { runAsync } from '../../src/op.ts'
import { connectPort, servePort } from '../../src/port/index.ts'

let vive: ViveFS
beforeEach(async () => {
  vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
  await vive.fs.promises.writeFile('/f', 'content')
})
afterEach(() => vive.close())

const codeOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error) => error.code,
  )

test('an open file is an owner of its own: two handles stand in each other’s way', async () => {
  const { promises } = vive.fs
  await using one = await promises.open('/f', 'r+')
  await using two = await promises.open('/f', 'r+')
  await one.lock({ start: 10, length: 5 })
  expect(await codeOf(two.lock({ start: 14, length: 1 }))).toBe('EAGAIN')
  await two.lock({ start: 15, length: 1 })
  expect(await two.testLock({ start: 0 })).toEqual({
    kind: 'posix',
    type: 'write',
    start: 10,
    length: 5,
    owner: { session: '', id: expect.stringMatching(/^file/), pid: -1 },
  })
  expect(await one.testLock({ start: 0, length: 15 })).toBe(undefined)
  const waiting = two.lock({ wait: true, type: 'read' })
  await one.unlock({ start: 12, length: 1 })
  expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 10, 'waits'))])).toBe('waits')
  await one.close()
  await waiting
})

test('a session is one owner: any close of the file by it lets go, as POSIX has it', async () => {
  const other = vive.as({ session: 'other' }).fs.promises
  const one = await vive.fs.promises.open('/f', 'r+')
  const two = await vive.fs.promises.open('/f', 'r')
  const theirs = await other.open('/f', 'r+')
  await one.lock({ owner: 'session' })
  expect(await codeOf(theirs.lock({ owner: 'session' }))).toBe('EAGAIN')
  expect(await theirs.testLock({ owner: 'session' })).toMatchObject({
    owner: { session: '', id: '', pid: process.pid },
  })
  expect(await two.testLock({ owner: 'session', type: 'read' })).toBe(undefined)
  await two.close()
  await theirs.lock({ owner: 'session' })
  expect(await codeOf(one.lock({ owner: 'session' }))).toBe('EAGAIN')
  // Two clients that wait for each other.
  await vive.fs.promises.writeFile('/g', '')
  await using ours = await vive.fs.promises.open('/g', 'r+')
  const theirsToo = await other.open('/g', 'r+')
  await ours.lock({ owner: 'session' })
  const waiting = one.lock({ owner: 'session', wait: true })
  expect(await codeOf(theirsToo.lock({ owner: 'session', wait: true }))).toBe('EDEADLK')
  await vive.endSession('other')
  await waiting
  expect(await codeOf(theirs.read())).toBe('EBADF')
  await one.close()
})

test('what a lock is for, the file must be open for; errors name the call; wrong arguments are refused', async () => {
  const { promises } = vive.fs
  await using reader = await promises.open('/f', 'r')
  await using writer = await promises.open('/f', 'a')
  await expect(reader.lock()).rejects.toMatchObject({ code: 'EBADF', syscall: 'fcntl' })
  await expect(writer.lock({ type: 'read' })).rejects.toMatchObject({ code: 'EBADF', syscall: 'fcntl' })
  await reader.flock('exclusive')
  await expect(writer.flock('shared')).rejects.toMatchObject({ code: 'EAGAIN', syscall: 'flock' })
  await expect(reader.lock({ type: 'rw' as never })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  await expect(reader.lock({ start: -1 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
  await expect(reader.lock({ wait: 1 as never })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  await expect(reader.flock('open' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  await expect(reader.lock({ type: 'read', start: 2 ** 53 - 1, length: 2 })).rejects.toMatchObject({
    code: 'EOVERFLOW',
  })
})

test('a wait ends by a signal, a time limit, and the close of its file', async () => {
  const { promises } = vive.fs
  await using holder = await promises.open('/f', 'r+')
  await holder.lock()
  const waiter = await promises.open('/f', 'r+')
  const control = new AbortController()
  const aborted = waiter.lock({ wait: true, signal: control.signal })
  control.abort(new Error('enough'))
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'enough' } })
  expect(await codeOf(waiter.lock({ wait: true, timeoutMs: 5 }))).toBe('ETIMEDOUT')
  const closed = codeOf(waiter.lock({ wait: true }))
  await waiter.close()
  expect(await closed).toBe('EBADF')
})

test('callbacks and synchronous calls by descriptor', async () => {
  const { fs } = vive
  const one = await new Promise<number>((resolve, reject) =>
    fs.open('/f', 'r+', (error, fd) => (error ? reject(error) : resolve(fd))),
  )
  const two = await new Promise<number>((resolve, reject) =>
    fs.open('/f', 'r+', (error, fd) => (error ? reject(error) : resolve(fd))),
  )
  fs.flockSync(one, 'exclusive')
  expect(() => fs.flockSync(two, 'shared')).toThrow(/EAGAIN/)
  expect(() => fs.flockSync(two, 'shared', { wait: true })).toThrow(/has to wait/)
  const got = new Promise<unknown>((resolve) => fs.flock(two, 'shared', { wait: true }, resolve))
  fs.flockSync(one, 'unlock')
  expect(await got).toBe(null)
  fs.lockSync(one, { length: 3 })
  expect(fs.testLockSync(two)).toMatchObject({ start: 0, length: 3, type: 'write' })
  fs.unlockSync(one)
  expect(fs.testLockSync(two)).toBe(undefined)
  expect(() => fs.lockSync(99)).toThrow(/EBADF/)
})

test('through ports: each is a session; a signal crosses; with the port go its open files and its locks', async () => {
  const ends = [new MessageChannel(), new MessageChannel()]
  for (const { port1 } of ends) servePort(vive, port1)
  const [one, two] = ends.map(({ port2 }) => connectPort(port2))
  const first = await one.fs.promises.open('/f', 'r+')
  const second = await two.fs.promises.open('/f', 'r+')
  await first.lock({ owner: 'session', length: 4 })
  await first.lock({ owner: 'session', start: 8, type: 'read' })
  expect(await codeOf(second.lock({ owner: 'session' }))).toBe('EAGAIN')
  expect(await second.testLock({ start: 4 })).toMatchObject({ type: 'read', start: 8, length: 0 })
  const control = new AbortController()
  const waits = second.lock({ wait: true, owner: 'session', signal: control.signal })
  setTimeout(() => control.abort(), 20)
  await expect(waits).rejects.toMatchObject({ name: 'AbortError' })
  // More waits than the port has requests under way at once: what lets go still gets through.
  const many = Array.from({ length: 400 }, () => second.lock({ wait: true, type: 'read', owner: 'session' }))
  await first.unlock({ owner: 'session' })
  await Promise.all(many)
  await second.unlock({ owner: 'session' })
  await first.flock('exclusive')
  const last = second.flock('exclusive', { wait: true })
  ends[0].port1.close()
  await last
  expect(vive.fs.statSync('/f').size).toBe(7)
  ends[1].port1.close()
})

const WORKERS = 3
const ROUNDS = 25

test('worker threads take turns by locks; a worker that is terminated lets go', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-locks-'))
  try {
    const outfile = join(directory, 'worker.mjs')
    await build({
      stdin: {
        contents: `
          import { parentPort, workerData } from 'node:worker_threads'
          import { connectPort } from './src/port/client.ts'
          const { port, rounds, hold } = workerData
          const { promises } = connectPort(port).fs
          const file = await promises.open('/n', 'r+')
          const how = rounds % 2 === 0 ? () => file.lock({ wait: true, owner: 'session' }) : () => file.lock({ wait: true })
          for (let i = 0; i < rounds; i++) {
            await how()
            const { bytesRead, buffer } = await file.read(Buffer.alloc(8), 0, 8, 0)
            await file.write(Buffer.from(String(Number(buffer.subarray(0, bytesRead).toString().replaceAll('\\0', '')) + 1).padEnd(8)), 0, 8, 0)
            await file.unlock({ owner: rounds % 2 === 0 ? 'session' : 'description' })
          }
          if (hold) await file.flock('exclusive')
          parentPort.postMessage('done')
          setInterval(() => {}, 1000)
        `,
        resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      external: ['level', 'memory-level', 'abstract-level', '@vivefs/*'],
    })
    await vive.fs.promises.writeFile('/n', '0       ')
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const { port1, port2 } = new MessageChannel()
      servePort(vive, port1)
      const workerData = { port: port2, rounds: ROUNDS, hold: i === 0 }
      return new Worker(pathToFileURL(outfile), { workerData, transferList: [port2] })
    })
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    expect((await vive.fs.promises.readFile('/n', 'utf8')).trim()).toBe(`${WORKERS * ROUNDS}`)
    await using mine = await vive.fs.promises.open('/n', 'r')
    await expect(mine.flock('shared')).rejects.toMatchObject({ code: 'EAGAIN' })
    const waits = mine.flock('shared', { wait: true, timeoutMs: 20_000 })
    await Promise.all(workers.map((worker) => worker.terminate()))
    await waits
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a gateway’s owners: by handle, let go one by one and all at once', async () => {
  const { fsal } = vive
  const who = vive.credentials
  const { handle } = await runAsync(fsal.lookup(who, fsal.root(), { name: Buffer.from('f') }))
  const session = fsal.lockSession('nfs')
  expect(fsal.lockSession('nfs')).not.toBe(session)
  const owner = (id: string) => ({ session, id, pid: 7 })
  await runAsync(fsal.lock(who, handle, { owner: owner('a'), type: 'write', length: 5 }))
  await runAsync(fsal.lock(who, handle, { owner: owner('b'), type: 'write', start: 5, length: 5 }))
  expect(await runAsync(fsal.testLock(who, handle, { owner: owner('c'), type: 'read', start: 7 }))).toMatchObject({
    start: 5,
    length: 5,
    owner: { id: 'b', pid: 7 },
  })
  await expect(
    runAsync(
      fsal.lock({ uid: 5, gid: 5, groups: [], umask: 0 }, handle, { owner: owner('d'), type: 'write', start: 20 }),
    ),
  ).rejects.toMatchObject({ code: 'EACCES' })
  const file = await runAsync(fsal.open(who, handle, { flags: 0 }))
  await expect(
    runAsync(fsal.lock(who, handle, { owner: owner('d'), type: 'write', start: 20, file })),
  ).rejects.toMatchObject({ code: 'EBADF' })
  await runAsync(fsal.close(file))
  await using mine = await vive.fs.promises.open('/f', 'r+')
  const waits = mine.lock({ wait: true, timeoutMs: 20_000 })
  await runAsync(fsal.unlock(who, handle, { owner: owner('a') }))
  fsal.endLockSession(session)
  await waits
  await vive.fs.promises.unlink('/f')
  await mine.close()
  await expect(runAsync(fsal.lock(who, handle, { owner: owner('a'), type: 'write' }))).rejects.toMatchObject({
    code: 'ESTALE',
  })
})
