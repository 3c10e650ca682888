/** Streams: node's own ReadStream and WriteStream on a view, so that events and their order are node's. */
import nodeFs, { type ReadStream, type WriteStream } from 'node:fs'
import { coded } from '../arguments.ts'
import { callbacksOf } from '../callbacks.ts'
import type { Face } from '../context.ts'

/** An open file whose streams close it as an object. */
interface Closable {
  readonly fd: number
  close(): Promise<void>
  on(event: 'close', listener: () => void): unknown
}

type StreamOptions = Record<string, unknown>

const isHandle = (value: unknown): value is Closable =>
  typeof value === 'object' && value !== null && 'fd' in value && 'close' in value

/** What node makes of options that are no object, it shall make itself. */
function whole(face: Face, options: unknown): unknown {
  const callbacks = callbacksOf(face)
  if (options === undefined || options === null || typeof options === 'function') return { fs: callbacks }
  if (typeof options === 'string') return { encoding: options, fs: callbacks }
  if (typeof options !== 'object') return options
  const given = options as StreamOptions
  if (!isHandle(given.fd)) return given.fs ? given : { ...given, fs: callbacks }
  if (given.fs) {
    throw coded(Error, 'ERR_METHOD_NOT_IMPLEMENTED', 'The FileHandle with fs method is not implemented')
  }
  // A FileHandle is closed through its own close.
  const handle = given.fd
  const close = (_fd: number, done: (error?: unknown) => void): void => {
    handle.close().then(() => done(), done)
  }
  return { ...given, fd: handle.fd, fs: { ...callbacks, close } }
}

export interface StreamClasses {
  readonly ReadStream: typeof ReadStream
  readonly WriteStream: typeof WriteStream
}

type Constructor = (this: object, path: unknown, options?: unknown) => object | undefined

/** A class that can be called without `new`, as node's; streams are instances of node's own class, too. */
function classOf<T extends typeof ReadStream | typeof WriteStream>(face: Face, name: string, Own: T): T {
  const construct = Own as unknown as { call(self: object, path: unknown, options: unknown): void }
  const holder: Record<string, Constructor> = {
    [name](this: object, path: unknown, options?: unknown): object | undefined {
      if (!(this instanceof (Stream as unknown as new () => object))) {
        return new (Stream as unknown as new (path: unknown, options: unknown) => object)(path, options)
      }
      construct.call(this, path, whole(face, options))
      const fd = (options as StreamOptions | null | undefined)?.fd
      if (isHandle(fd)) fd.on('close', () => (this as ReadStream).close())
      return undefined
    },
  }
  // A method cannot be constructed; a plain function can.
  const body = holder[name]
  const Stream = function (this: object, path: unknown, options?: unknown) {
    return body.call(this, path, options)
  } as unknown as T
  Object.defineProperty(Stream, 'name', { value: name, configurable: true })
  Object.setPrototypeOf(Stream.prototype, Own.prototype)
  Object.setPrototypeOf(Stream, Own)
  return Stream
}

const made = new WeakMap<Face, StreamClasses>()

/** The stream classes of a view. */
export function streamClassesOf(face: Face): StreamClasses {
  let classes = made.get(face)
  if (classes === undefined) {
    classes = {
      ReadStream: classOf(face, 'ReadStream', nodeFs.ReadStream),
      WriteStream: classOf(face, 'WriteStream', nodeFs.WriteStream),
    }
    made.set(face, classes)
  }
  return classes
}

type Make = new (path: unknown, options?: unknown) => never

export const openReadStream = (face: Face, path: unknown, options?: unknown): ReadStream =>
  new (streamClassesOf(face).ReadStream as unknown as Make)(path, options)

export const openWriteStream = (face: Face, path: unknown, options?: unknown): WriteStream =>
  new (streamClassesOf(face).WriteStream as unknown as Make)(path, options)
