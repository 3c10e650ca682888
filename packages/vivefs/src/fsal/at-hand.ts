/**
 * What the inner face answers from what is committed and at hand (core/lookups.ts, core/at-hand.ts): no transaction, one synchronous step, as of one
 * instant. `undefined` whenever it cannot be said here: the transaction gives the answer then, refusals included.
 */
import { constants } from 'node:fs'
import type { Core } from '../core/core.ts'
import { assertName, isDot, isDotDot } from '../core/directory.ts'
import { type Credentials, isDirectory, mayAccess, X_OK } from '../core/mode.ts'
import { mayOpen, type OpenFile, openFileOf } from '../core/open-file.ts'
import type { Inode } from '../format/inode.ts'
import type { Bytes } from '../store/store.ts'

const { O_CREAT, O_EXCL, O_TRUNC, O_WRONLY, O_RDWR, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = constants
/** Flags that change something, or that ask more of the inode than its rights. */
const NOT_PLAIN = O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY | O_NOFOLLOW

interface Named {
  readonly ino: number
  readonly generation: number
}

export const inodeAtHand = (core: Core, { ino, generation }: Named): Inode | undefined =>
  core.options.readOnly ? undefined : core.lookups.inode(ino, generation)

/** The inode of a name in a directory; null: there is none. ENAMETOOLONG, EINVAL. */
export function childAtHand(core: Core, who: Credentials, directory: Named, name: Bytes): Inode | null | undefined {
  const parent = inodeAtHand(core, directory)
  if (parent === undefined || !isDirectory(parent) || parent.nlink === 0 || !mayAccess(who, parent, X_OK)) {
    return undefined
  }
  if (isDot(name) || isDotDot(name)) return undefined
  assertName(name)
  const bytes = Buffer.isBuffer(name) ? name : Buffer.from(name.buffer, name.byteOffset, name.length)
  return core.lookups.child({ ino: parent.ino, offset: 0 }, bytes, false)
}

/** Opens an inode to be read. */
export function openToReadAtHand(core: Core, who: Credentials, named: Named, flags: number): OpenFile | undefined {
  if ((flags & NOT_PLAIN) !== 0) return undefined
  const inode = inodeAtHand(core, named)
  if (inode === undefined || !mayOpen(who, inode, flags) || core.leases.has(inode.ino)) return undefined
  const file = openFileOf(inode, flags, undefined)
  core.openFiles.add(inode.ino, false)
  return file
}
