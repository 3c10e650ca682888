/** Open files: flags, positions, appending, and files that lost their name. */
import assert from 'node:assert/strict'
import { constants } from 'node:fs'
import { directory, file, refuses, symlink } from '../area.ts'
import type { Case } from '../case.ts'
import { O_TMPFILE } from '../matrix/open-cells.ts'
import type { SuiteHandle } from '../target.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY } = constants

export const put = (handle: SuiteHandle, text: string, position: number | null = null): Promise<unknown> =>
  handle.write(Buffer.from(text), 0, Buffer.byteLength(text), position)

export async function get(handle: SuiteHandle, length: number, position: number | null = null): Promise<string> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead).toString()
}

const flags: readonly Case[] = [
  {
    name: 'O_APPEND writes at the end whatever the position says',
    async run(area) {
      await area.plant({ log: file('one ') })
      const first = await area.open('log', O_APPEND | O_RDWR)
      const second = await area.open('log', O_APPEND | O_WRONLY)
      await put(first, 'two ')
      await put(second, 'three ')
      await put(first, 'four', 0)
      assert.equal(await area.text('log'), 'one two three four')
      assert.equal(await get(first, 3, 0), 'one')
    },
  },
  {
    name: 'O_EXCL makes a file or fails, and never follows a link',
    needs: ['symlinks'],
    async run(area) {
      await area.plant({ link: symlink('target') })
      await area.open('new', O_CREAT | O_EXCL | O_RDWR, 0o644)
      await refuses('EEXIST', area.open('link', O_CREAT | O_EXCL | O_RDWR))
      await refuses('ENOENT', area.lstat('target'))
    },
  },
  {
    name: 'O_CREAT makes the target of a dangling link',
    needs: ['symlinks'],
    async run(area) {
      await area.plant({ link: symlink('target') })
      await put(await area.open('link', O_CREAT | O_WRONLY, 0o644), 'through')
      assert.equal(await area.text('target'), 'through')
      assert.ok((await area.lstat('link')).isSymbolicLink())
      await refuses('ELOOP', area.open('link', O_CREAT | O_NOFOLLOW | O_WRONLY))
    },
  },
  {
    name: 'O_TRUNC empties a file under a reader',
    async run(area) {
      await area.plant({ file: file('content') })
      const reader = await area.open('file')
      await area.open('file', O_TRUNC | O_WRONLY)
      assert.equal(await get(reader, 10, 0), '')
      assert.equal((await reader.stat({ bigint: true })).size, 0n)
    },
  },
  {
    name: 'O_DIRECTORY opens directories, and nothing can be written through it',
    async run(area) {
      await area.plant({ directory: directory() })
      const handle = await area.open('directory', constants.O_DIRECTORY)
      assert.ok((await handle.stat({ bigint: true })).isDirectory())
      await refuses('EBADF', put(handle, 'x'))
    },
  },
  {
    name: 'the mode of a file that open makes does not limit that open',
    needs: ['identities'],
    async run(area) {
      await area.promises.chmod(area.directory, 0o777)
      const handle = await area.open('new', O_CREAT | O_RDWR, 0o000, 'alice')
      await put(handle, 'x')
      assert.equal(await get(handle, 1, 0), 'x')
      await refuses('EACCES', area.open('new', 'r', undefined, 'alice'))
    },
  },
  {
    name: 'rights are checked at open, not later',
    needs: ['identities'],
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice', mode: 0o644 }) })
      const handle = await area.open('file', 'r', undefined, 'bob')
      await area.promises.chmod(area.path('file'), 0o600)
      assert.equal(await get(handle, 7), 'content')
      await refuses('EACCES', area.open('file', 'r', undefined, 'bob'))
    },
  },
]

