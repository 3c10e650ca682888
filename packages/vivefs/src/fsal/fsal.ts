/** The inner face over the core: handles in, one transaction for each call. */
import { constants } from 'node:fs'
import { readAtHand } from '../core/at-hand.ts'
import { type AttributeChanges, type Attributes, attributesOf, changeAttributes } from '../core/attributes.ts'
import type { Call } from '../core/call.ts'
import { copyRange } from '../core/copy-range.ts'
import type { Core } from '../core/core.ts'
import { createEntry, makeInode, type NewInode } from '../core/create.ts'
import {
  assertName,
  assertSearchable,
  assertWritableDirectory,
  findChild,
  isDot,
  isDotDot,
  listEntries,
} from '../core/directory.ts'
import { linkInode, removeDirectory, unlinkEntry } from '../core/link.ts'
import {
  type Credentials,
  isDirectory,
  isFile,
  isOwner,
  isSymlink,
  mayAccess,
  PERMISSIONS,
  R_OK,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  W_OK,
  X_OK,
} from '../core/mode.ts'
import {
  closeFile,
  type OpenFile,
  openInode,
  readFile,
  truncateInode,
  type Written,
  writeFile,
} from '../core/open-file.ts'
import { type RenameFlags, renameEntry } from '../core/rename.ts'
import { type FallocateMode, fallocate, isShift, seekData, seekHole, spaceReport } from '../core/space.ts'
import { getXattr, listXattrs, removeXattr, setXattr } from '../core/xattr.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { done, type Op } from '../op.ts'
import type { Bytes, TransactOptions } from '../store/store.ts'
import { childAtHand, inodeAtHand, openToReadAtHand } from './at-hand.ts'
import { decodeHandle, encodeHandle, type Handle } from './handle.ts'
import { leaseOperations } from './leases.ts'
import { lockOperations } from './locks.ts'
import { tracedFsal } from './traced.ts'
import type { CreateMode, DirectoryLine, DirectoryPage, Entry, Fsal } from './types.ts'

/** The mode of symbolic links; nobody checks it. */
const LINK_MODE = S_IFLNK | 0o777
export const READDIR_LINES_MAX = 10_000

const READS: TransactOptions = { readOnly: true }
const WRITES: TransactOptions = {}
const RECLAIMS: TransactOptions = { reclaims: true }

