/**
 * What the suite runs against: anything shaped like node:fs. The types name only what the suite uses, so that node:fs
 * itself, a volume of vivefs or somebody else's filesystem fit without adapters.
 */
import type { BigIntStats } from 'node:fs'
import type { SuiteExtras } from './extras.ts'

/** Who acts. The suite uses a superuser (uid 0) and a few ordinary people. */
export interface Credentials {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  readonly umask: number
}

export type PathArgument = string | Buffer

/** An open file, as of node:fs/promises. */
export interface SuiteHandle {
  readonly fd: number
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ bytesRead: number; buffer: Buffer }>
  write(buffer: Buffer, offset: number, length: number, position: number | null): Promise<{ bytesWritten: number }>
  readFile(): Promise<Buffer>
  writeFile(data: string | Buffer): Promise<void>
  appendFile(data: string | Buffer): Promise<void>
  stat(options: { bigint: true }): Promise<BigIntStats>
  truncate(length?: number): Promise<void>
  chmod(mode: number): Promise<void>
  chown(uid: number, gid: number): Promise<void>
  utimes(atime: number, mtime: number): Promise<void>
  sync(): Promise<void>
  datasync(): Promise<void>
  close(): Promise<void>
}

/** An entry of a directory. */
export interface SuiteDirent {
  readonly name: string
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
  isFIFO(): boolean
  isSocket(): boolean
}

/** An open directory. */
export interface SuiteDir {
  read(): Promise<SuiteDirent | null>
  close(): Promise<void>
}

/** The part of node:fs/promises that the suite calls. */
export interface SuitePromises {
  access(path: PathArgument, mode?: number): Promise<void>
  appendFile(path: PathArgument, data: string | Buffer): Promise<void>
  chmod(path: PathArgument, mode: number): Promise<void>
  chown(path: PathArgument, uid: number, gid: number): Promise<void>
  copyFile(from: PathArgument, to: PathArgument, mode?: number): Promise<void>
  lchown(path: PathArgument, uid: number, gid: number): Promise<void>
  link(from: PathArgument, to: PathArgument): Promise<void>
  lstat(path: PathArgument, options: { bigint: true }): Promise<BigIntStats>
  lutimes(path: PathArgument, atime: number, mtime: number): Promise<void>
  mkdir(path: PathArgument, mode?: number): Promise<unknown>
  mkdtemp(prefix: string): Promise<string>
  open(path: PathArgument, flags?: string | number, mode?: number): Promise<SuiteHandle>
  opendir(path: string, options?: { bufferSize?: number }): Promise<SuiteDir>
  readFile(path: PathArgument): Promise<Buffer>
  readdir(path: PathArgument): Promise<string[]>
  readdir(path: PathArgument, options: 'buffer'): Promise<Buffer[]>
  readdir(path: PathArgument, options: { withFileTypes: true }): Promise<SuiteDirent[]>
  readlink(path: PathArgument): Promise<string>
  realpath(path: PathArgument): Promise<string>
  rename(from: PathArgument, to: PathArgument): Promise<void>
  rmdir(path: PathArgument): Promise<void>
  stat(path: PathArgument, options: { bigint: true }): Promise<BigIntStats>
  statfs(path: PathArgument): Promise<unknown>
  symlink(target: PathArgument, path: PathArgument): Promise<void>
  truncate(path: PathArgument, length?: number): Promise<void>
  unlink(path: PathArgument): Promise<void>
  utimes(path: PathArgument, atime: number, mtime: number): Promise<void>
  writeFile(path: PathArgument, data: string | Buffer): Promise<void>
}

/** Functions of node:fs that take a descriptor and a callback: the only way to name a descriptor that is not open. */
export const descriptorFunctions = [
  'close',
  'fchmod',
  'fchown',
  'fdatasync',
  'fstat',
  'fsync',
  'ftruncate',
  'futimes',
  'read',
  'write',
] as const
export type DescriptorFunction = (typeof descriptorFunctions)[number]

/** A filesystem as one caller sees it. */
export interface SuiteFs extends Record<DescriptorFunction, unknown> {
  readonly promises: SuitePromises
  readonly extras?: SuiteExtras
}

/** An open filesystem under test. */
export interface SuiteVolume {
  /** As the superuser, or as whoever runs the suite if the implementation knows no identities. */
  readonly fs: SuiteFs
  /** The filesystem as somebody else sees it. Needed unless the capability `identities` is off. */
  as?(credentials: Credentials): SuiteFs
  /** An existing, empty directory that the suite may fill, absolute. Default `/`. */
  readonly directory?: string
  /**
   * Closes and opens the filesystem again on what it holds; what `fs` and `as` answered before is dead then. Needed
   * for the capabilities `remount` and, with `readOnly`, `readOnly`.
   */
  remount?(options: { readOnly: boolean }): Promise<void>
  /** Throws when the filesystem finds itself damaged (fsck). Called after every test. */
  check?(): Promise<void>
  close(): Promise<void>
}

/**
 * What an implementation can be asked to do. All of it is expected; switch off what it lacks, with `false`. Tests that
 * need it are then left out, counted and named in the report.
 */
export interface Capabilities {
  /** Users and groups: `as` exists, permissions are checked, ownership is kept. */
  readonly identities: boolean
  readonly symlinks: boolean
  readonly hardLinks: boolean
  /** FIFOs, sockets and devices as inodes (`extras.mknod`). */
  readonly mknod: boolean
  /** `extras.rename` with noReplace and exchange. */
  readonly renameFlags: boolean
  readonly xattr: boolean
  /** POSIX access control lists, as the attributes `system.posix_acl_access` and `system.posix_acl_default` of Linux. */
  readonly acl: boolean
  /** `extras.openLocker`: byte ranges of fcntl(2), of which one person is one owner, and flock(2). */
  readonly locks: boolean
  /** `extras.setQuota`, `quotaUse` and `setQuotaGrace`, for users and groups. */
  readonly quotas: boolean
  /** Quotas of directory trees: `extras.assignProject`. */
  readonly projects: boolean
  /** open with O_TMPFILE. */
  readonly temporaryFiles: boolean
  /** `extras.linkHandle`. */
  readonly linkTemporary: boolean
  /** `remount`. */
  readonly remount: boolean
  /** `remount` with `readOnly`. */
  readonly readOnly: boolean
  /** Names are bytes: not UTF-8 is a name too, and nothing is normalised. */
  readonly byteNames: boolean
  /** Times are kept to the nanosecond. */
  readonly nanoseconds: boolean
  /** Access times are kept (relatime or strictly). */
  readonly atime: boolean
  readonly birthtime: boolean
  /** Holes take no space (st_blocks). */
  readonly sparse: boolean
  /** A file lives on without a name while it is open. */
  readonly unlinkWhileOpen: boolean
}

export type Capability = keyof Capabilities

/** Everything that the suite can ask for. */
export const allCapabilities: Capabilities = {
  identities: true,
  symlinks: true,
  hardLinks: true,
  mknod: true,
  renameFlags: true,
  xattr: true,
  acl: true,
  locks: true,
  quotas: true,
  projects: true,
  temporaryFiles: true,
  linkTemporary: true,
  remount: true,
  readOnly: true,
  byteNames: true,
  nanoseconds: true,
  atime: true,
  birthtime: true,
  sparse: true,
  unlinkWhileOpen: true,
}
