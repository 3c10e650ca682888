/** An open file, and an open directory, on the other side of a port. */
import { EventEmitter } from 'node:events'
import type { ReadStream, WriteStream } from 'node:fs'
import { assertSignal } from '../face/arguments.ts'
import type { Dirent } from '../face/dirent.ts'
import type { LeaseOptions } from '../face/leases.ts'
import type { FlockOperation, LockOptions, TestLockOptions, UnlockOptions } from '../face/locks.ts'
import { toReadInto, toWriteFrom } from '../face/transfer-arguments.ts'
import type { LeaseType } from '../lock/lease.ts'
import type { LockWait } from '../lock/types.ts'
import type { Calls } from './calls.ts'
import type { PortLease } from './lease.ts'
import type { ViewOf } from './messages.ts'

type View = ArrayBufferView

/** Reads and writes by descriptor: bytes go over and come back, the caller's buffers stay here. */
export class Transfers {
  readonly #calls: Calls
  readonly #view: ViewOf

  constructor(calls: Calls, view: ViewOf) {
    this.#calls = calls
    this.#view = view
  }

  ask(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#calls.ask(this.#view, 'callback', name, args)
  }

  /** A lock: the signal stays here, its abort is told. */
  lock(name: 'lock' | 'flock', fd: number, args: readonly unknown[]): Promise<unknown> {
    const { signal, ...options } = (args[args.length - 1] ?? {}) as LockWait
    assertSignal(signal, 'options.signal')
    return this.#calls.askLong(this.#view, name, [fd, ...args.slice(0, -1), options], signal)
  }

  lease(fd: number, type: LeaseType, options: LeaseOptions = {}): Promise<PortLease> {
    return this.#calls.lease(this.#view, [fd, type, options])
  }

  async read(fd: number, ...rest: unknown[]): Promise<{ bytes: number; buffer: View }> {
    const { buffer, into, position } = toReadInto('promises', rest)
    const args = [fd, into.length, position ?? null]
    const data = (await this.#calls.ask(this.#view, 'read', 'read', args)) as Uint8Array
    into.set(data)
    return { bytes: data.length, buffer }
  }

  async write(fd: number, ...rest: unknown[]): Promise<number> {
    const { data, position } = toWriteFrom('promises', rest)
    return (await this.ask('write', fd, data, 0, data.length, position ?? null)) as number
  }

  async readv(fd: number, buffers: readonly View[], position?: number | null): Promise<number> {
    let total = 0
    for (const view of buffers) {
      const at = typeof position === 'number' ? position + total : null
      const { bytes } = await this.read(fd, view, 0, view.byteLength, at)
      total += bytes
      if (bytes < view.byteLength) break
    }
    return total
  }

  async writev(fd: number, buffers: readonly View[], position?: number | null): Promise<number> {
    const whole = Buffer.concat(buffers.map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)))
    return await this.write(fd, whole, 0, whole.length, position ?? null)
  }
}

/** What makes streams of a descriptor. */
export interface StreamMakers {
  createReadStream(path: string, options: object): ReadStream
  createWriteStream(path: string, options: object): WriteStream
}

/** FileHandle of a volume behind a port. */
export class PortFileHandle extends EventEmitter {
  readonly #transfers: Transfers
  readonly #streams: StreamMakers
  #fd: number

  constructor(transfers: Transfers, streams: StreamMakers, fd: number) {
    super()
    this.#transfers = transfers
    this.#streams = streams
    this.#fd = fd
  }

  get fd(): number {
    return this.#fd
  }

  stat(options?: object) {
    return this.#transfers.ask('fstat', this.#fd, options)
  }
  chmod(mode: unknown) {
    return this.#transfers.ask('fchmod', this.#fd, mode)
  }
  chown(uid: unknown, gid: unknown) {
    return this.#transfers.ask('fchown', this.#fd, uid, gid)
  }
  utimes(atime: unknown, mtime: unknown) {
    return this.#transfers.ask('futimes', this.#fd, atime, mtime)
  }
  truncate(length: unknown = 0) {
    return this.#transfers.ask('ftruncate', this.#fd, length)
  }
  sync() {
    return this.#transfers.ask('fsync', this.#fd)
  }
  datasync() {
    return this.#transfers.ask('fdatasync', this.#fd)
  }
  readFile(options?: unknown) {
    return this.#transfers.ask('readFile', this.#fd, options)
  }
  writeFile(data: unknown, options?: unknown) {
    return this.#transfers.ask('writeFile', this.#fd, data, options)
  }
  appendFile(data: unknown, options?: unknown) {
    return this.#transfers.ask('appendFile', this.#fd, data, options)
  }

  lock(options: LockOptions = {}) {
    return this.#transfers.lock('lock', this.#fd, [options])
  }
  testLock(options: TestLockOptions = {}) {
    return this.#transfers.ask('testLock', this.#fd, options)
  }
  unlock(options: UnlockOptions = {}) {
    return this.#transfers.ask('unlock', this.#fd, options)
  }
  flock(operation: FlockOperation, options: LockWait = {}) {
    return this.#transfers.lock('flock', this.#fd, [operation, options])
  }

  lease(type: LeaseType, options: LeaseOptions = {}) {
    return this.#transfers.lease(this.#fd, type, options)
  }

  async read(...args: unknown[]) {
    const { bytes, buffer } = await this.#transfers.read(this.#fd, ...args)
    return { bytesRead: bytes, buffer }
  }
  async write(...args: unknown[]) {
    return { bytesWritten: await this.#transfers.write(this.#fd, ...args), buffer: args[0] }
  }
  async readv(buffers: readonly View[], position?: number | null) {
    return { bytesRead: await this.#transfers.readv(this.#fd, buffers, position), buffers }
  }
  async writev(buffers: readonly View[], position?: number | null) {
    return { bytesWritten: await this.#transfers.writev(this.#fd, buffers, position), buffers }
  }

  createReadStream(options: object = {}): ReadStream {
    return this.#streams.createReadStream('', { ...options, fd: this.#take() })
  }
  createWriteStream(options: object = {}): WriteStream {
    return this.#streams.createWriteStream('', { ...options, fd: this.#take() })
  }

  /** The stream closes it. */
  #take(): number {
    const fd = this.#fd
    this.#fd = -1
    return fd
  }

  async close(): Promise<void> {
    const fd = this.#take()
    if (fd === -1) return
    await this.#transfers.ask('close', fd)
    this.emit('close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Dir of a volume behind a port. */
export class PortDir {
  readonly path: string
  readonly #ask: (name: 'read' | 'close') => Promise<unknown>
  #page: Dirent[] = []
  #next = 0

  constructor(path: string, ask: (name: 'read' | 'close') => Promise<unknown>) {
    this.path = path
    this.#ask = ask
  }

  async read(): Promise<Dirent | null> {
    if (this.#next === this.#page.length) {
      this.#page = (await this.#ask('read')) as Dirent[]
      this.#next = 0
    }
    return this.#page[this.#next++] ?? null
  }

  async close(): Promise<void> {
    await this.#ask('close')
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent, void> {
    try {
      for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry
    } finally {
      await this.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
