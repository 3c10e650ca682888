/** Streams: node's own ReadStream and WriteStream on this face. */
import fs, { type ReadStream, type WriteStream } from 'node:fs'
import { callbacksOf } from './callbacks.ts'
import type { Face } from './context.ts'

/** An open file whose streams close it as an object. */
interface Closable {
  readonly fd: number
  close(): Promise<void>
  once(event: 'close', listener: () => void): unknown
}

type StreamOptions = Record<string, unknown>

const asObject = (options: unknown): StreamOptions =>
  typeof options === 'string' ? { encoding: options } : { ...(options as StreamOptions) }

const isHandle = (value: unknown): value is Closable => typeof value === 'object' && value !== null && 'close' in value

/** The stream reads and writes through `fs`; a FileHandle is closed through its own close. */
function wired(face: Face, options: StreamOptions, handle: Closable | undefined): StreamOptions {
  const callbacks = callbacksOf(face) as unknown as Record<string, unknown>
  const base = options.fs ?? callbacks
  if (handle === undefined) return { ...options, fs: base }
  const close = (_fd: number, done: (error?: unknown) => void): void => {
    handle.close().then(() => done(), done)
  }
  return { ...options, fd: handle.fd, fs: { ...callbacks, close } }
}

function opened<S extends ReadStream | WriteStream>(
  face: Face,
  source: unknown,
  options: unknown,
  make: (path: fs.PathLike, options: object) => S,
): S {
  const given = asObject(options)
  const handle = isHandle(source) && !(source instanceof URL) ? source : isHandle(given.fd) ? given.fd : undefined
  // With a descriptor node does not look at the path.
  const path = handle !== undefined && source === handle ? '' : source
  const stream = make(path as fs.PathLike, wired(face, given, handle))
  if (handle !== undefined) {
    if (source === handle) (stream as { path?: unknown }).path = undefined
    handle.once('close', () => stream.close())
  }
  return stream
}

export const openReadStream = (face: Face, source: unknown, options?: unknown): ReadStream =>
  opened(face, source, options, (path, whole) => fs.createReadStream(path, whole as never))

export const openWriteStream = (face: Face, source: unknown, options?: unknown): WriteStream =>
  opened(face, source, options, (path, whole) => fs.createWriteStream(path, whole as never))
