/**
 * Access control lists of inodes. They lie in rows of extended attributes under Linux's names and in its format (acl/wire.ts);
 * a flag of the inode says that there is one, so inodes without one cost nothing. An inode that an operation sees carries
 * its access list (`inode.acl`), and `mayAccess` decides by it.
 */
import { type Acl, aclOfMode, faultOf, inherit, isMinimal, modeBitsOf, withMode } from '../acl/acl.ts'
import { decodeAcl, decodeStored, encodeAcl } from '../acl/wire.ts'
import { FilesystemError } from '../errors.ts'
import { type Inode, InodeFlag } from '../format/inode.ts'
import { encodeXattr } from '../format/job.ts'
import { xattrKey } from '../format/keys.ts'
import { check, FRAME_BYTES, RowKind } from '../format/row.ts'
import { Incompat } from '../format/superblock.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import { corruption } from './corruption.ts'
import { changeFeatures } from './features.ts'
import { isDirectory, isInGroup, isOwner, isSymlink, S_ISGID } from './mode.ts'

/** `access` decides who may; `default`, of directories, is what new files in them begin with. */
export type AclKind = 'access' | 'default'

const names: Readonly<Record<AclKind, Buffer>> = {
  access: Buffer.from('system.posix_acl_access'),
  default: Buffer.from('system.posix_acl_default'),
}
const flags: Readonly<Record<AclKind, number>> = { access: InodeFlag.accessAcl, default: InodeFlag.defaultAcl }

/** Which list an extended attribute of that name is. */
export const aclKindOf = (name: string): AclKind | undefined =>
  name === 'system.posix_acl_access' ? 'access' : name === 'system.posix_acl_default' ? 'default' : undefined

export const aclKey = (ino: number, kind: AclKind): Buffer => xattrKey(ino, names[kind])

/** Decoded lists by the row that they came from. */
const decoded = new WeakMap<Bytes, Acl>()

/** The list in a row; undefined when the row is damaged. */
export function aclAtHand(key: Bytes, row: Bytes): Acl | undefined {
  const known = decoded.get(row)
  if (known !== undefined) return known
  if (check(key, row, RowKind.xattr, 1) !== undefined) return undefined
  const verdict = decodeStored(row.subarray(FRAME_BYTES))
  if ('fault' in verdict) return undefined
  decoded.set(row, verdict.acl)
  return verdict.acl
}

/** Without its list nobody can say who may: EIO. */
function* readAcl(call: Call, ino: number, kind: AclKind): Op<Acl> {
  const key = aclKey(ino, kind)
  const row = yield* call.tx.get(key)
  const acl = row === undefined ? undefined : aclAtHand(key, row)
  if (acl === undefined) throw corruption(`${kind} list of inode ${ino}`, row === undefined ? 'missing' : 'shape')
  return acl
}

/** The inode with its access list; only for inodes whose flag says that there is one. */
export function* loadAcl(call: Call, inode: Inode): Op<Inode> {
  return { ...inode, acl: yield* readAcl(call, inode.ino, 'access') }
}

function* loadDefault(call: Call, directory: Inode): Op<Acl | undefined> {
  if ((directory.flags & InodeFlag.defaultAcl) === 0) return undefined
  return yield* readAcl(call, directory.ino, 'default')
}

/** The list as it stands; undefined when there is none. An access list shows the mode's bits (A3). */
export function* getAcl(call: Call, inode: Inode, kind: AclKind): Op<Acl | undefined> {
  if (isSymlink(inode)) throw new FilesystemError('ENOTSUP')
  if (kind === 'default') return yield* loadDefault(call, inode)
  return inode.acl === undefined ? undefined : withMode(inode.acl, inode.mode)
}

/** As `getAcl`, in Linux's format. ENODATA when there is none, ENOTSUP for a symbolic link. */
export function* getAclValue(call: Call, inode: Inode, kind: AclKind): Op<Buffer> {
  const acl = yield* getAcl(call, inode, kind)
  if (acl === undefined) throw new FilesystemError('ENODATA')
  return encodeAcl(acl)
}

/** What a value in Linux's format says; undefined removes. EINVAL, ENOTSUP (another version). */
export function aclOfValue(value: Bytes): Acl | undefined {
  const verdict = decodeAcl(value)
  if (!verdict.ok) throw new FilesystemError(verdict.fault === 'version' ? 'ENOTSUP' : 'EINVAL')
  return verdict.acl
}

/**
 * Sets or removes (undefined) a list. An access list sets the mode's bits, and is kept only if it says more than they can. Errors:
 * ENOTSUP (a symbolic link), EACCES (a default list of what is no directory), EPERM (not the owner), EINVAL.
 */
export function* setAcl(call: Call, inode: Inode, kind: AclKind, acl: Acl | undefined): Op<void> {
  if (isSymlink(inode)) throw new FilesystemError('ENOTSUP')
  if (kind === 'default' && !isDirectory(inode)) {
    if (acl === undefined) return
    throw new FilesystemError('EACCES')
  }
  if (!isOwner(call.who, inode)) throw new FilesystemError('EPERM')
  if (acl !== undefined && faultOf(acl) !== undefined) throw new FilesystemError('EINVAL')
  const edited = call.edit(inode, 'ctime')
  if (kind === 'access' && acl !== undefined) {
    edited.mode = (edited.mode & ~0o777) | modeBitsOf(acl)
    if (call.who.uid !== 0 && !isInGroup(call.who, edited.gid)) edited.mode &= ~S_ISGID
  }
  yield* store(call, edited, kind, kind === 'access' && acl !== undefined && isMinimal(acl) ? undefined : acl)
  call.tellOf(inode, 'attrib')
}

/** Writes or deletes the row of a list; `edited` is being changed. */
function* store(call: Call, edited: Inode, kind: AclKind, acl: Acl | undefined): Op<void> {
  const flag = flags[kind]
  const had = (edited.flags & flag) !== 0
  const key = aclKey(edited.ino, kind)
  if (acl === undefined) {
    if (had) {
      call.tx.del(key)
      edited.xattrs--
      edited.flags &= ~flag
    }
  } else {
    if ((call.core.superblock.features.incompat & Incompat.acls) === 0) {
      yield* changeFeatures(call, (features) => ({ ...features, incompat: features.incompat | Incompat.acls }))
    }
    call.tx.put(key, encodeXattr(key, encodeAcl(acl)))
    if (!had) edited.xattrs++
    edited.flags |= flag
  }
  if (kind === 'access') edited.acl = acl
}

/**
 * The permissions of a new inode, by its directory's default list or, without one, by the caller's umask; `give` writes the lists
 * that it inherits.
 */
export function* inheritedAcl(
  call: Call,
  directory: Inode,
  permissions: number,
): Op<{ readonly permissions: number; readonly give?: (made: Inode) => Op<void> }> {
  const defaults = yield* loadDefault(call, directory)
  if (defaults === undefined) return { permissions: permissions & ~call.who.umask }
  const { permissions: granted, access } = inherit(defaults, permissions)
  return { permissions: granted, give: (made) => give(call, made, access, defaults) }
}

function* give(call: Call, made: Inode, access: Acl | undefined, defaults: Acl): Op<void> {
  if (access !== undefined) yield* store(call, made, 'access', access)
  if (isDirectory(made)) yield* store(call, made, 'default', defaults)
}

/** The access list of any inode: that of its mode where it has none of its own. */
export const wholeAcl = (inode: Inode): Acl =>
  inode.acl === undefined ? aclOfMode(inode.mode) : withMode(inode.acl, inode.mode)
