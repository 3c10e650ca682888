/** Open file descriptions: open, read, write, and what close does. */
import { constants } from 'node:fs'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import { type NamedPlace, placeOf } from './changes.ts'
import { consolidate, needsConsolidation } from './consolidate.ts'
import { readContent, resize, writeContent } from './content.ts'
import type { Core } from './core.ts'
import { type Credentials, isDirectory, isFile, isOwner, isSymlink, mayAccess, R_OK, superuser, W_OK } from './mode.ts'
import { dropPowers, mayHavePowers } from './powers.ts'
import { assertChangeable } from './trees.ts'

const {
  O_ACCMODE = 3,
  O_APPEND,
  O_DIRECTORY = 0,
  O_DSYNC = 0,
  O_NOATIME = 0,
  O_NONBLOCK = 0,
  O_NOFOLLOW = 0,
  O_RDWR,
  O_SYNC = 0,
  O_TRUNC,
  O_WRONLY,
} = constants as typeof constants & { O_ACCMODE?: number }

/** The most bytes that one transaction writes; a longer write is several, each of them whole. */
export const WRITE_BYTES_MAX = 8 * 1024 * 1024

/** An open file description. Rights were checked at open; position and closing belong to whoever opened. */
export interface OpenFile {
  readonly ino: number
  readonly generation: number
  /** S_IFMT bits. */
  readonly type: number
  /** open(2) flags as given. */
  readonly flags: number
  readonly canRead: boolean
  readonly canWrite: boolean
  readonly append: boolean
  /** Every write survives power loss before it returns. */
  readonly isSynced: boolean
  readonly tracksAtime: boolean
  /** The name it was opened by, if any. */
  readonly place: NamedPlace | undefined
  closed: boolean
}

/** The name by which watchers know an open file now. */
export const placeOfOpen = (call: Call, { ino, place }: OpenFile): NamedPlace | undefined =>
  call.core.changes.placeOf(ino, place)

/** ENXIO for what only a kernel can open: FIFOs, sockets and devices are inodes here, nothing stands behind them. */
function assertOpenable(inode: Inode, flags: number): void {
  if (isSymlink(inode)) throw new FilesystemError('ELOOP')
  if ((flags & O_DIRECTORY) !== 0 && !isDirectory(inode)) throw new FilesystemError('ENOTDIR')
  if (isDirectory(inode)) {
    if ((flags & O_ACCMODE) !== 0 || (flags & O_TRUNC) !== 0) throw new FilesystemError('EISDIR')
    return
  }
  if (!isFile(inode)) throw new FilesystemError('ENXIO')
}

/** Whether an inode that is there may be opened with `flags` without more ado: false for all that has its own refusal. */
export function mayOpen(who: Credentials, inode: Inode, flags: number): boolean {
  const access = flags & O_ACCMODE
  if (isSymlink(inode) || (isDirectory(inode) ? access !== 0 : !isFile(inode))) return false
  if (O_NOATIME !== 0 && (flags & O_NOATIME) !== 0 && !isOwner(who, inode)) return false
  return mayAccess(who, inode, (access !== O_WRONLY ? R_OK : 0) | (access !== 0 ? W_OK : 0))
}

/**
 * Checks that an inode may be opened with `flags`, and truncates it for O_TRUNC; answers it as it is then. `isNew`: it
 * was created by this very open, so its mode does not limit the access asked for. Errors: ELOOP (a symbolic link),
 * ENOTDIR, EISDIR, ENXIO, EACCES, EPERM (O_NOATIME without owning).
 */
export function* prepareOpen(call: Call, inode: Inode, flags: number, isNew = false): Op<Inode> {
  assertOpenable(inode, flags)
  const truncates = (flags & O_TRUNC) !== 0
  if (!isNew) {
    if (truncates || (flags & O_ACCMODE) !== 0) assertChangeable(inode)
    const access = flags & O_ACCMODE
    call.usesFile(inode.ino, access !== 0 || truncates, (flags & O_NONBLOCK) !== 0)
    const mask = (access !== O_WRONLY ? R_OK : 0) | (access !== 0 || truncates ? W_OK : 0)
    if (!mayAccess(call.who, inode, mask)) throw new FilesystemError('EACCES')
  }
  if (O_NOATIME !== 0 && (flags & O_NOATIME) !== 0 && !isOwner(call.who, inode)) throw new FilesystemError('EPERM')
  if (!truncates || isNew) return inode
  const edited = call.edit(inode, 'mtime')
  yield* resize(call, edited, 0)
  yield* dropPowers(call, edited)
  call.tellOf(inode, 'modify')
  return edited
}

