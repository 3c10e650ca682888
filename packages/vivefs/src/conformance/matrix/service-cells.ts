/** Refusals by what a filesystem offers beside files: limits, projects, locks, access control lists. */
import { constants } from 'node:fs'
import { ACCESS, DEFAULT, encodeList, listOf } from '../access-list.ts'
import { type Area, directory, file, type Tree } from '../area.ts'
import type { SuiteLocker } from '../extras.ts'
import { limitToUse } from '../limits.ts'
import { CLUB, people } from '../people.ts'
import { PROJECT } from '../semantics/projects.ts'
import type { SuiteFs } from '../target.ts'
import type { Cell } from './cell.ts'
import { extra, type Operation } from './operations.ts'

const { alice, bob } = people

const bobs: Tree = {
  d: directory({ owner: 'bob' }),
  'd/file': file('content', { owner: 'bob' }),
}

type Act = (area: Area, fs: SuiteFs) => Promise<unknown>

/** An operation of bob’s that would need one more inode. */
const inode = (operation: Operation, act: Act, shows?: Cell['shows']): Cell => ({
  operation,
  errno: 'EDQUOT',
  cause: 'no inode left to a user',
  as: 'bob',
  needs: ['quotas'],
  tree: bobs,
  before: (area) => limitToUse(area, 'user', bob.uid, { inodes: 0 }),
  act,
  shows: shows ?? ((area) => ({ path: area.path('d/new') })),
})

/** The same for bytes: the file is open already, or there. */
const more = (operation: Operation, act: Act): Cell => ({
  ...inode(operation, act, () => ({ syscall: 'write' })),
  cause: 'no bytes left to a user',
  before: (area) => limitToUse(area, 'user', bob.uid, { bytes: 0 }),
})

const created = (area: Area): string => area.path('d/new')
const BYTES = 65_536

function* quotaCells(): Generator<Cell> {
  yield inode('appendFile', (area, fs) => fs.promises.appendFile(created(area), 'x'))
  yield more('appendFile', (area, fs) => fs.promises.appendFile(area.path('d/file'), Buffer.alloc(BYTES, 'x')))
  yield inode(
    'copyFile',
    (area, fs) => fs.promises.copyFile(area.path('d/file'), created(area)),
    (area) => ({ path: area.path('d/file'), dest: created(area) }),
  )
  yield inode('mkdir', (area, fs) => fs.promises.mkdir(created(area)))
  yield inode(
    'mkdtemp',
    (area, fs) => fs.promises.mkdtemp(created(area)),
    (area) => ({ path: `${created(area)}XXXXXX` }),
  )
  yield {
    ...inode('mknod', (area, fs) => extra(fs.extras?.mknod)(created(area), 'fifo', { mode: 0o644 })),
    needs: ['quotas', 'mknod'],
  }
  yield inode('open', async (area, fs) => {
    const handle = await fs.promises.open(created(area), constants.O_CREAT | constants.O_RDWR, 0o644)
    await handle.close()
  })
  yield {
    ...inode(
      'symlink',
      (area, fs) => fs.promises.symlink('target', created(area)),
      (area) => ({ path: 'target', dest: created(area) }),
    ),
    needs: ['quotas', 'symlinks'],
  }
  yield more('write', async (area) => {
    const handle = await area.open('d/file', 'a', undefined, 'bob')
    return handle.write(Buffer.alloc(BYTES, 'x'), 0, BYTES, null)
  })
  yield inode('writeFile', (area, fs) => fs.promises.writeFile(created(area), 'x'))
  yield* groupCells()
}

/** Alice hands a file to a group that has no room for it. */
function* groupCells(): Generator<Cell> {
  const gives = (operation: Operation, act: Act, shows: Cell['shows']): Cell => ({
    operation,
    errno: 'EDQUOT',
    cause: 'no inode left to the group',
    as: 'alice',
    needs: ['quotas'],
    tree: { mine: file('mine', { owner: 'alice' }), clubs: file('clubs', { owner: 'alice', gid: CLUB }) },
    before: (area) => limitToUse(area, 'group', CLUB, { inodes: 0 }),
    act,
    shows,
  })
  const named: Cell['shows'] = (area) => ({ path: area.path('mine') })
  yield gives('chown', (area, fs) => fs.promises.chown(area.path('mine'), alice.uid, CLUB), named)
  yield gives('lchown', (area, fs) => fs.promises.lchown(area.path('mine'), alice.uid, CLUB), named)
  const byHandle: Act = async (area) => {
    const handle = await area.open('mine', 'r', undefined, 'alice')
    return handle.chown(alice.uid, CLUB)
  }
  yield gives('fchown', byHandle, () => ({}))
}

