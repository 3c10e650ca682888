/** What reading, writing, truncating and changing attributes change. */
import { constants } from 'node:fs'
import { type Area, directory, file, symlink, type Tree } from '../area.ts'
import { extra } from '../matrix/operations.ts'
import { CLUB, people } from '../people.ts'
import type { SuiteFs } from '../target.ts'
import type { Effect } from './effect.ts'

const own: Tree = { mine: file('content', { owner: 'alice', mode: 0o644 }), bystander: file('bystander') }
const program = (mode: number): Tree => ({ mine: file('content', { owner: 'alice', mode }), bystander: file() })

async function withHandle(
  area: Area,
  fs: SuiteFs,
  flags: string,
  use: (of: Handle) => Promise<unknown>,
): Promise<void> {
  const handle = await fs.promises.open(area.path('mine'), flags)
  try {
    await use(handle)
  } finally {
    await handle.close()
  }
}
type Handle = Awaited<ReturnType<SuiteFs['promises']['open']>>

const writeByte = (handle: Handle): Promise<unknown> => handle.write(Buffer.from('x'), 0, 1, 0)

const writing: readonly Effect[] = [
  {
    name: 'write',
    as: 'alice',
    tree: own,
    act: (area, fs) => withHandle(area, fs, 'r+', writeByte),
    changes: { mine: { times: 'mc' } },
  },
  {
    name: 'write of no bytes changes nothing',
    tree: own,
    act: (area, fs) => withHandle(area, fs, 'r+', (handle) => handle.write(Buffer.alloc(0), 0, 0, 0)),
    changes: {},
  },
  {
    name: 'append',
    tree: own,
    act: (area, { promises }) => promises.appendFile(area.path('mine'), 'more'),
    changes: { mine: { times: 'mc', size: 11n } },
  },
  {
    name: 'writeFile over a file',
    tree: own,
    act: (area, { promises }) => promises.writeFile(area.path('mine'), 'new'),
    changes: { mine: { times: 'mc', size: 3n } },
  },
  {
    name: 'open(O_TRUNC) of an empty file',
    tree: { mine: file('') },
    act: (area, fs) => withHandle(area, fs, 'w', async () => {}),
    changes: { mine: { times: 'mc' } },
  },
  {
    name: 'truncate to a smaller size',
    tree: own,
    act: (area, { promises }) => promises.truncate(area.path('mine'), 3),
    changes: { mine: { times: 'mc', size: 3n } },
  },
  {
    name: 'truncate to a greater size',
    tree: own,
    act: (area, { promises }) => promises.truncate(area.path('mine'), 300),
    changes: { mine: { times: 'mc', size: 300n } },
  },
  {
    name: 'opening, closing and fsync change nothing',
    tree: own,
    act: (area, fs) => withHandle(area, fs, 'r+', (handle) => handle.sync()),
    changes: {},
  },
]

const reading: readonly Effect[] = [
  {
    name: 'read marks the access time',
    needs: ['atime'],
    tree: own,
    act: (area, { promises }) => promises.readFile(area.path('mine')),
    changes: { mine: { times: 'a' } },
  },
  {
    name: 'readdir marks the access time',
    needs: ['atime'],
    tree: { ...own, directory: directory(), 'directory/x': file() },
    act: (area, { promises }) => promises.readdir(area.path('directory')),
    changes: { directory: { times: 'a' } },
  },
  {
    name: 'stat, lstat, access and readlink’s target are not accesses',
    tree: { ...own, link: symlink('mine') },
    needs: ['symlinks'],
    act: async (area, { promises }) => {
      await promises.stat(area.path('link'), { bigint: true })
      await promises.lstat(area.path('mine'), { bigint: true })
      await promises.access(area.path('mine'), constants.R_OK)
      await promises.readlink(area.path('link'))
      await promises.realpath(area.path('link'))
    },
    changes: {},
  },
]

