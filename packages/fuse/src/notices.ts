/**
 * What the kernel is told without having asked: that something it may have in its caches was changed by somebody else than itself. A
 * header like that of an answer, with the kind of the notice for an error and 0 for the request.
 *
 *     inode  length32 2 zero64 | node64 offset64 length64           an offset below 0: attributes only
 *     entry  length32 3 zero64 | parent64 nameBytes32 flags32 name NUL
 */
import type { Change, NamedPlace } from 'vivefs/fsal'
import type { NodeTable } from './node-table.ts'
import { ANSWER_HEADER_BYTES, writeI64, writeU64 } from './protocol/wire.ts'

const INVALIDATE_INODE = 2
const INVALIDATE_ENTRY = 3
const BODY_BYTES = 16

export type Notices = (change: Change) => void

function inodeNotice(node: number, withContent: boolean): Buffer {
  const out = Buffer.alloc(ANSWER_HEADER_BYTES + 24)
  out.writeUInt32LE(out.length, 0)
  out.writeInt32LE(INVALIDATE_INODE, 4)
  writeU64(out, node, ANSWER_HEADER_BYTES)
  writeI64(out, withContent ? 0 : -1, ANSWER_HEADER_BYTES + 8)
  return out
}

function entryNotice(parent: number, name: Uint8Array): Buffer {
  const out = Buffer.alloc(ANSWER_HEADER_BYTES + BODY_BYTES + name.length + 1)
  out.writeUInt32LE(out.length, 0)
  out.writeInt32LE(INVALIDATE_ENTRY, 4)
  writeU64(out, parent, ANSWER_HEADER_BYTES)
  out.writeUInt32LE(name.length, ANSWER_HEADER_BYTES + 8)
  out.set(name, ANSWER_HEADER_BYTES + BODY_BYTES)
  return out
}

/** Turns changes of the volume into notices about what the kernel knows. */
export function noticesOf(nodes: NodeTable, notify: (message: Buffer) => void): Notices {
  const inode = (ino: number, withContent: boolean): void => {
    const node = nodes.idOf(ino)
    if (nodes.handleOf(node) !== undefined) notify(inodeNotice(node, withContent))
  }
  const entry = ({ directory, name }: NamedPlace): void => {
    const parent = nodes.idOf(directory)
    if (nodes.handleOf(parent) === undefined) return
    notify(entryNotice(parent, name))
    notify(inodeNotice(parent, false))
  }
  return (change) => {
    switch (change.kind) {
      case 'modify':
        inode(change.ino, true)
        return
      case 'attrib':
      case 'moveSelf':
      case 'deleteSelf':
        inode(change.ino, false)
        return
      case 'create':
      case 'delete':
      case 'movedFrom':
      case 'movedTo':
        entry(change.place)
    }
  }
}
