/** Refusals of open, of reading and writing whole files, and of directories that are read. */
import { constants } from 'node:fs'
import { directory, file, node, symlink, type Tree } from '../area.ts'
import type { SuiteFs } from '../target.ts'
import { type Cell, type Errno, pathCell } from './cell.ts'
import { type Operation, type PathRole, pathRoles } from './operations.ts'
import { commonTree, linkedTree } from './path-causes.ts'

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants

/** O_TMPFILE of Linux with its O_DIRECTORY; node:fs has no name for it. */
export const O_TMPFILE = 0o20_000_000 | O_DIRECTORY
const O_NOATIME = 0o1_000_000

const open = (path: string, flags: number, rest: Omit<Cell, 'operation' | 'act'>): Cell => ({
  operation: 'open',
  act: async (area, fs) => (await fs.promises.open(area.path(path), flags, 0o644)).close(),
  shows: (area) => ({ path: area.path(path) }),
  ...rest,
})

const links = ['symlinks'] as const
const temporary = ['temporaryFiles'] as const
const nodes = ['mknod'] as const

function* openCells(): Generator<Cell> {
  const readable = { '.': directory({ mode: 0o777 }), secret: file('secret', { owner: 'alice', mode: 0o044 }) }
  for (const [flags, name] of [
    [O_WRONLY, 'writing'],
    [O_RDWR, 'both'],
    [O_RDONLY | O_TRUNC, 'truncating'],
  ] as const) {
    yield open('empty', flags, { errno: 'EISDIR', cause: `a directory for ${name}`, tree: commonTree })
    yield open('theirs', flags, {
      errno: 'EACCES',
      cause: `no write permission, for ${name}`,
      as: 'bob',
      tree: { theirs: file('theirs', { owner: 'alice', mode: 0o644 }) },
    })
  }
  yield open('empty', O_CREAT | O_RDONLY, { errno: 'EISDIR', cause: 'O_CREAT of a directory', tree: commonTree })
  yield open('secret', O_RDONLY, { errno: 'EACCES', cause: 'the owner may not read', as: 'alice', tree: readable })
  yield open('secret', O_RDWR, { errno: 'EACCES', cause: 'may read, not write', as: 'bob', tree: readable })
  yield open('closed', O_RDONLY, {
    errno: 'EACCES',
    cause: 'a directory that may not be read',
    as: 'bob',
    tree: { closed: directory({ mode: 0o711 }) },
  })
  yield open('file', O_DIRECTORY, { errno: 'ENOTDIR', cause: 'O_DIRECTORY of a file', tree: commonTree })
  yield open('filelink', O_DIRECTORY, {
    errno: 'ENOTDIR',
    cause: 'O_DIRECTORY of a link to a file',
    tree: linkedTree,
    needs: links,
  })
  yield open('emptylink', O_DIRECTORY | O_NOFOLLOW, {
    errno: 'ENOTDIR',
    cause: 'O_DIRECTORY | O_NOFOLLOW of a link to a directory',
    tree: linkedTree,
    needs: links,
  })
  for (const path of ['filelink', 'emptylink', 'dangling', 'loop']) {
    yield open(path, O_NOFOLLOW, { errno: 'ELOOP', cause: `O_NOFOLLOW of ${path}`, tree: linkedTree, needs: links })
  }
  yield open('filelink', O_CREAT | O_WRONLY | O_NOFOLLOW, {
    errno: 'ELOOP',
    cause: 'O_CREAT | O_NOFOLLOW of a link',
    tree: linkedTree,
    needs: links,
  })
  yield open('fifo', O_WRONLY | O_NONBLOCK, {
    errno: 'ENXIO',
    cause: 'a FIFO that nobody reads, without waiting',
    tree: { fifo: node('fifo') },
    needs: nodes,
  })
  yield open('socket', O_RDONLY, { errno: 'ENXIO', cause: 'a socket', tree: { socket: node('socket') }, needs: nodes })
  yield open('theirs', O_RDONLY | O_NOATIME, {
    errno: 'EPERM',
    cause: "O_NOATIME of somebody else's file",
    as: 'bob',
    needs: ['atime'],
    tree: { theirs: file('theirs', { owner: 'alice', mode: 0o644 }) },
  })
  yield* temporaryCells()
}