/** Opens an inode. `isNew` and the errors as for `prepareOpen`. */
export function* openInode(call: Call, inode: Inode, flags: number, isNew = false): Op<OpenFile> {
  yield* prepareOpen(call, inode, flags, isNew)
  const file = openFileOf(inode, flags, placeOf(call.reached, inode.ino))
  call.opens(inode.ino, file.canWrite)
  return file
}

/** The description of an inode that was opened with `flags` by the name of `place`. */
export function openFileOf(inode: Inode, flags: number, place: NamedPlace | undefined): OpenFile {
  const access = flags & O_ACCMODE
  const canRead = access !== O_WRONLY
  const canWrite = access === O_WRONLY || access === O_RDWR
  return {
    ino: inode.ino,
    generation: inode.generation,
    type: inode.mode & constants.S_IFMT,
    flags,
    canRead,
    canWrite,
    append: (flags & O_APPEND) !== 0,
    isSynced: (flags & (O_SYNC | O_DSYNC)) !== 0,
    tracksAtime: O_NOATIME === 0 || (flags & O_NOATIME) === 0,
    place,
    closed: false,
  }
}

export { O_DIRECTORY, O_NOFOLLOW }

function assertUsable(file: OpenFile, can: boolean): void {
  if (file.closed || !can) throw new FilesystemError('EBADF')
}

/**
 * Reads at `offset` into `into`; answers the bytes read, fewer only at the end of the file. Errors: EBADF (not open for
 * reading), EISDIR, EINVAL (a negative offset), EIO (a damaged row).
 */
export function* readFile(core: Core, who: Credentials, file: OpenFile, offset: number, into: Bytes): Op<number> {
  assertUsable(file, file.canRead)
  if (!Number.isSafeInteger(offset) || offset < 0) throw new FilesystemError('EINVAL')
  return yield* core.read(who, (call) => readAt(call, file, offset, into))
}

function* readAt(call: Call, file: OpenFile, offset: number, into: Bytes): Op<number> {
  const inode = yield* call.inode(file.ino, file.generation)
  if (isDirectory(inode)) throw new FilesystemError('EISDIR')
  const bytes = yield* readContent(call, inode, offset, into)
  if (file.tracksAtime) call.tx.onCommit(() => call.core.lazyTimes.touch(inode, call.now))
  return bytes
}

/** What a write did: how many bytes, and where the file position stands behind them. */
export interface Written {
  readonly bytes: number
  readonly end: number
}

/**
 * Writes all of `data` at `offset`, or at the end of the file for O_APPEND (or `offset` null). Up to WRITE_BYTES_MAX it
 * is one transaction: after a crash the write is there whole or not at all. `data` is the caller's again on return.
 * Errors: EBADF (not open for writing), EINVAL, EFBIG, ENOSPC.
 */
export function* writeFile(
  core: Core,
  who: Credentials,
  file: OpenFile,
  offset: number | null,
  data: Bytes,
): Op<Written> {
  assertUsable(file, file.canWrite)
  if (offset !== null && (!Number.isSafeInteger(offset) || offset < 0)) throw new FilesystemError('EINVAL')
  const atEnd = file.append || offset === null
  const options = file.isSynced ? DURABLE : {}
  let at = offset ?? 0
  let bytes = 0
  do {
    const piece = data.subarray(bytes, bytes + WRITE_BYTES_MAX)
    const from = atEnd ? null : at
    try {
      at = yield* core.run(who, (call) => writeAt(call, file, from, piece), options)
    } catch (error) {
      // What went in before is a short write, as write(2) reports it; the next call meets the error again.
      if (bytes > 0 && FilesystemError.is(error) && NO_ROOM.has(error.code)) return { bytes, end: at }
      throw error
    }
    bytes += piece.length
  } while (bytes < data.length)
  return { bytes, end: at }
}

