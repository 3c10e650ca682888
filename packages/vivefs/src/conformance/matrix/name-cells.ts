/** Refusals of making, removing, linking and renaming names, beyond what every path brings. */
import { directory, file, node, symlink, type Tree } from '../area.ts'
import type { Cell, Errno } from './cell.ts'
import { pathCell } from './cell.ts'
import { roleOf } from './open-cells.ts'
import { extra } from './operations.ts'
import { commonTree, linkedTree } from './path-causes.ts'

const links = ['symlinks'] as const

function* removalCells(): Generator<Cell> {
  const unlink = roleOf('unlink')
  const rmdir = roleOf('rmdir')
  yield pathCell(unlink, 'empty', { errno: 'EISDIR', cause: 'a directory', tree: commonTree })
  yield pathCell(unlink, 'empty/', { errno: 'EISDIR', cause: 'a slash behind a directory', tree: commonTree })
  yield pathCell(unlink, 'empty/.', { errno: 'EISDIR', cause: '`.`', tree: commonTree })
  yield pathCell(unlink, 'empty/..', { errno: 'EISDIR', cause: '`..`', tree: commonTree })
  yield pathCell(unlink, '/', { errno: 'EISDIR', cause: 'the root', tree: commonTree })
  yield pathCell(unlink, 'filelink/', {
    errno: 'ENOTDIR',
    cause: 'a slash behind a link',
    tree: linkedTree,
    needs: links,
  })
  yield pathCell(rmdir, 'full', { errno: 'ENOTEMPTY', cause: 'something is in it', tree: commonTree })
  yield pathCell(rmdir, 'full/', { errno: 'ENOTEMPTY', cause: 'something is in it, with a slash', tree: commonTree })
  yield pathCell(rmdir, 'full/..', { errno: 'ENOTEMPTY', cause: '`..`', tree: commonTree })
  yield pathCell(rmdir, 'empty/..', { errno: 'ENOTEMPTY', cause: '`..` of an empty directory', tree: commonTree })
  yield pathCell(rmdir, 'empty/.', { errno: 'EINVAL', cause: '`.`', tree: commonTree })
  yield pathCell(rmdir, '/', { errno: 'EBUSY', cause: 'the root', tree: commonTree })
  yield pathCell(rmdir, 'file', { errno: 'ENOTDIR', cause: 'a file', tree: commonTree })
  yield pathCell(rmdir, 'emptylink', {
    errno: 'ENOTDIR',
    cause: 'a link to a directory',
    tree: linkedTree,
    needs: links,
  })
  yield pathCell(rmdir, 'emptylink/', {
    errno: 'ENOTDIR',
    cause: 'a slash behind a link to a directory',
    tree: linkedTree,
    needs: links,
  })
}

function* linkCells(): Generator<Cell> {
  const from = roleOf('link', 'from')
  const own: Tree = {
    '.': directory({ mode: 0o777 }),
    ...commonTree,
    mine: directory({ owner: 'alice' }),
  }
  yield pathCell(from, 'empty', { errno: 'EPERM', cause: 'a directory', tree: commonTree })
  yield pathCell(from, 'mine', { errno: 'EPERM', cause: 'a directory of one’s own', as: 'alice', tree: own })
  const symlinkTo = (target: string, path: string, errno: Errno, cause: string): Cell => ({
    operation: 'symlink',
    errno,
    cause,
    needs: links,
    tree: commonTree,
    act: (area, fs) => fs.promises.symlink(target, area.path(path)),
    shows: (area) => ({ path: target, dest: area.path(path) }),
  })
  yield symlinkTo('', 'made', 'ENOENT', 'an empty target')
  yield symlinkTo('t'.repeat(4096), 'made', 'ENAMETOOLONG', 'a target of 4096 bytes')
}

function* nodeCells(): Generator<Cell> {
  for (const kind of ['block', 'character'] as const) {
    yield {
      operation: 'mknod',
      errno: 'EPERM',
      cause: `a ${kind} device`,
      as: 'alice',
      needs: ['mknod'],
      tree: { '.': directory({ mode: 0o777 }) },
      act: (area, fs) => extra(fs.extras?.mknod)(area.path('device'), kind, { mode: 0o600, major: 1, minor: 3 }),
      shows: (area) => ({ path: area.path('device') }),
    }
  }
}

const renames = (
  from: string,
  to: string,
  rest: Omit<Cell, 'operation' | 'act'>,
  flags?: { noReplace?: boolean; exchange?: boolean },
): Cell => ({
  tree: commonTree,
  ...rest,
  operation: 'rename',
  needs: [...(rest.needs ?? []), ...(flags === undefined ? [] : (['renameFlags'] as const))],
  act: (area, fs) =>
    flags === undefined
      ? fs.promises.rename(area.path(from), area.path(to))
      : extra(fs.extras?.rename)(area.path(from), area.path(to), flags),
  shows: (area) => ({ path: area.path(from), dest: area.path(to) }),
})

