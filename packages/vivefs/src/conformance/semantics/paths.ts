/** Path resolution, links, and names that are bytes. */
import assert from 'node:assert/strict'
import { directory, file, refuses, symlink } from '../area.ts'
import type { Case } from '../case.ts'
import { chain, longPath, NAME_BYTES_MAX, PATH_BYTES_MAX } from '../matrix/path-causes.ts'

const resolution: readonly Case[] = [
  {
    name: '`.` and `..` at the root are the root',
    async run(area) {
      const root = await area.stat('/')
      for (const path of ['/.', '/..', '/../..', '//', '/./../']) {
        assert.equal((await area.stat(path)).ino, root.ino, path)
      }
    },
  },
  {
    name: 'dots and doubled slashes lead nowhere else',
    async run(area) {
      await area.plant({ a: directory(), 'a/b': directory(), 'a/b/file': file() })
      const { ino } = await area.stat('a/b/file')
      for (const path of ['a//b///file', './a/./b/./file', 'a/b/../b/file', 'a/../a/b/../../a/b/file']) {
        assert.equal((await area.stat(path)).ino, ino, path)
      }
    },
  },
  {
    name: '`..` follows a directory that was moved',
    async run(area) {
      await area.plant({ a: directory(), 'a/moving': directory(), b: directory(), 'b/here': file('b') })
      await area.promises.rename(area.path('a/moving'), area.path('b/moving'))
      assert.equal(await area.text('b/moving/../here'), 'b')
      assert.equal((await area.stat('b/moving/..')).ino, (await area.stat('b')).ino)
    },
  },
  {
    name: '`..` of exchanged directories',
    needs: ['renameFlags'],
    async run(area) {
      await area.plant({ a: directory(), 'a/x': directory(), b: directory(), 'b/y': directory() })
      await area.extras().rename(area.path('a/x'), area.path('b/y'), { exchange: true })
      assert.equal((await area.stat('a/x/..')).ino, (await area.stat('a')).ino)
      assert.equal((await area.stat('b/y/..')).ino, (await area.stat('b')).ino)
    },
  },
  {
    name: 'links: relative ones from where they lie, absolute ones from the root',
    needs: ['symlinks'],
    async run(area) {
      await area.plant({
        file: file('outer'),
        directory: directory(),
        'directory/file': file('inner'),
        'directory/relative': symlink('file'),
        'directory/up': symlink('../file'),
        'directory/absolute': symlink('@/file'),
        again: symlink('directory/up'),
        around: symlink('directory/../directory/.'),
      })
      assert.equal(await area.text('directory/relative'), 'inner')
      assert.equal(await area.text('directory/up'), 'outer')
      assert.equal(await area.text('directory/absolute'), 'outer')
      assert.equal(await area.text('again'), 'outer')
      assert.equal(await area.text('around/file'), 'inner')
      assert.equal(await area.promises.readlink(area.path('again')), 'directory/up')
      assert.equal(await area.promises.realpath(area.path('around/up')), area.path('file'))
    },
  },
  {
    name: 'a slash behind a link to a directory follows it',
    needs: ['symlinks'],
    async run(area) {
      await area.plant({ directory: directory(), link: symlink('directory') })
      assert.ok((await area.lstat('link')).isSymbolicLink())
      assert.ok((await area.lstat('link/')).isDirectory())
      assert.ok((await area.lstat('link/.')).isDirectory())
    },
  },
  {
    name: 'forty links are followed',
    needs: ['symlinks'],
    async run(area) {
      await area.plant(chain('file'))
      assert.equal(await area.text('chain1'), 'content')
      await refuses('ELOOP', area.stat('chain0'))
    },
  },
  {
    name: 'operations on names do not follow links',
    needs: ['symlinks'],
    async run(area) {
      await area.plant({
        file: file('content'),
        link: symlink('file'),
        dangling: symlink('nowhere'),
        other: file('other'),
      })
      await area.promises.rename(area.path('link'), area.path('moved'))
      assert.equal(await area.promises.readlink(area.path('moved')), 'file')
      await area.promises.rename(area.path('other'), area.path('dangling'))
      assert.equal(await area.text('dangling'), 'other')
      await area.promises.unlink(area.path('moved'))
      assert.equal(await area.text('file'), 'content')
    },
  },
  {
    name: 'a hard link of a link is that link',
    needs: ['symlinks', 'hardLinks'],
    async run(area) {
      await area.plant({ file: file(), link: symlink('file') })
      await area.promises.link(area.path('link'), area.path('again'))
      assert.ok((await area.lstat('again')).isSymbolicLink())
      assert.equal((await area.lstat('again')).ino, (await area.lstat('link')).ino)
    },
  },
  {
    name: 'a path of 4095 bytes is not too long',
    async run(area) {
      await area.plant({ file: file('content') })
      const path = longPath(area.directory, 'file', PATH_BYTES_MAX)
      assert.equal(Buffer.byteLength(path), PATH_BYTES_MAX)
      assert.ok((await area.stat(path)).isFile())
    },
  },
  {
    name: 'mkdir and rmdir take a slash behind the name',
    async run(area) {
      await area.promises.mkdir(area.path('new/'))
      assert.ok((await area.stat('new')).isDirectory())
      await area.promises.rename(area.path('new/'), area.path('old/'))
      await area.promises.rmdir(area.path('old/'))
      await refuses('ENOENT', area.stat('old'))
    },
  },
]

