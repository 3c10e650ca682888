/** Mounting a volume that the calling thread owns. */
import { closeSync } from 'node:fs'
import { freemem } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Credentials, type Fsal, runAsync } from 'vivefs/fsal'
import { writeAnswer } from './channel/device.ts'
import { Notifier } from './channel/notifier.ts'
import { FuseError } from './error.ts'
import { givenDescriptor } from './given-device.ts'
import { mountDevice, unmountDirectory } from './kernel-mount.ts'
import { completeOptions, type MountOptions } from './mount-options.ts'
import { Session, type SessionCounts } from './session.ts'
import { workerFile } from './worker-file.ts'

/** A mounted volume. */
export interface Mount {
  readonly directory: string
  /** Fulfilled when the mount is gone, by `unmount` or by umount(8); rejected with FUSE_CONNECTION when it broke. */
  readonly closed: Promise<void>
  /** What was asked so far. */
  counts(): Promise<SessionCounts>
  /**
   * Takes the mount away. FUSE_BUSY while files in it are open, unless `lazy`. Does nothing the second time. A mount that somebody else has made
   * (`/dev/fd/N`) and that only he may take away is no longer served.
   */
  unmount(o?: { lazy?: boolean }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface WorkerOption {
  /** The compiled worker, where a bundler has moved it. Default: beside this module. */
  readonly worker?: string | URL
}

/** What can be mounted: an open volume, a snapshot of it (`vive.snapshot(name)`), or a fork. */
export interface Mountable {
  readonly fsal: Fsal
  readonly credentials: Credentials
  /** What a volume stands on; a volume in memory is said to have the free memory. */
  readonly engine?: string
}

/**
 * Mounts an open volume, a snapshot (every change is EROFS) or a fork. Requests are read by a worker thread and served by the calling thread, which must not use the mount itself
 * synchronously: it would wait for its own answer. The volume stays the caller's to close, after the mount.
 */
export async function mount(
  vive: Mountable,
  directory: string,
  options: Partial<MountOptions> & WorkerOption = {},
): Promise<Mount> {
  if (givenDescriptor(directory) !== undefined) {
    throw new FuseError('FUSE_ARGUMENT', `${directory}: a descriptor is served by mountVolume only`)
  }
  const { worker: workerOption, ...given } = options
  const whole = completeOptions(given)
  const file = workerFile(workerOption)
  const root = await runAsync(vive.fsal.getattr(vive.credentials, vive.fsal.root(), undefined))
  const { device, at } = mountDevice(directory, whole)
  const notifier = new Notifier(device)
  const session = new Session({
    fsal: vive.fsal,
    rootIno: root.ino,
    options: whole,
    answer: (head, headBytes, body) => writeAnswer(device, head, headBytes, body),
    notify: (message) => notifier.send(message),
    ...(vive.engine === 'memory' && { freeBytes: freemem }),
  })
  const reader = new Worker(file, { workerData: { role: 'reader', device } })
  const closed = new Promise<void>((resolve, reject) => {
    reader.on('message', (request: ArrayBuffer) => void session.serve(Buffer.from(request), request.byteLength))
    reader.once('error', (error) => reject(new FuseError('FUSE_CONNECTION', 'the reading thread failed', error)))
    reader.once('exit', () => resolve())
  }).finally(async () => {
    await runAsync(session.closeAll())
    await notifier.close()
    closeSync(device)
  })
  closed.catch(() => {})
  return handleOf(
    at,
    closed,
    (o) => unmountDirectory(at, o),
    async () => session.counts,
  )
}

/** `end` begins the end of the mount, which `closed` tells. */
export function handleOf(
  directory: string,
  closed: Promise<void>,
  end: (o: { lazy?: boolean }) => Promise<void>,
  counts: () => Promise<SessionCounts>,
): Mount {
  let gone = false
  closed.then(
    () => {
      gone = true
    },
    () => {
      gone = true
    },
  )
  const unmount = async (o: { lazy?: boolean } = {}): Promise<void> => {
    if (!gone) await end(o)
    await closed
  }
  return { directory, closed, counts, unmount, [Symbol.asyncDispose]: () => unmount() }
}
