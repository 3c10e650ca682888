/** The owner's end: asks the volume what comes through the port. */
import type { Dir } from 'node:fs'
import { ViveError } from '../errors.ts'
import type { ViveFileSystem } from '../face/index.ts'
import type { Lease } from '../lock/lease.ts'
import type { LockWait } from '../lock/types.ts'
import type { ViveFS } from '../vivefs.ts'
import { ServedLeases } from './lease.ts'
import type { Port, Reply, Request, ViewOf } from './messages.ts'
import { Trees } from './trees.ts'
import { pack, type Transfer, unpack } from './values.ts'

export interface ServeOptions {
  /** Whether the other side may act as anybody (`as`). Default false: as the volume's own identity only. */
  readonly mayImpersonate?: boolean
  /** Whether the other side may make, delete and compare snapshots and forks, and roll back. Default false: it may look at snapshots. */
  readonly mayManage?: boolean
  /** Whether the other side may close the volume. Default false. */
  readonly mayClose?: boolean
}

type Anything = (...args: unknown[]) => unknown
type Callback = (error: unknown, ...values: unknown[]) => void

/** Entries that one message brings. */
const PAGE_ENTRIES = 64
/** Views of one port that are kept. */
const FACES_MAX = 64
/** The most bytes that one message brings. */
const READ_BYTES_MAX = 8 << 20

/** What of a view says nothing of who looks. */
const PLAIN_KEYS: ReadonlySet<string> = new Set(['cwd', 'umask', 'tree'])

const refuse = (text: string): ViveError => new ViveError('ERR_VIVEFS_OPTION', text)

class Owner {
  readonly #vive: ViveFS
  readonly #port: Port
  readonly #options: ServeOptions
  readonly #directories = new Map<number, Dir>()
  readonly #cancels = new Map<number, AbortController>()
  /** What a process is to POSIX locks, this port is: with it go its open files and its locks. */
  readonly #session: string
  readonly #faces = new Map<string, ViveFileSystem>()
  readonly #leases: ServedLeases
  readonly #trees: Trees
  #nextDirectory = 1
  #isGone = false

