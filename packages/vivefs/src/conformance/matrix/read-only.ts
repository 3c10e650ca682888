/** What a read-only mount refuses, and what it does not. */
import assert from 'node:assert/strict'
import { constants } from 'node:fs'
import { type Area, directory, file, symlink } from '../area.ts'
import type { Case } from '../case.ts'
import type { Capabilities } from '../target.ts'
import { type Cell, pathCell } from './cell.ts'
import { roleOf } from './open-cells.ts'
import { extra, type Operation } from './operations.ts'

/** Planted once; the tests of the read-only mount share it and change nothing. */
export const READ_ONLY_DIRECTORY = 'read-only'

export async function plantReadOnlyTree(area: Area, { symlinks, xattr }: Capabilities): Promise<void> {
  await area.plant({ file: file('content'), empty: directory(), full: directory(), 'full/x': file('inner') })
  if (symlinks) await area.plant({ filelink: symlink('file') })
  if (xattr) await extra(area.fs().extras?.setxattr)(area.path('file'), 'user.color', Buffer.from('red'))
}

const { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, W_OK } = constants

/** Operation, label of the path, path: each would succeed where writing is allowed. */
const refused: readonly (readonly [Operation, string | undefined, string])[] = [
  ['appendFile', undefined, 'file'],
  ['chmod', undefined, 'file'],
  ['chown', undefined, 'file'],
  ['copyFile', 'from', 'file'],
  ['copyFile', 'to', 'full/x'],
  ['lchown', undefined, 'file'],
  ['link', 'from', 'file'],
  ['link', 'to', 'made'],
  ['lutimes', undefined, 'file'],
  ['mkdir', undefined, 'made'],
  ['mkdtemp', undefined, 'made'],
  ['mknod', undefined, 'made'],
  ['open', 'O_CREAT', 'made'],
  ['open', 'O_CREAT | O_EXCL', 'made'],
  ['removexattr', undefined, 'file'],
  ['rename', 'from', 'full/x'],
  ['rename', 'to', 'made'],
  ['rmdir', undefined, 'empty'],
  ['setxattr', undefined, 'file'],
  ['symlink', undefined, 'made'],
  ['truncate', undefined, 'file'],
  ['unlink', undefined, 'file'],
  ['utimes', undefined, 'file'],
  ['writeFile', undefined, 'made'],
  ['writeFile', undefined, 'file'],
]

const errno = 'EROFS' as const

export function* readOnlyCells(): Generator<Cell> {
  for (const [operation, label, path] of refused) {
    yield pathCell(roleOf(operation, label), path, { errno, cause: `a read-only mount, ${path}`, isReadOnly: true })
  }
  for (const [flags, name] of [
    [O_WRONLY, 'writing'],
    [O_RDWR, 'both'],
    [O_RDONLY | O_TRUNC, 'truncating'],
  ] as const) {
    yield {
      operation: 'open',
      errno,
      cause: `a read-only mount, for ${name}`,
      isReadOnly: true,
      act: async (area, fs) => (await fs.promises.open(area.path('file'), flags)).close(),
      shows: (area) => ({ path: area.path('file') }),
    }
  }
  yield {
    operation: 'access',
    errno,
    cause: 'a read-only mount, writing',
    isReadOnly: true,
    act: (area, fs) => fs.promises.access(area.path('file'), W_OK),
    shows: (area) => ({ path: area.path('file') }),
  }
  for (const [operation, change] of [
    ['fchmod', 'chmod'],
    ['fchown', 'chown'],
    ['futimes', 'utimes'],
  ] as const) {
    yield {
      operation,
      errno,
      cause: 'a read-only mount',
      isReadOnly: true,
      act: async (area) => (await area.open('file'))[change](1, 1),
    }
  }
  // What is there comes before what may be changed.
  yield pathCell(roleOf('mkdir'), 'empty', {
    errno: 'EEXIST',
    cause: 'a read-only mount, a directory is there',
    isReadOnly: true,
  })
}

/** What a read-only mount still does. */
export const readOnlyCases: readonly Case[] = [
  {
    name: 'reads, lists and opens with O_CREAT what is there',
    needs: ['readOnly'],
    isReadOnly: true,
    async run(area) {
      assert.equal(await area.text('file'), 'content')
      assert.deepEqual(await area.promises.readdir(area.path('full')), ['x'])
      const handle = await area.open('file', O_RDONLY | O_CREAT, 0o644)
      const { bytesRead } = await handle.read(Buffer.alloc(7), 0, 7, 0)
      assert.equal(bytesRead, 7)
    },
  },
  {
    name: 'leaves access times alone',
    needs: ['readOnly'],
    isReadOnly: true,
    async run(area) {
      const before = await area.lstat('file')
      await area.text('file')
      assert.equal((await area.lstat('file')).atimeNs, before.atimeNs)
    },
  },
]
