/** The volume's side of a transfer: operations of the core that a walk over a tree needs. */
import { readContent } from '../core/content.ts'
import type { Core } from '../core/core.ts'
import { createEntry } from '../core/create.ts'
import { listEntries } from '../core/directory.ts'
import { type Credentials, isDirectory, S_IFDIR, superuser } from '../core/mode.ts'
import { seekData, seekHole } from '../core/space.ts'
import { resolve, walk } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { runAsync } from '../op.ts'
import type { Bytes } from '../store/store.ts'

/** A name and what it leads to. */
export interface VolumeEntry {
  readonly name: Buffer
  readonly inode: Inode
}

const PAGE_ENTRIES = 512

export const pathBytes = (path: string | Uint8Array): Buffer =>
  typeof path === 'string' ? Buffer.from(path, 'utf8') : Buffer.from(path)

/** The inode at an absolute path. ENOENT and the rest of path resolution. */
export async function inodeAt(core: Core, path: Buffer, who: Credentials = superuser): Promise<Inode> {
  try {
    return await runAsync(core.read(who, (call) => resolve(call, core.superblock.rootIno, path, 'follow')))
  } catch (error) {
    throw FilesystemError.is(error) ? error.locate({ syscall: 'open', path }) : error
  }
}

/** The inode by number; ESTALE when it is gone. */
export const inodeOf = (core: Core, ino: number): Promise<Inode> =>
  runAsync(core.read(superuser, (call) => call.inode(ino)))

/** The entries of a directory, a page at a time. */
export async function* listVolume(core: Core, ino: number): AsyncGenerator<VolumeEntry[], void> {
  let cookie = 0n
  for (;;) {
    const page = await runAsync(
      core.read(superuser, function* (call) {
        const directory = yield* call.inode(ino)
        if (!isDirectory(directory)) throw new FilesystemError('ENOTDIR')
        const entries: VolumeEntry[] = []
        const listed = yield* listEntries(call, directory, cookie, PAGE_ENTRIES)
        for (const line of listed) entries.push({ name: line.name, inode: yield* call.referenced(line.ino) })
        return { entries, cookie: listed.length < PAGE_ENTRIES ? undefined : listed[listed.length - 1]?.cookie }
      }),
    )
    if (page.entries.length > 0) yield page.entries
    if (page.cookie === undefined) return
    cookie = page.cookie
  }
}

/** Fills `into` with content from `offset`; answers how many bytes there were. No access time is noted. */
export const readVolume = (core: Core, ino: number, offset: number, into: Bytes): Promise<number> =>
  runAsync(
    core.read(superuser, function* (call) {
      return yield* readContent(call, yield* call.inode(ino), offset, into)
    }),
  )

/** The next run of data at or after `offset`, or undefined when only holes follow. */
export function nextData(core: Core, ino: number, offset: number): Promise<{ from: number; to: number } | undefined> {
  return runAsync(
    core.read(superuser, function* (call) {
      const inode = yield* call.inode(ino)
      try {
        const from = yield* seekData(call, inode, offset)
        return { from, to: yield* seekHole(call, inode, from) }
      } catch (error) {
        if (FilesystemError.is(error) && error.code === 'ENXIO') return undefined
        throw error
      }
    }),
  )
}

/** The directory at a path, made with those above it where it is not there. */
export function makeDirectories(core: Core, who: Credentials, path: Buffer): Promise<Inode> {
  const names = splitPath(path)
  return runAsync(
    core.run(who, function* (call) {
      let inode = yield* call.inode(core.superblock.rootIno)
      for (let i = 0; i < names.length; i++) {
        const upTo = Buffer.from(`/${names.slice(0, i + 1).join('/')}`, 'latin1')
        const place = yield* walk(call, core.superblock.rootIno, upTo, 'follow')
        inode = place.inode ?? (yield* createEntry(call, place.directory, place.name, { mode: S_IFDIR | 0o777 }))
        if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR', { path })
      }
      return { ...inode }
    }),
  )
}

/** The names of a path, as latin1. */
export const splitPath = (path: Buffer): string[] =>
  path
    .toString('latin1')
    .split('/')
    .filter((name) => name !== '' && name !== '.')

/** The bytes of content and the entries below a directory. */
export async function measureVolume(
  core: Core,
  ino: number,
  breathe: () => Promise<void>,
): Promise<{ bytes: number; entries: number }> {
  let bytes = 0
  let entries = 0
  const directories = [ino]
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for await (const page of listVolume(core, directory)) {
      for (const { inode } of page) {
        entries++
        if (isDirectory(inode)) directories.push(inode.ino)
        else bytes += inode.size
      }
      await breathe()
    }
  }
  return { bytes, entries }
}
