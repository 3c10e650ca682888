/** The use of all owners, counted from the inodes themselves. */
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { decodeInode } from '../format/inode.ts'
import { allNodesRange, parseNodeKey } from '../format/keys.ts'
import { pages } from '../fsck/scan.ts'
import { Charges } from './usage.ts'

const ROWS_PER_PAGE = 512

/** Reads every inode; the volume holds still meanwhile. EIO: a damaged inode (fsck first). The reason of `signal`. */
export async function countUse(core: Core, signal?: AbortSignal): Promise<Charges> {
  const charges = new Charges()
  const from = allNodesRange.gte as Uint8Array
  for await (const rows of pages(core, from, allNodesRange.lt, ROWS_PER_PAGE, signal)) {
    for (const { key, value } of rows) {
      if (parseNodeKey(key)?.sub !== 'inode') continue
      const verdict = decodeInode(key, value)
      if (!verdict.ok) throw corruption(`inode ${parseNodeKey(key)?.ino}`, verdict.fault)
      charges.count(verdict.value, 1)
    }
  }
  return charges
}
