/** Extended attributes: user, trusted, security and system namespaces by Linux's rules (xattr(7)). */
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { encodeXattr } from '../format/job.ts'
import { nameOfXattrKey, xattrKey, xattrRange } from '../format/keys.ts'
import { check, FRAME_BYTES, RowKind } from '../format/row.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import { corruption } from './corruption.ts'
import { isDirectory, isFile, isOwner, isStickyBound, mayAccess, R_OK, W_OK } from './mode.ts'

export const XATTR_NAME_BYTES_MAX = 255
export const XATTR_VALUE_BYTES_MAX = 65_536

/** How setxattr(2) treats an attribute that is there, or is not. */
export type XattrMode = 'any' | 'create' | 'replace'

function assertAccess(call: Call, inode: Inode, name: Bytes, mask: number): void {
  if (name.length === 0 || name.length > XATTR_NAME_BYTES_MAX) throw new FilesystemError('ERANGE')
  const text = Buffer.from(name).toString('latin1')
  const dot = text.indexOf('.')
  if (text.includes('\0') || dot <= 0 || dot === text.length - 1) throw new FilesystemError('EINVAL')
  switch (text.slice(0, dot)) {
    case 'user':
      if (!isFile(inode) && !isDirectory(inode)) throw new FilesystemError(mask === W_OK ? 'EPERM' : 'ENODATA')
      if (mask === W_OK && isDirectory(inode) && isStickyBound(call.who, inode, inode))
        throw new FilesystemError('EPERM')
      if (!mayAccess(call.who, inode, mask)) throw new FilesystemError('EACCES')
      return
    case 'trusted':
      if (call.who.uid !== 0) throw new FilesystemError(mask === W_OK ? 'EPERM' : 'ENODATA')
      return
    case 'security':
    case 'system':
      if (mask === W_OK && !isOwner(call.who, inode)) throw new FilesystemError('EPERM')
      return
    default:
      throw new FilesystemError('ENOTSUP')
  }
}

function* readValue(call: Call, key: Bytes): Op<Bytes | undefined> {
  const row = yield* call.tx.get(key)
  if (row === undefined) return undefined
  const fault = check(key, row, RowKind.xattr, 1)
  if (fault !== undefined) throw corruption('extended attribute', fault)
  return row.subarray(FRAME_BYTES)
}

/** Errors: ENODATA, EACCES, EINVAL, ERANGE, ENOTSUP (an unknown namespace). The value is a copy. */
export function* getXattr(call: Call, inode: Inode, name: Bytes): Op<Buffer> {
  assertAccess(call, inode, name, R_OK)
  const value = inode.xattrs === 0 ? undefined : yield* readValue(call, xattrKey(inode.ino, name))
  if (value === undefined) throw new FilesystemError('ENODATA')
  return Buffer.from(value)
}

/** Errors: EEXIST (create), ENODATA (replace), E2BIG, EACCES, EPERM, EINVAL, ERANGE, ENOTSUP. */
export function* setXattr(call: Call, inode: Inode, name: Bytes, value: Bytes, mode: XattrMode): Op<void> {
  assertAccess(call, inode, name, W_OK)
  if (value.length > XATTR_VALUE_BYTES_MAX) throw new FilesystemError('E2BIG')
  const key = xattrKey(inode.ino, name)
  const before = inode.xattrs === 0 ? undefined : yield* readValue(call, key)
  if (mode === 'create' && before !== undefined) throw new FilesystemError('EEXIST')
  if (mode === 'replace' && before === undefined) throw new FilesystemError('ENODATA')
  call.tx.put(key, encodeXattr(key, value))
  const edited = call.edit(inode, 'ctime')
  if (before === undefined) edited.xattrs++
  call.tellOf(inode, 'attrib')
}

/** Errors: ENODATA, EACCES, EPERM, EINVAL, ERANGE, ENOTSUP. */
export function* removeXattr(call: Call, inode: Inode, name: Bytes): Op<void> {
  assertAccess(call, inode, name, W_OK)
  const key = xattrKey(inode.ino, name)
  const before = inode.xattrs === 0 ? undefined : yield* readValue(call, key)
  if (before === undefined) throw new FilesystemError('ENODATA')
  call.tx.del(key)
  call.edit(inode, 'ctime').xattrs--
  call.tellOf(inode, 'attrib')
}

/** Names, sorted by bytes; those of `trusted` only for the superuser. */
export function* listXattrs(call: Call, inode: Inode): Op<Buffer[]> {
  if (inode.xattrs === 0) return []
  const rows = yield* call.tx.range({ ...xattrRange(inode.ino), keysOnly: true })
  const names = rows.map(({ key }) => Buffer.from(nameOfXattrKey(key)))
  return call.who.uid === 0 ? names : names.filter((name) => !name.toString('latin1').startsWith('trusted.'))
}

const CAPABILITY = Buffer.from('security.capability')

/** What a program may do beyond its user goes when the file changes or changes hands; `edited` is being changed. */
export function* dropCapability(call: Call, edited: Inode): Op<void> {
  const key = xattrKey(edited.ino, CAPABILITY)
  if ((yield* readValue(call, key)) === undefined) return
  call.tx.del(key)
  edited.xattrs--
}