function* projectCells(): Generator<Cell> {
  const crosses = (operation: 'link' | 'rename', cause: string, from: string, to: string): Cell => ({
    operation,
    errno: 'EXDEV',
    cause,
    needs: ['identities', 'quotas', 'projects', 'hardLinks'],
    tree: { p: directory(), 'p/in': file('in'), out: file('out') },
    before: (area) => area.extras().assignProject(area.path('p'), PROJECT),
    act: (area, fs) => fs.promises[operation](area.path(from), area.path(to)),
    shows: (area) => ({ path: area.path(from), dest: area.path(to) }),
  })
  for (const operation of ['link', 'rename'] as const) {
    yield crosses(operation, 'into a project', 'out', 'p/new')
    yield crosses(operation, 'out of a project', 'p/in', 'new')
  }
}

const locked: Tree = { file: file('content', { mode: 0o666 }) }

const lock = (operation: 'lock' | 'flock', rest: Pick<Cell, 'errno' | 'cause' | 'act'>): Cell => ({
  operation,
  needs: ['identities', 'locks'],
  tree: locked,
  shows: () => ({}),
  ...rest,
})

const byte = (start: number) => ({ type: 'write', start, length: 1 }) as const

async function pair(area: Area): Promise<SuiteLocker[]> {
  return [await area.openLocker('file', 'alice'), await area.openLocker('file', 'bob')]
}

function* lockCells(): Generator<Cell> {
  yield lock('lock', {
    errno: 'EAGAIN',
    cause: 'somebody else has it',
    async act(area) {
      const [one, other] = await pair(area)
      await one.lock(byte(0))
      return other.lock({ type: 'read' })
    },
  })
  yield lock('lock', {
    errno: 'EBADF',
    cause: 'to write, open for reading only',
    act: async (area) => (await area.openLocker('file', 'alice', 'r')).lock(byte(0)),
  })
  yield lock('lock', {
    errno: 'EBADF',
    cause: 'to read, open for writing only',
    act: async (area) => (await area.openLocker('file', 'alice', 'a')).lock({ type: 'read' }),
  })
  yield lock('lock', {
    errno: 'EDEADLK',
    cause: 'two who wait for each other',
    async act(area) {
      const [one, other] = await pair(area)
      await one.lock(byte(0))
      await other.lock(byte(1))
      const both = [one.lock({ ...byte(1), wait: true }), other.lock({ ...byte(0), wait: true })]
      // The other one gets in, or is refused, when the files are closed.
      for (const each of both) each.catch(() => {})
      return Promise.race(both)
    },
  })
  yield lock('flock', {
    errno: 'EAGAIN',
    cause: 'somebody else has it',
    async act(area) {
      const [one, other] = await pair(area)
      await one.flock('shared')
      return other.flock('exclusive')
    },
  })
}

const someList = encodeList(listOf({ user: 7, mask: 7, users: [['bob', 7]] }))

function* aclCells(): Generator<Cell> {
  const list = (errno: Cell['errno'], cause: string, act: Act, rest: Partial<Cell> = {}): Cell => ({
    operation: 'setxattr',
    errno,
    cause,
    needs: ['xattr', 'acl', 'identities'],
    tree: { d: directory({ mode: 0o777 }), 'd/file': file('content', { mode: 0o666 }) },
    act,
    shows: (area) => ({ path: area.path('d/file') }),
    ...rest,
  })
  yield list('EINVAL', 'no access control list', (area, fs) =>
    extra(fs.extras?.setxattr)(area.path('d/file'), ACCESS, someList.subarray(0, 20)),
  )
  yield list('EACCES', 'a default list of a file', (area, fs) =>
    extra(fs.extras?.setxattr)(area.path('d/file'), DEFAULT, someList),
  )
  const stranger = (area: Area, fs: SuiteFs) => extra(fs.extras?.setxattr)(area.path('d/file'), ACCESS, someList)
  yield list('EPERM', 'a list, not the owner', stranger, { as: 'bob' })
  const removes = (area: Area, fs: SuiteFs) => extra(fs.extras?.removexattr)(area.path('d/file'), ACCESS)
  yield list('EPERM', 'a list, not the owner', removes, { as: 'bob', operation: 'removexattr' })
}

export function* serviceCells(): Generator<Cell> {
  yield* aclCells()
  yield* lockCells()
  yield* quotaCells()
  yield* projectCells()
}
