/** A big file in pieces: the next is read while the one before it is on its way to the store. */
import { type BigIntStats, close, read } from 'node:fs'
import { promisify } from 'node:util'
import { changeAttributes } from '../core/attributes.ts'
import type { Call } from '../core/call.ts'
import { writeContent } from '../core/content.ts'
import { type WholeInode, writeSparse } from '../core/put-file.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import { fstatHost, isSparseHost } from './host.ts'
import type { Meter } from './meter.ts'
import type { Pipeline } from './pipeline.ts'

/** One transaction, one read. Two of them are in memory. */
const PIECE_BYTES = 2 * 1024 * 1024

const readAsync = promisify(read)
const closeAsync = promisify(close)

export interface StreamedFile {
  readonly pipeline: Pipeline
  readonly meter: Meter
  /** The directory's inode number. */
  readonly parent: number
  /** Closed at the end. */
  readonly fd: number
  readonly stat: BigIntStats
  readonly whole: WholeInode
  /** Makes the file in its directory. */
  readonly place: (call: Call, directory: Inode, what: WholeInode) => Op<Inode>
}

/** The new inode, and whether the file changed while it was read. */
export async function streamFile(file: StreamedFile): Promise<{ ino: number; isChanged: boolean }> {
  const { pipeline, meter, fd, stat, whole } = file
  const isSparse = isSparseHost(stat)
  const buffers = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)] as const
  let reading = fill(fd, buffers[0], 0)
  try {
    const ino = await pipeline.submit(function* (call) {
      return (yield* file.place(call, yield* call.inode(file.parent), whole)).ino
    })
    let offset = 0
    for (let turn = 1; ; turn++) {
      const piece = await reading
      if (piece.length === 0) break
      reading = fill(fd, buffers[(turn & 1) as 0 | 1], offset + piece.length)
      const at = offset
      await pipeline.submit(function* (call) {
        const inode = call.edit(yield* call.inode(ino))
        if (isSparse) yield* writeSparse(call, inode, at, piece)
        else yield* writeContent(call, inode, at, piece)
      })
      offset += piece.length
      meter.bytes += piece.length
      await meter.breathe()
    }
    // What was written changed the times.
    const { uid, gid, atime, mtime } = whole
    await pipeline.submit(function* (call) {
      yield* changeAttributes(call, yield* call.inode(ino), { uid, gid, mode: whole.mode & 0o7777, atime, mtime })
    })
    const after = fstatHost(fd)
    return { ino, isChanged: offset !== Number(stat.size) || after.mtimeNs !== stat.mtimeNs }
  } finally {
    await reading.catch(() => {})
    await closeAsync(fd)
  }
}

/** Reads at `offset` until the buffer is full or the file ends. */
async function fill(fd: number, buffer: Buffer, offset: number): Promise<Buffer> {
  let done = 0
  while (done < buffer.length) {
    const { bytesRead } = await readAsync(fd, buffer, done, buffer.length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return buffer.subarray(0, done)
}
