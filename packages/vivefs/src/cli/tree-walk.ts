/** Looking at a volume's tree: entries by name, with their inodes. */
import type { Core } from '../core/core.ts'
import { isDirectory, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK, superuser, typeOf } from '../core/mode.ts'
import { resolve } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { runAsync } from '../op.ts'
import { printable } from '../transfer/findings.ts'
import { listVolume, type VolumeEntry } from '../transfer/volume-tree.ts'
import { nsOf, splitPathBytes } from './names.ts'

export type { VolumeEntry }

/** The inode at a path, with the path in the error when there is none. */
export async function inodeAtPath(core: Core, path: string | Buffer, follow = false): Promise<Inode> {
  const bytes = Buffer.from(path as string)
  try {
    return await runAsync(
      core.read(superuser, function* (call) {
        return yield* resolve(call, core.superblock.rootIno, bytes, follow ? 'follow' : 'nofollow')
      }),
    )
  } catch (error) {
    if (FilesystemError.is(error))
      throw error.locate({ syscall: follow ? 'stat' : 'lstat', path: bytes.toString('utf8') })
    throw error
  }
}

/** All entries of a directory, sorted by bytes. */
export async function entriesOf(core: Core, ino: number): Promise<VolumeEntry[]> {
  const entries: VolumeEntry[] = []
  for await (const page of listVolume(core, ino)) entries.push(...page)
  return entries.sort((a, b) => a.name.compare(b.name))
}

/** One entry met on a walk. */
export interface Visited {
  readonly path: Buffer
  readonly name: Buffer
  readonly inode: Inode
  /** 0 for the start. */
  readonly depth: number
  /** For each level whether the entry there is the last of its directory. */
  readonly isLast: readonly boolean[]
}

/** The start and everything below it, directories before their content, sorted. Nothing is followed. */
export async function* walkVolume(
  core: Core,
  path: string,
  signal: AbortSignal,
  depthMax = Number.POSITIVE_INFINITY,
): AsyncGenerator<Visited, void> {
  const inode = await inodeAtPath(core, path)
  const start = Buffer.from(path)
  const names = splitPathBytes(start)
  const stack: Visited[] = [{ path: start, name: names.at(-1) ?? Buffer.from('/'), inode, depth: 0, isLast: [] }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    signal.throwIfAborted()
    yield next
    if (!isDirectory(next.inode) || next.depth >= depthMax) continue
    const entries = await entriesOf(core, next.inode.ino)
    const { depth, isLast, path: above } = next
    for (let i = entries.length - 1; i >= 0; i--) {
      const { name, inode: child } = entries[i]
      const below = { path: join(above, name), name, inode: child, depth: depth + 1 }
      stack.push({ ...below, isLast: [...isLast, i === entries.length - 1] })
    }
  }
}

function join(directory: Buffer, name: Buffer): Buffer {
  const isRoot = directory.length > 0 && directory[directory.length - 1] === 0x2f
  return Buffer.concat(isRoot ? [directory, name] : [directory, Buffer.from('/'), name])
}

const LETTERS = new Map([
  [S_IFDIR, 'd'],
  [S_IFLNK, 'l'],
  [S_IFIFO, 'p'],
  [S_IFSOCK, 's'],
  [S_IFCHR, 'c'],
  [S_IFBLK, 'b'],
])

/** The letter of a type as in find(1); `f` for a regular file. */
export const letterOf = (inode: Pick<Inode, 'mode'>): string => LETTERS.get(typeOf(inode)) ?? 'f'

const TYPE_NAMES: Record<string, string> = {
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  s: 'socket',
  c: 'character-device',
  b: 'block-device',
  f: 'file',
}

export const typeNameOf = (inode: Pick<Inode, 'mode'>): string => TYPE_NAMES[letterOf(inode)] ?? 'file'

/** `drwxr-xr-x`. */
export function modeText({ mode }: Pick<Inode, 'mode'>): string {
  const letter = letterOf({ mode })
  const triple = (bits: number, special: boolean, mark: string): string => {
    const execute = (bits & 1) !== 0
    const last = special ? (execute ? mark : mark.toUpperCase()) : execute ? 'x' : '-'
    return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${last}`
  }
  return (
    (letter === 'f' ? '-' : letter) +
    triple(mode >> 6, (mode & 0o4000) !== 0, 's') +
    triple(mode >> 3, (mode & 0o2000) !== 0, 's') +
    triple(mode, (mode & 0o1000) !== 0, 't')
  )
}

const isText = (bytes: Uint8Array): boolean => Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes)

/** Bytes for JSON: text as it is; what is not UTF-8 also exactly, as base64. */
export function jsonBytes(key: string, bytes: Uint8Array): Record<string, string> {
  if (isText(bytes)) return { [key]: Buffer.from(bytes).toString('utf8') }
  return { [key]: printable(bytes), [`${key}Base64`]: Buffer.from(bytes).toString('base64') }
}

/** What `--json` says of an inode. Times are nanoseconds since 1970, as text. */
export const jsonInode = (inode: Inode): Record<string, unknown> => ({
  type: typeNameOf(inode),
  ino: inode.ino,
  mode: (inode.mode & 0o7777).toString(8).padStart(4, '0'),
  nlink: inode.nlink,
  uid: inode.uid,
  gid: inode.gid,
  size: inode.size,
  allocatedBytes: inode.allocatedBytes,
  ...('cb'.includes(letterOf(inode)) ? { rdevMajor: inode.rdevMajor, rdevMinor: inode.rdevMinor } : {}),
  ...(inode.target.length > 0 ? jsonBytes('target', inode.target) : {}),
  atimeNs: String(nsOf(inode.atime)),
  mtimeNs: String(nsOf(inode.mtime)),
  ctimeNs: String(nsOf(inode.ctime)),
  birthtimeNs: String(nsOf(inode.birthtime)),
})

/** `2026-11-22 15:12:55.123456789`, UTC. */
export function timeText({ sec, nsec }: Inode['mtime'], withFraction = false): string {
  const milliseconds = sec * 1000
  if (Math.abs(milliseconds) > 8.64e15) return `@${sec}`
  const text = new Date(milliseconds).toISOString().replace('T', ' ').slice(0, -5)
  return withFraction ? `${text}.${String(nsec).padStart(9, '0')}` : text
}
