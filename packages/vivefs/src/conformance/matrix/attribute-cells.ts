/** Refusals of changing attributes, by path and by descriptor, and of extended attributes. */
import { constants } from 'node:fs'
import { type Area, directory, file, node, symlink, type Tree } from '../area.ts'
import type { Person } from '../people.ts'
import { people } from '../people.ts'
import type { SuiteFs, SuiteHandle } from '../target.ts'
import { type Cell, type Errno, pathCell } from './cell.ts'
import { roleOf } from './open-cells.ts'
import { extra, type Operation } from './operations.ts'
import { commonTree } from './path-causes.ts'

/** Everybody may write the file; only alice owns it. */
const writable: Tree = { theirs: file('theirs', { owner: 'alice', mode: 0o666 }) }

type Change = (fs: SuiteFs, path: string) => Promise<unknown>

const { alice, bob } = people

const changes = (operation: Operation, as: Person, cause: string, change: Change, tree = writable): Cell => ({
  operation,
  errno: 'EPERM',
  cause,
  as,
  tree,
  act: (area, fs) => change(fs, area.path('theirs')),
  shows: (area) => ({ path: area.path('theirs') }),
})

function* ownerCells(): Generator<Cell> {
  yield changes('chmod', 'bob', 'not the owner', (fs, path) => fs.promises.chmod(path, 0o777))
  yield changes('chmod', 'carol', 'not the owner, though of the group', (fs, path) => fs.promises.chmod(path, 0o777))
  yield changes('chown', 'bob', 'taking a file', (fs, path) => fs.promises.chown(path, bob.uid, bob.gid))
  yield changes('chown', 'alice', 'giving a file away', (fs, path) => fs.promises.chown(path, bob.uid, alice.gid))
  yield changes('chown', 'alice', 'to a group that one is not in', (fs, path) =>
    fs.promises.chown(path, alice.uid, bob.gid),
  )
  yield changes('chown', 'carol', 'the group of a file that one does not own', (fs, path) =>
    fs.promises.chown(path, alice.uid, alice.gid),
  )
  yield changes('lchown', 'bob', 'taking a file', (fs, path) => fs.promises.lchown(path, bob.uid, bob.gid))
  yield {
    ...changes('lchown', 'bob', 'taking a link', (fs, path) => fs.promises.lchown(path, bob.uid, bob.gid), {
      file: file('content', { owner: 'bob' }),
      theirs: symlink('file', { owner: 'alice' }),
    }),
    needs: ['symlinks'],
  }
  yield changes('utimes', 'bob', 'times of one’s choice, not the owner', (fs, path) => fs.promises.utimes(path, 1, 1))
  yield changes('lutimes', 'bob', 'times of one’s choice, not the owner', (fs, path) => fs.promises.lutimes(path, 1, 1))
}

/** Operations on a handle that `who` opened. */
const onHandle = (
  operation: Operation,
  errno: Errno,
  cause: string,
  flags: string,
  change: (handle: SuiteHandle) => Promise<unknown>,
  rest: Partial<Cell> = {},
): Cell => ({
  operation,
  errno,
  cause,
  tree: writable,
  act: async (area) => {
    const path = operation === 'read' && cause === 'a directory' ? 'empty' : 'theirs'
    const handle = await area.open(path, flags, undefined, rest.as)
    return change(handle)
  },
  ...rest,
})

function* handleCells(): Generator<Cell> {
  const as = 'bob'
  yield onHandle('fchmod', 'EPERM', 'not the owner', 'r+', (handle) => handle.chmod(0o777), { as })
  yield onHandle('fchown', 'EPERM', 'taking a file', 'r+', (handle) => handle.chown(bob.uid, bob.gid), { as })
  yield onHandle('futimes', 'EPERM', 'not the owner', 'r+', (handle) => handle.utimes(1, 1), { as })
  yield onHandle('ftruncate', 'EINVAL', 'open for reading only', 'r', (handle) => handle.truncate(1))
  const byte = (): Buffer => Buffer.from('x')
  const pair = (): Buffer => Buffer.from('xy')
  yield onHandle('write', 'EBADF', 'open for reading only', 'r', (handle) => handle.write(byte(), 0, 1, null))
  yield onHandle('read', 'EBADF', 'open for writing only', 'a', (handle) => handle.read(byte(), 0, 1, null))
  yield onHandle('read', 'EISDIR', 'a directory', 'r', (handle) => handle.read(byte(), 0, 1, null), {
    tree: commonTree,
  })
  yield onHandle('write', 'EFBIG', 'beyond the largest file', 'r+', (handle) =>
    handle.write(pair(), 0, 2, Number.MAX_SAFE_INTEGER),
  )
}

const NOT_OPEN = 1_000_000

const descriptorCalls: Readonly<Partial<Record<Operation, readonly unknown[]>>> = {
  close: [],
  fchmod: [0o644],
  fchown: [1, 1],
  fdatasync: [],
  fstat: [],
  fsync: [],
  ftruncate: [0],
  futimes: [1, 1],
  read: [Buffer.alloc(1), 0, 1, null],
  write: [Buffer.alloc(1), 0, 1, null],
}

type Callback = (error: NodeJS.ErrnoException | null, result?: unknown) => void

function* descriptorCells(): Generator<Cell> {
  for (const [name, args] of Object.entries(descriptorCalls)) {
    const operation = name as keyof SuiteFs & Operation
    yield {
      operation,
      errno: 'EBADF',
      cause: 'a descriptor that is not open',
      act: (_area, fs) =>
        new Promise((resolve, reject) => {
          const call = fs[operation] as (fd: number, ...rest: readonly unknown[]) => void
          const callback: Callback = (error, result) => (error ? reject(error) : resolve(result))
          call.call(fs, NOT_OPEN, ...args, callback)
        }),
    }
  }
}

