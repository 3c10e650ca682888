/**
 * A filesystem of one directory in memory, behind whatever speaks to the kernel: by our codec ({@link treeFsal}) and by fuse-native
 * (fuse-native-server.ts). That keeps nothing of what is written, it is the least that an answer can cost: the kernel, the device and the codec.
 */
import type { Attributes, Entry, Fsal, Handle, Op, OpenFile } from 'vivefs/fsal'

export const S_IFDIR = 0o040000
export const S_IFREG = 0o100000

export interface Node {
  readonly ino: number
  readonly mode: number
  size: number
  content: Buffer
}

const EMPTY = Buffer.alloc(0)

export class Tree {
  readonly root: Node = { ino: 2, mode: S_IFDIR | 0o755, size: 0, content: EMPTY }
  readonly names = new Map<string, Node>()
  readonly #keeps: boolean
  #nextIno = 3

  constructor(o: { keeps: boolean }) {
    this.#keeps = o.keeps
  }

  create(name: string, mode: number): Node {
    const node = { ino: this.#nextIno++, mode: S_IFREG | mode, size: 0, content: EMPTY }
    this.names.set(name, node)
    return node
  }

  read(node: Node, offset: number, into: Uint8Array): number {
    const bytes = Math.max(0, Math.min(into.length, node.size - offset))
    if (this.#keeps) node.content.copy(into, 0, offset, offset + bytes)
    return bytes
  }

  write(node: Node, offset: number, data: Uint8Array): void {
    const end = offset + data.length
    if (this.#keeps) {
      if (end > node.content.length) {
        const grown = Buffer.alloc(Math.max(end, 2 * node.content.length))
        node.content.copy(grown, 0, 0, node.size)
        node.content = grown
      }
      node.content.set(data, offset)
    }
    node.size = Math.max(node.size, end)
  }

  truncate(node: Node, size: number): void {
    if (size < node.size && this.#keeps) node.content.fill(0, size, node.size)
    node.size = size
  }
}

function* done<T>(value: T): Op<T> {
  return value
}

const failure = (code: string): Error => Object.assign(new Error(code), { code })
/** Made once: what an error costs is no part of the least. */
const ENOENT = failure('ENOENT')
const ENODATA = failure('ENODATA')

/** The tree as what a session of a mount asks. */
export function treeFsal(tree: Tree): Fsal {
  const nodes = new Map<number, Node>([[tree.root.ino, tree.root]])
  const time = { sec: Math.floor(Date.now() / 1000), nsec: 0 }
  const attributesOf = ({ ino, mode, size }: Node) =>
    ({
      ino,
      generation: 1,
      mode,
      nlink: 1,
      uid: 0,
      gid: 0,
      size,
      blocks: Math.ceil(size / 512),
      blockBytes: 4096,
      rdevMajor: 0,
      rdevMinor: 0,
      atime: time,
      mtime: time,
      ctime: time,
      birthtime: time,
    }) as unknown as Attributes
  const handleOf = ({ ino }: Node): Handle => {
    const handle = Buffer.allocUnsafe(4)
    handle.writeUInt32LE(ino)
    return handle
  }
  const nodeOf = (handle: Handle): Node => nodes.get((handle as Buffer).readUInt32LE(0))!
  const entryOf = (node: Node): Entry => ({ handle: handleOf(node), attributes: attributesOf(node) })
  const open = (node: Node, flags: number): OpenFile => ({
    ino: node.ino,
    generation: 1,
    type: node.mode & 0o170000,
    flags,
    canRead: true,
    canWrite: true,
    append: false,
    isSynced: false,
    tracksAtime: false,
    place: undefined,
    closed: false,
  })
  const fsal: Partial<Fsal> = {
    sync: 'full',
    listen: () => () => {},
    lockSession: (name) => name,
    endLockSession: () => {},
    unlock: () => done(undefined),
    root: () => handleOf(tree.root),
    lookup: (_who, _handle, { name }) => {
      const node = tree.names.get((name as Buffer).toString('latin1'))
      if (node === undefined) throw ENOENT
      return done(entryOf(node))
    },
    getattr: (_who, handle) => done(attributesOf(nodeOf(handle))),
    setattr: (_who, handle, { size }) => {
      const node = nodeOf(handle)
      if (size !== undefined) tree.truncate(node, size)
      return done(attributesOf(node))
    },
    access: (_who, _handle, { mask }) => done(mask),
    openNew: (_who, _handle, { name, mode, flags }) => {
      const node = tree.create((name as Buffer).toString('latin1'), mode)
      nodes.set(node.ino, node)
      return done({ ...entryOf(node), file: open(node, flags) })
    },
    open: (_who, handle, { flags }) => {
      const node = nodeOf(handle)
      if ((flags & 0o1000) !== 0) tree.truncate(node, 0)
      return done(open(node, flags))
    },
    close: () => done(undefined),
    read: (_who, handle, { offset, into }) => done(tree.read(nodeOf(handle), offset, into)),
    write: (_who, handle, { offset, data }) => {
      tree.write(nodeOf(handle), offset!, data)
      return done({ bytes: data.length, end: offset! + data.length })
    },
    commit: () => done(undefined),
    unlink: (_who, _handle, { name }) => {
      const key = (name as Buffer).toString('latin1')
      nodes.delete(tree.names.get(key)?.ino ?? 0)
      tree.names.delete(key)
      return done(undefined)
    },
    readdir: () => done({ lines: [], eof: true }),
    getxattr: () => {
      throw ENODATA
    },
    statfs: () =>
      done({ usedBytes: 0, freeBytes: 2 ** 40, inodes: 0, inodesMax: 2 ** 40, nameBytesMax: 255, extentBytes: 65536 }),
  }
  return fsal as Fsal
}
