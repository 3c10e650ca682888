/** Operations on whole files: readFile, writeFile, appendFile, copyFile. */
import { constants } from 'node:fs'
import { readWholeAtHand } from '../core/at-hand.ts'
import type { Call } from '../core/call.ts'
import { cloneExtents, shareable } from '../core/clone.ts'
import { consolidate, needsConsolidation } from '../core/consolidate.ts'
import { readContent } from '../core/content.ts'
import { copyRange } from '../core/copy-range.ts'
import { isDirectory } from '../core/mode.ts'
import { prepareOpen, WRITE_BYTES_MAX, writeInode } from '../core/open-file.ts'
import { isOneTree } from '../core/trees.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { done, drivenSync, type Op } from '../op.ts'
import { QuotaExceeded } from '../quota/quotas.ts'
import {
  assertBoolean,
  assertNotAborted,
  bytesOfView,
  coded,
  nodeMajor,
  toFlagBits,
  toMode,
  toOptions,
  wrongType,
} from './arguments.ts'
import { type Face, locate, located, rooted, walkPath } from './context.ts'
import { Description } from './descriptors.ts'
import { toFlags } from './flags.ts'
import { FILE_MODE, readOn, writeOn } from './io.ts'
import { openDescription, openPath } from './opening.ts'
import { type Path, toPath } from './paths.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC = 0, O_DSYNC = 0, O_TRUNC, O_WRONLY } = constants

/** A file up to this size is read by one transaction. */
const READ_BYTES_MAX = 8 * 1024 * 1024
/** The largest file that readFile reads, as in node. */
const WHOLE_BYTES_MAX = 2 ** 31 - 1

/** A path, or an open file, which stays open. */
export type Target = Path | Description

export const toTarget = (value: unknown): Target => (value instanceof Description ? value : toPath(value))

interface ReadOptions {
  readonly encoding?: BufferEncoding | 'buffer' | null
  readonly flag?: string | number
  readonly signal?: AbortSignal
}

const READ_DEFAULTS: ReadOptions = { flag: 'r' }

/** With promises a flag that is false is the usual one. */
export const readFileAsync = (face: Face, file: unknown, options?: unknown): Op<string | Buffer> =>
  readFile(face, file, options, 'r')

export function readFile(face: Face, file: unknown, options?: unknown, usual?: string): Op<string | Buffer> {
  const { encoding, flag, signal } = toOptions<ReadOptions>(options, READ_DEFAULTS)
  const target = toTarget(file)
  if (target instanceof Description) {
    const read = readRest(face, target, signal)
    return usual === undefined ? decoded(read, encoding, signal) : decoderFirst(read, encoding, signal)
  }
  const flags = toFlags(flag || (usual ?? flag), 'options.flag')
  if (flags === O_RDONLY && !signal?.aborted) {
    const bytes = readWholeAtHand(face.core, face.who, rooted(face, target), READ_BYTES_MAX)
    if (bytes !== undefined) return encoding ? decoded(bytes, encoding, undefined) : done(bytes)
  }
  return decoded(readPath(face, target, flags, signal), encoding, signal)
}

type ReadEncoding = ReadOptions['encoding']

/** With promises node makes its decoder before it reads. */
function* decoderFirst(read: Op<Buffer>, encoding: ReadEncoding, signal: AbortSignal | undefined): Op<string | Buffer> {
  assertNotAborted(signal)
  if (encoding) Buffer.alloc(1).toString(encoding as BufferEncoding)
  return yield* decoded(read, encoding, signal)
}

function* decoded(
  read: Op<Buffer> | Buffer,
  encoding: ReadEncoding,
  signal: AbortSignal | undefined,
): Op<string | Buffer> {
  assertNotAborted(signal)
  const bytes = read instanceof Uint8Array ? read : yield* read
  // 'buffer' is no encoding of text: the error of that is Buffer's own, as in node.
  return encoding ? bytes.toString(encoding as BufferEncoding) : bytes
}

const tooLarge = (size: number): Error =>
  coded(RangeError, 'ERR_FS_FILE_TOO_LARGE', `File size (${size}) is greater than 2 GiB`)

