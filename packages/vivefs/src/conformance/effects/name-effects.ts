/** What making, removing, linking and renaming change. */
import { constants } from 'node:fs'
import { directory, file, hardLink, symlink, type Tree } from '../area.ts'
import { extra } from '../matrix/operations.ts'
import { people } from '../people.ts'
import type { Effect } from './effect.ts'

const shared: Tree = { parent: directory({ mode: 0o777 }), bystander: file('bystander') }
const inGroup: Tree = { parent: directory({ mode: 0o2777, gid: people.bob.gid }), bystander: file('bystander') }
const entered = { times: 'mc' }
const alice = people.alice.gid

const making: readonly Effect[] = [
  {
    name: 'open(O_CREAT) makes a file',
    as: 'alice',
    tree: shared,
    act: async (area, { promises }) => (await promises.open(area.path('parent/new'), 'w', 0o666)).close(),
    changes: {
      parent: entered,
      'parent/new': { isNew: true, links: 1, mode: 0o644, owner: 'alice', gid: alice, size: 0n },
    },
  },
  {
    name: 'open(O_CREAT) takes the group of a setgid directory',
    as: 'alice',
    tree: inGroup,
    act: async (area, { promises }) => (await promises.open(area.path('parent/new'), 'w', 0o666)).close(),
    changes: {
      parent: entered,
      'parent/new': { isNew: true, links: 1, mode: 0o644, owner: 'alice', gid: people.bob.gid },
    },
  },
  {
    name: 'open(O_CREAT) of a file that is there changes nothing',
    tree: { ...shared, 'parent/old': file('old') },
    act: async (area, { promises }) =>
      (await promises.open(area.path('parent/old'), constants.O_CREAT | constants.O_RDWR, 0o777)).close(),
    changes: {},
  },
  {
    name: 'mkdir',
    as: 'alice',
    tree: shared,
    act: (area, { promises }) => promises.mkdir(area.path('parent/new'), 0o777),
    changes: {
      parent: { times: 'mc', links: 1 },
      'parent/new': { isNew: true, links: 2, mode: 0o755, owner: 'alice', gid: alice },
    },
  },
  {
    name: 'mkdir in a setgid directory inherits group and bit',
    as: 'alice',
    tree: inGroup,
    act: (area, { promises }) => promises.mkdir(area.path('parent/new'), 0o777),
    changes: {
      parent: { times: 'mc', links: 1 },
      'parent/new': { isNew: true, links: 2, mode: 0o2755, owner: 'alice', gid: people.bob.gid },
    },
  },
  {
    name: 'mkdtemp makes a directory that is its owner’s alone',
    as: 'alice',
    tree: shared,
    act: async (area, { promises }) =>
      promises.rename(await promises.mkdtemp(area.path('parent/new-')), area.path('parent/new')),
    changes: {
      parent: { times: 'mc', links: 1 },
      'parent/new': { isNew: true, links: 2, mode: 0o700, owner: 'alice', gid: alice },
    },
  },
  {
    name: 'symlink',
    as: 'alice',
    needs: ['symlinks'],
    tree: shared,
    act: (area, { promises }) => promises.symlink('somewhere', area.path('parent/new')),
    changes: {
      parent: entered,
      'parent/new': { isNew: true, links: 1, mode: 0o777, owner: 'alice', gid: alice, size: 9n },
    },
  },
  {
    name: 'mknod of a FIFO',
    as: 'alice',
    needs: ['mknod'],
    tree: shared,
    act: (area, { extras }) => extra(extras?.mknod)(area.path('parent/new'), 'fifo', { mode: 0o666 }),
    changes: {
      parent: entered,
      'parent/new': { isNew: true, links: 1, mode: 0o644, owner: 'alice', gid: alice, size: 0n },
    },
  },
  {
    name: 'link',
    needs: ['hardLinks'],
    tree: { ...shared, 'parent/old': file('old') },
    act: (area, { promises }) => promises.link(area.path('parent/old'), area.path('new')),
    changes: { '.': entered, 'parent/old': { times: 'c', links: 1 }, new: { isNew: true, links: 2 } },
  },
  {
    name: 'copyFile',
    as: 'alice',
    tree: { ...shared, source: file('source', { mode: 0o755 }) },
    act: (area, { promises }) => promises.copyFile(area.path('source'), area.path('parent/new')),
    changes: {
      source: { times: 'a' },
      parent: entered,
      'parent/new': { isNew: true, links: 1, mode: 0o755, owner: 'alice', gid: alice, size: 6n },
    },
  },
]

