/** Refusals that a path brings with it, whatever the operation: generated for every path of every operation. */
import { directory, file, symlink, type Tree } from '../area.ts'
import { type Cell, pathCell } from './cell.ts'
import { type PathRole, pathRoles } from './operations.ts'

export const NAME_BYTES_MAX = 255
export const PATH_BYTES_MAX = 4095
export const SYMLINKS_MAX = 40

/** What most scenarios start from. */
export const commonTree: Tree = {
  file: file('content'),
  empty: directory(),
  full: directory(),
  'full/x': file('inner'),
}

/** With links; planted only where symlinks are. */
export const linkedTree: Tree = {
  ...commonTree,
  filelink: symlink('file'),
  emptylink: symlink('empty'),
  dangling: symlink('nowhere'),
  loop: symlink('loop'),
}

/** As many links as one path may cross and one more; `chain0` leads to `end`. */
export function chain(end: string): Tree {
  const links: Record<string, ReturnType<typeof symlink>> = {}
  for (let at = 0; at <= SYMLINKS_MAX; at++) links[`chain${at}`] = symlink(at === SYMLINKS_MAX ? end : `chain${at + 1}`)
  return { ...commonTree, ...links }
}

/** A path of `length` bytes that leads to `name` in the area by way of many dots. */
export function longPath(directoryPath: string, name: string, length: number): string {
  const fixed = directoryPath.length + 1 + name.length
  const padding = length - fixed
  // `./` again and again, and one more slash when the number is odd.
  return `${directoryPath}/${padding % 2 === 1 ? '/' : ''}${'./'.repeat(Math.floor(padding / 2))}${name}`
}

const links = ['symlinks'] as const

/** Causes on the way to the last name. */
function* prefixCauses(role: PathRole): Generator<Cell> {
  const isPrefix = role.last === 'prefix'
  yield pathCell(role, 'missing/x', { errno: 'ENOENT', cause: 'a missing directory on the way', tree: commonTree })
  if (!isPrefix) yield pathCell(role, '', { errno: 'ENOENT', cause: 'an empty path', tree: commonTree })
  yield pathCell(role, 'dangling/x', {
    errno: 'ENOENT',
    cause: 'a dangling link on the way',
    tree: linkedTree,
    needs: links,
  })
  yield pathCell(role, 'file/x', { errno: 'ENOTDIR', cause: 'a file on the way', tree: commonTree })
  yield pathCell(role, 'file/..', { errno: 'ENOTDIR', cause: '`..` behind a file', tree: commonTree })
  yield pathCell(role, 'filelink/x', {
    errno: 'ENOTDIR',
    cause: 'a link to a file on the way',
    tree: linkedTree,
    needs: links,
  })
  yield pathCell(role, 'locked/x', {
    errno: 'EACCES',
    cause: 'no search permission on the way',
    as: 'bob',
    tree: { ...commonTree, '.': directory({ mode: 0o777 }), locked: directory({ mode: 0o766 }), 'locked/x': file() },
  })
  yield pathCell(role, 'locked/inner/x', {
    errno: 'EACCES',
    cause: 'no search permission for the owner, though others may',
    as: 'alice',
    tree: {
      ...commonTree,
      '.': directory({ mode: 0o777 }),
      locked: directory({ mode: 0o677, owner: 'alice' }),
      'locked/inner': directory({ mode: 0o777 }),
      'locked/inner/x': file(),
    },
  })
  yield pathCell(role, 'loop/x', { errno: 'ELOOP', cause: 'a loop on the way', tree: linkedTree, needs: links })
  yield pathCell(role, 'chain0/x', { errno: 'ELOOP', cause: '41 links on the way', tree: chain('full'), needs: links })
  const long = 'n'.repeat(NAME_BYTES_MAX + 1)
  yield pathCell(role, `${long}/x`, {
    errno: 'ENAMETOOLONG',
    cause: 'a name of 256 bytes on the way',
    tree: commonTree,
  })
  yield pathCell(role, isPrefix ? long.slice(6) : long, {
    errno: 'ENAMETOOLONG',
    cause: 'a name of 256 bytes',
    tree: commonTree,
  })
  yield pathCell(role, 'ü'.repeat(128), {
    errno: 'ENAMETOOLONG',
    cause: 'a name of 128 characters and 256 bytes',
    tree: commonTree,
  })
  // realpath(3) of some C libraries takes longer paths than the kernel.
  if (role.operation === 'realpath') return
  yield pathCell(role, (area) => longPath(area.directory, role.subject, PATH_BYTES_MAX + 1), {
    errno: 'ENAMETOOLONG',
    cause: 'a path of 4096 bytes',
    tree: role.subject === 'filelink' ? linkedTree : commonTree,
    needs: role.subject === 'filelink' ? links : [],
  })
}

