/** The operations of the matrix: how each is called with a path, and what its errors show. */
import { constants } from 'node:fs'
import type { Area } from '../area.ts'
import type { Capability, SuiteFs } from '../target.ts'

export const operationNames = [
  'access',
  'appendFile',
  'chmod',
  'chown',
  'close',
  'copyFile',
  'fchmod',
  'fchown',
  'fdatasync',
  'flock',
  'fstat',
  'fsync',
  'ftruncate',
  'futimes',
  'getxattr',
  'lchown',
  'link',
  'listxattr',
  'lock',
  'lstat',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'mknod',
  'open',
  'opendir',
  'read',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'removexattr',
  'rename',
  'rmdir',
  'setxattr',
  'stat',
  'statfs',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'write',
  'writeFile',
] as const

export type Operation = (typeof operationNames)[number]

/** What errors name the call by: the names of libuv. Where one is missing, the operation's own name. */
export const syscalls: Partial<Record<Operation, string>> = {
  appendFile: 'open',
  copyFile: 'copyfile',
  futimes: 'futime',
  lock: 'fcntl',
  lutimes: 'lutime',
  readFile: 'open',
  readdir: 'scandir',
  truncate: 'open',
  utimes: 'utime',
  writeFile: 'open',
}

export const syscallOf = (operation: Operation): string => syscalls[operation] ?? operation

/**
 * What an operation does with the last name of a path. `follow` and `nofollow`: something must be there; `new`: nothing
 * may be there; `create`: makes a file where there is none; `entry`: takes the name away; `replace`: takes the name over;
 * `prefix`: adds letters to the name.
 */
export type Last = 'follow' | 'nofollow' | 'new' | 'create' | 'entry' | 'replace' | 'prefix'

/** A path that an operation takes. */
export interface PathRole {
  readonly operation: Operation
  /** Which of several, for the names of tests. */
  readonly label?: string
  readonly last: Last
  readonly needs?: readonly Capability[]
  /** What of the common tree it succeeds with. */
  readonly subject: 'file' | 'empty' | 'filelink'
  run(area: Area, fs: SuiteFs, path: string): Promise<unknown>
  /** What errors show, if not `path` alone. */
  shows?(area: Area, path: string): { path: string; dest?: string }
}

const { O_CREAT, O_EXCL, O_RDWR, O_WRONLY } = constants

