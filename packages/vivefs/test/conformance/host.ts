/**
 * The filesystem of the host as the suite takes it: node:fs in child processes that run as the people of the suite. What
 * passes here is what Linux does, so it shows that the suite asks for the right things.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Credentials,
  descriptorFunctions,
  people,
  type SuiteDirent,
  type SuiteFs,
  type SuiteHandle,
  type SuiteHeldLock,
  type SuiteLocker,
  type SuiteVolume,
} from 'vivefs/conformance'

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** Objects that stay in the worker, and values whose methods do not survive the way. */
interface Packed {
  readonly $?: 'handle' | 'dir' | 'stats' | 'dirent'
  readonly object?: number
  readonly fd?: number
  readonly fields?: object
  readonly name?: string
  readonly type?: string
}

const bigIntStats: object = Object.getPrototypeOf(fs.statSync('.', { bigint: true }))

const works = (command: string, ...args: string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Whether this process may become other people and mount, on a system that has the calls. */
export const isHostUsable = (): boolean =>
  process.platform === 'linux' && process.geteuid?.() === 0 && works('unshare', '-m', 'true')

/** Whether the calls that node:fs lacks can be made by way of Python. */
export const hasExtras = (): boolean => works('python3', '-c', 'import os; os.setxattr')

/** Whether the host's filesystem keeps access control lists where its temporary files are. */
export function hasLists(): boolean {
  const minimal = '0200000001000700ffffffff04000500ffffffff20000000ffffffff'
  const code = `import os, tempfile
with tempfile.NamedTemporaryFile() as file: os.setxattr(file.name, "system.posix_acl_access", bytes.fromhex("${minimal}"))`
  return works('python3', '-c', code)
}

class Hub {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #count = 0

  constructor(directory: string) {
    const worker = fileURLToPath(new URL('host-worker.mjs', import.meta.url))
    this.#process = spawn('unshare', ['-m', '--propagation', 'private', process.execPath, worker, 'hub', directory], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#process.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  async send(message: object): Promise<unknown> {
    const id = ++this.#count
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve)
      this.#process.send({ id, ...message })
    })
    if (answer.error !== undefined) throw Object.assign(new Error(answer.error.message), defined(answer.error))
    return answer.result
  }

  close(): void {
    this.#process.disconnect()
  }
}

const defined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const dirent = ({ name = '', type }: Packed): SuiteDirent => ({
  name,
  isFile: () => type === 'isFile',
  isDirectory: () => type === 'isDirectory',
  isSymbolicLink: () => type === 'isSymbolicLink',
  isFIFO: () => type === 'isFIFO',
  isSocket: () => type === 'isSocket',
})

/** An object whose methods are calls in the worker. */
function remote<T extends object>(call: (method: string, args: unknown[]) => Promise<unknown>, own: object): T {
  return new Proxy(own, {
    get: (target, name) => {
      if (name in target || typeof name === 'symbol' || name === 'then') return Reflect.get(target, name)
      return (...args: unknown[]) => call(name, args)
    },
  }) as T
}

interface RemoteLocker {
  readonly fd: number
  readonly owner: number
}

type Send = (target: string, method: string, args: unknown[]) => Promise<unknown>

/** An open file of the person's Python process: that process is the owner of its byte ranges. */
function lockerOf(send: Send, { fd, owner }: RemoteLocker): SuiteLocker {
  let isOpen = true
  return {
    owner,
    lock: async (request) => void (await send('extras', 'lock', [fd, request])),
    unlock: async (range) => void (await send('extras', 'unlock', [fd, range])),
    test: async (request) => ((await send('extras', 'test', [fd, request])) as SuiteHeldLock | null) ?? undefined,
    flock: async (operation, options = {}) => void (await send('extras', 'flock', [fd, operation, options])),
    async close() {
      // The number may be another file's by now.
      if (!isOpen) return
      isOpen = false
      await send('extras', 'close', [fd])
    },
  }
}

function fsOf(hub: Hub, who: string, credentials: Credentials): SuiteFs {
  const send = async (target: string, method: string, args: unknown[], object?: number): Promise<unknown> =>
    unpack((await hub.send({ who, credentials, target, method, args, object })) as Packed)

  function handle({ object, fd = -1 }: Packed): SuiteHandle {
    const own = { fd }
    const call = async (method: string, args: unknown[]): Promise<unknown> => {
      if (method === 'close') own.fd = -1
      const result = await send('object', method, args, object)
      if (method !== 'read') return result
      const read = result as { bytesRead: number; buffer: Uint8Array }
      ;(args[0] as Buffer).set(read.buffer)
      return { bytesRead: read.bytesRead, buffer: args[0] }
    }
    return remote<SuiteHandle>(call, own)
  }

  function unpack(value: unknown): unknown {
    if (value === null || typeof value !== 'object') return value
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    if (Array.isArray(value)) return value.map(unpack)
    const packed = value as Packed
    if (packed.$ === 'handle') return handle(packed)
    if (packed.$ === 'dir') return remote((method, args) => send('object', method, args, packed.object), {})
    if (packed.$ === 'stats') return Object.assign(Object.create(bigIntStats), packed.fields)
    if (packed.$ === 'dirent') return dirent(packed)
    return value
  }

  const callbacks = Object.fromEntries(
    descriptorFunctions.map((name) => [
      name,
      (...args: unknown[]) => {
        const callback = args.pop() as (error: unknown, result?: unknown) => void
        send('callback', name, args).then((result) => callback(null, result), callback)
      },
    ]),
  )
  return {
    ...(callbacks as Pick<SuiteFs, (typeof descriptorFunctions)[number]>),
    promises: remote<SuiteFs['promises']>((method, args) => send('promises', method, args), {}),
    extras: {
      mknod: async (...args) => void (await send('extras', 'mknod', args)),
      rename: async (...args) => void (await send('extras', 'rename', args)),
      linkHandle: async (open, to) => void (await send('extras', 'linkHandle', [open.fd, to])),
      getxattr: async (...args) => (await send('extras', 'getxattr', args)) as Buffer,
      setxattr: async (...args) => void (await send('extras', 'setxattr', args)),
      listxattr: async (...args) => (await send('extras', 'listxattr', args)) as string[],
      removexattr: async (...args) => void (await send('extras', 'removexattr', args)),
      openLocker: async (...args) => lockerOf(send, (await send('extras', 'openLocker', args)) as RemoteLocker),
    },
  }
}

/** A new directory of the host, in `parent`; it is gone after `close`. */
export async function openHost(parent: string = os.tmpdir()): Promise<SuiteVolume> {
  const directory = fs.mkdtempSync(path.join(parent, 'vivefs-conformance-'))
  fs.chmodSync(directory, 0o755)
  const hub = new Hub(directory)
  const views = new Map<string, SuiteFs>()
  const view = (credentials: Credentials): SuiteFs => {
    const who = JSON.stringify(credentials)
    const found = views.get(who) ?? fsOf(hub, who, credentials)
    views.set(who, found)
    return found
  }
  return {
    directory,
    fs: view(people.root),
    as: view,
    remount: async ({ readOnly }) => void (await hub.send({ mount: readOnly ? 'ro' : 'rw' })),
    close: async () => {
      hub.close()
      fs.rmSync(directory, { recursive: true, force: true })
    },
  }
}
