/** The program of a worker that owns a volume: see openInWorker. */
import { parentPort, workerData } from 'node:worker_threads'
import { ViveFS } from '../vivefs.ts'
import { servePort } from './owner.ts'
import { pack } from './values.ts'

const port = parentPort
if (port === null) throw new Error('this file is the program of a worker thread')
try {
  const { where, options } = workerData
  const vive = await ViveFS.open(typeof where === 'string' ? where : new URL(where.href), options)
  servePort(vive, port, { mayImpersonate: true, mayManage: true, mayClose: true })
  port.postMessage({ opened: true })
} catch (error) {
  port.postMessage({ opened: false, error: pack(error, []) })
}