const attributes: readonly Effect[] = [
  {
    name: 'chmod',
    as: 'alice',
    tree: own,
    act: (area, { promises }) => promises.chmod(area.path('mine'), 0o4751),
    changes: { mine: { times: 'c', mode: 0o4751 } },
  },
  {
    name: 'chmod to the same mode',
    tree: own,
    act: (area, { promises }) => promises.chmod(area.path('mine'), 0o644),
    changes: { mine: { times: 'c' } },
  },
  {
    name: 'chmod follows links',
    needs: ['symlinks'],
    tree: { ...own, link: symlink('mine') },
    act: (area, { promises }) => promises.chmod(area.path('link'), 0o600),
    changes: { mine: { times: 'c', mode: 0o600 } },
  },
  {
    name: 'fchmod of a file opened for reading',
    as: 'alice',
    tree: own,
    act: (area, fs) => withHandle(area, fs, 'r', (handle) => handle.chmod(0o600)),
    changes: { mine: { times: 'c', mode: 0o600 } },
  },
  {
    name: 'chmod by one who is not in the file’s group drops setgid',
    as: 'alice',
    tree: { mine: file('content', { owner: 'alice', gid: people.bob.gid }) },
    act: (area, { promises }) => promises.chmod(area.path('mine'), 0o2755),
    changes: { mine: { times: 'c', mode: 0o755 } },
  },
  {
    name: 'chmod by a supplementary member of the file’s group keeps setgid',
    as: 'alice',
    tree: { mine: file('content', { owner: 'alice', gid: CLUB }) },
    act: (area, { promises }) => promises.chmod(area.path('mine'), 0o2755),
    changes: { mine: { times: 'c', mode: 0o2755 } },
  },
  {
    name: 'chown to a group of one’s own',
    as: 'alice',
    tree: own,
    act: (area, { promises }) => promises.chown(area.path('mine'), people.alice.uid, CLUB),
    changes: { mine: { times: 'c', gid: CLUB } },
  },
  {
    name: 'chown by root',
    tree: own,
    needs: ['identities'],
    act: (area, { promises }) => promises.chown(area.path('mine'), people.bob.uid, people.bob.gid),
    changes: { mine: { times: 'c', owner: 'bob', gid: people.bob.gid } },
  },
  {
    name: 'lchown of a link leaves what it leads to',
    needs: ['identities', 'symlinks'],
    tree: { ...own, link: symlink('mine') },
    act: (area, { promises }) => promises.lchown(area.path('link'), people.bob.uid, people.bob.gid),
    changes: { link: { times: 'c', owner: 'bob', gid: people.bob.gid } },
  },
  {
    name: 'lutimes of a link leaves what it leads to',
    needs: ['symlinks'],
    tree: { ...own, link: symlink('mine') },
    before: (area) => area.promises.lutimes(area.path('link'), 1, 1),
    act: (area, { promises }) => promises.lutimes(area.path('link'), 1000, 2000),
    changes: { link: { times: 'amc' } },
  },
  {
    name: 'setxattr',
    needs: ['xattr'],
    tree: own,
    act: (area, { extras }) => extra(extras?.setxattr)(area.path('mine'), 'user.color', Buffer.from('red')),
    changes: { mine: { times: 'c' } },
  },
  {
    name: 'removexattr',
    needs: ['xattr'],
    tree: own,
    before: (area) => area.extras().setxattr(area.path('mine'), 'user.color', Buffer.from('red')),
    act: (area, { extras }) => extra(extras?.removexattr)(area.path('mine'), 'user.color'),
    changes: { mine: { times: 'c' } },
  },
]

/** Set-id bits do not outlive a change of content or owner by those who are not the superuser. */
const setIds: readonly Effect[] = [
  {
    name: 'write clears the set-id bits',
    as: 'alice',
    tree: program(0o6755),
    act: (area, fs) => withHandle(area, fs, 'r+', writeByte),
    changes: { mine: { times: 'mc', mode: 0o755 } },
  },
  {
    name: 'write by root keeps the set-id bits',
    tree: program(0o6755),
    act: (area, fs) => withHandle(area, fs, 'r+', writeByte),
    changes: { mine: { times: 'mc' } },
  },
  {
    name: 'truncate clears the set-id bits',
    as: 'alice',
    tree: program(0o6755),
    act: (area, { promises }) => promises.truncate(area.path('mine'), 1),
    changes: { mine: { times: 'mc', mode: 0o755, size: 1n } },
  },
  {
    name: 'open(O_TRUNC) clears the set-id bits',
    as: 'alice',
    tree: program(0o6755),
    act: (area, fs) => withHandle(area, fs, 'w', async () => {}),
    changes: { mine: { times: 'mc', mode: 0o755, size: 0n } },
  },
  {
    name: 'chown by the owner clears the set-id bits',
    as: 'alice',
    tree: program(0o6755),
    act: (area, { promises }) => promises.chown(area.path('mine'), people.alice.uid, CLUB),
    changes: { mine: { times: 'c', mode: 0o755, gid: CLUB } },
  },
  {
    name: 'chown of a directory keeps its bits',
    needs: ['identities'],
    tree: { mine: directory({ owner: 'alice', mode: 0o6755 }) },
    act: (area, { promises }) => promises.chown(area.path('mine'), people.bob.uid, people.bob.gid),
    changes: { mine: { times: 'c', owner: 'bob', gid: people.bob.gid } },
  },
]

export const contentEffects: readonly Effect[] = [...writing, ...reading, ...attributes, ...setIds]
