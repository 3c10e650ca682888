/**
 * Opening and reading what is committed and at hand: no transaction, one synchronous step, as of one instant
 * (lookups.ts I1-I3; extent-cache.ts holds what is committed). `undefined` whenever it cannot be said here: the
 * transaction of open-file.ts gives the answer then, refusals included.
 */
import { constants } from 'node:fs'
import { copyOut } from '../format/extent.ts'
import type { Inode } from '../format/inode.ts'
import type { Bytes } from '../store/store.ts'
import type { Core } from './core.ts'
import { extentId } from './extent-cache.ts'
import { placeAt, type RootedPath } from './lookups.ts'
import { type Credentials, isFile, mayAccess, R_OK } from './mode.ts'
import { mayOpen, type OpenFile, openFileOf } from './open-file.ts'

const { O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = constants
/** Flags that change something, or how a path is walked. */
const NOT_PLAIN = O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY | O_NOFOLLOW

/** Opens the file or directory at an absolute path. */
export function openAtHand(core: Core, who: Credentials, path: RootedPath, flags: number): OpenFile | undefined {
  if ((flags & NOT_PLAIN) !== 0 || core.options.readOnly) return undefined
  const found = core.lookups.locate(who, path, true)
  if (found === undefined || found === null) return undefined
  const { inode, known } = found
  if (!mayOpen(who, inode, flags) || core.leases.has(inode.ino)) return undefined
  const file = openFileOf(inode, flags, placeAt(path, known))
  core.openFiles.add(inode.ino, file.canWrite)
  return file
}

/** Copies the content from `offset` on; false when an extent of it is not at hand. `into` ends before the file does. */
function copyContent(core: Core, { ino, extentBytes }: Inode, offset: number, into: Bytes): boolean {
  for (let done = 0; done < into.length; ) {
    const at = offset + done
    const index = Math.floor(at / extentBytes)
    const from = at - index * extentBytes
    const bytes = Math.min(into.length - done, extentBytes - from)
    const segments = core.extents.get(extentId(ino, index))
    if (segments === undefined) return false
    copyOut(segments, from, bytes === into.length ? into : into.subarray(done, done + bytes))
    done += bytes
  }
  return true
}

/** As `readFile` of open-file.ts. What is in `into` when the answer is undefined is of no meaning. */
export function readAtHand(core: Core, file: OpenFile, offset: number, into: Bytes): number | undefined {
  if (file.closed || !file.canRead || !Number.isSafeInteger(offset) || offset < 0) return undefined
  const inode = core.lookups.inode(file.ino, file.generation)
  if (inode === undefined || !isFile(inode)) return undefined
  const bytes = Math.min(into.length, Math.max(0, inode.size - offset))
  if (!copyContent(core, inode, offset, bytes === into.length ? into : into.subarray(0, bytes))) return undefined
  if (file.tracksAtime) core.lazyTimes.touch(inode, core.runtime.now())
  return bytes
}

/** All of the file at an absolute path, if it is no longer than `bytesMax`. The caller owns the buffer. */
export function readWholeAtHand(core: Core, who: Credentials, path: RootedPath, bytesMax: number): Buffer | undefined {
  const inode = core.lookups.findPath(who, path, true)
  if (inode === undefined || inode === null || !isFile(inode)) return undefined
  if (inode.size > bytesMax || !mayAccess(who, inode, R_OK) || core.leases.has(inode.ino)) return undefined
  const into = Buffer.allocUnsafe(inode.size)
  if (!copyContent(core, inode, 0, into)) return undefined
  core.lazyTimes.touch(inode, core.runtime.now())
  return into
}