function* renameCells(): Generator<Cell> {
  yield renames('file', 'empty', { errno: 'EISDIR', cause: 'a file over a directory' })
  yield renames('file', 'full', { errno: 'EISDIR', cause: 'a file over a full directory' })
  yield renames('empty', 'file', { errno: 'ENOTDIR', cause: 'a directory over a file' })
  yield renames('empty', 'full', { errno: 'ENOTEMPTY', cause: 'over a full directory' })
  yield renames('full/x', 'full', { errno: 'ENOTEMPTY', cause: 'over its own parent' })
  yield renames('full', 'full/y', { errno: 'EINVAL', cause: 'into itself' })
  yield renames('full', 'full/inner/y', {
    errno: 'EINVAL',
    cause: 'into a directory below itself',
    tree: { ...commonTree, 'full/inner': directory() },
  })
  yield renames('file', 'missing/', { errno: 'ENOTDIR', cause: 'a file to a name with a slash' })
  yield renames('file', 'full/x/', { errno: 'ENOTDIR', cause: 'a file over a file with a slash' })
  yield renames('file/', 'made', { errno: 'ENOTDIR', cause: 'a file with a slash' })
  for (const [from, to] of [
    ['empty/.', 'made'],
    ['full/..', 'made'],
    ['empty', 'full/.'],
    ['empty', 'full/..'],
    ['/', 'made'],
    ['empty', '/'],
  ] as const) {
    yield renames(from, to, { errno: 'EBUSY', cause: `${from} to ${to}` })
  }
  yield renames('emptylink', 'full', {
    errno: 'EISDIR',
    cause: 'a link over a directory',
    tree: linkedTree,
    needs: links,
  })
  yield renames('empty', 'emptylink', {
    errno: 'ENOTDIR',
    cause: 'a directory over a link to a directory',
    tree: linkedTree,
    needs: links,
  })
  yield* renamePermissionCells()
  yield* renameFlagCells()
}

function* renamePermissionCells(): Generator<Cell> {
  const open = directory({ mode: 0o777 })
  yield renames('moving', 'into/moving', {
    errno: 'EACCES',
    cause: 'a directory that may not be written gets another `..`',
    as: 'bob',
    tree: { '.': open, moving: directory({ mode: 0o755, owner: 'alice' }), into: open },
  })
  yield renames('file', 'into/file', {
    errno: 'EACCES',
    cause: 'no write permission on the new directory',
    as: 'bob',
    tree: { '.': open, file: file('mine', { owner: 'bob' }), into: directory({ mode: 0o755 }) },
  })
  yield renames('from/file', 'file', {
    errno: 'EACCES',
    cause: 'no write permission on the old directory',
    as: 'bob',
    tree: { '.': open, from: directory({ mode: 0o755 }), 'from/file': file('mine', { owner: 'bob' }) },
  })
  yield renames('sticky/mine', 'theirs', {
    errno: 'EPERM',
    cause: 'out of a sticky directory',
    as: 'bob',
    tree: { '.': open, sticky: directory({ mode: 0o1777 }), 'sticky/mine': file('mine', { owner: 'alice' }) },
  })
}

function* renameFlagCells(): Generator<Cell> {
  const noReplace = { noReplace: true }
  const exchange = { exchange: true }
  yield renames('file', 'full/x', { errno: 'EEXIST', cause: 'noReplace, a file is there' }, noReplace)
  yield renames('empty', 'full', { errno: 'EEXIST', cause: 'noReplace, a directory is there' }, noReplace)
  yield renames('file', 'file', { errno: 'EEXIST', cause: 'noReplace, onto itself' }, noReplace)
  yield renames('file', 'full/.', { errno: 'EEXIST', cause: 'noReplace, `.` is there' }, noReplace)
  yield renames(
    'file',
    'dangling',
    { errno: 'EEXIST', cause: 'noReplace, a dangling link is there', tree: linkedTree, needs: links },
    noReplace,
  )
  yield renames('missing', 'made', { errno: 'ENOENT', cause: 'noReplace, nothing there' }, noReplace)
  yield renames('file', 'made', { errno: 'ENOENT', cause: 'exchange with nothing' }, exchange)
  yield renames('missing', 'file', { errno: 'ENOENT', cause: 'exchange of nothing' }, exchange)
  yield renames('full', 'full/x', { errno: 'EINVAL', cause: 'exchange with what is in it' }, exchange)
  yield renames('full/x', 'full', { errno: 'EINVAL', cause: 'exchange with its own parent' }, exchange)
  yield renames('file', 'made', { errno: 'EINVAL', cause: 'both flags' }, { noReplace: true, exchange: true })
  yield renames('full/x', 'empty/..', { errno: 'EBUSY', cause: 'exchange with `..`' }, exchange)
  yield renames('file/', 'empty', { errno: 'ENOTDIR', cause: 'exchange of a file with a slash' }, exchange)
  const open = directory({ mode: 0o777 })
  yield renames(
    'sticky/mine',
    'theirs',
    {
      errno: 'EPERM',
      cause: 'exchange out of a sticky directory',
      as: 'bob',
      tree: {
        '.': open,
        theirs: file('theirs', { owner: 'bob' }),
        sticky: directory({ mode: 0o1777 }),
        'sticky/mine': file('mine', { owner: 'alice' }),
      },
    },
    exchange,
  )
}

/** rmdir and unlink of what is there in other shapes. */
function* shapeCells(): Generator<Cell> {
  yield pathCell(roleOf('rmdir'), 'fifo', {
    errno: 'ENOTDIR',
    cause: 'a FIFO',
    tree: { fifo: node('fifo') },
    needs: ['mknod'],
  })
  yield pathCell(roleOf('mkdir'), 'link', {
    errno: 'EEXIST',
    cause: 'a link to a directory is there',
    tree: { ...commonTree, link: symlink('empty') },
    needs: links,
  })
}

export function* nameCells(): Generator<Cell> {
  yield* removalCells()
  yield* linkCells()
  yield* nodeCells()
  yield* renameCells()
  yield* shapeCells()
}
