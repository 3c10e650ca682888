/**
 * A filesystem that does as little as an answer needs: one directory, names and sizes in memory, reads that fill nothing, writes that keep
 * nothing. What it costs is the kernel, the device and the codec.
 */
import type { Attributes, Entry, Fsal, Handle, Op, OpenFile } from 'vivefs/fsal'

function* done<T>(value: T): Op<T> {
  return value
}

const S_IFDIR = 0o040000
const S_IFREG = 0o100000

interface Node {
  readonly ino: number
  readonly mode: number
  size: number
}

const failure = (code: string): Error => Object.assign(new Error(code), { code })

export function nullFsal(): Fsal {
  const root: Node = { ino: 2, mode: S_IFDIR | 0o755, size: 0 }
  const nodes = new Map<number, Node>([[2, root]])
  const names = new Map<string, Node>()
  let nextIno = 3
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
    const handle = Buffer.alloc(8)
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
    root: () => handleOf(root),
    lookup: (_who, _handle, { name }) => {
      const node = names.get((name as Buffer).toString('latin1'))
      if (node === undefined) throw failure('ENOENT')
      return done(entryOf(node))
    },
    getattr: (_who, handle) => done(attributesOf(nodeOf(handle))),
    setattr: (_who, handle, { size }) => {
      const node = nodeOf(handle)
      if (size !== undefined) node.size = size
      return done(attributesOf(node))
    },
    access: (_who, _handle, { mask }) => done(mask),
    openNew: (_who, _handle, { name, mode, flags }) => {
      const node: Node = { ino: nextIno++, mode: S_IFREG | mode, size: 0 }
      nodes.set(node.ino, node)
      names.set((name as Buffer).toString('latin1'), node)
      return done({ ...entryOf(node), file: open(node, flags) })
    },
    open: (_who, handle, { flags }) => done(open(nodeOf(handle), flags)),
    close: () => done(undefined),
    read: (_who, handle, { offset, into }) => done(Math.max(0, Math.min(into.length, nodeOf(handle).size - offset))),
    write: (_who, handle, { offset, data }) => {
      const node = nodeOf(handle)
      node.size = Math.max(node.size, offset! + data.length)
      return done({ bytes: data.length, end: offset! + data.length })
    },
    commit: () => done(undefined),
    unlink: (_who, _handle, { name }) => {
      const key = (name as Buffer).toString('latin1')
      nodes.delete(names.get(key)?.ino ?? 0)
      names.delete(key)
      return done(undefined)
    },
    readdir: () => done({ lines: [], eof: true }),
    getxattr: () => {
      throw failure('ENODATA')
    },
    statfs: () =>
      done({ usedBytes: 0, freeBytes: 2 ** 40, inodes: 0, inodesMax: 2 ** 40, nameBytesMax: 255, extentBytes: 65536 }),
  }
  return fsal as Fsal
}
