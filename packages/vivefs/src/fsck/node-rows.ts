/** Inodes, directory entries and extended attributes, in the order of inode numbers. */
import { TARGET_BYTES_MAX } from '../core/create.ts'
import { isDot, isDotDot } from '../core/directory.ts'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../core/mode.ts'
import { XATTR_NAME_BYTES_MAX } from '../core/xattr.ts'
import { decodeDirent, hashName, NAME_BYTES_MAX } from '../format/dirent.ts'
import { decodeInode, EPOCHS_MAX, type Inode, NO_CUT, TAILS_MAX } from '../format/inode.ts'
import { hashOfDirentKey, nameOfDirentKey, nameOfXattrKey, PARTS_PER_TIER, parseNodeKey } from '../format/keys.ts'
import { check, RowKind } from '../format/row.ts'
import { isExtentBytes } from '../format/superblock.ts'
import type { Bytes, Row } from '../store/store.ts'
import type { Census, Node } from './census.ts'
import { dropRow } from './drop-row.ts'
import { dropEntryRow, rekeyEntry } from './repair-tree.ts'
import { hexOf } from './system-rows.ts'

const TYPES: readonly number[] = [S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK]
const SLASH = 0x2f

export function visitNodeRow(census: Census, row: Row): void {
  const parts = parseNodeKey(row.key)
  if (parts === undefined) {
    census.findings.add('ROW_UNKNOWN', undefined, `a row of no known kind, key ${hexOf(row.key)}`)
  } else if (parts.sub === 'inode') {
    visitInode(census, parts.ino, row)
  } else if (parts.sub === 'dirent') {
    visitEntry(census, parts.ino, row)
  } else {
    visitXattr(census, parts.ino, row)
  }
}

function visitInode(census: Census, ino: number, row: Row): void {
  const { counts, findings } = census
  const node = census.node(ino)
  census.highestIno = Math.max(census.highestIno, ino)
  counts.inodes++
  const verdict = decodeInode(row.key, row.value)
  if (!verdict.ok) {
    // Repaired at the end, when it is known what is left of it.
    node.row = 'damaged'
    return
  }
  const inode = verdict.value
  const type = inode.mode & S_IFMT
  // An entry may have named it already.
  const entryType = node.names > 0 ? node.type : type
  census.describe(node, inode, type)
  census.acls.claim(ino, inode.flags)
  census.quotas.count(inode)
  if (entryType !== type) suspect(census, node)
  if (type === S_IFDIR) counts.directories++
  else if (type === S_IFREG) counts.files++
  else if (type === S_IFLNK) counts.symlinks++
  else counts.others++
  for (const fault of faultsOf(inode, type)) findings.add('INODE_FIELDS', ino, fault)
  if (type === S_IFLNK && (inode.target.length !== inode.size || inode.size === 0 || inode.size > TARGET_BYTES_MAX)) {
    const message = `the target of the symbolic link has ${inode.target.length} bytes, its size is ${inode.size}`
    const { length } = inode.target
    if (length === 0 || length > TARGET_BYTES_MAX) findings.add('SYMLINK_TARGET', ino, message)
    else {
      findings.add('SYMLINK_TARGET', ino, message, 'fields', function* (call) {
        call.edit(yield* call.referenced(ino)).size = length
      })
    }
  }
  for (const fault of epochFaults(inode)) findings.add('EPOCHS', ino, fault)
  for (const fault of tailFaults(inode)) findings.add('TAIL', ino, fault)
}

function* faultsOf(inode: Inode, type: number): Generator<string> {
  if (inode.ino === 0) yield 'inode number 0'
  if (!TYPES.includes(type)) yield `mode ${inode.mode.toString(8)} is of no file type`
  if (!isExtentBytes(inode.extentBytes)) yield `extents of ${inode.extentBytes} bytes`
  for (const name of ['atime', 'mtime', 'ctime', 'birthtime'] as const) {
    if (inode[name].nsec > 999_999_999) yield `${name} has ${inode[name].nsec} nanoseconds`
  }
  if (type !== S_IFREG && (inode.epochs.length > 0 || inode.allocatedBytes > 0)) yield 'content, but not a regular file'
  if (type !== S_IFREG && type !== S_IFLNK && inode.size > 0) yield `size ${inode.size}, but not a regular file`
  if (type !== S_IFLNK && inode.target.length > 0) yield 'a target, but not a symbolic link'
  if (type !== S_IFDIR && inode.entries > 0) yield 'entries, but not a directory'
}

