/** Access control lists: the flags of an inode say which it has, its rows hold them (FORMAT.md L1-L3). */
import { decodeStored } from '../acl/wire.ts'
import { type AclKind, aclKindOf } from '../core/acl.ts'
import { S_IFDIR } from '../core/mode.ts'
import { decodeInode, encodeInode, InodeFlag } from '../format/inode.ts'
import { inodeKey } from '../format/keys.ts'
import { FRAME_BYTES } from '../format/row.ts'
import type { Row } from '../store/store.ts'
import { dropRow } from './drop-row.ts'
import type { Findings, Fix } from './finding.ts'

const LISTS = InodeFlag.accessAcl | InodeFlag.defaultAcl
const flagOf = (kind: AclKind): number => (kind === 'access' ? InodeFlag.accessAcl : InodeFlag.defaultAcl)

interface Lists {
  /** What the inode's flags say. */
  claimed: number
  /** Which sound rows there are. */
  rows: number
}

/** Only inodes with lists are remembered. */
export class AclRows {
  readonly #findings: Findings
  readonly #lists = new Map<number, Lists>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  #of(ino: number): Lists {
    let lists = this.#lists.get(ino)
    if (lists === undefined) {
      lists = { claimed: 0, rows: 0 }
      this.#lists.set(ino, lists)
    }
    return lists
  }

  claim(ino: number, flags: number): void {
    if ((flags & LISTS) !== 0) this.#of(ino).claimed = flags & LISTS
  }

  /** Looks at the row of an attribute; answers whether it counts as one. */
  see(ino: number, name: string, row: Row): boolean {
    const kind = aclKindOf(name)
    if (kind === undefined) return true
    const verdict = decodeStored(row.value.subarray(FRAME_BYTES))
    if ('fault' in verdict) {
      this.#of(ino)
      this.#findings.add('ACL', ino, `the ${kind} list is none: ${verdict.fault}`, 'rows', dropRow(row))
      return false
    }
    this.#of(ino).rows |= flagOf(kind)
    return true
  }

  /** Once all rows of nodes were seen. `typeOf`: S_IFMT bits; undefined where the inode has no sound row. */
  check(typeOf: (ino: number) => number | undefined): void {
    for (const [ino, { claimed, rows }] of this.#lists) {
      const type = typeOf(ino)
      if (type === undefined) continue
      if ((claimed & InodeFlag.defaultAcl) !== 0 && type !== S_IFDIR) {
        this.#findings.add('ACL', ino, 'a default list of what is no directory')
      }
      if (claimed === rows) continue
      const message = `lists ${rows.toString(2).padStart(2, '0')}, the inode says ${claimed.toString(2).padStart(2, '0')}`
      this.#findings.add('ACL', ino, message, 'rows', setLists(ino, rows))
    }
  }
}

/**
 * Sets the flags to the rows that are there. Where the access list is lost, the group's bits of the mode were its mask: they go, so that
 * nobody may more than before. By the rows alone: whoever loads the inode asks for its list.
 */
const setLists = (ino: number, rows: number): Fix =>
  function* (call) {
    const key = inodeKey(ino)
    const row = yield* call.tx.get(key)
    const verdict = row === undefined ? undefined : decodeInode(key, row)
    if (!verdict?.ok) return false
    const inode = verdict.value
    const isLost = (inode.flags & ~rows & InodeFlag.accessAcl) !== 0
    const flags = (inode.flags & ~LISTS) | rows
    const mode = isLost ? inode.mode & ~0o070 : inode.mode
    call.tx.put(key, encodeInode(key, { ...inode, flags, mode, change: inode.change + 1 }))
    return true
  }