function* temporaryCells(): Generator<Cell> {
  const needs = temporary
  yield open('.', O_TMPFILE | O_RDONLY, { errno: 'EINVAL', cause: 'O_TMPFILE for reading only', tree: {}, needs })
  yield open('file', O_TMPFILE | O_RDWR, { errno: 'ENOTDIR', cause: 'O_TMPFILE in a file', tree: commonTree, needs })
  yield open('missing', O_TMPFILE | O_RDWR, { errno: 'ENOENT', cause: 'O_TMPFILE in nothing', tree: {}, needs })
  yield open('parent', O_TMPFILE | O_RDWR, {
    errno: 'EACCES',
    cause: 'O_TMPFILE in a directory that may not be written',
    as: 'bob',
    needs,
    tree: { parent: directory({ mode: 0o755 }) },
  })
}

/** Permissions of whole-file operations and of listings, and directories where files are meant. */
function* contentCells(): Generator<Cell> {
  const unreadable: Tree = {
    '.': directory({ mode: 0o777 }),
    secret: file('secret', { owner: 'alice', mode: 0o600 }),
    closed: directory({ owner: 'alice', mode: 0o711 }),
  }
  for (const [role, path] of [
    [roleOf('readFile'), 'secret'],
    [roleOf('copyFile', 'from'), 'secret'],
    [roleOf('readdir'), 'closed'],
    [roleOf('opendir'), 'closed'],
    [roleOf('truncate'), 'secret'],
  ] as const) {
    yield pathCell(role, path, { errno: 'EACCES', cause: 'no permission', as: 'bob', tree: unreadable })
  }
  yield pathCell(roleOf('truncate'), 'theirs', {
    errno: 'EACCES',
    cause: 'may read, not write',
    as: 'bob',
    tree: { theirs: file('theirs', { owner: 'alice', mode: 0o644 }) },
  })
  yield pathCell(roleOf('truncate'), 'empty', { errno: 'EISDIR', cause: 'a directory', tree: commonTree })
  for (const operation of ['readdir', 'opendir'] as const) {
    yield pathCell(roleOf(operation), 'file', { errno: 'ENOTDIR', cause: 'a file', tree: commonTree })
    yield pathCell(roleOf(operation), 'filelink', {
      errno: 'ENOTDIR',
      cause: 'a link to a file',
      tree: linkedTree,
      needs: links,
    })
  }
  const readsDirectory = (
    operation: Operation,
    errno: Errno,
    act: (fs: SuiteFs, path: string) => Promise<unknown>,
  ) => ({
    operation,
    errno,
    cause: 'a directory',
    tree: commonTree,
    act: (area: Parameters<Cell['act']>[0], fs: SuiteFs) => act(fs, area.path('empty')),
    shows: () => ({ syscall: 'read' }),
  })
  yield readsDirectory('readFile', 'EISDIR', (fs, path) => fs.promises.readFile(path))
  yield pathCell(roleOf('copyFile', 'from'), 'file', {
    errno: 'EEXIST',
    cause: 'COPYFILE_EXCL onto a file',
    tree: { ...commonTree, copy: file('copy') },
  })
  yield pathCell(roleOf('readlink'), 'file', { errno: 'EINVAL', cause: 'a file', tree: commonTree })
  yield pathCell(roleOf('readlink'), 'empty', { errno: 'EINVAL', cause: 'a directory', tree: commonTree })
  yield pathCell(roleOf('readlink'), 'emptylink/', {
    errno: 'EINVAL',
    cause: 'a slash behind a link to a directory',
    tree: linkedTree,
    needs: links,
  })
  yield pathCell(roleOf('realpath'), 'tall/inner/link', {
    errno: 'EACCES',
    cause: 'a link into a directory that may not be searched',
    as: 'bob',
    needs: links,
    tree: {
      tall: directory(),
      'tall/inner': directory(),
      'tall/inner/link': symlink('@/locked/x'),
      locked: directory({ mode: 0o700 }),
      'locked/x': file(),
    },
  })
}

/** The role of an operation by its name. */
export function roleOf(operation: Operation, label?: string): PathRole {
  const found = pathRoles.find((role) => role.operation === operation && role.label === label)
  if (found === undefined) throw new TypeError(`no path of ${operation} ${label ?? ''}`)
  return found
}

export function* openingCells(): Generator<Cell> {
  yield* openCells()
  for (const cell of contentCells()) {
    // copyFile asks for exclusiveness by a flag.
    if (cell.errno !== 'EEXIST' || cell.operation !== 'copyFile') yield cell
    else {
      yield {
        ...cell,
        act: (area, fs) => fs.promises.copyFile(area.path('file'), area.path('copy'), constants.COPYFILE_EXCL),
      }
    }
  }
}
