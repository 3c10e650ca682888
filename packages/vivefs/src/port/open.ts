/** A volume that lives in a worker thread of its own. */
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ViveError } from '../errors.ts'
import type { OpenOptions } from '../vivefs.ts'
import { Calls } from './calls.ts'
import { PortVolume } from './client.ts'
import { unpack } from './values.ts'

export interface WorkerOptions extends Omit<OpenOptions, 'runtime'> {
  /** The worker's program, when it does not lie beside this module. */
  readonly workerFile?: URL
}

/** CJS builds know their file by another name. */
const here = (): string => (typeof __filename === 'string' ? pathToFileURL(__filename).href : import.meta.url)

/**
 * Opens the volume in a worker thread, which owns it: its work does not hold up this thread. `where` as of ViveFS.open,
 * but no database object. Closing the volume ends the worker. Errors as of ViveFS.open.
 */
export async function openInWorker(where: string | URL, options: WorkerOptions = {}): Promise<PortVolume> {
  const { workerFile, ...rest } = options
  const place = where instanceof URL ? { href: where.href } : where
  const worker = new Worker(workerFile ?? new URL('./port-worker.js', here()), {
    workerData: { where: place, options: rest },
  })
  const [first] = (await once(worker, 'message')) as [{ opened: boolean; error?: unknown }]
  if (!first.opened) {
    await worker.terminate()
    throw unpack(first.error)
  }
  const calls = new Calls(worker)
  const gone = (cause?: unknown): void => {
    calls.end(new ViveError('ERR_VIVEFS_CLOSED', "the volume's worker has ended", { cause }))
  }
  worker.on('error', gone)
  worker.on('exit', () => gone())
  return new PortVolume(calls, () => worker.terminate())
}