  constructor(vive: ViveFS, port: Port, options: ServeOptions) {
    this.#vive = vive
    this.#port = port
    this.#options = options
    this.#session = vive.fsal.lockSession('port')
    this.#trees = new Trees(vive, this.#session, options.mayManage === true)
    this.#leases = new ServedLeases((news) => {
      if (!this.#isGone) port.postMessage(news)
    })
  }

  /** The other side is gone. */
  async end(): Promise<void> {
    this.#isGone = true
    this.#faces.clear()
    this.#directories.clear()
    await this.#trees.end()
    await this.#vive.endSession(this.#session)
  }

  async answer(request: Request): Promise<void> {
    if (request.kind === 'cancel') {
      this.#cancels.get(request.id)?.abort()
      return
    }
    const transfer: Transfer = []
    let reply: Reply
    try {
      reply = { id: request.id, value: pack(await this.#run(request), transfer) }
    } catch (error) {
      reply = { id: request.id, error: pack(error, transfer) }
    }
    // What it opened while the other side went goes too.
    if (this.#isGone) return await this.end()
    this.#port.postMessage(reply, transfer)
  }

  #fs(view: ViewOf = {}): ViveFileSystem {
    const key = JSON.stringify(view)
    let fs = this.#faces.get(key)
    if (fs === undefined) {
      fs = this.#faceOf(view)
      if (this.#faces.size >= FACES_MAX) this.#faces.clear()
      this.#faces.set(key, fs)
    }
    return fs
  }

  #faceOf(view: NonNullable<ViewOf>): ViveFileSystem {
    if (this.#options.mayImpersonate !== true && Object.keys(view).some((key) => !PLAIN_KEYS.has(key))) {
      throw refuse('this port serves the identity of the volume only')
    }
    const { uid, gid, groups } = this.#vive.credentials
    const { tree, ...rest } = view
    const from = tree === undefined ? this.#vive : this.#trees.get(tree)
    return from.as({ uid, gid, groups, ...rest, session: this.#session }).fs
  }

  async #run(request: Request): Promise<unknown> {
    const { kind, view, name, args } = request
    const given = unpack(args) as unknown[]
    switch (kind) {
      case 'promises': {
        const fs = this.#fs(view).promises
        if (name === 'opendir') return this.#open((await call(fs, name, given)) as Dir)
        return await call(fs, name, given)
      }
      case 'callback':
        return await called(this.#fs(view), name, given)
      case 'read': {
        const [fd, length, position] = given as [number, number, number | bigint | null]
        const into = Buffer.allocUnsafeSlow(Math.min(length, READ_BYTES_MAX))
        const bytes = (await called(this.#fs(view), 'read', [fd, into, 0, into.length, position])) as number
        return into.subarray(0, bytes)
      }
      case 'lock':
        return await this.#lock(request, given)
      case 'lease':
        return await this.#lease(request, given)
      case 'tree':
        // Faces of what is closed are forgotten.
        if (name === 'closeTree') this.#faces.clear()
        return await this.#trees.answer(name, given)
      case 'dir':
        return await this.#directory(name, given[0] as number)
      default:
        return await this.#volume(name)
    }
  }

  async #lock({ id, view, name }: Request, given: unknown[]): Promise<unknown> {
    const cancel = new AbortController()
    this.#cancels.set(id, cancel)
    try {
      const options = { ...(given.pop() as LockWait), signal: cancel.signal }
      return await called(this.#fs(view), name, [...given, options])
    } finally {
      this.#cancels.delete(id)
    }
  }

  async #lease({ view, name }: Request, [number, ...given]: unknown[]): Promise<unknown> {
    if (name !== 'lease') return this.#leases.answer(name, number as number)
    return this.#leases.add(number as number, (await called(this.#fs(view), 'lease', given)) as Lease)
  }

  #open(directory: Dir): { readonly number: number; readonly path: string } {
    const number = this.#nextDirectory++
    this.#directories.set(number, directory)
    return { number, path: directory.path }
  }

  async #directory(name: string, number: number): Promise<unknown> {
    const directory = this.#directories.get(number)
    if (directory === undefined) throw refuse('no such directory is open')
    if (name === 'close') {
      this.#directories.delete(number)
      return await directory.close()
    }
    const entries: unknown[] = []
    for (let entry = await directory.read(); entry !== null; entry = await directory.read()) {
      entries.push(entry)
      if (entries.length === PAGE_ENTRIES) break
    }
    return entries
  }

  async #volume(name: string): Promise<unknown> {
    if (name === 'space') return this.#vive.space()
    if (name === 'sync') return await this.#vive.sync()
    if (name !== 'close' || this.#options.mayClose !== true) throw refuse('this port does not close the volume')
    return await this.#vive.close()
  }
}

function functionOf(face: object, name: string): Anything {
  const own = Object.hasOwn(face, name) ? (face as Record<string, unknown>)[name] : undefined
  if (typeof own !== 'function' || name.endsWith('Sync')) throw refuse(`no function ${name}`)
  return own as Anything
}

const call = async (face: object, name: string, args: unknown[]): Promise<unknown> => functionOf(face, name)(...args)

const called = (face: object, name: string, args: unknown[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const done: Callback = (error, value) => (error ? reject(error) : resolve(value))
    functionOf(face, name)(...args, done)
  })

/**
 * Serves an open volume through a port. Whoever holds the other end acts on it by the rights of the volume's own
 * identity, with `mayImpersonate` by anybody's.
 */
export function servePort(vive: ViveFS, port: Port, options: ServeOptions = {}): void {
  const owner = new Owner(vive, port, options)
  const listen = port.on.bind(port) as (event: string, listener: (request: Request) => void) => unknown
  listen('message', (request) => void owner.answer(request).catch(() => {}))
  // A port's end says `close`, a worker `exit`. Failures met the volume itself, which tells its next caller.
  for (const event of ['close', 'exit']) listen(event, () => void owner.end().catch(() => {}))
}
