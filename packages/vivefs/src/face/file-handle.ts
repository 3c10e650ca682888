/** FileHandle of node:fs/promises: an open file as an object. */
import { AsyncResource } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import type { ReadStream, WriteStream } from 'node:fs'
import { createInterface, type Interface } from 'node:readline'
import { ReadableStream } from 'node:stream/web'
import type { Lease, LeaseType } from '../lock/lease.ts'
import type { LockWait } from '../lock/types.ts'
import { type Op, runAsync } from '../op.ts'
import { traced } from '../trace.ts'
import { assertBoolean, assertObject, coded } from './arguments.ts'
import * as attributes from './attributes.ts'
import type { Face } from './context.ts'
import type { Description } from './descriptors.ts'
import { readFileAsync } from './files.ts'
import * as io from './io.ts'
import * as leases from './leases.ts'
import * as locks from './locks.ts'
import { flink } from './names.ts'
import { withPromise } from './stat-options.ts'
import { openReadStream, openWriteStream } from './streams/streams.ts'
import { toReadInto, toWriteFrom } from './transfer-arguments.ts'
import { refuse, wordedByHandle } from './wording.ts'
import { appendAny, writeAny } from './write-any.ts'

const descriptions = new WeakMap<object, Description>()

/** The open file behind a FileHandle of this package; undefined for anything else. */
export const descriptionOf = (value: unknown): Description | undefined =>
  typeof value === 'object' && value !== null ? descriptions.get(value) : undefined

const invalidState = (what: string): Error => coded(Error, 'ERR_INVALID_STATE', `Invalid state: ${what}`)

export class FileHandle extends EventEmitter {
  readonly #face: Face
  readonly #description: Description
  #fd: number
  #closing: Promise<void> | undefined
  #isLocked = false
  #resource: AsyncResource | undefined

  constructor(face: Face, description: Description) {
    super()
    this.#face = face
    this.#description = description
    this.#fd = description.fd
    descriptions.set(this, description)
  }

  /** The number by which async_hooks know it. */
  getAsyncId(): number {
    this.#resource ??= new AsyncResource('FILEHANDLE', { requireManualDestroy: true })
    return this.#resource.asyncId()
  }

  /** The number; -1 once it is closed. */
  get fd(): number {
    return this.#fd
  }

