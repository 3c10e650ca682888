/**
 * Leases between worker threads over ports and views of the owner's thread: caches of all of them at once stay true (lease-client.ts is
 * the oracle). VIVEFS_DEEP=1 runs more of them for longer.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { servePort } from '../../src/port/index.ts'
import { coreOf } from '../../src/vivefs.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { LEASED, LeaseNotes, type LeaseReport, type LeaseRole, runLeaseClient } from './lease-client.ts'

const WORKERS = 2
const VIEWS = 3
const CLIENTS = WORKERS + VIEWS
const RUNS = isDeep ? 20 : 1
const STEPS = isDeep ? 1000 : 80

let directory: string
let program: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vivefs-leases-'))
  program = join(directory, 'client.mjs')
  await build({
    stdin: {
      contents: `
        import { parentPort, workerData } from 'node:worker_threads'
        import { connectPort } from './src/port/client.ts'
        import { runLeaseClient } from './test/locks/lease-client.ts'
        const { port, role } = workerData
        runLeaseClient(connectPort(port).fs.promises, role).then(
          (report) => parentPort.postMessage({ report }),
          (error) => parentPort.postMessage({ failure: String(error.stack) }),
        )
      `,
      resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    external: ['level', 'memory-level', 'abstract-level', '@vivefs/*', 'vivefs'],
  })
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Client {
  readonly report: Promise<LeaseReport>
  readonly worker?: Worker
}

function inWorker(vive: ViveFS, role: LeaseRole): Client {
  const { port1, port2 } = new MessageChannel()
  servePort(vive, port1)
  const worker = new Worker(pathToFileURL(program), { workerData: { port: port2, role }, transferList: [port2] })
  const answer = once(worker, 'message') as Promise<[{ report?: LeaseReport; failure?: string }]>
  const report = answer.then(([{ report: met, failure }]) => {
    if (met === undefined) throw new Error(failure)
    return met
  })
  return { worker, report }
}

async function startAll(vive: ViveFS, seed: number, memory: SharedArrayBuffer): Promise<Client[]> {
  for (let n = 0; n < LEASED; n++) await vive.fs.promises.writeFile(`/${n}`, Buffer.alloc(8))
  return Array.from({ length: CLIENTS }, (_, me) => {
    const role: LeaseRole = { me, clients: CLIENTS, memory, seed, steps: STEPS }
    if (me < WORKERS) return inWorker(vive, role)
    return { report: runLeaseClient(vive.as({ session: `view ${me}` }).fs.promises, role) }
  })
}

test('caches of workers and views stay true', async () => {
  for (let run = 0; run < RUNS; run++) {
    await withSeed(seedOf(run), async ({ seed }) => {
      await using vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
      const memory = LeaseNotes.memoryFor(CLIENTS)
      const clients = await startAll(vive, seed, memory)
      const reports = await Promise.all(clients.map(({ report }) => report))
      await Promise.all(clients.map(({ worker }) => worker?.terminate()))
      const sum = (of: (report: LeaseReport) => number) => reports.reduce((total, report) => total + of(report), 0)
      const [granted, broken] = [sum((report) => report.granted), sum((report) => report.broken)]
      console.log(
        `leases: ${CLIENTS} clients, ${CLIENTS * STEPS} steps, ${granted} granted, ${broken} broken, seed ${seed}`,
      )
      expect(granted).toBeGreaterThan(CLIENTS)
      expect(broken).toBeGreaterThan(CLIENTS)
      expect(coreOf(vive).leases.counts).toEqual({ held: 0, files: 0 })
      const notes = new LeaseNotes(memory, CLIENTS)
      for (let n = 0; n < LEASED; n++) {
        expect((await vive.fs.promises.readFile(`/${n}`)).readUInt32BE(4)).toBe(notes.counted(n))
      }
    })
  }
}, 600_000)

test('a worker that is terminated, holding what it may: nobody waits for its answer', async () => {
  for (let run = 0; run < RUNS; run++) {
    await withSeed(seedOf(run), async (random) => {
      await using vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
      const { port1, port2 } = new MessageChannel()
      servePort(vive, port1)
      await vive.fs.promises.writeFile('/0', Buffer.alloc(8))
      const memory = LeaseNotes.memoryFor(CLIENTS)
      const role: LeaseRole = { me: 0, clients: CLIENTS, memory, seed: random.seed, steps: 100_000 }
      await vive.fs.promises.writeFile('/1', Buffer.alloc(8))
      const worker = new Worker(pathToFileURL(program), { workerData: { port: port2, role }, transferList: [port2] })
      while (coreOf(vive).leases.counts.held === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      await worker.terminate()
      const before = performance.now()
      for (const path of ['/0', '/1']) await vive.as({ session: 'after' }).fs.promises.writeFile(path, 'mine')
      expect(performance.now() - before).toBeLessThan(20_000)
      expect(coreOf(vive).leases.counts).toEqual({ held: 0, files: 0 })
    })
  }
}, 600_000)