/** Since Node 26 the errors of reading name the file, but for the synchronous form. */
const namedByRead = (path: Path | undefined): Path | undefined => (nodeMajor >= 26 && !drivenSync() ? path : undefined)

function isDirectoryRead(path: Path): FilesystemError {
  const named = namedByRead(path)
  return new FilesystemError(
    'EISDIR',
    named === undefined ? { syscall: 'read' } : { syscall: 'read', path: named.shown },
  )
}

/** A small file is one transaction; a large one is opened. */
function* readPath(face: Face, path: Path, flags: number, signal: AbortSignal | undefined): Op<Buffer> {
  if (flags === O_RDONLY) {
    const { core, who } = face
    const read = core.read(who, (call) => readIfSmall(call, face, path, flags))
    const small = yield* located('open', path, read)
    if (small !== undefined) return small
  }
  const description = yield* openDescription(face, path, flags, FILE_MODE)
  try {
    return yield* readRest(face, description, signal, path)
  } finally {
    yield* face.descriptors.close(description)
  }
}

/** Undefined when it is large. */
function* readIfSmall(call: Call, face: Face, path: Path, flags: number): Op<Buffer | undefined> {
  const { inode } = yield* walkPath(call, face, path, 'follow')
  if (inode === undefined) throw new FilesystemError('ENOENT')
  yield* prepareOpen(call, inode, flags)
  if (isDirectory(inode)) throw isDirectoryRead(path)
  return inode.size > READ_BYTES_MAX ? undefined : yield* readSmall(call, inode)
}

function* readSmall(call: Call, inode: Inode): Op<Buffer> {
  const bytes = Buffer.allocUnsafe(inode.size)
  yield* readContent(call, inode, 0, bytes)
  call.tx.onCommit(() => call.core.lazyTimes.touch(inode, call.now))
  return bytes
}

/** From the position to the end, in pieces. */
function readRest(face: Face, of: Description, signal: AbortSignal | undefined, path?: Path): Op<Buffer> {
  return located('read', namedByRead(path), of.inTurn(readPieces(face, of, signal)))
}

function* readPieces(face: Face, of: Description, signal: AbortSignal | undefined): Op<Buffer> {
  const { ino, generation, canRead } = of.file
  if (!canRead) throw new FilesystemError('EBADF')
  const inode = yield* face.core.read(face.who, (call) => call.inode(ino, generation))
  if (isDirectory(inode)) throw new FilesystemError('EISDIR')
  const bytes = Math.max(0, inode.size - of.position)
  if (bytes > WHOLE_BYTES_MAX) throw tooLarge(inode.size)
  const into = Buffer.allocUnsafe(bytes)
  let done = 0
  while (done < bytes) {
    assertNotAborted(signal)
    const read = yield* readOn(face, of, into.subarray(done, done + READ_BYTES_MAX))
    if (read === 0) break
    done += read
  }
  return into.subarray(0, done)
}

interface WriteOptions {
  readonly encoding?: BufferEncoding | null
  readonly mode?: number | string
  readonly flag?: string | number
  readonly flush?: boolean
  readonly signal?: AbortSignal
}

/** What a write of a whole file was told, checked. */
export interface WholeWrite {
  readonly target: Target
  readonly flags: number
  readonly mode: number
  readonly flush: boolean
  readonly encoding: BufferEncoding
  readonly signal: AbortSignal | undefined
}

export function toWholeWrite(file: unknown, options: unknown, defaultFlag: string): WholeWrite {
  const given = toOptions<WriteOptions>(options, { flag: defaultFlag, mode: FILE_MODE })
  const flush = given.flush ?? false
  assertBoolean(flush, 'options.flush')
  const target = toTarget(file)
  return {
    target,
    // Of what is open already they say nothing.
    flags: target instanceof Description ? 0 : toFlags(given.flag || defaultFlag, 'options.flag'),
    mode: target instanceof Description && nodeMajor < 26 ? 0 : toMode(given.mode ?? FILE_MODE, 'mode'),
    flush,
    encoding: (given.encoding || 'utf8') as BufferEncoding,
    signal: given.signal,
  }
}

export function toData(data: unknown, encoding: BufferEncoding): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding)
  if (ArrayBuffer.isView(data)) return bytesOfView(data)
  throw wrongType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data)
}

