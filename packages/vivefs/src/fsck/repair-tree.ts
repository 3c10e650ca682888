/** Repairs of the tree. They run after all fields were set to what was counted, and adjust those fields. */
import type { Call } from '../core/call.ts'
import { createEntry } from '../core/create.ts'
import { addEntry, findChild, findEntry } from '../core/directory.ts'
import { isDirectory, S_IFDIR } from '../core/mode.ts'
import { type Dirent, decodeDirent, encodeDirent, hashName } from '../format/dirent.ts'
import type { Inode } from '../format/inode.ts'
import { direntKey, direntRange, nameOfDirentKey } from '../format/keys.ts'
import type { Op } from '../op.ts'
import type { Bytes, KeyRange } from '../store/store.ts'
import type { Fix } from './finding.ts'

const ROWS_PER_STEP = 256
const LOST_AND_FOUND = 'lost+found'

/** Removes an entry and counts it out of its directory; `dirent` says where it led, if that can be read. */
export function dropEntryRow(directoryIno: number, key: Bytes, dirent: Dirent | undefined): Fix {
  const row = Buffer.from(key)
  return function* (call) {
    if ((yield* call.tx.get(row)) === undefined) return false
    call.tx.del(row)
    const directory = yield* soundInode(call, directoryIno)
    if (directory !== undefined && isDirectory(directory)) {
      const edited = call.edit(directory, 'mtime')
      edited.entries--
      if (dirent?.type === S_IFDIR) edited.nlink--
    }
    const child = dirent === undefined ? undefined : yield* soundInode(call, dirent.ino)
    // The last name stays counted: the next pass finds the inode unreachable and gives it a new name.
    if (child !== undefined && !isDirectory(child) && child.nlink > 1) call.edit(child, 'ctime').nlink--
    return true
  }
}

/** Moves an entry to the key that belongs to its name; when that is taken, it goes. */
export function rekeyEntry(directoryIno: number, key: Bytes, dirent: Dirent): Fix {
  const row = Buffer.from(key)
  const drop = dropEntryRow(directoryIno, key, dirent)
  return function* (call) {
    const { nameSeedHigh, nameSeedLow } = call.core.superblock
    const name = nameOfDirentKey(row)
    const right = direntKey(directoryIno, hashName({ high: nameSeedHigh, low: nameSeedLow }, name), name)
    if ((yield* call.tx.get(right)) !== undefined) return yield* drop(call)
    call.tx.del(row)
    call.tx.put(right, encodeDirent(right, dirent))
    return true
  }
}

/** Lets an entry call its inode by the inode's own type. */
export function retypeEntry(directoryIno: number, key: Bytes, dirent: Dirent, type: number): Fix {
  const row = Buffer.from(key)
  return function* (call) {
    call.tx.put(row, encodeDirent(row, { ino: dirent.ino, type }))
    const directory = yield* soundInode(call, directoryIno)
    if (directory === undefined) return
    if (dirent.type === S_IFDIR) call.edit(directory).nlink--
    if (type === S_IFDIR) call.edit(directory).nlink++
  }
}

/** The inode when its row is there and readable. */
function* soundInode(call: Call, ino: number): Op<Inode | undefined> {
  try {
    return yield* call.find(ino)
  } catch {
    return undefined
  }
}

/** `/lost+found`, made when there is none; another name when something else is called so. */
function* lostAndFound(call: Call): Op<Inode | undefined> {
  const root = yield* call.referenced(call.core.superblock.rootIno)
  for (let n = 0; n < 100; n++) {
    const name = Buffer.from(n === 0 ? LOST_AND_FOUND : `${LOST_AND_FOUND}.${n}`)
    const found = yield* findChild(call, root, name)
    if (found === undefined) return yield* createEntry(call, root, name, { mode: S_IFDIR | 0o700 })
    if (isDirectory(found)) return found
  }
  return undefined
}

/** Gives an inode without a name the name `#INO` in /lost+found. */
export const linkIntoLostAndFound = (ino: number): Fix =>
  function* (call) {
    const inode = yield* call.find(ino)
    const directory = yield* lostAndFound(call)
    if (inode === undefined || directory === undefined) return false
    const name = Buffer.from(`#${ino}`)
    if ((yield* findEntry(call, directory, name)) !== undefined) return false
    const edited = call.edit(inode, 'ctime')
    const parent = addEntry(call, directory, name, edited)
    if (isDirectory(edited)) {
      edited.parent = directory.ino
      parent.nlink++
    } else {
      edited.nlink = Math.max(1, edited.nlink)
    }
    return true
  }

/** Takes a directory out of the directory `from`, whatever it is called there, and gives it a name in /lost+found. */
export function moveToLostAndFound(ino: number, from: number): Fix {
  const link = linkIntoLostAndFound(ino)
  return function* (call) {
    const { gte, lt } = direntRange(from)
    let start: Pick<KeyRange, 'gte' | 'gt'> = { gte }
    for (;;) {
      const rows = yield* call.tx.range({ ...start, lt, limit: ROWS_PER_STEP })
      for (const { key, value } of rows) {
        const verdict = decodeDirent(key, value)
        if (!verdict.ok || verdict.value.ino !== ino) continue
        yield* dropEntryRow(from, key, verdict.value)(call)
        return yield* link(call)
      }
      if (rows.length < ROWS_PER_STEP) return false
      start = { gt: rows[rows.length - 1].key }
    }
  }
}
