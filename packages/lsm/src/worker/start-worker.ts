import { join } from 'node:path'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts the worker: where the caller says, or beside this code. In CommonJS that is `worker.cjs` in the directory of this file; in ES
 * modules the expression below is the form that bundlers know and carry the file along for.
 */
export function startWorker(where: string | URL | undefined, options: WorkerOptions): Worker {
  if (where !== undefined) return new Worker(where, options)
  if (typeof __dirname === 'string') return new Worker(join(__dirname, 'worker.cjs'), options)
  return new Worker(new URL('./worker.js', import.meta.url), options)
}
