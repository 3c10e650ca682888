/**
 * A whole inode in one operation: entry, content and attributes. What an import, a copy or an upload of known bytes
 * needs: one transaction instead of create, write, chown, chmod and utimes, and never a moment with half of it.
 */
import { FilesystemError } from '../errors.ts'
import type { Inode, Timespec } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import { changeAttributes } from './attributes.ts'
import type { Call } from './call.ts'
import { writeContent } from './content.ts'
import { createEntry } from './create.ts'
import { isFile, isSymlink, PERMISSIONS } from './mode.ts'

/** What is to be there. */
export interface WholeInode {
  /** Type and permissions, kept exactly: no umask is applied. */
  readonly mode: number
  /** Default: the caller's, by the rules of the directory. */
  readonly uid?: number
  readonly gid?: number
  readonly atime?: Timespec
  readonly mtime?: Timespec
  readonly rdevMajor?: number
  readonly rdevMinor?: number
  /** Of a symbolic link. */
  readonly target?: Bytes
  /** Of a regular file, from its start. The caller owns it again when the operation is ordered. */
  readonly content?: Bytes
  /** Leave whole extents of zeros as holes. */
  readonly isSparse?: boolean
  /** Of a regular file without content: how long it is, all of it a hole. At most 2^53 - 1. */
  readonly holeBytes?: number
}

/** Errors: those of `createEntry` and of `changeAttributes`; EINVAL for content of what is not a regular file. */
export function* putEntry(call: Call, directory: Inode, name: Bytes, what: WholeInode): Op<Inode> {
  const { mode, uid, gid, atime, mtime, content } = what
  const inode = yield* createEntry(call, directory, name, what)
  if (content !== undefined && content.length > 0) {
    if (!isFile(inode)) throw new FilesystemError('EINVAL')
    if (what.isSparse === true) yield* writeSparse(call, inode, 0, content)
    else yield* writeContent(call, inode, 0, content)
  } else if (what.holeBytes !== undefined && isFile(inode)) inode.size = what.holeBytes
  // Nobody chmods a symbolic link.
  const permissions = isSymlink(inode) ? {} : { mode: mode & PERMISSIONS }
  return yield* changeAttributes(call, inode, { ...permissions, uid, gid, atime, mtime })
}

/**
 * Writes `data` at `offset`, which must not lie before the end of the file: whole extents of zeros become holes, and the
 * size counts them.
 */
export function* writeSparse(call: Call, inode: Inode, offset: number, data: Bytes): Op<void> {
  const { extentBytes } = inode
  let done = 0
  while (done < data.length) {
    const at = offset + done
    const bytes = Math.min(data.length - done, extentBytes - (at % extentBytes))
    const piece = data.subarray(done, done + bytes)
    if (!isZero(piece)) yield* writeContent(call, inode, at, piece)
    done += bytes
  }
  inode.size = Math.max(inode.size, offset + data.length)
}

const zeros = Buffer.alloc(65_536)

/** Whether all bytes are zero; compares memory, about 10 GB/s. */
export function isZero(data: Bytes): boolean {
  for (let at = 0; at < data.length; at += zeros.length) {
    const piece = data.subarray(at, at + zeros.length)
    if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false
  }
  return true
}
