/** copy_file_range(2): bytes from one open file to another without leaving the volume. */
import type { Call } from '../core/call.ts'
import { readContent } from '../core/content.ts'
import type { Core } from '../core/core.ts'
import type { Credentials } from '../core/mode.ts'
import { isFile } from '../core/mode.ts'
import { type OpenFile, placeOfOpen, writeInode } from '../core/open-file.ts'
import { FilesystemError } from '../errors.ts'
import type { Op } from '../op.ts'

/** The most bytes that one call copies. */
export const COPY_BYTES_MAX = 4 * 1024 * 1024

export interface CopyRange {
  readonly file: OpenFile
  readonly offset: number
  readonly to: OpenFile
  readonly toOffset: number
  readonly length: number
}

const isOffset = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/**
 * Copies up to COPY_BYTES_MAX in one transaction: nobody sees half of them, and nobody writes in between. Answers how many; 0 at the
 * end of the file. Errors: EBADF, EINVAL (overlapping ranges of one file, not files), EFBIG, ENOSPC.
 */
export function* copyRange(core: Core, who: Credentials, range: CopyRange): Op<number> {
  const { file, offset, to, toOffset, length } = range
  if (file.closed || to.closed || !file.canRead || !to.canWrite || to.append) throw new FilesystemError('EBADF')
  if (!isOffset(offset) || !isOffset(toOffset) || !isOffset(length)) throw new FilesystemError('EINVAL')
  if (file.ino === to.ino && offset < toOffset + length && toOffset < offset + length) {
    throw new FilesystemError('EINVAL')
  }
  return yield* core.run(who, (call) => copy(call, range), { durable: to.isSynced })
}

function* copy(call: Call, { file, offset, to, toOffset, length }: CopyRange): Op<number> {
  const from = yield* call.inode(file.ino, file.generation)
  const into = yield* call.inode(to.ino, to.generation)
  if (!isFile(from) || !isFile(into)) throw new FilesystemError('EINVAL')
  const room = Math.min(length, COPY_BYTES_MAX, Math.max(0, from.size - offset))
  const data = Buffer.allocUnsafe(room)
  const bytes = yield* readContent(call, from, offset, data)
  if (bytes > 0) yield* writeInode(call, into, toOffset, data.subarray(0, bytes), placeOfOpen(call, to))
  if (file.tracksAtime) call.tx.onCommit(() => call.core.lazyTimes.touch(from, call.now))
  return bytes
}