/** I1, and what core/consolidate.ts relies on: the end of an older epoch is never above a newer one's. */
function* epochFaults({ epochs, nextEpoch }: Inode): Generator<string> {
  if (epochs.length > EPOCHS_MAX) yield `${epochs.length} data epochs`
  for (let i = 0; i < epochs.length; i++) {
    if (epochs[i].epoch >= nextEpoch) yield `data epoch ${epochs[i].epoch} is not below ${nextEpoch}`
    if (i === 0) {
      if (epochs[i].end !== NO_CUT) yield `the newest data epoch ends at ${epochs[i].end}`
    } else {
      if (epochs[i].epoch >= epochs[i - 1].epoch) yield 'data epochs are not sorted newest first'
      if (epochs[i].end > epochs[i - 1].end) yield 'an older data epoch ends behind a newer one'
    }
  }
}

function* tailFaults({ tails, epochs }: Inode): Generator<string> {
  if (tails.length > TAILS_MAX) yield `${tails.length} tails`
  if (tails.length > 0 && epochs.length === 0) yield 'tails without a data epoch'
  const indexes = new Set<number>()
  for (const { index, smalls, mids } of tails) {
    if (indexes.has(index)) yield `two tails of extent ${index}`
    indexes.add(index)
    if (smalls > PARTS_PER_TIER || mids > PARTS_PER_TIER || smalls + mids === 0) {
      yield `the tail of extent ${index} has ${smalls} small and ${mids} middle rows`
    }
  }
}

function isName(name: Bytes): boolean {
  if (name.length === 0 || name.length > NAME_BYTES_MAX || isDot(name) || isDotDot(name)) return false
  for (const byte of name) if (byte === 0 || byte === SLASH) return false
  return true
}

function suspect(census: Census, node: Node): void {
  node.isMistyped = true
  census.suspectEntries++
}

function visitEntry(census: Census, directoryIno: number, row: Row): void {
  const { counts, findings } = census
  const { nameSeedHigh, nameSeedLow } = census.core.superblock
  const directory = census.node(directoryIno)
  counts.dirents++
  const name = nameOfDirentKey(row.key)
  const verdict = decodeDirent(row.key, row.value)
  if (!verdict.ok) {
    const message = `the entry ${printName(name)} is damaged (${verdict.fault})`
    directory.entries++
    findings.add('ROW_DAMAGED', directoryIno, message, 'tree', dropEntryRow(directoryIno, row.key, undefined))
    return
  }
  const { ino, type } = verdict.value
  directory.entries++
  if (type === S_IFDIR) directory.subdirectories++
  const node = census.node(ino)
  node.names++
  node.namedIn = directoryIno
  if (node.row !== 'sound') {
    if (node.names === 1) node.type = type
    else if (node.type !== type) suspect(census, node)
  } else if (node.type !== type) suspect(census, node)

  if (!isName(name)) {
    const message = `${printName(name)} is not a name that an entry may have`
    findings.add('ENTRY_NAME', directoryIno, message, 'tree', dropEntryRow(directoryIno, row.key, { ino, type }))
  } else if (hashOfDirentKey(row.key) !== hashName({ high: nameSeedHigh, low: nameSeedLow }, name)) {
    const message = `the entry ${printName(name)} lies under the hash of another name`
    findings.add('ENTRY_HASH', directoryIno, message, 'tree', rekeyEntry(directoryIno, row.key, { ino, type }))
  }
}

export const printName = (name: Bytes): string => JSON.stringify(Buffer.from(name).toString('utf8'))

function visitXattr(census: Census, ino: number, row: Row): void {
  const { counts, findings } = census
  const name = nameOfXattrKey(row.key)
  const fault = check(row.key, row.value, RowKind.xattr, 1)
  if (fault !== undefined) {
    findings.add('ROW_DAMAGED', ino, `the attribute ${printName(name)} is damaged (${fault})`, 'rows', dropRow(row))
    return
  }
  if (!census.acls.see(ino, Buffer.from(name).toString('latin1'), row)) return
  counts.xattrs++
  census.node(ino).xattrs++
  if (name.length > XATTR_NAME_BYTES_MAX || name.includes(0)) {
    findings.add('XATTR_NAME', ino, `${printName(name)} is not a name that an attribute may have`)
  }
}
