/** What node:fs exports beside its operations, and operations that only some versions of Node have: as the running one. */
import nodeFs from 'node:fs'
import { runAsync, runSync } from '../op.ts'
import { assertFunction } from './arguments.ts'
import type { Face } from './context.ts'
import { glob } from './glob.ts'
import { openAsBlob } from './streams/blob.ts'
import { streamClassesOf } from './streams/streams.ts'
import { mkdtempDisposable, mkdtempDisposableSync } from './temporary.ts'
import { StatWatchers } from './watch/stat-watcher.ts'
import { watch, watchAsync } from './watch/watcher.ts'

type Named = Record<string, unknown>

const node = nodeFs as unknown as Named & { promises: Named }

/** Those that the running Node has. */
const offered = (all: Named, by: Named): Named => Object.fromEntries(Object.entries(all).filter(([name]) => name in by))

type Done = (error: unknown, found?: unknown) => void

function globOf(face: Face) {
  return (pattern: unknown, ...rest: unknown[]): void => {
    const callback = rest[typeof rest[0] === 'function' ? 0 : 1]
    assertFunction(callback, 'callback')
    const found = runAsync(glob(face, pattern, typeof rest[0] === 'function' ? undefined : rest[0]))
    found.then(
      (names) => process.nextTick(callback as Done, null, names),
      (error) => process.nextTick(callback as Done, error),
    )
  }
}

/** node's Utf8Stream writes through whatever fs it is given. */
function utf8StreamOf(fs: object): unknown {
  type Make = new (options: object) => object
  const Own = node.Utf8Stream as Make | undefined
  if (Own === undefined) return undefined
  return class Utf8Stream extends Own {
    constructor(options: object = {}) {
      super({ ...options, fs: (options as Named).fs ?? fs })
    }
  }
}

/** For the callback and synchronous face; `fs` is that face. */
export function runtimeOnlyOf(face: Face, fs: object): Named {
  const { ReadStream, WriteStream } = streamClassesOf(face)
  const files = new StatWatchers(face)
  const all: Named = {
    Dir: node.Dir,
    Dirent: node.Dirent,
    FileReadStream: ReadStream,
    FileWriteStream: WriteStream,
    ReadStream,
    Stats: node.Stats,
    Utf8Stream: utf8StreamOf(fs),
    WriteStream,
    _toUnixTimestamp: node._toUnixTimestamp,
    F_OK: nodeFs.constants.F_OK,
    R_OK: nodeFs.constants.R_OK,
    W_OK: nodeFs.constants.W_OK,
    X_OK: nodeFs.constants.X_OK,
    glob: globOf(face),
    globSync: (pattern: unknown, options?: unknown) => runSync(glob(face, pattern, options), 'globSync'),
    mkdtempDisposableSync: (prefix: unknown, options?: unknown) => mkdtempDisposableSync(face, prefix, options),
    openAsBlob: (path: unknown, options?: unknown) => openAsBlob(face, path, options),
    unwatchFile: (path: unknown, listener?: unknown) => files.unwatch(path, listener),
    watch: (path: unknown, options?: unknown, listener?: unknown) => watch(face, path, options, listener),
    watchFile: (path: unknown, options?: unknown, listener?: unknown) => files.watch(path, options, listener),
  }
  return offered(all, node)
}

/** For the promise face. */
export function runtimeOnlyPromisesOf(face: Face): Named {
  const all: Named = {
    glob: async function* (pattern: unknown, options?: unknown) {
      yield* await runAsync(glob(face, pattern, options))
    },
    mkdtempDisposable: (prefix: unknown, options?: unknown) => mkdtempDisposable(face, prefix, options),
    watch: (path: unknown, options?: unknown) => watchAsync(face, path, options),
  }
  return offered(all, node.promises)
}