/** Causes of operations on what must be there. */
function* existingCauses(role: PathRole): Generator<Cell> {
  yield pathCell(role, 'missing', { errno: 'ENOENT', cause: 'nothing there', tree: commonTree })
  yield pathCell(role, 'missing/', {
    errno: 'ENOENT',
    cause: 'nothing there, with a slash behind it',
    tree: commonTree,
  })
  yield pathCell(role, 'empty/missing', { errno: 'ENOENT', cause: 'nothing there, in a directory', tree: commonTree })
  yield pathCell(role, 'file/', { errno: 'ENOTDIR', cause: 'a slash behind a file', tree: commonTree })
  yield pathCell(role, 'file/.', { errno: 'ENOTDIR', cause: '`.` behind a file', tree: commonTree })
  if (role.last === 'entry') return
  yield pathCell(role, 'filelink/', {
    errno: 'ENOTDIR',
    cause: 'a slash behind a link to a file',
    tree: linkedTree,
    needs: links,
  })
  yield pathCell(role, 'dangling/', {
    errno: 'ENOENT',
    cause: 'a slash behind a dangling link',
    tree: linkedTree,
    needs: links,
  })
  yield pathCell(role, 'loop/', { errno: 'ELOOP', cause: 'a slash behind a loop', tree: linkedTree, needs: links })
  if (role.last !== 'follow') return
  yield pathCell(role, 'dangling', { errno: 'ENOENT', cause: 'a dangling link', tree: linkedTree, needs: links })
  yield pathCell(role, 'loop', { errno: 'ELOOP', cause: 'a loop', tree: linkedTree, needs: links })
  yield pathCell(role, 'chain0', { errno: 'ELOOP', cause: '41 links', tree: chain(role.subject), needs: links })
}

/** Causes of operations that make a new name. */
function* newCauses(role: PathRole): Generator<Cell> {
  const opens = role.operation === 'open'
  yield pathCell(role, 'file', { errno: 'EEXIST', cause: 'a file is there', tree: commonTree })
  yield pathCell(role, 'empty', { errno: 'EEXIST', cause: 'a directory is there', tree: commonTree })
  for (const [path, cause] of [
    ['filelink', 'a link is there'],
    ['dangling', 'a dangling link is there'],
    ['loop', 'a loop is there'],
  ] as const) {
    yield pathCell(role, path, { errno: 'EEXIST', cause, tree: linkedTree, needs: links })
  }
  if (opens) {
    yield pathCell(role, 'empty/', { errno: 'EISDIR', cause: 'a slash behind a directory', tree: commonTree })
    yield pathCell(role, 'missing/', { errno: 'EISDIR', cause: 'a slash behind a new name', tree: commonTree })
  } else {
    yield pathCell(role, 'empty/', { errno: 'EEXIST', cause: 'a directory is there, with a slash', tree: commonTree })
    yield pathCell(role, 'empty/.', { errno: 'EEXIST', cause: '`.` is there', tree: commonTree })
    yield pathCell(role, 'empty/..', { errno: 'EEXIST', cause: '`..` is there', tree: commonTree })
    yield pathCell(role, '/', { errno: 'EEXIST', cause: 'the root is there', tree: commonTree })
  }
  if (!opens && role.operation !== 'mkdir') {
    yield pathCell(role, 'missing/', { errno: 'ENOENT', cause: 'a slash behind a new name', tree: commonTree })
  }
  // Whether something is there comes before whether one may make it.
  yield pathCell(role, 'file', {
    errno: 'EEXIST',
    cause: 'a file is there, in a directory that may not be written',
    as: 'alice',
    tree: { ...commonTree, file: file('content', { owner: 'alice' }) },
  })
}

