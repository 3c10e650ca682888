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
  appendFile: [...path, 'EISDIR', 'EROFS'],
  chmod: [...path, 'EPERM', 'EROFS'],
  chown: [...path, 'EPERM', 'EROFS'],
  close: ['EBADF'],
  copyFile: [...path, 'EEXIST', 'EISDIR', 'EROFS'],
  fchmod: ['EBADF', 'EPERM', 'EROFS'],
  fchown: ['EBADF', 'EPERM', 'EROFS'],
  fdatasync: ['EBADF'],
  fstat: ['EBADF'],
  fsync: ['EBADF'],
  ftruncate: ['EBADF', 'EINVAL'],
  futimes: ['EBADF', 'EPERM', 'EROFS'],
  getxattr: [...path, 'ENODATA', 'ENOTSUP', 'ERANGE'],
  lchown: [...path, 'EPERM', 'EROFS'],
  link: [...path, 'EEXIST', 'EPERM', 'EROFS'],
  listxattr: [...path],
  lstat: [...path],
  lutimes: [...path, 'EPERM', 'EROFS'],
  mkdir: [...path, 'EEXIST', 'EROFS'],
  mkdtemp: [...path, 'EROFS'],
  mknod: [...path, 'EEXIST', 'EPERM', 'EROFS'],
  open: [...path, 'EEXIST', 'EINVAL', 'EISDIR', 'ENXIO', 'EPERM', 'EROFS'],
  opendir: [...path],
  read: ['EBADF', 'EISDIR'],
  readFile: [...path, 'EISDIR'],
  readdir: [...path],
  readlink: [...path, 'EINVAL'],
  realpath: [...path],
  removexattr: [...path, 'ENODATA', 'ENOTSUP', 'EPERM', 'ERANGE', 'EROFS'],
  rename: [...path, 'EBUSY', 'EEXIST', 'EINVAL', 'EISDIR', 'ENOTEMPTY', 'EPERM', 'EROFS'],
  rmdir: [...path, 'EBUSY', 'EINVAL', 'ENOTEMPTY', 'EPERM', 'EROFS'],
  setxattr: [...path, 'E2BIG', 'EEXIST', 'ENODATA', 'ENOTSUP', 'EPERM', 'ERANGE', 'EROFS'],
  stat: [...path],
  statfs: [...path],
  symlink: [...path, 'EEXIST', 'EROFS'],
  truncate: [...path, 'EISDIR', 'EROFS'],
  unlink: [...path, 'EISDIR', 'EPERM', 'EROFS'],
  utimes: [...path, 'EPERM', 'EROFS'],
  write: ['EBADF', 'EFBIG'],
  writeFile: [...path, 'EISDIR', 'EROFS'],
}

/** Errnos that the manual pages know and the matrix does not, with the reason. */
export const unreachable: Readonly<Partial<Record<Errno, string>>> = {
  EAGAIN: 'nothing here waits: no locks, no pipes behind FIFOs',
  EDQUOT: 'quotas are set by means outside node:fs',
  EFAULT: 'JavaScript has no bad addresses',
  EFBIG: 'of truncate: the largest size that a number names exactly may be a legal one',
  EINTR: 'no signals reach an operation',
  EINVAL: 'of offsets and lengths: node:fs refuses them itself, with ERR_OUT_OF_RANGE',
  EIO: 'needs a damaged medium',
  EMFILE: 'the limit is of the process or the implementation, and large',
  EMLINK: 'the limit on links may be 2^32 - 1',
  ENFILE: 'the limit is of the system',
  ENOMEM: 'cannot be provoked without harm',
  ENOSPC: 'needs a full medium',
  EOVERFLOW: 'sizes are told as bigint',
  ESTALE: 'needs handles that outlive files: node:fs has none',
  ETXTBSY: 'nothing is executed',
  EXDEV: 'one filesystem is open, and quotas by directory are set outside node:fs',
}
