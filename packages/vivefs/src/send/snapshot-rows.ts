/** The rows that make up a snapshot: of every inode its own, its names and attributes, and its visible content. */
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { findLoan, isSharer } from '../core/loans.ts'
import { superuser } from '../core/mode.ts'
import { decodeInode, type Inode } from '../format/inode.ts'
import { allNodesRange, extentRange, inodeKey, nodeRange, parseExtentKey, parseNodeKey } from '../format/keys.ts'
import { allLoansRange, decodeLoan, placeOfExtent, placeOfKey, placeRange, referenceRange } from '../format/loan.ts'
import { runAsync } from '../op.ts'
import type { Bytes, KeyRange, Row } from '../store/store.ts'

const PAGE_ROWS = 256
/** Extents are long. */
const DATA_PAGE_ROWS = 16

/** The rows of a range, in pages; each page is one transaction. */
export async function* rowsOf(core: Core, range: KeyRange, pageRows = PAGE_ROWS): AsyncGenerator<Row, void> {
  let rest: KeyRange = range
  for (;;) {
    const page = await runAsync(core.read(superuser, (call) => call.tx.range({ ...rest, limit: pageRows })))
    yield* page
    const last = page[page.length - 1]
    if (last === undefined || page.length < pageRows) return
    rest = { gt: Buffer.from(last.key), lt: range.lt }
  }
}

function inodeOf(ino: number, row: Row): Inode {
  const verdict = decodeInode(row.key, row.value)
  if (!verdict.ok) throw corruption(`inode ${ino}`, verdict.fault)
  return verdict.value
}

/** What of the content can be read, in the order of keys: references, then its own extents. */
async function* contentOf(view: Core, inode: Inode): AsyncGenerator<Row, void> {
  const { ino } = inode
  const epochs = [...inode.epochs].reverse()
  if (isSharer(inode)) {
    for (const { epoch, end } of epochs) {
      for await (const row of rowsOf(view, referenceRange({ ino, epoch, index: 0 }))) {
        if ((placeOfKey(row.key)?.index ?? end) < end) yield row
      }
    }
  }
  for (const { epoch, end } of epochs) {
    for await (const row of rowsOf(view, extentRange(ino, epoch, 0), DATA_PAGE_ROWS)) {
      if ((parseExtentKey(row.key)?.index ?? end) >= end) continue
      // Of what the inode let go, `lentRows` tells.
      if (isSharer(inode) && (await isLetGo(view, row.key))) continue
      yield row
    }
  }
}

async function isLetGo(view: Core, key: Bytes): Promise<boolean> {
  const loan = await runAsync(view.read(superuser, (call) => findLoan(call, placeOfExtent(key))))
  return loan?.isOwned === false
}

/** The loans of all inodes, in the order of keys, without what is lent. */
export const loanRows = (view: Core): AsyncGenerator<Row, void> => rowsOf(view, allLoansRange)

/** Extents that only references lead to, in the order of keys. */
export async function* lentRows(view: Core): AsyncGenerator<Row, void> {
  for await (const { key, value } of loanRows(view)) {
    const place = placeOfKey(key)
    const loan = decodeLoan(key, value)
    if (place === undefined || !loan.ok) throw corruption('loan', 'shape')
    if (!loan.value.isOwned) yield* rowsOf(view, placeRange(place), DATA_PAGE_ROWS)
  }
}

/** All rows of one inode in the order of keys; none when it is not there. */
export async function* rowsOfInode(view: Core, ino: number): AsyncGenerator<Row, void> {
  let inode: Inode | undefined
  for await (const row of rowsOf(view, nodeRange(ino))) {
    if (inode === undefined) {
      // What is left of an inode that is gone is no part of the tree.
      if (Buffer.compare(row.key, inodeKey(ino)) !== 0) return
      inode = inodeOf(ino, row)
    }
    yield row
  }
  if (inode !== undefined) yield* contentOf(view, inode)
}

/** Numbers of inodes from `first` on that are there. */
export async function* inodesFrom(view: Core, first: number): AsyncGenerator<number, void> {
  let last = 0
  const range = { gte: inodeKey(first), lt: allNodesRange.lt, keysOnly: true }
  for await (const { key } of rowsOf(view, range)) {
    const ino = parseNodeKey(key)?.ino
    if (ino === undefined || ino === last) continue
    last = ino
    yield ino
  }
}