/** Every path argument of every operation that takes one. */
export const pathRoles: readonly PathRole[] = [
  { operation: 'access', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.access(path) },
  {
    operation: 'appendFile',
    last: 'create',
    subject: 'file',
    run: (_area, fs, path) => fs.promises.appendFile(path, 'x'),
  },
  { operation: 'chmod', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.chmod(path, 0o600) },
  { operation: 'chown', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.chown(path, 1, 1) },
  {
    operation: 'copyFile',
    label: 'from',
    last: 'follow',
    subject: 'file',
    run: (area, fs, path) => fs.promises.copyFile(path, area.path('copy')),
    shows: (area, path) => ({ path, dest: area.path('copy') }),
  },
  {
    operation: 'copyFile',
    label: 'to',
    last: 'create',
    subject: 'file',
    run: (area, fs, path) => fs.promises.copyFile(area.path('file'), path),
    shows: (area, path) => ({ path: area.path('file'), dest: path }),
  },
  {
    operation: 'getxattr',
    last: 'follow',
    subject: 'file',
    needs: ['xattr'],
    run: (_area, fs, path) => extra(fs.extras?.getxattr)(path, 'user.color'),
  },
  { operation: 'lchown', last: 'nofollow', subject: 'file', run: (_area, fs, path) => fs.promises.lchown(path, 1, 1) },
  {
    operation: 'link',
    label: 'from',
    last: 'nofollow',
    subject: 'file',
    needs: ['hardLinks'],
    run: (area, fs, path) => fs.promises.link(path, area.path('other')),
    shows: (area, path) => ({ path, dest: area.path('other') }),
  },
  {
    operation: 'link',
    label: 'to',
    last: 'new',
    subject: 'file',
    needs: ['hardLinks'],
    run: (area, fs, path) => fs.promises.link(area.path('file'), path),
    shows: (area, path) => ({ path: area.path('file'), dest: path }),
  },
  {
    operation: 'listxattr',
    last: 'follow',
    subject: 'file',
    needs: ['xattr'],
    run: (_area, fs, path) => extra(fs.extras?.listxattr)(path),
  },
  {
    operation: 'lstat',
    last: 'nofollow',
    subject: 'file',
    run: (_area, fs, path) => fs.promises.lstat(path, { bigint: true }),
  },
  {
    operation: 'lutimes',
    last: 'nofollow',
    subject: 'file',
    run: (_area, fs, path) => fs.promises.lutimes(path, 1, 1),
  },
  { operation: 'mkdir', last: 'new', subject: 'empty', run: (_area, fs, path) => fs.promises.mkdir(path) },
  {
    operation: 'mkdtemp',
    last: 'prefix',
    subject: 'empty',
    run: (_area, fs, path) => fs.promises.mkdtemp(path),
    shows: (_area, path) => ({ path: `${path}XXXXXX` }),
  },
  {
    operation: 'mknod',
    last: 'new',
    subject: 'file',
    needs: ['mknod'],
    run: (_area, fs, path) => extra(fs.extras?.mknod)(path, 'fifo', { mode: 0o644 }),
  },
  { operation: 'open', last: 'follow', subject: 'file', run: (_area, fs, path) => closing(fs.promises.open(path)) },
  {
    operation: 'open',
    label: 'O_CREAT',
    last: 'create',
    subject: 'file',
    run: (_area, fs, path) => closing(fs.promises.open(path, O_CREAT | O_RDWR, 0o644)),
  },
  {
    operation: 'open',
    label: 'O_CREAT | O_EXCL',
    last: 'new',
    subject: 'file',
    run: (_area, fs, path) => closing(fs.promises.open(path, O_CREAT | O_EXCL | O_WRONLY, 0o644)),
  },
  {
    operation: 'opendir',
    last: 'follow',
    subject: 'empty',
    run: (_area, fs, path) => closing(fs.promises.opendir(path)),
  },
  { operation: 'readFile', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.readFile(path) },
  { operation: 'readdir', last: 'follow', subject: 'empty', run: (_area, fs, path) => fs.promises.readdir(path) },
  {
    operation: 'readlink',
    last: 'nofollow',
    subject: 'filelink',
    needs: ['symlinks'],
    run: (_area, fs, path) => fs.promises.readlink(path),
  },
  { operation: 'realpath', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.realpath(path) },
  {
    operation: 'removexattr',
    last: 'follow',
    subject: 'file',
    needs: ['xattr'],
    run: (_area, fs, path) => extra(fs.extras?.removexattr)(path, 'user.color'),
  },
  {
    operation: 'rename',
    label: 'from',
    last: 'entry',
    subject: 'file',
    run: (area, fs, path) => fs.promises.rename(path, area.path('other')),
    shows: (area, path) => ({ path, dest: area.path('other') }),
  },
  {
    operation: 'rename',
    label: 'to',
    last: 'replace',
    subject: 'file',
    run: (area, fs, path) => fs.promises.rename(area.path('file'), path),
    shows: (area, path) => ({ path: area.path('file'), dest: path }),
  },
  { operation: 'rmdir', last: 'entry', subject: 'empty', run: (_area, fs, path) => fs.promises.rmdir(path) },
  {
    operation: 'setxattr',
    last: 'follow',
    subject: 'file',
    needs: ['xattr'],
    run: (_area, fs, path) => extra(fs.extras?.setxattr)(path, 'user.color', Buffer.from('red')),
  },
  {
    operation: 'stat',
    last: 'follow',
    subject: 'file',
    run: (_area, fs, path) => fs.promises.stat(path, { bigint: true }),
  },
  { operation: 'statfs', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.statfs(path) },
  {
    operation: 'symlink',
    last: 'new',
    subject: 'file',
    needs: ['symlinks'],
    run: (_area, fs, path) => fs.promises.symlink('target', path),
    shows: (_area, path) => ({ path: 'target', dest: path }),
  },
  { operation: 'truncate', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.truncate(path, 1) },
  { operation: 'unlink', last: 'entry', subject: 'file', run: (_area, fs, path) => fs.promises.unlink(path) },
  { operation: 'utimes', last: 'follow', subject: 'file', run: (_area, fs, path) => fs.promises.utimes(path, 1, 1) },
  {
    operation: 'writeFile',
    last: 'create',
    subject: 'file',
    run: (_area, fs, path) => fs.promises.writeFile(path, 'x'),
  },
]

/** Closes what was opened although it should have been refused. */
async function closing(opening: Promise<{ close(): Promise<void> }>): Promise<void> {
  await (await opening).close()
}

/** A function that a capability promised. */
export function extra<F>(found: F | undefined): F {
  if (found === undefined) throw new TypeError('a capability is on whose function is missing from `extras`')
  return found
}
