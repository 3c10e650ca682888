/** Entries of directories: names to inodes. */
import { FilesystemError } from '../errors.ts'
import { type Dirent, decodeDirent, encodeDirent, hashName, NAME_BYTES_MAX } from '../format/dirent.ts'
import type { Inode } from '../format/inode.ts'
import { direntKey, direntRange, hashOfDirentKey, nameOfDirentKey } from '../format/keys.ts'
import type { Op } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import type { Call } from './call.ts'
import type { Core } from './core.ts'
import { corruption } from './corruption.ts'
import { isDirectory, mayAccess, typeOf, W_OK, X_OK } from './mode.ts'

const SLASH = 0x2f

/** A name that an entry may have: 1 to 255 bytes without NUL and slash, not `.` or `..`. */
export function assertName(name: Bytes): void {
  if (name.length === 0) throw new FilesystemError('ENOENT')
  if (name.length > NAME_BYTES_MAX) throw new FilesystemError('ENAMETOOLONG')
  for (const byte of name) if (byte === 0 || byte === SLASH) throw new FilesystemError('EINVAL')
}

export const isDot = (name: Bytes): boolean => name.length === 1 && name[0] === 0x2e
export const isDotDot = (name: Bytes): boolean => name.length === 2 && name[0] === 0x2e && name[1] === 0x2e

/** ENOTDIR, EACCES: whether the caller may look names up in it. */
export function assertSearchable(call: Call, inode: Inode): void {
  if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR')
  if (!mayAccess(call.who, inode, X_OK)) throw new FilesystemError('EACCES')
}

/** ENOTDIR, EACCES, ENOENT: whether the caller may add and remove names in it. */
export function assertWritableDirectory(call: Call, inode: Inode): void {
  if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR')
  if (!mayAccess(call.who, inode, W_OK | X_OK)) throw new FilesystemError('EACCES')
  if (inode.nlink === 0) throw new FilesystemError('ENOENT')
}

/** The key of an entry's row. */
export function entryKey(core: Core, directory: number, name: Bytes): Buffer {
  const { nameSeedHigh, nameSeedLow } = core.superblock
  return direntKey(directory, hashName({ high: nameSeedHigh, low: nameSeedLow }, name), name)
}

export function* findEntry(call: Call, directory: Inode, name: Bytes): Op<Dirent | undefined> {
  if (call.core.options.isSeedLost === true) return yield* searchEntry(call, directory, name)
  const known = call.entryAt(directory.ino, name)
  if (known.isRead) return known.entry
  const row = yield* call.tx.get(known.key)
  if (row !== undefined) {
    const verdict = decodeDirent(known.key, row)
    if (!verdict.ok) throw corruption(`entry of directory ${directory.ino}`, verdict.fault)
    known.entry = verdict.value
  }
  known.isRead = true
  return known.entry
}

/** Entries looked at in one step of a search. */
const SEARCH_ENTRIES = 1024

/** Looks through the directory: the key of an entry needs the volume's secret, which was lost with its superblock. */
function* searchEntry(call: Call, directory: Inode, name: Bytes): Op<Dirent | undefined> {
  for (let cookie = 0n; ; ) {
    const lines = yield* listEntries(call, directory, cookie, SEARCH_ENTRIES)
    const found = lines.find((line) => Buffer.compare(line.name, name) === 0)
    if (found !== undefined) return { ino: found.ino, type: found.type }
    const last = lines[lines.length - 1]
    if (last === undefined || lines.length < SEARCH_ENTRIES) return undefined
    cookie = last.cookie
  }
}

/** The inode that a name leads to, or undefined. */
export function* findChild(call: Call, directory: Inode, name: Bytes): Op<Inode | undefined> {
  const entry = yield* findEntry(call, directory, name)
  return entry === undefined ? undefined : yield* call.referenced(entry.ino)
}

/** Writes an entry. */
function putEntry(call: Call, directory: Inode, name: Bytes, inode: Inode): void {
  const known = call.entryAt(directory.ino, name)
  known.entry = { ino: inode.ino, type: typeOf(inode) }
  known.isRead = true
  call.tx.put(known.key, encodeDirent(known.key, known.entry))
}

/** Adds an entry; the caller has checked that there is none. Returns the directory as edited. */
export function addEntry(call: Call, directory: Inode, name: Bytes, inode: Inode): Inode {
  putEntry(call, directory, name, inode)
  const edited = call.edit(directory, 'mtime')
  edited.entries++
  return edited
}

/** Lets an existing entry lead to another inode. */
export function replaceEntry(call: Call, directory: Inode, name: Bytes, inode: Inode): void {
  putEntry(call, directory, name, inode)
  call.edit(directory, 'mtime')
}

export function removeEntry(call: Call, directory: Inode, name: Bytes): Inode {
  const known = call.entryAt(directory.ino, name)
  known.entry = undefined
  known.isRead = true
  call.tx.del(known.key)
  const edited = call.edit(directory, 'mtime')
  edited.entries--
  return edited
}

/** A directory entry as listed. `cookie` continues a listing behind this entry. */
export interface ListedEntry {
  readonly name: Buffer
  readonly ino: number
  /** S_IFMT bits. */
  readonly type: number
  readonly cookie: bigint
}

const TAG_BITS = 15n
const TAG_MASK = (1 << 15) - 1

/** 15 more bits that tell apart names with one hash; 0 stays free for "before all of this hash". */
const tagOf = (name: Bytes): number => (hashName({ high: 0x2545f491, low: 0x4f6cdd1d }, name) % TAG_MASK) + 1

/**
 * Entries behind `cookie` (0n: from the start), in the order of name hashes, `.` and `..` not among them. A cookie is
 * the hash of the name with a tag: it stays valid over inserts, deletes and restarts. If the very entry of a cookie is
 * gone and another name has the same 48-bit hash, that other name may be listed again.
 */
export function* listEntries(call: Call, directory: Inode, cookie: bigint, limit: number): Op<ListedEntry[]> {
  const entries = yield* listNames(call, directory, cookie, limit)
  return entries.map((entry) => ({ ...entry, cookie: cookieOf(call.core, entry.name) }))
}

/** An entry without the place where a listing goes on behind it, which `cookieOf` tells. */
export type NamedEntry = Omit<ListedEntry, 'cookie'>

/** As `listEntries`, without a cookie for each. */
export function* listNames(call: Call, directory: Inode, cookie: bigint, limit: number): Op<NamedEntry[]> {
  const fromHash = Number(cookie >> TAG_BITS)
  const fromTag = Number(cookie & BigInt(TAG_MASK))
  const rows = yield* call.tx.range(direntRange(directory.ino, fromHash, limit + (fromTag === 0 ? 0 : 8)))
  let listed: NamedEntry[] = []
  for (const { key, value } of rows) {
    const verdict = decodeDirent(key, value)
    if (!verdict.ok) throw corruption(`entry of directory ${directory.ino}`, verdict.fault)
    const name = nameOfDirentKey(key)
    listed.push({ name, ino: verdict.value.ino, type: verdict.value.type })
    if (fromTag !== 0 && hashOfDirentKey(key) === fromHash && tagOf(name) === fromTag) listed = []
  }
  return listed.length > limit ? listed.slice(0, limit) : listed
}

/** Where a listing goes on behind this name. */
export function cookieOf({ superblock }: Core, name: Bytes): bigint {
  const hash = hashName({ high: superblock.nameSeedHigh, low: superblock.nameSeedLow }, name)
  return (BigInt(hash) << TAG_BITS) | BigInt(tagOf(name))
}
