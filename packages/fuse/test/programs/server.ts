/**
 * A process that serves one mount: `node server.mjs JSON`. Says `{ mounted }` or `{ refused }` to its parent, does what it is told and
 * answers each message once. It ends with the mount, or unmounts when its parent is gone.
 */
import { readFileSync } from 'node:fs'
import { type MountOptions, mount, mountVolume } from '@vivefs/fuse'
import { type OpenOptions, ViveFS } from 'vivefs'

export interface ServerRole {
  /** `volume`: the worker owns it. `calling`: this thread does. */
  readonly kind: 'volume' | 'calling'
  readonly where: string
  readonly directory: string
  readonly options?: Partial<Omit<MountOptions, 'mapUid' | 'mapGid'>>
  readonly volume?: OpenOptions
  /** A fork of that name is made and mounted in the place of the volume (`calling`). */
  readonly fork?: string
}

/** What a server can be told. `fs` calls a function of vive.fs.promises: a change made outside the mount. */
export type ServerOrder =
  | { readonly order: 'counts' }
  | { readonly order: 'fsck' }
  | { readonly order: 'memory' }
  | { readonly order: 'unmount'; readonly lazy?: boolean }
  /** Calls `lock`, `unlock`, `testLock` or `flock` of a file that stays open for it; `close` closes it. */
  | {
      readonly order: 'lock'
      readonly path: string
      readonly method: 'lock' | 'unlock' | 'testLock' | 'flock' | 'close'
      readonly args: readonly unknown[]
    }
  | { readonly order: 'fs'; readonly method: string; readonly args: readonly unknown[] }
  | {
      readonly order: 'quotas'
      readonly method: 'set' | 'get' | 'setGrace' | 'assign'
      readonly args: readonly unknown[]
    }

const role = JSON.parse(process.argv[2]!) as ServerRole
const say = (message: object): void => {
  if (process.connected) process.send!(message)
}
const told = (error: unknown): object => {
  const { code, message } = error as NodeJS.ErrnoException
  return { code, message }
}

async function start() {
  const { directory, options = {}, volume = {}, where } = role
  if (role.kind === 'volume') {
    return { mounted: await mountVolume(where, directory, { ...options, volume }), vive: undefined }
  }
  const vive = await ViveFS.open(where, volume)
  try {
    const tree = role.fork === undefined ? vive : await vive.fork(undefined, role.fork)
    return { mounted: await mount(tree, directory, options), vive }
  } catch (error) {
    await vive.close()
    throw error
  }
}

async function main(): Promise<void> {
  const { mounted, vive } = await start()
  const files = new Map<string, Record<string, (...args: unknown[]) => Promise<unknown>>>()
  const obey = async (message: ServerOrder): Promise<unknown> => {
    switch (message.order) {
      case 'counts': {
        const counts = await mounted.counts()
        return { ...counts, requests: Object.fromEntries(counts.requests) }
      }
      case 'fsck':
        return (await vive!.fsck()).findings
      case 'memory':
        return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024
      case 'unmount':
        return await mounted.unmount(message)
      case 'lock': {
        const { path, method, args } = message
        let file = files.get(path)
        if (file === undefined) {
          file = (await vive!.root.fs.promises.open(path, 'r+')) as unknown as NonNullable<typeof file>
          files.set(path, file)
        }
        if (method === 'close') files.delete(path)
        return await file[method]!(...args)
      }
      case 'fs': {
        const promises = vive!.root.fs.promises as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
        return await promises[message.method]!(...message.args)
      }
      case 'quotas': {
        const quotas = vive!.quotas as unknown as Record<string, (...args: unknown[]) => unknown>
        return await quotas[message.method]!(...message.args)
      }
    }
  }
  let answered = Promise.resolve()
  process.on('message', (message: ServerOrder) => {
    const answer = obey(message).then(
      (result) => say({ result }),
      (error) => say({ error: told(error) }),
    )
    answered = answered.then(() => answer)
  })
  process.on('disconnect', () => void mounted.unmount({ lazy: true }))
  say({ mounted: mounted.directory })
  await mounted.closed
  await vive?.close()
  await answered
  if (process.connected) process.disconnect()
}

main().catch((error) => {
  say({ refused: told(error) })
  process.exitCode = 1
  if (process.connected) process.disconnect()
})