/** The inner face of an open volume. */
export function createFsal(core: Core): Fsal {
  const volumeId = Buffer.from(core.identity, 'hex')
  const entryOf = (inode: Inode): Entry => ({ handle: encodeHandle(volumeId, inode), attributes: attributesOf(inode) })

  function inodeOf(call: Call, handle: Handle): Op<Inode> {
    const { ino, generation } = decodeHandle(volumeId, handle)
    return call.inode(ino, generation)
  }
  function* onInode<A, T>(
    call: Call,
    handle: Handle,
    body: (call: Call, inode: Inode, args: A) => Op<T>,
    args: A,
  ): Op<T> {
    return yield* body(call, yield* inodeOf(call, handle), args)
  }
  /** An operation on the inode of a handle. */
  const operation =
    <A, T>(options: TransactOptions, body: (call: Call, inode: Inode, args: A) => Op<T>) =>
    (who: Credentials, handle: Handle, args: A): Op<T> =>
      core.run(who, (call) => onInode(call, handle, body, args), options)

  function* getattr(who: Credentials, handle: Handle): Op<Attributes> {
    const named = decodeHandle(volumeId, handle)
    return attributesOf(inodeAtHand(core, named) ?? (yield* inodeOfHandle(who, handle, undefined)))
  }
  const inodeOfHandle = operation(READS, (_call, inode) => done(inode))

  function* lookup(who: Credentials, handle: Handle, args: { name: Bytes }): Op<Entry> {
    const inode = childAtHand(core, who, decodeHandle(volumeId, handle), args.name)
    if (inode === null) throw new FilesystemError('ENOENT')
    return inode === undefined ? yield* lookUp(who, handle, args) : entryOf(inode)
  }
  const lookUp = operation(READS, lookupIn)

  function* lookupIn(call: Call, directory: Inode, { name }: { name: Bytes }): Op<Entry> {
    assertSearchable(call, directory)
    if (isDot(name)) return entryOf(directory)
    if (isDotDot(name)) return entryOf(yield* call.inode(directory.parent))
    assertName(name)
    const inode = yield* findChild(call, directory, name)
    if (inode === undefined) throw new FilesystemError('ENOENT')
    return entryOf(inode)
  }

  function* make(call: Call, directory: Inode, { name, what }: { name: Bytes; what: NewInode }): Op<Entry> {
    assertSearchable(call, directory)
    return entryOf(yield* createEntry(call, directory, name, what))
  }
  const makeEntry = operation(WRITES, make)

  function* create(
    call: Call,
    directory: Inode,
    { name, mode, how = 'guarded' }: { name: Bytes; mode: number; how?: CreateMode },
  ): Op<Entry> {
    assertSearchable(call, directory)
    const existing = how === 'guarded' ? undefined : yield* findChild(call, directory, name)
    if (existing !== undefined) {
      const isOwn = how === 'unchecked' ? isFile(existing) : existing.exclusiveVerifier === verifierOf(how)
      if (!isOwn) throw new FilesystemError('EEXIST')
      return entryOf(existing)
    }
    const what = { mode: S_IFREG | (mode & PERMISSIONS), exclusiveVerifier: verifierOf(how) }
    return entryOf(yield* createEntry(call, directory, name, what))
  }

  function* openNew(
    call: Call,
    directory: Inode,
    { name, mode, flags }: { name: Bytes; mode: number; flags: number },
  ): Op<Entry & { file: OpenFile }> {
    assertSearchable(call, directory)
    const existing = yield* findChild(call, directory, name)
    if (existing === undefined) {
      const made = yield* createEntry(call, directory, name, { mode: S_IFREG | (mode & PERMISSIONS) })
      return { ...entryOf(made), file: yield* openInode(call, made, flags, true) }
    }
    if ((flags & constants.O_EXCL) !== 0) throw new FilesystemError('EEXIST')
    const file = yield* openInode(call, existing, flags)
    return { ...entryOf(yield* call.inode(existing.ino, existing.generation)), file }
  }

  function* openTemporary(
    call: Call,
    directory: Inode,
    { mode, flags }: { mode: number; flags: number },
  ): Op<Entry & { file: OpenFile }> {
    if (!isDirectory(directory)) throw new FilesystemError('ENOTDIR')
    assertSearchable(call, directory)
    assertWritableDirectory(call, directory)
    const made = yield* makeInode(call, directory, { mode: S_IFREG | (mode & PERMISSIONS) })
    return { ...entryOf(made), file: yield* openInode(call, made, flags & ~(constants.O_DIRECTORY ?? 0), true) }
  }

  function* link(
    call: Call,
    inode: Inode,
    { directory, name, isTemporary = false }: { directory: Handle; name: Bytes; isTemporary?: boolean },
  ): Op<Attributes> {
    return attributesOf(yield* linkInode(call, inode, yield* inodeOf(call, directory), name, isTemporary))
  }

  function* rename(
    call: Call,
    directory: Inode,
    args: { name: Bytes; toDirectory: Handle; toName: Bytes; flags?: RenameFlags },
  ): Op<void> {
    const into = yield* inodeOf(call, args.toDirectory)
    yield* renameEntry(call, { directory, name: args.name }, { directory: into, name: args.toName }, args.flags)
  }

  function* readdir(
    call: Call,
    directory: Inode,
    { cookie, limit, plus = false }: { cookie: bigint; limit: number; plus?: boolean },
  ): Op<DirectoryPage> {
    if (!isDirectory(directory)) throw new FilesystemError('ENOTDIR')
    if (!mayAccess(call.who, directory, plus ? R_OK | X_OK : R_OK)) throw new FilesystemError('EACCES')
    if (!(limit > 0)) throw new FilesystemError('EINVAL')
    const count = Math.min(limit, READDIR_LINES_MAX)
    const lines: DirectoryLine[] = []
    for (const line of yield* listEntries(call, directory, cookie, count)) {
      lines.push(plus ? { ...line, entry: entryOf(yield* call.referenced(line.ino)) } : line)
    }
    call.tx.onCommit(() => core.lazyTimes.touch(directory, call.now))
    return { lines, eof: lines.length < count }
  }

  function* change(call: Call, inode: Inode, { file, ...changes }: AttributeChanges & { file?: OpenFile }): Op<Inode> {
    const isOpenForWriting = file?.ino === inode.ino && file.canWrite && !file.closed
    return yield* changeAttributes(call, inode, changes, isOpenForWriting)
  }

  function* setattr(who: Credentials, handle: Handle, changes: AttributeChanges & { file?: OpenFile }): Op<Attributes> {
    const body = (call: Call): Op<Inode> => onInode(call, handle, change, changes)
    const changed =
      changes.size === undefined
        ? yield* core.run(who, body)
        : yield* truncateInode(core, who, decodeHandle(volumeId, handle).ino, body)
    return attributesOf(changed)
  }

  function* transient(who: Credentials, handle: Handle, mask: number): Op<OpenFile> {
    return yield* core.read(who, (call) => onInode(call, handle, transientFile, mask))
  }

  const mayUse = operation(READS, (call, inode, mask: number) => done(assertUsableFile(call, inode, mask)))

  function* read(
    who: Credentials,
    handle: Handle,
    { offset, into, file }: { offset: number; into: Bytes; file?: OpenFile },
  ): Op<number> {
    const known = file === undefined ? undefined : readAtHand(core, file, offset, into)
    if (known !== undefined) return known
    return yield* readFile(core, who, file ?? (yield* transient(who, handle, R_OK)), offset, into)
  }

  function* write(
    who: Credentials,
    handle: Handle,
    { offset, data, file, durable = false }: { offset: number | null; data: Bytes; file?: OpenFile; durable?: boolean },
  ): Op<Written> {
    const target = file ?? (yield* transient(who, handle, W_OK))
    return yield* writeFile(core, who, durable ? { ...target, isSynced: true } : target, offset, data)
  }

  const exists = operation(READS, () => done(undefined))
  function* commit(who: Credentials, handle: Handle): Op<void> {
    yield* exists(who, handle, undefined)
    yield* core.store.barrier()
  }

  const openIn = (call: Call, inode: Inode, { flags }: { flags: number }): Op<OpenFile> => openInode(call, inode, flags)
  const openToUse = operation(READS, openIn)
  const openToTruncate = operation(RECLAIMS, openIn)
  function* open(who: Credentials, handle: Handle, args: { flags: number }): Op<OpenFile> {
    const file = openToReadAtHand(core, who, decodeHandle(volumeId, handle), args.flags)
    if (file !== undefined) return file
    return yield* ((args.flags & constants.O_TRUNC) === 0 ? openToUse : openToTruncate)(who, handle, args)
  }

  return tracedFsal(core, {
    ...lockOperations({
      core,
      inoOf: (handle) => decodeHandle(volumeId, handle).ino,
      exists: (who, handle) => exists(who, handle, undefined),
      mayUse,
    }),
    ...leaseOperations({
      core,
      inoOf: (handle) => decodeHandle(volumeId, handle).ino,
      exists: (who, handle) => exists(who, handle, undefined),
      mayUse,
    }),
    sync: core.store.caps.sync,
    listen: (listener) => core.changes.listen(listener),
    root: () => encodeHandle(volumeId, { ino: core.superblock.rootIno, generation: 1 }),
    lookup,
    getattr,
    setattr,
    access: operation(READS, (call, inode, { mask, together = false }) =>
      done(together ? (mayAccess(call.who, inode, mask) ? mask : 0) : grantedOf(call.who, inode, mask)),
    ),
    create: operation(WRITES, create),
    openNew: operation(RECLAIMS, openNew),
    openTemporary: operation(WRITES, openTemporary),
    mkdir: (who, handle, { name, mode }) =>
      makeEntry(who, handle, { name, what: { mode: S_IFDIR | (mode & PERMISSIONS) } }),
    mknode: (who, handle, { name, ...what }) => {
      if ([S_IFDIR, S_IFLNK].includes(what.mode & S_IFMT)) throw new FilesystemError('EINVAL')
      return makeEntry(who, handle, { name, what })
    },
    symlink: (who, handle, { name, target }) =>
      makeEntry(who, handle, { name, what: { mode: LINK_MODE, target: Buffer.from(target) } }),
    readlink: operation(READS, (_call, inode) => {
      if (!isSymlink(inode)) throw new FilesystemError('EINVAL')
      return done(Buffer.from(inode.target))
    }),
    link: operation(WRITES, link),
    rename: operation(WRITES, rename),
    unlink: operation(RECLAIMS, (call, directory, { name }) => unlinkEntry(call, directory, name)),
    rmdir: operation(RECLAIMS, (call, directory, { name }) => removeDirectory(call, directory, name)),
    readdir: operation(READS, readdir),
    open,
    close: (file) => closeFile(core, file),
    read,
    write,
    commit,
    copyRange: (who, range) => copyRange(core, who, range),
    seek: operation(READS, (call, inode, { what, offset }) => {
      if (!isFile(inode)) throw new FilesystemError('EINVAL')
      return what === 'data' ? seekData(call, inode, offset) : seekHole(call, inode, offset)
    }),
    fallocate: (who, handle, args) => {
      const body = (call: Call): Op<Attributes> => onInode(call, handle, allocate, args)
      return isShift(args.mode)
        ? truncateInode(core, who, decodeHandle(volumeId, handle).ino, body)
        : core.run(who, body, args.mode === 'punch' ? RECLAIMS : WRITES)
    },
    getxattr: operation(READS, (call, inode, { name }) => getXattr(call, inode, name)),
    setxattr: operation(WRITES, (call, inode, { name, value, mode = 'any' }) =>
      setXattr(call, inode, name, value, mode),
    ),
    listxattr: operation(READS, (call, inode) => listXattrs(call, inode)),
    removexattr: operation(WRITES, (call, inode, { name }) => removeXattr(call, inode, name)),
    statfs: operation(READS, (call, inode) => done(spaceReport(core, inode, call.who))),
  })
}

