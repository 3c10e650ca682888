/** copy_file_range(2), FICLONE and FICLONERANGE: from one file to another without leaving the volume. */
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import type { Call } from './call.ts'
import { cloneExtents, shareable } from './clone.ts'
import { consolidate } from './consolidate.ts'
import { readContent, writeContent } from './content.ts'
import type { Core } from './core.ts'
import type { Credentials } from './mode.ts'
import { isFile } from './mode.ts'
import { type OpenFile, placeOfOpen } from './open-file.ts'
import { dropPowers } from './powers.ts'

/** The most bytes that one call copies; what it shares does not count. */
export const COPY_BYTES_MAX = 4 * 1024 * 1024
/** Less than this is copied: rows that say what is shared, and asking for them, cost as much. */
const SHARE_BYTES_MIN = 16 * 1024

export interface CopyRange {
  readonly file: OpenFile
  readonly offset: number
  readonly to: OpenFile
  readonly toOffset: number
  readonly length: number
  /**
   * `auto` (default): whole extents are shared, edges and little things copied, as copy_file_range(2) may. `never`: all is
   * copied. `always`: what cannot be shared is refused, as FICLONERANGE does.
   */
  readonly share?: 'auto' | 'never' | 'always'
}

const isOffset = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/**
 * Copies up to COPY_BYTES_MAX, and shares up to 8192 extents, in one transaction: nobody sees half of them, and nobody writes in between.
 * Answers how many bytes; 0 at the end of the file. Errors: EBADF, EINVAL (overlapping ranges of one file, not files; `always`:
 * a range that cannot be shared), EFBIG, ENOSPC, EDQUOT.
 */
export function* copyRange(core: Core, who: Credentials, range: CopyRange): Op<number> {
  const { file, offset, to, toOffset, length } = range
  if (file.closed || to.closed || !file.canRead || !to.canWrite || to.append) throw new FilesystemError('EBADF')
  if (!isOffset(offset) || !isOffset(toOffset) || !isOffset(length)) throw new FilesystemError('EINVAL')
  if (file.ino === to.ino && offset < toOffset + length && toOffset < offset + length) {
    throw new FilesystemError('EINVAL')
  }
  return yield* withRoom(core, file.ino, () => core.run(who, (call) => copy(call, range), { durable: to.isSynced }))
}

const ATTEMPTS_MAX = 32

/** Runs what opens a data epoch in an inode, making room in its list where that is full. */
export function* withRoom<T>(core: Core, ino: number, run: () => Op<T>): Op<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return yield* run()
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !FilesystemError.is(error) || error.code !== 'EBUSY') throw error
      yield* consolidate(core, ino)
    }
  }
}

function* copy(call: Call, { file, offset, to, toOffset, length, share = 'auto' }: CopyRange): Op<number> {
  const from = yield* call.inode(file.ino, file.generation)
  const into = yield* call.inode(to.ino, to.generation)
  if (!isFile(from) || !isFile(into)) throw new FilesystemError('EINVAL')
  const room = Math.min(length, Math.max(0, from.size - offset))
  if (share === 'always' && shareable(from, into, { offset, toOffset, length: room }) === 0 && room > 0) {
    throw new FilesystemError('EINVAL')
  }
  let bytes = 0
  if (room > 0) {
    const edited = call.edit(into, 'mtime')
    const source = from.ino === into.ino ? edited : from
    bytes = yield* transfer(call, source, edited, { offset, toOffset, length: room }, share)
    const place = placeOfOpen(call, to)
    yield* dropPowers(call, edited, place)
    call.tellOf(into, 'modify', place)
  }
  if (file.tracksAtime) call.tx.onCommit(() => call.core.lazyTimes.touch(from, call.now))
  return bytes
}

interface Piece {
  readonly offset: number
  readonly toOffset: number
  readonly length: number
}

/** Shares what is worth it, copies what lies before and behind it; answers how much was done. */
function* transfer(call: Call, from: Inode, into: Inode, piece: Piece, share: 'auto' | 'never' | 'always'): Op<number> {
  const { extentBytes } = from
  const { offset, toOffset, length } = piece
  const isCongruent = share !== 'never' && offset % extentBytes === toOffset % extentBytes
  const head = isCongruent ? Math.min(length, (extentBytes - (offset % extentBytes)) % extentBytes) : 0
  const middle = { offset: offset + head, toOffset: toOffset + head, length: length - head }
  const shared = isCongruent ? shareable(from, into, middle) : 0
  if (shared === 0 || (share === 'auto' && shared < Math.min(extentBytes, SHARE_BYTES_MIN))) {
    return yield* copyBytes(call, from, into, piece)
  }
  if (head > 0) yield* copyBytes(call, from, into, { ...piece, length: head })
  const done = head + (yield* cloneExtents(call, from, into, { ...middle, length: shared }))
  const rest = length - done
  if (share === 'always' || rest === 0 || rest >= extentBytes) return done
  return done + (yield* copyBytes(call, from, into, { offset: offset + done, toOffset: toOffset + done, length: rest }))
}

function* copyBytes(call: Call, { ino }: Inode, into: Inode, { offset, toOffset, length }: Piece): Op<number> {
  const data = Buffer.allocUnsafe(Math.min(length, COPY_BYTES_MAX))
  // Sharing may have opened a data epoch in it.
  const bytes = yield* readContent(call, yield* call.inode(ino), offset, data)
  if (bytes > 0) yield* writeContent(call, into, toOffset, data.subarray(0, bytes))
  return bytes
}
