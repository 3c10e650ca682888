/**
 * `vive.bulk()`: making very many entries. Small files go in by the batches of an import, hundreds in one transaction, so
 * an entry costs a fraction of a commit; several batches are on their way at once. Nothing is kept beyond that: memory
 * is bounded whatever the number of entries.
 */
import type { Call } from '../core/call.ts'
import { writeContent } from '../core/content.ts'
import type { Core } from '../core/core.ts'
import { unlinkEntry } from '../core/link.ts'
import { type Credentials, isDirectory, isFile, PERMISSIONS, S_IFDIR, S_IFLNK, S_IFREG } from '../core/mode.ts'
import { putEntry, type WholeInode } from '../core/put-file.ts'
import { type Place, walk } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import { toPath } from '../face/paths.ts'
import type { Timespec } from '../format/inode.ts'
import type { Op } from '../op.ts'
import { ImportBatch, SMALL_BYTES_MAX } from '../transfer/import-batch.ts'
import { Meter } from '../transfer/meter.ts'
import { Pipeline } from '../transfer/pipeline.ts'

export interface BulkOptions {
  /** Who acts. Default: the volume's own identity. */
  readonly credentials?: Credentials
  /** Replace what is there and is not a directory; a directory that is there is taken for made. Default false: EEXIST. */
  readonly overwrite?: boolean
  /** Told of every entry that could not be made; the others go on. Default: the next call throws the error. */
  readonly onError?: (path: string, error: unknown) => void
  /** Stops: calls throw its reason. */
  readonly signal?: AbortSignal
  /** Transactions on their way to the store at once. Default 32. */
  readonly concurrency?: number
}

/** How an entry is made. */
export interface BulkEntry {
  /** Permissions, less the umask. Default 0o666, of a directory 0o777. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly atime?: Date
  readonly mtime?: Date
}

const CONCURRENCY = 32
/** A bigger file goes in by several transactions. */
const PIECE_BYTES = 4 << 20

const timespecOf = (date: Date | undefined): Timespec | undefined => {
  if (date === undefined) return undefined
  const ms = date.getTime()
  const sec = Math.floor(ms / 1000)
  return { sec, nsec: Math.round((ms - sec * 1000) * 1e6) }
}

export class Bulk implements AsyncDisposable {
  readonly #core: Core
  readonly #who: Credentials
  readonly #options: BulkOptions
  readonly #pipeline: Pipeline
  readonly #batch: ImportBatch
  /** Calls take their turns: the batch is one. */
  #turn: Promise<unknown> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #isClosed = false

  /** Not public: `vive.bulk()`. */
  constructor(core: Core, options: BulkOptions & { credentials: Credentials }) {
    this.#core = core
    this.#who = options.credentials
    this.#options = options
    this.#pipeline = new Pipeline(core, this.#who, options.concurrency ?? CONCURRENCY)
    const meter = new Meter('import', options.signal === undefined ? {} : { signal: options.signal })
    this.#batch = new ImportBatch(this.#pipeline, meter, (path, error) => this.#report(path, error))
  }

  /**
   * Takes a file; it is there when `flush` or `close` resolves, often before. Resolves when there is room for more. `data`
   * is the caller's again then. A file above 4 MiB goes in by pieces. Errors: those of earlier entries (see `onError`),
   * those of the store, the reason of the signal.
   */
  writeFile(path: string | Buffer | URL, data: string | Uint8Array, how: BulkEntry = {}): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    return this.#take(path, S_IFREG | 0o666, how, bytes)
  }

  /** Takes a directory, in which entries may be made at once. */
  mkdir(path: string | Buffer | URL, how: BulkEntry = {}): Promise<void> {
    return this.#take(path, S_IFDIR | 0o777, how)
  }

  /** Takes a symbolic link. */
  symlink(target: string | Uint8Array, path: string | Buffer | URL, how: Omit<BulkEntry, 'mode'> = {}): Promise<void> {
    const bytes = typeof target === 'string' ? Buffer.from(target) : Buffer.from(target)
    return this.#take(path, S_IFLNK | 0o777, how, undefined, bytes)
  }

