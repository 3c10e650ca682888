/**
 * Locks between worker threads over ports and views of the owner's thread: random programs of all of them at once, deadlocks included.
 * The oracle is memory that they share (lock-client.ts). VIVEFS_DEEP=1 runs more of them for longer.
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
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { type ClientReport, type ClientRole, FILES, Notes, runClient } from './lock-client.ts'

const WORKERS = 3
const VIEWS = 3
const CLIENTS = WORKERS + VIEWS
const RUNS = isDeep ? 20 : 1
const STEPS = isDeep ? 1500 : 150

let directory: string
let program: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vivefs-locks-'))
  program = join(directory, 'client.mjs')
  await build({
    stdin: {
      contents: `
        import { parentPort, workerData } from 'node:worker_threads'
        import { connectPort } from './src/port/client.ts'
        import { runClient } from './test/locks/lock-client.ts'
        const { port, role } = workerData
        runClient(connectPort(port).fs.promises, role).then(
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
  readonly report: Promise<ClientReport>
  readonly worker?: Worker
}

function inWorker(vive: ViveFS, role: ClientRole): Client {
  const { port1, port2 } = new MessageChannel()
  servePort(vive, port1)
  const worker = new Worker(pathToFileURL(program), { workerData: { port: port2, role }, transferList: [port2] })
  const answer = once(worker, 'message') as Promise<[{ report?: ClientReport; failure?: string }]>
  const report = answer.then(([{ report: met, failure }]) => {
    if (met === undefined) throw new Error(failure)
    return met
  })
  return { worker, report }
}

async function startAll(vive: ViveFS, seed: number, memory: SharedArrayBuffer): Promise<Client[]> {
  for (let n = 0; n < FILES; n++) await vive.fs.promises.writeFile(`/${n}`, 'content')
  return Array.from({ length: CLIENTS }, (_, me) => {
    const role: ClientRole = { me, clients: CLIENTS, memory, seed, steps: STEPS }
    if (me < WORKERS) return inWorker(vive, role)
    const { promises } = vive.as({ session: `view ${me}` }).fs
    return { report: runClient(promises, role) }
  })
}

test('workers and views: nobody gets what another has, every ring is broken, and nothing else is called one', async () => {
  for (let run = 0; run < RUNS; run++) {
    await withSeed(seedOf(run), async ({ seed }) => {
      await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
      const clients = await startAll(vive, seed, Notes.memoryFor(CLIENTS))
      const reports = await Promise.all(clients.map(({ report }) => report))
      await Promise.all(clients.map(({ worker }) => worker?.terminate()))
      const sum = (of: (report: ClientReport) => number) => reports.reduce((total, report) => total + of(report), 0)
      const [granted, rings] = [sum((report) => report.granted), sum((report) => report.rings)]
      console.log(
        `locks: ${CLIENTS} clients, ${CLIENTS * STEPS} steps, ${granted} granted, ${rings} rings, seed ${seed}`,
      )
      expect(granted).toBeGreaterThan(CLIENTS)
      expect(rings).toBeGreaterThan(0)
    })
  }
}, 600_000)

test('a worker that is terminated, holding and waiting as it may be: all others come to their end', async () => {
  for (let run = 0; run < RUNS; run++) {
    await withSeed(seedOf(run), async (random) => {
      await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
      const memory = Notes.memoryFor(CLIENTS)
      const clients = await startAll(vive, random.seed, memory)
      const [victim, ...others] = clients
      victim.report.catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 20 + random.upTo(60)))
      new Notes(memory, CLIENTS).bury(0)
      await victim.worker?.terminate()
      await Promise.all(others.map(({ report }) => report))
      await Promise.all(others.map(({ worker }) => worker?.terminate()))
    })
  }
}, 600_000)
