/**
 * Extended attributes by Linux's rules (xattr(7)): `user` for whoever may read or write the file, of regular files and directories
 * only; `trusted` for the superuser, hidden from others; `security` for everybody to read and for the superuser to write;
 * `system` are access control lists (core/acl.ts) and nothing else.
 */
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { encodeXattr } from '../format/job.ts'
import { nameOfXattrKey, xattrKey, xattrRange } from '../format/keys.ts'
import { check, FRAME_BYTES, RowKind } from '../format/row.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import { aclKindOf, aclOfValue, getAclValue, setAcl } from './acl.ts'
import type { Call } from './call.ts'
import { corruption } from './corruption.ts'
import { isDirectory, isFile, isStickyBound, isSuperuser, mayAccess, R_OK, W_OK } from './mode.ts'

export const XATTR_NAME_BYTES_MAX = 255
export const XATTR_VALUE_BYTES_MAX = 65_536

/** How setxattr(2) treats an attribute that is there, or is not. */
export type XattrMode = 'any' | 'create' | 'replace'

/** ERANGE, EINVAL: what no attribute is called, whatever the file. */
function textOf(name: Bytes): string {
  if (name.length === 0 || name.length > XATTR_NAME_BYTES_MAX) throw new FilesystemError('ERANGE')
  const text = Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')
  if (text.includes('\0')) throw new FilesystemError('EINVAL')
  return text
}

/** ERANGE, EINVAL, E2BIG: what the kernel refuses before it looks for the file. */
export function assertXattr(name: Bytes, value?: Bytes): void {
  textOf(name)
  if (value !== undefined && value.length > XATTR_VALUE_BYTES_MAX) throw new FilesystemError('E2BIG')
}

function assertUser(call: Call, inode: Inode, mask: number): void {
  const isWrite = mask === W_OK
  if (!isFile(inode) && !isDirectory(inode)) throw new FilesystemError(isWrite ? 'EPERM' : 'ENODATA')
  if (isWrite && isDirectory(inode) && isStickyBound(call.who, inode, inode)) throw new FilesystemError('EPERM')
  if (!mayAccess(call.who, inode, mask)) throw new FilesystemError('EACCES')
}

/** The order of refusals is the kernel's: the namespace's right, then the name. */
function assertAccess(call: Call, inode: Inode, text: string, mask: number): void {
  const isWrite = mask === W_OK
  const namespace = text.slice(0, text.indexOf('.') + 1)
  switch (namespace) {
    case 'user.':
      assertUser(call, inode, mask)
      break
    case 'trusted.':
      if (!isSuperuser(call.who)) throw new FilesystemError(isWrite ? 'EPERM' : 'ENODATA')
      break
    case 'security.':
      if (isWrite && !isSuperuser(call.who)) throw new FilesystemError('EPERM')
      break
    case 'system.':
      throw new FilesystemError('ENOTSUP')
    default:
      if (!mayAccess(call.who, inode, mask)) throw new FilesystemError('EACCES')
      throw new FilesystemError('ENOTSUP')
  }
  if (text.length === namespace.length) throw new FilesystemError('EINVAL')
}

const CAPABILITY_NAME = 'security.capability'

/** Whether these are file capabilities of version 2 or 3 (capabilities(7)); the kernel takes nothing else for that name. */
function isCapability(value: Bytes): boolean {
  if (value.length !== 20 && value.length !== 24) return false
  return value[3] === (value.length === 20 ? 2 : 3) && (value[0] & ~1) === 0 && value[1] === 0 && value[2] === 0
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
  const text = textOf(name)
  const list = aclKindOf(text)
  if (list !== undefined) return yield* getAclValue(call, inode, list)
  assertAccess(call, inode, text, R_OK)
  const value = inode.xattrs === 0 ? undefined : yield* readValue(call, xattrKey(inode.ino, name))
  if (value === undefined) throw new FilesystemError('ENODATA')
  return Buffer.from(value)
}

/** Errors: EEXIST (create), ENODATA (replace), E2BIG, EACCES, EPERM, EINVAL, ERANGE, ENOTSUP. */
export function* setXattr(call: Call, inode: Inode, name: Bytes, value: Bytes, mode: XattrMode): Op<void> {
  assertXattr(name, value)
  const text = textOf(name)
  const list = aclKindOf(text)
  if (list !== undefined) return yield* setAcl(call, inode, list, aclOfValue(value))
  if (text === CAPABILITY_NAME && !isCapability(value)) throw new FilesystemError('EINVAL')
  assertAccess(call, inode, text, W_OK)
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
  const text = textOf(name)
  const list = aclKindOf(text)
  if (list !== undefined) return yield* setAcl(call, inode, list, undefined)
  assertAccess(call, inode, text, W_OK)
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
  return isSuperuser(call.who) ? names : names.filter((name) => !name.toString('latin1').startsWith('trusted.'))
}

const CAPABILITY = Buffer.from(CAPABILITY_NAME)

/** What a program may do beyond its user goes when the file changes or changes hands; `edited` is being changed. */
export function* dropCapability(call: Call, edited: Inode): Op<void> {
  const key = xattrKey(edited.ino, CAPABILITY)
  if ((yield* readValue(call, key)) === undefined) return
  call.tx.del(key)
  edited.xattrs--
}
