import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { unpacked } from './unpacked.ts'

/**
 * Starts the worker: where the caller says, or beside this code. In CommonJS that is `worker.cjs` in the directory of this file; in ES
 * modules the expression below is the form that bundlers know and carry the file along for. Out of an asar archive it is the copy beside it.
 */
export function startWorker(where: string | URL | undefined, options: WorkerOptions): Worker {
  if (where !== undefined) return new Worker(where, options)
  if (typeof __dirname === 'string') return new Worker(unpacked(join(__dirname, 'worker.cjs')), options)
  const copy = copyBeside(import.meta.url)
  return copy === undefined ? new Worker(new URL('./worker.js', import.meta.url), options) : new Worker(copy, options)
}

/** The worker that was taken out of the archive in which the ES module at `url` lies. */
function copyBeside(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined
  const packed = join(dirname(fileURLToPath(url)), 'worker.js')
  const copy = unpacked(packed)
  return copy === packed ? undefined : copy
}