/** Causes of operations that make a file or take the one that is there. */
function* createCauses(role: PathRole): Generator<Cell> {
  yield pathCell(role, 'empty', { errno: 'EISDIR', cause: 'a directory is there', tree: commonTree })
  yield pathCell(role, '/', { errno: 'EISDIR', cause: 'the root', tree: commonTree })
  yield pathCell(role, 'missing/', { errno: 'EISDIR', cause: 'a slash behind a new name', tree: commonTree })
  yield pathCell(role, 'lost', {
    errno: 'ENOENT',
    cause: 'a link into a missing directory',
    tree: { ...commonTree, lost: symlink('missing/x') },
    needs: links,
  })
  yield pathCell(role, 'loop', { errno: 'ELOOP', cause: 'a loop', tree: linkedTree, needs: links })
  yield pathCell(role, 'chain0', { errno: 'ELOOP', cause: '41 links', tree: chain('new'), needs: links })
  yield pathCell(role, 'theirs', {
    errno: 'EACCES',
    cause: 'no write permission on the file',
    as: 'bob',
    tree: { ...commonTree, theirs: file('theirs', { owner: 'alice', mode: 0o644 }) },
  })
}

/** Causes of operations that change the directory above the last name. */
function* parentCauses(role: PathRole): Generator<Cell> {
  const isMade = role.last !== 'entry'
  const name = isMade ? 'made' : 'there'
  const subject = role.subject === 'empty' ? directory({ owner: 'bob' }) : file('theirs', { owner: 'bob' })
  const inner: Tree = isMade ? {} : { 'parent/there': subject }
  const open = directory({ mode: 0o777 })
  for (const [mode, cause] of [
    [0o755, 'no write permission on the directory'],
    [0o776, 'no search permission on the directory'],
  ] as const) {
    yield pathCell(role, `parent/${name}`, {
      errno: 'EACCES',
      cause,
      as: 'bob',
      tree: {
        '.': open,
        ...commonTree,
        file: file('content', { owner: 'bob' }),
        parent: directory({ mode }),
        ...inner,
      },
    })
  }
  yield pathCell(role, `parent/${name}`, {
    errno: 'EACCES',
    cause: 'the group may not write the directory, though others may',
    as: 'dave',
    tree: {
      '.': open,
      ...commonTree,
      file: file('content', { owner: 'dave' }),
      parent: directory({ mode: 0o757, owner: 'alice' }),
      ...(isMade ? {} : { 'parent/there': { ...subject, owner: 'dave' } }),
    },
  })
}

/** Sticky directories keep what is not one's own. */
function* stickyCauses(role: PathRole): Generator<Cell> {
  const mine = role.subject === 'empty' ? directory({ owner: 'alice' }) : file('mine', { owner: 'alice', mode: 0o666 })
  yield pathCell(role, 'sticky/mine', {
    errno: 'EPERM',
    cause: 'a sticky directory, neither its owner nor that of the file',
    as: 'bob',
    tree: {
      '.': directory({ mode: 0o777 }),
      ...commonTree,
      file: file('content', { owner: 'bob' }),
      sticky: directory({ mode: 0o1777 }),
      'sticky/mine': mine,
    },
  })
}

/** All generated scenarios. */
export function* generatedCells(): Generator<Cell> {
  for (const role of pathRoles) {
    yield* prefixCauses(role)
    if (role.last === 'follow' || role.last === 'nofollow' || role.last === 'entry') yield* existingCauses(role)
    if (role.last === 'new') yield* newCauses(role)
    if (role.last === 'create') yield* createCauses(role)
    if (role.last !== 'follow' && role.last !== 'nofollow') yield* parentCauses(role)
    if (role.last === 'entry' || role.last === 'replace') yield* stickyCauses(role)
  }
}
