/** Mounting a volume that the thread which reads the device owns: the fast way. */
import { closeSync, statfs } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { OpenOptions } from 'vivefs'
import { Pace } from './channel/serve.ts'
import { FuseError } from './error.ts'
import { type MountedDevice, mountDevice, unmountDirectory } from './kernel-mount.ts'
import { handleOf, type Mount, type WorkerOption } from './mount.ts'
import { completeOptions, type MountOptions } from './mount-options.ts'
import type { SessionCounts } from './session.ts'
import type { FromServer, ToServer, WorkerRole } from './worker/messages.ts'
import { workerFile } from './worker-file.ts'

export interface VolumeMountOptions extends Partial<Omit<MountOptions, 'mapUid' | 'mapGid'>>, WorkerOption {
  /** The volume as it was at this snapshot; nothing can be changed. ENOENT. */
  readonly snapshot?: string
  /** How the volume is opened, in the worker. */
  readonly volume?: Pick<OpenOptions, 'create' | 'readOnly' | 'durability' | 'atime' | 'memoryBytes'>
}

/** How often the server is looked at, ms. */
const WATCH_MS = 25

/**
 * Opens a volume in a worker thread and mounts it: the thread that reads a request answers it. `where` is a directory or `memory://`; `directory` may be
 * `/dev/fd/N` of a mount that somebody else has made.
 * Errors: those of `ViveFS.open`, and FUSE_*.
 */
export async function mountVolume(where: string, directory: string, options: VolumeMountOptions = {}): Promise<Mount> {
  const { worker: workerOption, volume = {}, snapshot, ...given } = options
  const isSnapshot = snapshot !== undefined
  const whole = completeOptions(isSnapshot ? { ...given, readOnly: true } : given)

  const pace = new Pace()
  const data: WorkerRole = {
    role: 'server',
    where,
    volume: isSnapshot ? { ...volume, create: false, readOnly: true } : volume,
    ...(isSnapshot && { snapshot }),
    options: whole,
    pace: pace.cells.buffer as SharedArrayBuffer,
  }
  const server = new Worker(workerFile(workerOption), { workerData: data })
  await ready(server)
  let mounted: MountedDevice
  try {
    mounted = mountDevice(directory, whole)
  } catch (error) {
    server.postMessage({ kind: 'close' } satisfies ToServer)
    throw error
  }

  const { device, at, isGiven } = mounted
  server.postMessage({ kind: 'serve', device } satisfies ToServer)
  const watch = setInterval(watcher(pace, at), WATCH_MS).unref()
  const closed = new Promise<void>((resolve, reject) => {
    server.on('message', (message: FromServer) => {
      if (message.kind === 'failed') reject(failureOf(message))
    })
    server.once('error', (error) => reject(new FuseError('FUSE_CONNECTION', 'the serving thread failed', error)))
    server.once('exit', () => resolve())
  }).finally(() => {
    clearInterval(watch)
    closeSync(device)
  })
  closed.catch(() => {})
  const end = async (o: { lazy?: boolean }): Promise<void> => {
    try {
      await unmountDirectory(at, o)
    } catch (error) {
      if (!isGiven || (error as FuseError).code === 'FUSE_BUSY') throw error
      // Not ours to take away.
      server.postMessage({ kind: 'close' } satisfies ToServer)
      wake(at)
    }
  }
  return handleOf(at, closed, end, () => countsOf(server, at))
}

const failureOf = ({ code, message }: Extract<FromServer, { kind: 'failed' }>): Error =>
  Object.assign(new Error(message), { code })

function ready(server: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('message', (message: FromServer) => {
      if (message.kind === 'failed') reject(failureOf(message))
      else resolve()
    })
    server.once('error', reject)
  })
}

/** Makes a request that reaches the server: an answer about space is never cached by the kernel. */
const wake = (directory: string): void => statfs(directory, () => {})

/** Wakes the server by a request when it has blocked in one read since the last look. */
function watcher(pace: Pace, directory: string): () => void {
  let last = 0
  let woken = 0
  return () => {
    const { count } = pace
    if (count === last && count % 2 === 1 && count !== woken) {
      woken = count
      wake(directory)
    }
    last = count
  }
}

function countsOf(server: Worker, directory: string): Promise<SessionCounts> {
  return new Promise((resolve, reject) => {
    const listen = (message: FromServer) => {
      if (message.kind !== 'counts') return
      server.off('message', listen)
      resolve(message.counts)
    }
    server.on('message', listen)
    server.once('exit', () => reject(new FuseError('FUSE_CONNECTION', 'the mount is gone')))
    server.postMessage({ kind: 'counts' } satisfies ToServer)
    wake(directory)
  })
}
