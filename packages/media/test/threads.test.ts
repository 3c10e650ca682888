import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forgetShared, type Medium, openDirectory, openMemory, openPool } from '../src/index.ts'
import { compileSources } from './compiled.ts'

let compiled: { directory: string; index: string }
const root = mkdtempSync(join(tmpdir(), 'vivefs-threads-'))
beforeAll(() => {
  compiled = compileSources()
}, 120_000)
afterAll(() => {
  rmSync(compiled.directory, { recursive: true, force: true })
  rmSync(root, { recursive: true, force: true })
})

/** Runs an ES module in which `media` is this package; resolves to what it posts. */
async function inWorker(body: string, workerData: unknown): Promise<unknown> {
  const file = join(compiled.directory, `worker-${Math.random().toString(36).slice(2)}.js`)
  writeFileSync(
    file,
    `import { parentPort, workerData } from 'node:worker_threads'
     import * as media from ${JSON.stringify(pathToFileURL(compiled.index).href)}
     ${body}`,
  )
  const worker = new Worker(file, { workerData })
  const [[message]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return message
}

async function startChild(body: string, ...args: string[]): Promise<ChildProcess> {
  const file = join(compiled.directory, `child-${Math.random().toString(36).slice(2)}.js`)
  writeFileSync(file, `import * as media from ${JSON.stringify(pathToFileURL(compiled.index).href)}\n${body}`)
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

const firstByte = async (medium: Medium, zone: number, offset: number) => {
  const into = new Uint8Array(1)
  return (await medium.read(zone, offset, into)) === 1 ? into[0] : undefined
}

describe('memory and worker threads', () => {
  it('four workers find the zones by spec and append to one zone without losing a byte', async () => {
    const medium = openMemory({ name: 'threads', zoneCount: 2, zoneBytes: 1 << 20 })
    const body = `
      const medium = await media.openMedium(workerData.spec)
      const offsets = []
      for (let i = 0; i < 200; i++) {
        const record = new Uint8Array(100).fill(workerData.mark)
        offsets.push(i % 2 ? medium.appendSync(0, [record]) : await medium.append(0, [record]))
      }
      await medium.close()
      parentPort.postMessage({ id: medium.id, offsets })`
    const results = (await Promise.all([1, 2, 3, 4].map((mark) => inWorker(body, { spec: medium.spec, mark })))) as {
      id: string
      offsets: number[]
    }[]
    const all = results.flatMap((result) => result.offsets)
    expect(new Set(all).size).toBe(800)
    expect(Math.max(...all)).toBe(799 * 100)
    for (const [index, { id, offsets }] of results.entries()) {
      expect(id).toBe(medium.id)
      for (const offset of offsets) {
        const into = new Uint8Array(100)
        expect(medium.readSync!(0, offset, into)).toBe(100)
        expect(into.every((byte) => byte === index + 1)).toBe(true)
      }
    }
    expect((await medium.report())[0]!.pointer).toBe(80_000)
    await medium.close()
  })

  it('a worker attaches to what was posted, and not to a name that is gone', async () => {
    const medium = openMemory({ zoneCount: 1, zoneBytes: 4096 })
    const body = `
      const medium = media.openMemory({ zoneCount: 1, zoneBytes: 4096 }, workerData.shared)
      medium.appendSync(0, [Uint8Array.of(42)])
      parentPort.postMessage(medium.id)`
    expect(await inWorker(body, { shared: medium.shared })).toBe(medium.id)
    expect(await firstByte(medium, 0, 0)).toBe(42)
    await medium.close()
    expect(() => openMemory({}, { id: 'x', buffer: new SharedArrayBuffer(100) })).toThrow(/MEDIA_FORMAT/)
    forgetShared('threads')
  })

  it('a worker shares a directory under the lock of its process', async () => {
    const medium = openDirectory({ path: join(root, 'shared'), zoneCount: 4, zoneBytes: 65536 })
    medium.appendSync!(0, [Uint8Array.of(1)])
    medium.flushSync!()
    const body = `
      const medium = await media.openMedium(workerData.spec)
      await medium.append(1, [Uint8Array.of(7)])
      await medium.flush()
      await medium.resume(0, 1)
      const into = new Uint8Array(1)
      await medium.read(0, 0, into)
      await medium.close()
      parentPort.postMessage([medium.id, into[0]])`
    expect(await inWorker(body, { spec: medium.spec })).toEqual([medium.id, 1])
    expect(() => openDirectory({ path: join(root, 'shared') })).toThrow(/MEDIA_LOCKED.*process/)
    await medium.close()
  })
})

describe('pool and worker threads', () => {
  it('workers append to zones of a pool under the lock of its process; nothing is lost', async () => {
    const medium = openPool({ path: join(root, 'pooled'), zoneCount: 4, zoneBytes: 1 << 20 })
    const body = `
      const medium = await media.openMedium(workerData.spec)
      for (let i = 0; i < 200; i++) {
        const record = new Uint8Array(100).fill(workerData.zone + 1)
        if (i % 2) medium.appendSync(workerData.zone, [record])
        else await medium.append(workerData.zone, [record])
      }
      await medium.flush()
      await medium.close()
      parentPort.postMessage(medium.id)`
    const ids = await Promise.all([1, 2, 3].map((zone) => inWorker(body, { spec: medium.spec, zone })))
    expect(ids).toEqual([medium.id, medium.id, medium.id])
    expect((await medium.report()).map(({ pointer }) => pointer)).toEqual([0, 20_000, 20_000, 20_000])
    for (const zone of [1, 2, 3]) {
      const into = new Uint8Array(20_000)
      expect(await medium.read(zone, 0, into)).toBe(20_000)
      expect(into.every((byte) => byte === zone + 1)).toBe(true)
    }
    await medium.close()
  })
})

describe('processes', () => {
  const holder = `
    const medium = media.openDirectory({ path: process.argv[2], zoneCount: 4, zoneBytes: 65536 })
    await medium.append(0, [new Uint8Array(1000).fill(5)])
    await medium.flush()
    console.log('ready')
    setInterval(() => {}, 1000)`

  it('a living writer keeps others out by name; a killed one does not', async () => {
    const path = join(root, 'killed')
    const child = await startChild(holder, path)
    expect(() => openDirectory({ path })).toThrow(new RegExp(`MEDIA_LOCKED.*process ${child.pid} `))
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    const medium = openDirectory({ path })
    const into = new Uint8Array(1000)
    expect(await medium.read(0, 0, into)).toBe(1000)
    expect(into.every((byte) => byte === 5)).toBe(true)
    expect((await medium.report())[0]).toMatchObject({ state: 'closed', pointer: 'unknown', type: 'conventional' })
    await medium.close()
    expect(existsSync(join(path, 'medium.lock'))).toBe(false)
  })

  it('a pool is followed by another process while it is written', async () => {
    const path = join(root, 'pool')
    const writer = `
      const medium = media.openPool({ path: process.argv[2], zoneCount: 4, zoneBytes: 65536 })
      console.log('ready')
      let mark = 0
      setInterval(() => { if (mark < 200) medium.appendSync(1, [new Uint8Array(64).fill(++mark)]) }, 1)`
    const child = await startChild(writer, path)
    const follower = openPool({ path, zoneCount: 4, zoneBytes: 65536, readOnly: true })
    expect(() => openPool({ path, zoneCount: 4, zoneBytes: 65536 })).toThrow(/MEDIA_LOCKED/)
    const deadline = Date.now() + 10_000
    let seen = 0
    while (seen < 20 && Date.now() < deadline) {
      const into = new Uint8Array(64)
      while ((await follower.read(1, seen * 64, into)) === 64) {
        seen++
        expect(into.every((byte) => byte === seen)).toBe(true)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    expect(seen).toBeGreaterThanOrEqual(20)
    await expect(follower.append(0, [Uint8Array.of(1)])).rejects.toMatchObject({ code: 'MEDIA_READ_ONLY' })
    await follower.close()
  })
})