const verifierOf = (how: CreateMode): number => (typeof how === 'object' ? how.verifier : 0)

function grantedOf(who: Credentials, inode: Inode, mask: number): number {
  let granted = 0
  for (const bit of [R_OK, W_OK, X_OK]) if ((mask & bit) !== 0 && mayAccess(who, inode, bit)) granted |= bit
  return granted
}

function assertUsableFile(call: Call, inode: Inode, mask: number): void {
  if (isDirectory(inode)) throw new FilesystemError('EISDIR')
  if (!isFile(inode)) throw new FilesystemError('EINVAL')
  if (!isOwner(call.who, inode) && !mayAccess(call.who, inode, mask)) throw new FilesystemError('EACCES')
}

function* allocate(
  call: Call,
  inode: Inode,
  args: { mode: FallocateMode; offset: number; length: number; keepSize?: boolean },
): Op<Attributes> {
  yield* transientFile(call, inode, W_OK)
  const keepSize = args.keepSize ?? args.mode === 'punch'
  return attributesOf(yield* fallocate(call, inode, args.mode, args.offset, args.length, keepSize))
}

/**
 * What a stateless client (NFS) reads and writes through: rights are checked now, and an owner may always, because he
 * could have had the file open since before a chmod.
 */
function* transientFile(call: Call, inode: Inode, mask: number): Op<OpenFile> {
  assertUsableFile(call, inode, mask)
  call.usesFile(inode.ino, mask === W_OK)
  return {
    ino: inode.ino,
    generation: inode.generation,
    type: S_IFREG,
    flags: 0,
    canRead: mask === R_OK,
    canWrite: mask === W_OK,
    append: false,
    isSynced: false,
    tracksAtime: true,
    place: undefined,
    closed: false,
  }
}