  /** `method` and `args`: as the caller gave them, for the words of a refusal. */
  #run<T>(
    syscall: string,
    method: string,
    args: readonly unknown[],
    start: (face: Face, description: Description) => Op<T>,
  ): Promise<T> {
    if (this.#fd === -1) return Promise.reject(Object.assign(new Error('file closed'), { code: 'EBADF', syscall }))
    let op: Op<T>
    try {
      op = start(this.#face, this.#description)
    } catch (error) {
      return wordedByHandle(method, args, error).then(refuse)
    }
    return runAsync(traced(op, this.#face.core, this.#face.who, 'handle', method, args))
  }

  stat(options?: { bigint?: boolean }) {
    return this.#run('fstat', 'stat', [options], (face, of) => withPromise.fstat(face, of, options))
  }

  chmod(mode: unknown): Promise<void> {
    return this.#run('fchmod', 'chmod', [mode], (face, of) => attributes.fchmod(face, of, mode))
  }

  chown(uid: unknown, gid: unknown): Promise<void> {
    return this.#run('fchown', 'chown', [uid, gid], (face, of) => attributes.fchown(face, of, uid, gid))
  }

  utimes(atime: unknown, mtime: unknown): Promise<void> {
    return this.#run('futimes', 'utimes', [atime, mtime], (face, of) => attributes.futimes(face, of, atime, mtime))
  }

  truncate(length: unknown = 0): Promise<void> {
    return this.#run('ftruncate', 'truncate', [length], (face, of) => attributes.ftruncate(face, of, length))
  }

  sync(): Promise<void> {
    return this.#run('fsync', 'sync', [], attributes.fsync)
  }

  datasync(): Promise<void> {
    return this.#run('fdatasync', 'datasync', [], attributes.fdatasync)
  }

  read(...args: unknown[]) {
    let buffer: NodeJS.ArrayBufferView | undefined
    return this.#run('read', 'read', args, (face, of) => {
      const what = toReadInto('promises', args)
      buffer = what.buffer
      return io.read(face, of, what)
    }).then((bytesRead) => ({ __proto__: null, bytesRead, buffer }))
  }

  async readv(buffers: unknown, position?: unknown) {
    const bytesRead = await this.#run('readv', 'readv', [buffers, position], (face, of) =>
      io.readv(face, of, buffers, position),
    )
    return { __proto__: null, bytesRead, buffers }
  }

  write(...args: unknown[]) {
    return this.#run('write', 'write', args, (face, of) => io.write(face, of, toWriteFrom('promises', args))).then(
      (bytesWritten) => ({ __proto__: null, bytesWritten, buffer: args[0] }),
    )
  }

  async writev(buffers: unknown, position?: unknown) {
    const bytesWritten = await this.#run('writev', 'writev', [buffers, position], (face, of) =>
      io.writev(face, of, buffers, position),
    )
    return { __proto__: null, bytesWritten, buffers }
  }

  readFile(options?: unknown) {
    return this.#run('readFile', 'readFile', [options], (face, of) => readFileAsync(face, of, options))
  }

  writeFile(data: unknown, options?: unknown): Promise<void> {
    return this.#run('writeFile', 'writeFile', [data, options], (face, of) => writeAny(face, of, data, options))
  }

  /** Writes where the position is, as node's does. */
  appendFile(data: unknown, options?: unknown): Promise<void> {
    return this.#run('writeFile', 'appendFile', [data, options], (face, of) => appendAny(face, of, data, options))
  }

  /** Beyond node:fs: gives the file one more name, or its first one (O_TMPFILE). */
  link(newPath: unknown): Promise<void> {
    return this.#run('link', 'link', [newPath], (face, of) => flink(face, of, newPath))
  }

  /** Beyond node:fs: the next data or hole at or behind `offset`. ENXIO when there is none. */
  seek(what: 'data' | 'hole', offset: number): Promise<number> {
    return this.#run('lseek', 'seek', [what, offset], (face, of) => io.seek(face, of, what, offset))
  }

  /** Beyond node:fs: fallocate(2). */
  allocate(offset: number, length: number, options?: io.FallocateOptions): Promise<void> {
    return this.#run('fallocate', 'allocate', [offset, length, options], (face, of) =>
      io.fallocate(face, of, offset, length, options),
    )
  }

  /** Beyond node:fs: fcntl(2) F_SETLK and F_SETLKW. */
  lock(options?: locks.LockOptions): Promise<void> {
    return this.#run('fcntl', 'lock', [options], (face, of) => locks.lock(face, of, options))
  }

  /** Beyond node:fs: fcntl(2) F_GETLK. */
  testLock(options?: locks.TestLockOptions) {
    return this.#run('fcntl', 'testLock', [options], (face, of) => locks.testLock(face, of, options))
  }

  /** Beyond node:fs: fcntl(2) F_UNLCK. */
  unlock(options?: locks.UnlockOptions): Promise<void> {
    return this.#run('fcntl', 'unlock', [options], (face, of) => locks.unlock(face, of, options))
  }

  /** Beyond node:fs: flock(2). */
  flock(operation: locks.FlockOperation, options?: LockWait): Promise<void> {
    return this.#run('flock', 'flock', [operation, options], (face, of) => locks.flock(face, of, operation, options))
  }

  /** Beyond node:fs: fcntl(2) F_SETLEASE. */
  lease(type: LeaseType, options?: leases.LeaseOptions): Promise<Lease> {
    return this.#run('fcntl', 'lease', [type, options], (face, of) => leases.lease(face, of, type, options))
  }

  createReadStream(options?: object): ReadStream {
    return openReadStream(this.#face, undefined, { ...options, fd: this })
  }

  createWriteStream(options?: object): WriteStream {
    return openWriteStream(this.#face, undefined, { ...options, fd: this })
  }

  readLines(options?: object): Interface {
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY })
  }

  readableWebStream(options: { type?: string; autoClose?: boolean } = {}): ReadableStream {
    if (this.#fd === -1) throw invalidState('The FileHandle is closed')
    if (this.#closing !== undefined) throw invalidState('The FileHandle is closing')
    if (this.#isLocked) throw invalidState('The FileHandle is locked')
    assertObject(options, 'options')
    const { autoClose = false } = options
    assertBoolean(autoClose, 'options.autoClose')
    this.#isLocked = true
    const finish = async (): Promise<void> => {
      if (autoClose) await this.close()
    }
    const stream = new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: 16_384,
      pull: async (controller) => {
        const view = controller.byobRequest?.view as Uint8Array
        const { bytesRead } = await this.read(view, 0, view.byteLength)
        if (bytesRead === 0) {
          controller.close()
          await finish()
        }
        controller.byobRequest?.respond(bytesRead)
      },
      cancel: finish,
    })
    this.once('close', () => {
      if (!stream.locked) void stream.cancel().catch(() => {})
    })
    return stream
  }

  /** Waits for what is under way, then closes. A second close is the same close; one after it does nothing. */
  close(): Promise<void> {
    if (this.#fd === -1) return this.#closing ?? Promise.resolve()
    this.#fd = -1
    this.#closing = runAsync(
      traced(io.close(this.#face, this.#description), this.#face.core, this.#face.who, 'handle', 'close', []),
    ).finally(() => {
      this.#closing = undefined
    })
    this.emit('close')
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
