/**
 * Which errnos each operation can be made to answer with through the shape of node:fs, after POSIX.1-2024 and the manual
 * pages of Linux. The matrix must hold a scenario for each; a scenario for anything else is a mistake of the matrix.
 */
import type { Errno } from './cell.ts'
import type { Operation } from './operations.ts'

/** What every path can bring. */
const path = ['EACCES', 'ELOOP', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR'] as const

export const reachable: Readonly<Record<Operation, readonly Errno[]>> = {
  access: [...path, 'EROFS'],
  appendFile: [...path, 'EISDIR', 'EROFS', 'EDQUOT'],
  chmod: [...path, 'EPERM', 'EROFS'],
  chown: [...path, 'EPERM', 'EROFS', 'EDQUOT'],
  close: ['EBADF'],
  copyFile: [...path, 'EEXIST', 'EISDIR', 'EROFS', 'EDQUOT'],
  fchmod: ['EBADF', 'EPERM', 'EROFS'],
  fchown: ['EBADF', 'EPERM', 'EROFS', 'EDQUOT'],
  fdatasync: ['EBADF'],
  flock: ['EAGAIN'],
  fstat: ['EBADF'],
  fsync: ['EBADF'],
  ftruncate: ['EBADF', 'EINVAL'],
  futimes: ['EBADF', 'EPERM', 'EROFS'],
  getxattr: [...path, 'ENODATA', 'ENOTSUP', 'ERANGE', 'EINVAL'],
  lchown: [...path, 'EPERM', 'EROFS', 'EDQUOT'],
  link: [...path, 'EEXIST', 'EPERM', 'EROFS', 'EXDEV'],
  listxattr: [...path],
  lock: ['EAGAIN', 'EBADF', 'EDEADLK'],
  lstat: [...path],
  lutimes: [...path, 'EPERM', 'EROFS'],
  mkdir: [...path, 'EEXIST', 'EROFS', 'EDQUOT'],
  mkdtemp: [...path, 'EROFS', 'EDQUOT'],
  mknod: [...path, 'EEXIST', 'EPERM', 'EROFS', 'EDQUOT'],
  open: [...path, 'EEXIST', 'EINVAL', 'EISDIR', 'ENXIO', 'EPERM', 'EROFS', 'EDQUOT'],
  opendir: [...path],
  read: ['EBADF', 'EISDIR'],
  readFile: [...path, 'EISDIR'],
  readdir: [...path],
  readlink: [...path, 'EINVAL'],
  realpath: [...path],
  removexattr: [...path, 'ENODATA', 'ENOTSUP', 'EPERM', 'ERANGE', 'EROFS', 'EINVAL'],
  rename: [...path, 'EBUSY', 'EEXIST', 'EINVAL', 'EISDIR', 'ENOTEMPTY', 'EPERM', 'EROFS', 'EXDEV'],
  rmdir: [...path, 'EBUSY', 'EINVAL', 'ENOTEMPTY', 'EPERM', 'EROFS'],
  setxattr: [...path, 'E2BIG', 'EEXIST', 'ENODATA', 'ENOTSUP', 'EPERM', 'ERANGE', 'EROFS', 'EINVAL'],
  stat: [...path],
  statfs: [...path],
  symlink: [...path, 'EEXIST', 'EROFS', 'EDQUOT'],
  truncate: [...path, 'EISDIR', 'EROFS'],
  unlink: [...path, 'EISDIR', 'EPERM', 'EROFS'],
  utimes: [...path, 'EPERM', 'EROFS'],
  write: ['EBADF', 'EFBIG', 'EDQUOT'],
  writeFile: [...path, 'EISDIR', 'EROFS', 'EDQUOT'],
}

/** Errnos that the manual pages know and the matrix does not, with the reason. */
export const unreachable: Readonly<Partial<Record<Errno, string>>> = {
  EAGAIN: 'of anything but locks: no pipes are behind FIFOs',
  EFAULT: 'JavaScript has no bad addresses',
  EFBIG: 'of truncate: the largest size that a number names exactly may be a legal one',
  EINTR: 'no signals reach an operation',
  EINVAL: 'of offsets and lengths: node:fs refuses them itself, with ERR_OUT_OF_RANGE',
  EIO: 'needs a damaged medium',
  EMFILE: 'the limit is of the process or the implementation, and large',
  EMLINK: 'the limit on links may be 2^32 - 1',
  ENFILE: 'the limit is of the system',
  ENOLCK: 'the limit on locks may be the memory',
  ENOMEM: 'cannot be provoked without harm',
  ENOSPC: 'needs a full medium',
  EOVERFLOW: 'sizes are told as bigint; locks may end where numbers end',
  ESTALE: 'needs handles that outlive files: node:fs has none',
  ETXTBSY: 'nothing is executed',
  EXDEV: 'of anything but the border of a project: one filesystem is open',
}