  /** Everything taken so far is in the volume, acknowledged as its durability says. Throws as `writeFile`. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#flush())
  }

  /** Flushes and ends. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed) return
      this.#isClosed = true
      await this.#flush()
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #flush(): Promise<void> {
    try {
      await this.#batch.flush()
    } finally {
      await this.#pipeline.drain()
    }
    this.#throwFailure()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  #take(path: string | Buffer | URL, mode: number, how: BulkEntry, data?: Uint8Array, target?: Buffer): Promise<void> {
    const { bytes } = toPath(path)
    const type = mode & ~PERMISSIONS
    const permissions = type === S_IFLNK ? mode & PERMISSIONS : (how.mode ?? mode) & PERMISSIONS & ~this.#who.umask
    const what: WholeInode = {
      mode: type | permissions,
      ...(how.uid === undefined ? {} : { uid: how.uid }),
      ...(how.gid === undefined ? {} : { gid: how.gid }),
      ...(how.atime === undefined ? {} : { atime: timespecOf(how.atime)! }),
      ...(how.mtime === undefined ? {} : { mtime: timespecOf(how.mtime)! }),
      ...(target === undefined ? {} : { target }),
    }
    return this.#inTurn(async () => {
      if (this.#isClosed) throw new FilesystemError('EBADF', { syscall: 'bulk', path: bytes })
      this.#throwFailure()
      if (data !== undefined && data.length > SMALL_BYTES_MAX) return await this.#writeLarge(bytes, what, data)
      const content = data === undefined ? {} : { content: this.#batch.copy(data) }
      const whole = { ...what, ...content }
      this.#batch.add({
        path: bytes,
        parent: { ino: this.#core.superblock.rootIno },
        body: (call) => this.#put(call, bytes, whole),
        done: () => {},
      })
      if (this.#batch.isFull) await this.#batch.flush()
      this.#throwFailure()
    })
  }

  *#put(call: Call, path: Buffer, what: WholeInode): Op<void> {
    const place = yield* this.#place(call, path)
    if (place === undefined) return
    yield* putEntry(call, place.directory, place.name, what)
  }

  /** Where the entry is to be made; undefined for a directory that is there already. */
  *#place(call: Call, path: Buffer): Op<Place | undefined> {
    const place = yield* walk(call, this.#core.superblock.rootIno, path, 'nofollow')
    if (place.inode === undefined) return place
    if (this.#options.overwrite !== true || place.last !== 'name') throw new FilesystemError('EEXIST')
    if (isDirectory(place.inode)) return undefined
    yield* unlinkEntry(call, place.directory, place.name)
    // The directory is an edited one now.
    return { ...place, directory: yield* call.inode(place.directory.ino), inode: undefined }
  }

  async #writeLarge(path: Buffer, what: WholeInode, data: Uint8Array): Promise<void> {
    await this.#batch.flush()
    try {
      const first = { ...what, content: data.subarray(0, PIECE_BYTES) }
      const make = (call: Call): Op<number> => this.#putFirst(call, path, first)
      const ino = await this.#pipeline.submit(make)
      for (let at = PIECE_BYTES; at < data.length; at += PIECE_BYTES) {
        const piece = data.subarray(at, at + PIECE_BYTES)
        await this.#pipeline.submit((call) => appendPiece(call, ino, at, piece))
      }
    } catch (error) {
      this.#report(path, error)
    }
  }

  *#putFirst(call: Call, path: Buffer, what: WholeInode): Op<number> {
    const place = yield* this.#place(call, path)
    if (place === undefined) throw new FilesystemError('EISDIR')
    return (yield* putEntry(call, place.directory, place.name, what)).ino
  }

  #report(path: Buffer, error: unknown): void {
    this.#options.signal?.throwIfAborted()
    const located = FilesystemError.is(error) ? error.locate({ syscall: 'bulk', path: path.toString() }) : error
    if (!FilesystemError.is(error)) throw located
    if (this.#options.onError !== undefined) this.#options.onError(path.toString(), located)
    else this.#failure ??= { error: located }
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
  }
}

/** The times of the whole stay those that its first piece got. */
function* appendPiece(call: Call, ino: number, at: number, piece: Uint8Array): Op<void> {
  const inode = yield* call.inode(ino)
  if (!isFile(inode)) throw new FilesystemError('EINVAL')
  yield* writeContent(call, call.edit(inode), at, piece)
  call.tellOf(inode, 'modify')
}