const removing: readonly Effect[] = [
  {
    name: 'unlink of one of two names',
    needs: ['hardLinks'],
    tree: { ...shared, 'parent/one': file('old'), two: hardLink('parent/one') },
    act: (area, { promises }) => promises.unlink(area.path('parent/one')),
    changes: { parent: entered, two: { times: 'c', links: -1 } },
    gone: ['parent/one'],
  },
  {
    name: 'unlink of the last name',
    tree: { ...shared, 'parent/old': file('old') },
    act: (area, { promises }) => promises.unlink(area.path('parent/old')),
    changes: { parent: entered },
    gone: ['parent/old'],
  },
  {
    name: 'unlink of a link leaves what it leads to',
    needs: ['symlinks'],
    tree: { ...shared, 'parent/link': symlink('../bystander') },
    act: (area, { promises }) => promises.unlink(area.path('parent/link')),
    changes: { parent: entered },
    gone: ['parent/link'],
  },
  {
    name: 'rmdir',
    tree: { ...shared, 'parent/old': directory() },
    act: (area, { promises }) => promises.rmdir(area.path('parent/old')),
    changes: { parent: { times: 'mc', links: -1 } },
    gone: ['parent/old'],
  },
]

const renaming: readonly Effect[] = [
  {
    name: 'rename of a file within a directory',
    tree: { ...shared, 'parent/old': file('old') },
    act: (area, { promises }) => promises.rename(area.path('parent/old'), area.path('parent/new')),
    changes: { parent: entered, 'parent/old => parent/new': { times: 'c' } },
  },
  {
    name: 'rename of a file to another directory',
    tree: { ...shared, 'parent/old': file('old'), other: directory() },
    act: (area, { promises }) => promises.rename(area.path('parent/old'), area.path('other/new')),
    changes: { parent: entered, other: entered, 'parent/old => other/new': { times: 'c' } },
  },
  {
    name: 'rename of a directory to another directory',
    tree: { ...shared, 'parent/old': directory(), 'parent/old/x': file(), other: directory() },
    act: (area, { promises }) => promises.rename(area.path('parent/old'), area.path('other/new')),
    changes: {
      parent: { times: 'mc', links: -1 },
      other: { times: 'mc', links: 1 },
      'parent/old => other/new': { times: 'c' },
      'parent/old/x => other/new/x': {},
    },
  },
  {
    name: 'rename of a directory over an empty one',
    tree: { ...shared, 'parent/old': directory(), other: directory(), 'other/new': directory() },
    act: (area, { promises }) => promises.rename(area.path('parent/old'), area.path('other/new')),
    changes: {
      parent: { times: 'mc', links: -1 },
      other: entered,
      'parent/old => other/new': { times: 'c' },
    },
    gone: ['parent/old'],
  },
  {
    name: 'rename over a file that has another name',
    needs: ['hardLinks'],
    tree: { ...shared, 'parent/old': file('old'), victim: file('victim'), again: hardLink('victim') },
    act: (area, { promises }) => promises.rename(area.path('parent/old'), area.path('victim')),
    changes: {
      '.': entered,
      parent: entered,
      'parent/old => victim': { times: 'c' },
      again: { times: 'c', links: -1 },
    },
    gone: ['parent/old'],
  },
  {
    name: 'rename of one name of a file to another of its names changes nothing',
    needs: ['hardLinks'],
    tree: { ...shared, 'parent/one': file('old'), two: hardLink('parent/one') },
    act: (area, { promises }) => promises.rename(area.path('parent/one'), area.path('two')),
    changes: {},
  },
  {
    name: 'rename onto itself changes nothing',
    tree: { ...shared, 'parent/old': file('old') },
    act: (area, { promises }) => promises.rename(area.path('parent/old'), area.path('parent/old')),
    changes: {},
  },
  {
    name: 'exchange of a file and a directory',
    needs: ['renameFlags'],
    tree: { ...shared, 'parent/file': file('old'), other: directory(), 'other/inner': directory() },
    act: (area, { extras }) =>
      extra(extras?.rename)(area.path('parent/file'), area.path('other/inner'), { exchange: true }),
    changes: {
      parent: { times: 'mc', links: 1 },
      other: { times: 'mc', links: -1 },
      'parent/file => other/inner': { times: 'c' },
      'other/inner => parent/file': { times: 'c' },
    },
  },
]

export const nameEffects: readonly Effect[] = [...making, ...removing, ...renaming]