const positions: readonly Case[] = [
  {
    name: 'a handle has one position for reading and writing; positional calls leave it alone',
    async run(area) {
      await area.plant({ file: file('0123456789') })
      const handle = await area.open('file', 'r+')
      assert.equal(await get(handle, 3), '012')
      await put(handle, 'xx')
      assert.equal(await get(handle, 2), '56')
      assert.equal(await get(handle, 2, 8), '89')
      await put(handle, 'y', 0)
      assert.equal(await get(handle, 9), '789')
      assert.equal(await get(handle, 9), '')
      assert.equal(await area.text('file'), 'y12xx56789')
    },
  },
  {
    name: 'two handles of one file have two positions and one content',
    async run(area) {
      await area.plant({ file: file('abc') })
      const first = await area.open('file', 'r+')
      const second = await area.open('file', 'r+')
      await put(first, 'XY')
      assert.equal(await get(second, 3), 'XYc')
      assert.equal(await get(first, 3), 'c')
    },
  },
]

const unnamed: readonly Case[] = [
  {
    name: 'a file without a name lives while it is open',
    needs: ['unlinkWhileOpen'],
    async run(area) {
      await area.plant({ file: file('content') })
      const handle = await area.open('file', 'r+')
      await area.promises.unlink(area.path('file'))
      await refuses('ENOENT', area.lstat('file'))
      assert.equal((await handle.stat({ bigint: true })).nlink, 0n)
      await put(handle, 'more', 7)
      assert.equal(await get(handle, 20, 0), 'contentmore')
      await area.promises.writeFile(area.path('file'), 'another')
      assert.equal(await get(handle, 20, 0), 'contentmore')
      await handle.chmod(0o600)
      await handle.truncate(3)
      assert.equal(await get(handle, 20, 0), 'con')
    },
  },
  {
    name: 'a file that rename replaced lives while it is open',
    needs: ['unlinkWhileOpen'],
    async run(area) {
      await area.plant({ old: file('old'), new: file('new') })
      const handle = await area.open('old')
      await area.promises.rename(area.path('new'), area.path('old'))
      assert.equal(await get(handle, 9, 0), 'old')
      assert.equal((await handle.stat({ bigint: true })).nlink, 0n)
      assert.equal(await area.text('old'), 'new')
    },
  },
  {
    name: 'an open directory that was removed is empty',
    needs: ['unlinkWhileOpen'],
    async run(area) {
      await area.plant({ directory: directory() })
      const dir = await area.promises.opendir(area.path('directory'))
      await area.promises.rmdir(area.path('directory'))
      try {
        assert.equal(await dir.read(), null)
      } finally {
        await dir.close()
      }
    },
  },
  {
    name: 'O_TMPFILE makes a file without a name',
    needs: ['temporaryFiles'],
    async run(area) {
      const handle = await area.open('.', O_TMPFILE | O_RDWR, 0o666)
      const { nlink, mode } = await handle.stat({ bigint: true })
      assert.equal(nlink, 0n)
      assert.equal(mode, 0o100644n)
      await put(handle, 'hidden')
      assert.deepEqual(await area.promises.readdir(area.directory), [])
      assert.equal(await get(handle, 9, 0), 'hidden')
    },
  },
  {
    name: 'a file made by O_TMPFILE can be given a name, once or more',
    needs: ['temporaryFiles', 'linkTemporary'],
    async run(area) {
      const handle = await area.open('.', O_TMPFILE | O_RDWR, 0o644)
      await put(handle, 'found')
      const { linkHandle } = area.extras()
      await linkHandle(handle, area.path('name'))
      assert.equal(await area.text('name'), 'found')
      assert.equal((await area.stat('name')).nlink, 1n)
      await refuses('EEXIST', linkHandle(handle, area.path('name')))
      await linkHandle(handle, area.path('again'))
      assert.equal((await area.stat('name')).nlink, 2n)
    },
  },
  {
    name: 'a file made by O_TMPFILE with O_EXCL cannot be given a name',
    needs: ['temporaryFiles', 'linkTemporary'],
    async run(area) {
      const handle = await area.open('.', O_TMPFILE | O_EXCL | O_RDWR, 0o644)
      await refuses('ENOENT', area.extras().linkHandle(handle, area.path('name')))
    },
  },
]

export const openFiles: readonly Case[] = [...flags, ...positions, ...unnamed]
