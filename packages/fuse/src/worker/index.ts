/** The threads of a mount: one that only reads requests, one that owns the volume too. */
import { freemem } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { ViveFS } from 'vivefs'
import { runAsync } from 'vivefs/fsal'
import { REQUEST_BYTES_MAX, readRequestSync, writeAnswer } from '../channel/device.ts'
import { Pace, serve } from '../channel/serve.ts'
import { Session } from '../session.ts'
import type { FromServer, ToServer, WorkerRole } from './messages.ts'

const port = parentPort!

/** Hands every request to the thread that owns the volume. */
function readAll(device: number): void {
  const buffer = Buffer.allocUnsafeSlow(REQUEST_BYTES_MAX)
  for (;;) {
    const bytes = readRequestSync(device, buffer)
    if (bytes === 0) return
    const copy = buffer.buffer.slice(0, bytes)
    port.postMessage(copy, [copy])
  }
}

async function own(data: Extract<WorkerRole, { role: 'server' }>): Promise<void> {
  const vive = await ViveFS.open(data.where, data.volume)
  try {
    const { fsal } = data.snapshot === undefined ? vive : vive.snapshot(data.snapshot)
    const root = await runAsync(fsal.getattr(vive.credentials, fsal.root(), undefined))
    const pace = new Pace(data.pace)
    const device = await new Promise<number | undefined>((resolve) => {
      port.once('message', (message: ToServer) => resolve(message.kind === 'serve' ? message.device : undefined))
      port.postMessage({ kind: 'open' } satisfies FromServer)
    })
    if (device === undefined) return
    const session = new Session({
      fsal,
      rootIno: root.ino,
      options: data.options,
      answer: (head, headBytes, body) => writeAnswer(device, head, headBytes, body),
      ...(vive.engine === 'memory' && { freeBytes: freemem }),
    })
    port.on('message', ({ kind }: ToServer) => {
      if (kind === 'counts') port.postMessage({ kind, counts: session.counts } satisfies FromServer)
      if (kind === 'close') session.ended = true
    })
    try {
      await serve(session, device, pace)
    } finally {
      await runAsync(session.closeAll())
    }
  } finally {
    await vive.close()
  }
}

const data = workerData as WorkerRole
if (data.role === 'reader') readAll(data.device)
else {
  own(data)
    .catch((error: NodeJS.ErrnoException) => {
      const code = error.code ?? 'FUSE_CONNECTION'
      port.postMessage({ kind: 'failed', code, message: error.message } satisfies FromServer)
    })
    .finally(() => port.close())
}