function* accessCells(): Generator<Cell> {
  const asks = (path: string, mode: number, as: Person, tree: Tree, cause: string): Cell => ({
    operation: 'access',
    errno: 'EACCES',
    cause,
    as,
    tree,
    act: (area, fs) => fs.promises.access(area.path(path), mode),
    shows: (area) => ({ path: area.path(path) }),
  })
  const { R_OK, W_OK, X_OK } = constants
  const bits = [
    [R_OK, 0o4, 'read'],
    [W_OK, 0o2, 'write'],
    [X_OK, 0o1, 'execute'],
  ] as const
  // Exactly one class decides: whoever it is about has all bits but one, everybody else has all.
  for (const [who, shift, owner] of [
    ['alice', 6, 'alice'],
    ['carol', 3, 'alice'],
    ['dave', 3, 'alice'],
    ['bob', 0, 'alice'],
  ] as const) {
    for (const [mask, bit, name] of bits) {
      const tree = { file: file('content', { owner, mode: 0o777 & ~(bit << shift) }) }
      yield asks('file', mask, who, tree, `${name}, by ${['others', 'group', 'owner'][shift / 3]} bits`)
    }
  }
  yield asks('file', X_OK, 'root', { file: file('content', { mode: 0o666 }) }, 'even root executes no plain file')
  yield asks('file', R_OK | W_OK, 'bob', { file: file('content', { mode: 0o644 }) }, 'one of two is not granted')
}

const textOf = (value: string): Buffer => Buffer.from(value)

const xattr = (
  operation: 'getxattr' | 'setxattr' | 'removexattr',
  errno: Errno,
  cause: string,
  name: string,
  rest: Partial<Cell> & { path?: string; value?: Buffer; how?: 'any' | 'create' | 'replace' } = {},
): Cell => {
  const { path = 'file', value = textOf('value'), how, ...more } = rest
  return {
    operation,
    errno,
    cause,
    needs: ['xattr'],
    tree: commonTree,
    act: async (area, fs) => {
      const at = area.path(path)
      if (operation === 'getxattr') return extra(fs.extras?.getxattr)(at, name)
      if (operation === 'removexattr') return extra(fs.extras?.removexattr)(at, name)
      return extra(fs.extras?.setxattr)(at, name, value, how)
    },
    shows: (area: Area) => ({ path: area.path(path) }),
    ...more,
  }
}

function* xattrCells(): Generator<Cell> {
  const operations = ['getxattr', 'setxattr', 'removexattr'] as const
  const secret: Tree = { file: file('secret', { owner: 'alice', mode: 0o600 }) }
  const long = `user.${'n'.repeat(251)}`
  for (const operation of operations) {
    yield xattr(operation, 'EACCES', 'no permission', 'user.color', { as: 'bob', tree: secret })
    yield xattr(operation, 'ENOTSUP', 'an unknown namespace', 'color.user')
    yield xattr(operation, 'ERANGE', 'a name of 256 bytes', long)
    yield xattr(operation, 'ERANGE', 'an empty name', '')
    yield xattr(operation, 'EINVAL', 'nothing behind the namespace', 'user.')
  }
  const nodes = { file: node('fifo', { mode: 0o666 }) }
  yield xattr('setxattr', 'EPERM', 'user attributes of a FIFO', 'user.color', {
    tree: nodes,
    needs: ['xattr', 'mknod'],
  })
  yield xattr('removexattr', 'EPERM', 'user attributes of a FIFO', 'user.color', {
    tree: nodes,
    needs: ['xattr', 'mknod'],
  })
  yield xattr('setxattr', 'EPERM', 'trusted attributes', 'trusted.color', {
    as: 'alice',
    tree: { file: file('mine', { owner: 'alice' }) },
  })
  yield xattr('removexattr', 'EPERM', 'trusted attributes', 'trusted.color', {
    as: 'alice',
    tree: { file: file('mine', { owner: 'alice' }) },
  })
  yield xattr('setxattr', 'EPERM', 'a sticky directory of somebody else', 'user.color', {
    as: 'bob',
    tree: { file: directory({ owner: 'alice', mode: 0o1777 }) },
  })
  yield xattr('getxattr', 'ENODATA', 'not there', 'user.color')
  yield xattr('getxattr', 'ENODATA', 'trusted attributes, to ordinary users', 'trusted.color', { as: 'bob' })
  yield xattr('removexattr', 'ENODATA', 'not there', 'user.color')
  yield xattr('setxattr', 'ENODATA', 'replacing what is not there', 'user.color', { how: 'replace' })
  yield xattr('setxattr', 'E2BIG', 'a value of 64 KiB and a byte', 'user.color', { value: Buffer.alloc(65_537) })
  yield {
    ...xattr('setxattr', 'EEXIST', 'creating what is there', 'user.color'),
    before: (area) => extra(area.fs().extras?.setxattr)(area.path('file'), 'user.color', textOf('red')),
    act: (area, fs) => extra(fs.extras?.setxattr)(area.path('file'), 'user.color', textOf('blue'), 'create'),
  }
}

/** Two that are about paths after all. */
function* otherCells(): Generator<Cell> {
  yield pathCell(roleOf('utimes'), 'theirs', {
    errno: 'EPERM',
    cause: 'not the owner, and not a writer either',
    as: 'bob',
    tree: { theirs: file('theirs', { owner: 'alice', mode: 0o644 }) },
  })
}

export function* attributeCells(): Generator<Cell> {
  yield* ownerCells()
  yield* handleCells()
  yield* descriptorCells()
  yield* accessCells()
  yield* xattrCells()
  yield* otherCells()
}