export function writeFile(face: Face, file: unknown, data: unknown, options?: unknown): Op<void> {
  const how = toWholeWrite(file, options, 'w')
  return writeWhole(face, how, toData(data, how.encoding))
}

export function appendFile(face: Face, file: unknown, data: unknown, options?: unknown): Op<void> {
  const how = toWholeWrite(file, options, 'a')
  return writeWhole(face, how, toData(data, how.encoding))
}

/** Up to WRITE_BYTES_MAX a path is opened, truncated and written in one transaction. */
export function* writeWhole(face: Face, how: WholeWrite, data: Uint8Array): Op<void> {
  const { target } = how
  assertNotAborted(how.signal)
  if (target instanceof Description) return yield* writeOpen(face, target, data, how)
  const isWritable = (how.flags & (O_WRONLY | O_RDWR)) !== 0
  if (isWritable && data.length <= WRITE_BYTES_MAX) return yield* writeAtOnce(face, target, how, data)
  const description = yield* openDescription(face, target, how.flags, how.mode)
  try {
    yield* writeOpen(face, description, data, how)
  } finally {
    yield* face.descriptors.close(description)
  }
}

function* writeAtOnce(face: Face, path: Path, how: WholeWrite, data: Uint8Array): Op<void> {
  const isDurable = how.flush || (how.flags & (O_SYNC | O_DSYNC)) !== 0
  const body = (call: Call): Op<void> => openAndWrite(call, face, path, how, data)
  try {
    yield* face.core.run(face.who, body, isDurable ? { durable: true } : {})
  } catch (error) {
    throw data.length > 0 && isOfContent(error) ? locate(error, 'write') : locate(error, 'open', path.shown)
  }
}

/** Whether it is for want of room for content, which node meets when it writes. */
const isOfContent = (error: unknown): boolean =>
  FilesystemError.is(error) && (error.code === 'ENOSPC' || (error instanceof QuotaExceeded && error.of === 'bytes'))

function* openAndWrite(call: Call, face: Face, path: Path, { flags, mode }: WholeWrite, data: Uint8Array): Op<void> {
  const { inode, isNew } = yield* openPath(call, face, path, flags, mode)
  const prepared = yield* prepareOpen(call, inode, flags, isNew)
  if (data.length > 0) yield* writeInode(call, prepared, (flags & O_APPEND) !== 0 ? prepared.size : 0, data)
}

/** All of `data` at the position, in pieces, so that a signal is heard. */
export function writeOpen(
  face: Face,
  of: Description,
  data: Uint8Array,
  how: Pick<WholeWrite, 'signal' | 'flush'>,
): Op<void> {
  return located('write', undefined, of.inTurn(writePieces(face, of, data, how)))
}

function* writePieces(
  face: Face,
  of: Description,
  data: Uint8Array,
  { signal, flush }: Pick<WholeWrite, 'signal' | 'flush'>,
): Op<void> {
  for (let done = 0; done < data.length; ) {
    assertNotAborted(signal)
    const piece = data.subarray(done, done + WRITE_BYTES_MAX)
    done += yield* writeOn(face, of, piece)
  }
  if (flush) yield* face.core.store.barrier()
}

const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = constants
const COPY_MODE_MAX = COPYFILE_EXCL | COPYFILE_FICLONE | COPYFILE_FICLONE_FORCE

/** How a copy comes to its content: by bytes, by sharing what can be shared, or by sharing alone. */
type Sharing = 'never' | 'auto' | 'always'

/**
 * The copy has the mode of the source. A small file is copied by one transaction; with COPYFILE_FICLONE files share what they hold
 * until one of them is changed. COPYFILE_FICLONE_FORCE: ENOTSUP where they cannot.
 */
export function copyFile(face: Face, source: unknown, destination: unknown, mode?: unknown): Op<void> {
  const from = toPath(source, 'src')
  const to = toPath(destination, 'dest')
  const bits = toFlagBits(mode, COPY_MODE_MAX)
  return located('copyfile', from, copy(face, from, to, bits), to)
}

