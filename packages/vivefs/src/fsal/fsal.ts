/** The inner face over the core: handles in, one transaction for each call. */
import { constants } from 'node:fs'
import { attributesOf, changeAttributes } from '../core/attributes.ts'
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { createEntry } from '../core/create.ts'
import { assertName, assertSearchable, findChild, isDot, isDotDot, listEntries } from '../core/directory.ts'
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
import { closeFile, type OpenFile, openInode, readFile, truncateInode, writeFile } from '../core/open-file.ts'
import { renameEntry } from '../core/rename.ts'
import { fallocate, seekData, seekHole, spaceReport } from '../core/space.ts'
import { getXattr, listXattrs, removeXattr, setXattr } from '../core/xattr.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import { decodeHandle, encodeHandle, type Handle } from './handle.ts'
import type { DirectoryLine, Entry, Fsal } from './types.ts'

/** The mode of symbolic links; nobody checks it. */
const LINK_MODE = S_IFLNK | 0o777
export const READDIR_LINES_MAX = 10_000

/** The inner face of an open volume. */
export function createFsal(core: Core): Fsal {
  const volumeId = Buffer.from(core.superblock.volumeId, 'hex')

  function* inodeOf(call: Call, handle: Handle): Op<Inode> {
    const { ino, generation } = decodeHandle(volumeId, handle)
    return yield* call.inode(ino, generation)
  }
  function* directoryOf(call: Call, handle: Handle): Op<Inode> {
    const inode = yield* inodeOf(call, handle)
    assertSearchable(call, inode)
    return inode
  }
  const entryOf = (inode: Inode): Entry => ({
    handle: encodeHandle(volumeId, inode),
    attributes: attributesOf(inode),
  })
  const change = <T>(who: Credentials, handle: Handle, body: (call: Call, inode: Inode) => Op<T>): Op<T> =>
    core.run(who, function* (call) {
      return yield* body(call, yield* inodeOf(call, handle))
    })
  const inspect = <T>(who: Credentials, handle: Handle, body: (call: Call, inode: Inode) => Op<T>): Op<T> =>
    core.read(who, function* (call) {
      return yield* body(call, yield* inodeOf(call, handle))
    })
  const reclaim = <T>(who: Credentials, handle: Handle, body: (call: Call, inode: Inode) => Op<T>): Op<T> =>
    core.run(
      who,
      function* (call) {
        return yield* body(call, yield* inodeOf(call, handle))
      },
      { reclaims: true },
    )

  return {
    root: () => encodeHandle(volumeId, { ino: core.superblock.rootIno, generation: 1 }),

    lookup: (who, handle, { name }) =>
      inspect(who, handle, function* (call, directory) {
        assertSearchable(call, directory)
        if (isDot(name)) return entryOf(directory)
        if (isDotDot(name)) return entryOf(yield* call.inode(directory.parent))
        assertName(name)
        const inode = yield* findChild(call, directory, name)
        if (inode === undefined) throw new FilesystemError('ENOENT')
        return entryOf(inode)
      }),

    getattr: (who, handle) =>
      inspect(who, handle, function* (_call, inode) {
        return attributesOf(inode)
      }),

    *setattr(who, handle, changes) {
      const body = function* (call: Call): Op<Inode> {
        return yield* changeAttributes(call, yield* inodeOf(call, handle), changes)
      }
      const changed =
        changes.size === undefined
          ? yield* core.run(who, body)
          : yield* truncateInode(core, who, decodeHandle(volumeId, handle).ino, body)
      return attributesOf(changed)
    },

    access: (who, handle, { mask }) =>
      inspect(who, handle, function* (_call, inode) {
        let granted = 0
        for (const bit of [R_OK, W_OK, X_OK]) if ((mask & bit) !== 0 && mayAccess(who, inode, bit)) granted |= bit
        return granted
      }),

    create: (who, handle, { name, mode, how = 'guarded' }) =>
      core.run(who, function* (call) {
        const directory = yield* directoryOf(call, handle)
        const existing = how === 'guarded' ? undefined : yield* findChild(call, directory, name)
        if (existing !== undefined) {
          const isOwn = how === 'unchecked' ? isFile(existing) : existing.exclusiveVerifier === verifierOf(how)
          if (!isOwn) throw new FilesystemError('EEXIST')
          return entryOf(existing)
        }
        return entryOf(
          yield* createEntry(call, directory, name, {
            mode: S_IFREG | (mode & PERMISSIONS),
            exclusiveVerifier: verifierOf(how),
          }),
        )
      }),

    mkdir: (who, handle, { name, mode }) =>
      core.run(who, function* (call) {
        const directory = yield* directoryOf(call, handle)
        return entryOf(yield* createEntry(call, directory, name, { mode: S_IFDIR | (mode & PERMISSIONS) }))
      }),

    mknode: (who, handle, { name, mode, rdevMajor, rdevMinor }) =>
      core.run(who, function* (call) {
        const directory = yield* directoryOf(call, handle)
        if ([S_IFDIR, S_IFLNK].includes(mode & S_IFMT)) throw new FilesystemError('EINVAL')
        return entryOf(yield* createEntry(call, directory, name, { mode, rdevMajor, rdevMinor }))
      }),

    symlink: (who, handle, { name, target }) =>
      core.run(who, function* (call) {
        const directory = yield* directoryOf(call, handle)
        return entryOf(yield* createEntry(call, directory, name, { mode: LINK_MODE, target: Buffer.from(target) }))
      }),

    readlink: (who, handle) =>
      inspect(who, handle, function* (_call, inode) {
        if (!isSymlink(inode)) throw new FilesystemError('EINVAL')
        return Buffer.from(inode.target)
      }),

    link: (who, handle, { directory, name }) =>
      change(who, handle, function* (call, inode) {
        return attributesOf(yield* linkInode(call, inode, yield* directoryOf(call, directory), name))
      }),

    rename: (who, handle, { name, toDirectory, toName, flags }) =>
      change(who, handle, function* (call, directory) {
        const into = yield* inodeOf(call, toDirectory)
        yield* renameEntry(call, { directory, name }, { directory: into, name: toName }, flags)
      }),

    unlink: (who, handle, { name }) => reclaim(who, handle, (call, directory) => unlinkEntry(call, directory, name)),

    rmdir: (who, handle, { name }) => reclaim(who, handle, (call, directory) => removeDirectory(call, directory, name)),

    readdir: (who, handle, { cookie, limit, plus = false }) =>
      inspect(who, handle, function* (call, directory) {
        if (!isDirectory(directory)) throw new FilesystemError('ENOTDIR')
        if (!mayAccess(who, directory, plus ? R_OK | X_OK : R_OK)) throw new FilesystemError('EACCES')
        if (!(limit > 0)) throw new FilesystemError('EINVAL')
        const count = Math.min(limit, READDIR_LINES_MAX)
        const lines: DirectoryLine[] = []
        for (const line of yield* listEntries(call, directory, cookie, count)) {
          lines.push(plus ? { ...line, entry: entryOf(yield* call.referenced(line.ino)) } : line)
        }
        call.tx.onCommit(() => core.lazyTimes.touch(directory, call.now))
        return { lines, eof: lines.length < count }
      }),

    open: (who, handle, { flags }) =>
      core.run(
        who,
        function* (call) {
          return yield* openInode(call, yield* inodeOf(call, handle), flags)
        },
        { readOnly: (flags & constants.O_TRUNC) === 0 && core.options.readOnly, reclaims: true },
      ),

    close: (file) => closeFile(core, file),

    *read(who, handle, { offset, into, file }) {
      if (file !== undefined) return yield* readFile(core, who, file, offset, into)
      const transient = yield* inspect(who, handle, (call, inode) => transientFile(call, inode, R_OK))
      return yield* readFile(core, who, transient, offset, into)
    },

    *write(who, handle, { offset, data, file, durable = false }) {
      const target = file ?? (yield* inspect(who, handle, (call, inode) => transientFile(call, inode, W_OK)))
      return yield* writeFile(core, who, durable ? { ...target, isSynced: true } : target, offset, data)
    },

    *commit(who, handle) {
      yield* inspect(who, handle, function* () {})
      yield* core.store.barrier()
    },

    seek: (who, handle, { what, offset }) =>
      inspect(who, handle, function* (call, inode) {
        if (!isFile(inode)) throw new FilesystemError('EINVAL')
        return yield* what === 'data' ? seekData(call, inode, offset) : seekHole(call, inode, offset)
      }),

    fallocate: (who, handle, { mode, offset, length, keepSize = mode === 'punch' }) =>
      change(who, handle, function* (call, inode) {
        const { canWrite } = yield* transientFile(call, inode, W_OK)
        if (!canWrite) throw new FilesystemError('EBADF')
        return attributesOf(yield* fallocate(call, inode, mode, offset, length, keepSize))
      }),

    getxattr: (who, handle, { name }) => inspect(who, handle, (call, inode) => getXattr(call, inode, name)),
    setxattr: (who, handle, { name, value, mode = 'any' }) =>
      change(who, handle, (call, inode) => setXattr(call, inode, name, value, mode)),
    listxattr: (who, handle) => inspect(who, handle, (call, inode) => listXattrs(call, inode)),
    removexattr: (who, handle, { name }) => change(who, handle, (call, inode) => removeXattr(call, inode, name)),

    statfs: (who, handle) =>
      inspect(who, handle, function* () {
        return spaceReport(core)
      }),
  }
}

const verifierOf = (how: unknown): number =>
  typeof how === 'object' && how !== null && 'verifier' in how ? Number(how.verifier) : 0

/**
 * What a stateless client (NFS) reads and writes through: rights are checked now, and an owner may always, because he
 * could have had the file open since before a chmod.
 */
function* transientFile(call: Call, inode: Inode, mask: number): Op<OpenFile> {
  if (isDirectory(inode)) throw new FilesystemError('EISDIR')
  if (!isFile(inode)) throw new FilesystemError('EINVAL')
  if (!isOwner(call.who, inode) && !mayAccess(call.who, inode, mask)) throw new FilesystemError('EACCES')
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
    closed: false,
  }
}
