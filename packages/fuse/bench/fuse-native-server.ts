/**
 * The peer: npm `fuse-native` over the same backends, asked by path with callbacks: `node fuse-native-server.mjs JSON`, with `peer` the directory
 * that it is installed in. Ends with the mount.
 */
import { constants, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants as system } from 'node:os'
import { join } from 'node:path'
import { ViveFS } from 'vivefs'
import type { ServedRole } from './server.ts'
import { type Node, Tree } from './tree.ts'

type Done = (status: number, result?: unknown) => void
type Operation = (...args: never[]) => void

const role = JSON.parse(process.argv[2]!) as ServedRole & { peer: string }
const Fuse = createRequire(join(role.peer, 'package.json'))('fuse-native') as new (
  at: string,
  operations: Record<string, Operation>,
  options: object,
) => { mount(done: (error: Error | null) => void): void }

/** O_ACCMODE: to read, to write or both. */
const ACCESS_MODE = 3
const { ENOENT, EIO } = system.errno
const statOf = ({ ino, mode, size }: { ino: number; mode: number; size: number }, time: Date): object => ({
  ...{
    ino,
    mode,
    size,
    nlink: 1,
    uid: 0,
    gid: 0,
    blocks: Math.ceil(size / 512),
    atime: time,
    mtime: time,
    ctime: time,
  },
})

function treeOperations(): Record<string, Operation> {
  const tree = new Tree({ keeps: role.backend === 'tree' })
  const time = new Date()
  const open = new Map<number, Node>()
  let nextFile = 1
  const find = (path: string): Node | undefined => (path === '/' ? tree.root : tree.names.get(path.slice(1)))
  const keep = (node: Node): number => {
    open.set(nextFile, node)
    return nextFile++
  }
  const told = (node: Node | undefined, done: Done): void =>
    node === undefined ? done(-ENOENT) : done(0, statOf(node, time))
  return {
    getattr: (path: string, done: Done) => told(find(path), done),
    create: (path: string, mode: number, done: Done) => done(0, keep(tree.create(path.slice(1), mode & 0o7777))),
    open: (path: string, _flags: number, done: Done) => {
      const node = find(path)
      if (node === undefined) done(-ENOENT)
      else done(0, keep(node))
    },
    read: (_path: string, file: number, into: Buffer, length: number, offset: number, done: Done) =>
      done(tree.read(open.get(file)!, offset, into.subarray(0, length))),
    write: (_path: string, file: number, data: Buffer, length: number, offset: number, done: Done) => {
      tree.write(open.get(file)!, offset, data.subarray(0, length))
      done(length)
    },
    truncate: (path: string, size: number, done: Done) => {
      tree.truncate(find(path)!, size)
      done(0)
    },
    release: (_path: string, file: number, done: Done) => {
      open.delete(file)
      done(0)
    },
    unlink: (path: string, done: Done) => done(tree.names.delete(path.slice(1)) ? 0 : -ENOENT),
    readdir: (_path: string, done: Done) => done(0, [...tree.names.keys()]),
    fsync: (_path: string, _onlyData: boolean, _file: number, done: Done) => done(0),
  }
}

function volumeOperations(vive: ViveFS): Record<string, Operation> {
  const { fs } = vive.root
  /** What a function of node:fs throws becomes a number below 0. */
  const call = (done: Done, body: () => unknown): void => {
    let result: unknown
    try {
      result = body()
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      done(-(system.errno[code as keyof typeof system.errno] ?? EIO))
      return
    }
    done(0, result)
  }
  /** Counts are answers, not results. */
  const count = (done: Done, body: () => number): void =>
    call((status, bytes) => done(status < 0 ? status : (bytes as number)), body)
  return {
    getattr: (path: string, done: Done) => call(done, () => fs.lstatSync(path)),
    create: (path: string, mode: number, done: Done) =>
      call(done, () => fs.openSync(path, constants.O_RDWR | constants.O_CREAT, mode & 0o7777)),
    open: (path: string, flags: number, done: Done) => call(done, () => fs.openSync(path, flags & ACCESS_MODE)),
    read: (_path: string, file: number, into: Buffer, length: number, offset: number, done: Done) =>
      count(done, () => fs.readSync(file, into, 0, length, offset)),
    write: (_path: string, file: number, data: Buffer, length: number, offset: number, done: Done) =>
      count(done, () => fs.writeSync(file, data, 0, length, offset)),
    truncate: (path: string, size: number, done: Done) => call(done, () => fs.truncateSync(path, size)),
    release: (_path: string, file: number, done: Done) => call(done, () => fs.closeSync(file)),
    unlink: (path: string, done: Done) => call(done, () => fs.unlinkSync(path)),
    readdir: (path: string, done: Done) => call(done, () => fs.readdirSync(path)),
    fsync: (_path: string, _onlyData: boolean, file: number, done: Done) => call(done, () => fs.fsyncSync(file)),
  }
}

const vive = role.backend === 'volume' ? await ViveFS.open(role.where!, { engine: 'lsm' }) : undefined
const served = vive === undefined ? treeOperations() : volumeOperations(vive)
const operations: Record<string, Operation> = {
  ...served,
  // Of an open file it asks by path all the same, if there is such an operation.
  fgetattr: served.getattr!,
  access: (_path: string, _mode: number, done: Done) => done(0),
  statfs: (_path: string, done: Done) =>
    done(0, { bsize: 4096, frsize: 4096, blocks: 2 ** 28, bfree: 2 ** 28, bavail: 2 ** 28, namemax: 255 }),
}
const seconds = `${role.options.attributeSeconds ?? 1}`
const mount = new Fuse(role.directory, operations, {
  force: true,
  timeout: false,
  // As ours is mounted: the kernel looks at modes, and asks for them.
  defaultPermissions: true,
  ...{ entryTimeout: seconds, attrTimeout: seconds, acAttrTimeout: seconds },
})
mount.mount((error) => {
  if (error !== null) throw error
  writeFileSync(1, 'mounted\n')
})
process.once('SIGTERM', async () => {
  await vive?.close()
  process.exit(0)
})