function* copy(face: Face, from: Path, to: Path, bits: number): Op<void> {
  const share = (bits & COPYFILE_FICLONE_FORCE) !== 0 ? 'always' : (bits & COPYFILE_FICLONE) !== 0 ? 'auto' : 'never'
  const flags = O_WRONLY | O_CREAT | ((bits & COPYFILE_EXCL) !== 0 ? O_EXCL : 0)
  const first = (call: Call): Op<Begun> => beginCopy(call, face, from, to, flags, share)
  let begun = yield* face.core.run(face.who, first)
  if (begun.isCrowded) {
    yield* consolidate(face.core, begun.ino)
    begun = { ...begun, isDone: false }
  }
  if (!begun.isDone) yield* copyRest(face, from, to, begun.bytes, share)
}

/** What the first transaction of a copy did. */
interface Begun {
  readonly isDone: boolean
  /** Of the content, from its start. */
  readonly bytes: number
  /** The source. */
  readonly ino: number
  /** Its list of data epochs has no room to share. */
  readonly isCrowded: boolean
}

/** Makes the target and copies a small file, or shares what one transaction can. */
function* beginCopy(call: Call, face: Face, from: Path, to: Path, flags: number, share: Sharing): Op<Begun> {
  const { inode } = yield* walkPath(call, face, from, 'follow')
  if (inode === undefined) throw new FilesystemError('ENOENT')
  yield* prepareOpen(call, inode, O_RDONLY)
  const { inode: target, isNew } = yield* openPath(call, face, to, flags, inode.mode)
  const cleared = yield* prepareOpen(call, target, target.ino === inode.ino ? flags : flags | O_TRUNC, isNew)
  if (isDirectory(inode)) throw new FilesystemError('EISDIR')
  const begun = { isDone: true, bytes: 0, ino: inode.ino, isCrowded: false }
  if (target.ino === inode.ino) return begun
  const edited = call.edit(cleared, 'ctime')
  edited.mode = inode.mode
  if (inode.size === 0) return begun
  if (share !== 'never') {
    if (edited.nextEpoch === 0) edited.extentBytes = inode.extentBytes
    if (inode.extentBytes === edited.extentBytes && isOneTree(inode, edited)) {
      edited.mtime = call.now
      const bytes = needsConsolidation(inode) ? 0 : yield* cloneFromStart(call, inode, edited)
      call.tellOf(edited, 'modify')
      return { ...begun, bytes, isDone: bytes === inode.size, isCrowded: needsConsolidation(inode) }
    }
    if (share === 'always') throw new FilesystemError('ENOTSUP')
  }
  if (inode.size > WRITE_BYTES_MAX) return { ...begun, isDone: false }
  yield* writeInode(call, cleared, 0, yield* readSmall(call, inode))
  return begun
}

function* cloneFromStart(call: Call, from: Inode, into: Inode): Op<number> {
  const range = { offset: 0, toOffset: 0, length: from.size }
  return yield* cloneExtents(call, from, into, { ...range, length: shareable(from, into, range) })
}

/** Copies what is behind the first `done` bytes. */
function* copyRest(face: Face, from: Path, to: Path, done: number, share: Sharing): Op<void> {
  const source = yield* openDescription(face, from, O_RDONLY, 0)
  try {
    const target = yield* openDescription(face, to, O_WRONLY, 0)
    try {
      if (share === 'never') yield* copyByPieces(face, source, target)
      else yield* shareByPieces(face, source, target, done, share)
    } finally {
      yield* face.descriptors.close(target)
    }
  } finally {
    yield* face.descriptors.close(source)
  }
}

function* copyByPieces(face: Face, source: Description, target: Description): Op<void> {
  const buffer = Buffer.allocUnsafeSlow(WRITE_BYTES_MAX)
  for (;;) {
    const bytes = yield* readOn(face, source, buffer)
    if (bytes === 0) return
    yield* writeOn(face, target, buffer.subarray(0, bytes))
  }
}

function* shareByPieces(face: Face, source: Description, target: Description, done: number, share: Sharing): Op<void> {
  for (let at = done; ; ) {
    const range = {
      file: source.file,
      offset: at,
      to: target.file,
      toOffset: at,
      length: Number.MAX_SAFE_INTEGER - at,
      share,
    }
    const bytes = yield* copyRange(face.core, face.who, range)
    if (bytes === 0) return
    at += bytes
  }
}