const bytes = (area: { readonly directory: string }, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${area.directory}/`), name])

const names: readonly Case[] = [
  {
    name: 'names of 255 bytes',
    async run(area) {
      const long = ['n'.repeat(NAME_BYTES_MAX), `${'ü'.repeat(127)}u`, `${'🐢'.repeat(63)}abc`]
      for (const name of long) await area.promises.writeFile(area.path(name), name)
      for (const name of long) assert.equal(await area.text(name), name)
      assert.deepEqual((await area.promises.readdir(area.directory)).sort(), [...long].sort())
    },
  },
  {
    name: 'names are not normalised, and case matters',
    needs: ['byteNames'],
    async run(area) {
      const spellings = ['é', 'e\u0301', 'A', 'a', 'ß', 'ss', 'Å', '\u212b']
      for (const name of spellings) await area.promises.writeFile(area.path(name), `${name}!`)
      assert.equal((await area.promises.readdir(area.directory)).length, spellings.length)
      for (const name of spellings) assert.equal(await area.text(name), `${name}!`)
    },
  },
  {
    name: 'names that are not UTF-8',
    needs: ['byteNames'],
    async run(area) {
      const wild = [
        Buffer.from([0xff]),
        Buffer.from([0xc3, 0x28]),
        Buffer.from([0x80, 0x81, 0xfe]),
        Buffer.from([1, 10]),
      ]
      for (const name of wild) await area.promises.writeFile(bytes(area, name), name)
      const found = await area.promises.readdir(area.directory, 'buffer')
      assert.deepEqual(
        found.map((name) => name.toString('hex')).sort(),
        wild.map((name) => name.toString('hex')).sort(),
      )
      for (const name of wild) assert.ok((await area.promises.readFile(bytes(area, name))).equals(name))
      const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = wild
      await area.promises.rename(bytes(area, first), bytes(area, second))
      assert.ok((await area.promises.readFile(bytes(area, second))).equals(first))
    },
  },
  {
    name: 'odd names: dots, blanks, newlines, backslashes, stars',
    async run(area) {
      const odd = ['...', ' ', ' a ', 'a\nb', 'a\\b', '*', '?', '~', '-rf', '.hidden', 'a:b', '"', "'"]
      for (const name of odd) await area.promises.writeFile(area.path(name), name)
      assert.deepEqual((await area.promises.readdir(area.directory)).sort(), [...odd].sort())
      for (const name of odd) assert.equal(await area.text(name), name)
    },
  },
]

export const paths: readonly Case[] = [...resolution, ...names]