const DURABLE = { durable: true }
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** Answers the offset behind what was written; `offset` null is the end of the file. */
function* writeAt(call: Call, file: OpenFile, offset: number | null, data: Bytes): Op<number> {
  const inode = yield* call.inode(file.ino, file.generation)
  const from = offset ?? inode.size
  if (data.length > 0) yield* writeInode(call, inode, from, data, placeOfOpen(call, file))
  return from + data.length
}

/** Writes into an inode inside an operation: content, times, and the set-id bits that a writer loses. */
export function* writeInode(call: Call, inode: Inode, offset: number, data: Bytes, place?: NamedPlace): Op<Inode> {
  const edited = call.edit(inode, 'mtime')
  yield* writeContent(call, edited, offset, data)
  if (mayHavePowers(edited)) yield* dropPowers(call, edited, place)
  call.tellOf(inode, 'modify', place)
  return edited
}

/** Sets the size through an open file. Errors: EINVAL (not open for writing, not a file, negative), EFBIG. */
export function* truncateFile(core: Core, who: Credentials, file: OpenFile, size: number): Op<void> {
  if (file.closed) throw new FilesystemError('EBADF')
  if (!file.canWrite || !Number.isSafeInteger(size) || size < 0) throw new FilesystemError('EINVAL')
  yield* truncateInode(core, who, file.ino, (call) => truncateTo(call, file, size))
}

function* truncateTo(call: Call, file: OpenFile, size: number): Op<void> {
  const inode = yield* call.inode(file.ino, file.generation)
  if (!isFile(inode)) throw new FilesystemError('EINVAL')
  const isChange = inode.size !== size
  const edited = call.edit(inode, 'mtime')
  yield* resize(call, edited, size)
  call.tellOf(inode, 'modify', placeOfOpen(call, file))
  if (isChange) yield* dropPowers(call, edited)
}

const CUT_ATTEMPTS_MAX = 32

/** Runs an operation that may cut a file, after making room in the file's list of data epochs. */
export function* truncateInode<T>(core: Core, who: Credentials, ino: number, body: (call: Call) => Op<T>): Op<T> {
  for (let attempt = 1; ; attempt++) {
    if (yield* core.read(who, (call) => isCrowded(call, ino))) yield* consolidate(core, ino)
    try {
      return yield* core.run(who, body, { reclaims: true })
    } catch (error) {
      // Cuts by others may have filled the list in between.
      if (attempt === CUT_ATTEMPTS_MAX || !FilesystemError.is(error) || error.code !== 'EBUSY') throw error
    }
  }
}

function* isCrowded(call: Call, ino: number): Op<boolean> {
  const inode = yield* call.find(ino)
  return inode !== undefined && needsConsolidation(inode)
}

/**
 * Closes an open file; the content of a file without a name goes with its last close. Errors: EBADF when it is closed
 * already.
 */
export function* closeFile(core: Core, file: OpenFile): Op<void> {
  if (shutFile(core, file)) yield* reclaimOrphan(core, file.ino)
}

/** Closes it; answers whether an inode without a name is left, which the caller has to give to `reclaimOrphan`. EBADF. */
export function shutFile(core: Core, file: OpenFile): boolean {
  if (file.closed) throw new FilesystemError('EBADF')
  file.closed = true
  core.locks.close(file)
  core.leases.close(file)
  const isLastOfOrphan = core.openFiles.remove(file.ino, file.canWrite)
  if (!core.openFiles.has(file.ino)) core.changes.forget(file.ino)
  return isLastOfOrphan
}

/** Deletes an inode that has no name and is not open; does nothing for any other. */
export function* reclaimOrphan(core: Core, ino: number): Op<void> {
  if (core.options.readOnly || !(yield* core.read(superuser, (call) => isOrphan(call, ino)))) return
  yield* core.run(superuser, (call) => dropOrphan(call, ino), { reclaims: true })
}

function* isOrphan(call: Call, ino: number): Op<boolean> {
  const inode = yield* call.find(ino)
  return inode !== undefined && inode.nlink === 0
}

function* dropOrphan(call: Call, ino: number): Op<void> {
  const inode = yield* call.find(ino)
  if (inode === undefined || inode.nlink > 0 || call.core.openFiles.has(ino)) return
  call.edit(inode)
}
