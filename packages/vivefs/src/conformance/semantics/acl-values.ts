/** Access control lists as values: what they do to the mode, who may set them, what is none, what is inherited. */
import assert from 'node:assert/strict'
import { ACCESS, type Bits, DEFAULT, type Entry, encodeList, getList, listOf, setList } from '../access-list.ts'
import { type Area, directory, file, node, refuses, symlink } from '../area.ts'
import type { Case } from '../case.ts'
import { type Person, people } from '../people.ts'
import { aclNeeds as needs } from './acls.ts'

const modeOf = async (area: Area, relative: string): Promise<number> =>
  Number((await area.lstat(relative)).mode & 0o7777n)

const isThere = (area: Area, relative: string, name: string): Promise<boolean> =>
  area
    .extras()
    .listxattr(area.path(relative))
    .then((names) => names.includes(name))

const modes: readonly Case[] = [
  {
    name: 'setting a list sets the mode: owner, mask and others',
    needs,
    async run(area) {
      await area.plant({ file: file('x', { owner: 'alice', mode: 0o4777 }) })
      await setList(area, 'file', { user: 6, group: 7, mask: 5, other: 1, users: [['bob', 7]] })
      assert.equal(await modeOf(area, 'file'), 0o4651)
    },
  },
  {
    name: 'a list of three entries is a mode, and kept as that',
    needs,
    async run(area) {
      await area.plant({ file: file('x', { owner: 'alice', mode: 0o600 }) })
      await setList(area, 'file', { user: 7, group: 4, other: 1 })
      assert.equal(await modeOf(area, 'file'), 0o741)
      assert.equal(await isThere(area, 'file', ACCESS), false)
      await refuses('ENODATA', area.extras().getxattr(area.path('file'), ACCESS))
    },
  },
  {
    name: 'chmod changes the owner’s, the mask’s and others’ entries, and leaves the owning group’s',
    needs,
    async run(area) {
      await area.plant({ file: file('x', { owner: 'alice' }) })
      const bits: Bits = { user: 7, group: 6, mask: 7, other: 4, users: [['bob', 7]] }
      await setList(area, 'file', bits)
      await area.as('alice').chmod(area.path('file'), 0o640)
      assert.deepEqual(await getList(area, 'file'), listOf({ ...bits, user: 6, mask: 4, other: 0 }))
      assert.equal((await area.as('bob').readFile(area.path('file'))).toString(), 'x')
      await refuses('EACCES', area.as('bob').appendFile(area.path('file'), 'y'))
      await refuses('EACCES', area.as('carol').appendFile(area.path('file'), 'y'))
      await area.as('alice').chmod(area.path('file'), 0o660)
      await area.as('carol').appendFile(area.path('file'), 'y')
    },
  },
  {
    name: 'removing a list leaves the mode that it showed',
    needs,
    async run(area) {
      await area.plant({ file: file('x', { owner: 'alice' }) })
      await setList(area, 'file', { user: 6, group: 0, mask: 4, users: [['bob', 6]] })
      await area.extras('alice').removexattr(area.path('file'), ACCESS)
      assert.equal(await modeOf(area, 'file'), 0o640)
      assert.equal(await isThere(area, 'file', ACCESS), false)
      await refuses('EACCES', area.as('bob').readFile(area.path('file')))
      assert.equal((await area.as('carol').readFile(area.path('file'))).toString(), 'x')
    },
  },
]

const inheritance: readonly Case[] = [
  {
    name: 'a default list: files begin with it, limited by the mode they are made with; the umask has no say',
    needs,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice' }) })
      const bits: Bits = { user: 7, group: 6, mask: 7, other: 2, users: [['bob', 6]] }
      await setList(area, 'd', bits, DEFAULT)
      const handle = await area.open('d/file', 'w', 0o666, 'alice')
      await handle.close()
      assert.deepEqual(await getList(area, 'd/file'), listOf({ ...bits, user: 6, mask: 6, other: 2 }))
      assert.equal(await modeOf(area, 'd/file'), 0o662)
      assert.equal(await isThere(area, 'd/file', DEFAULT), false)
      const narrow = await area.open('d/narrow', 'w', 0o640, 'alice')
      await narrow.close()
      assert.deepEqual(await getList(area, 'd/narrow'), listOf({ ...bits, user: 6, mask: 4, other: 0 }))
      assert.equal((await area.as('bob').readFile(area.path('d/narrow'))).toString(), '')
    },
  },
  {
    name: 'directories begin with it and hand it on; the directory itself is not ruled by it',
    needs,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice', mode: 0o700 }) })
      const bits: Bits = { user: 7, group: 5, mask: 7, users: [['bob', 7]] }
      await setList(area, 'd', bits, DEFAULT)
      assert.equal(await isThere(area, 'd', ACCESS), false)
      await refuses('EACCES', area.as('bob').readdir(area.path('d')))
      await area.as('alice').mkdir(area.path('d/e'))
      await area.as('alice').mkdir(area.path('d/e/f'), 0o750)
      for (const [at, mask] of [
        ['d/e', 7],
        ['d/e/f', 5],
      ] as const) {
        assert.deepEqual(await getList(area, at, DEFAULT), listOf(bits), `${at} hands on`)
        assert.deepEqual(await getList(area, at), listOf({ ...bits, mask, other: 0 }), at)
      }
      await area.promises.chmod(area.path('d'), 0o711)
      assert.deepEqual(await area.as('bob').readdir(area.path('d/e')), ['f'])
      await refuses('EACCES', area.as('bob').writeFile(area.path('d/e/f/x'), ''))
    },
  },
  {
    name: 'a default list without names is inherited as a mode',
    needs,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice' }) })
      await setList(area, 'd', { user: 7, group: 7, other: 2 }, DEFAULT)
      const handle = await area.open('d/file', 'w', 0o666, 'alice')
      await handle.close()
      assert.equal(await modeOf(area, 'd/file'), 0o662)
      assert.equal(await isThere(area, 'd/file', ACCESS), false)
      await area.as('alice').mkdir(area.path('d/e'), 0o777)
      assert.equal(await modeOf(area, 'd/e'), 0o772)
      assert.equal(await isThere(area, 'd/e', DEFAULT), true)
    },
  },
  {
    name: 'nodes inherit, links do not, and what is moved or linked in keeps what it has',
    needs: [...needs, 'mknod', 'symlinks', 'hardLinks'],
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice' }), old: file('x', { owner: 'alice', mode: 0o604 }) })
      const bits: Bits = { user: 6, group: 0, mask: 6, users: [['bob', 6]] }
      await setList(area, 'd', bits, DEFAULT)
      await area.extras('alice').mknod(area.path('d/fifo'), 'fifo', { mode: 0o666 })
      assert.deepEqual(await getList(area, 'd/fifo'), listOf(bits))
      await area.as('alice').symlink('fifo', area.path('d/link'))
      assert.deepEqual(await area.extras().listxattr(area.path('d/link'), { follow: false }), [])
      await area.promises.link(area.path('old'), area.path('d/linked'))
      await area.promises.rename(area.path('old'), area.path('d/moved'))
      for (const at of ['d/linked', 'd/moved']) {
        assert.equal(await isThere(area, at, ACCESS), false, at)
        assert.equal(await modeOf(area, at), 0o604, at)
      }
    },
  },
  {
    name: 'a default list that is removed is inherited no more; the umask counts again',
    needs,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice' }) })
      await setList(area, 'd', { user: 7, group: 7, mask: 7, other: 7, users: [['bob', 7]] }, DEFAULT)
      await area.extras('alice').removexattr(area.path('d'), DEFAULT)
      await refuses('ENODATA', area.extras().getxattr(area.path('d'), DEFAULT))
      const handle = await area.open('d/file', 'w', 0o666, 'alice')
      await handle.close()
      assert.equal(await modeOf(area, 'd/file'), 0o644)
      assert.equal(await isThere(area, 'd/file', ACCESS), false)
    },
  },
]

const u: Entry = { tag: 'user', bits: 7 }
const g: Entry = { tag: 'group', bits: 5 }
const m: Entry = { tag: 'mask', bits: 7 }
const o: Entry = { tag: 'other', bits: 0 }
const named = (who: Person, bits = 6): Entry => ({ tag: 'namedUser', bits, id: people[who].uid })

/** What is no list. */
const malformed: Readonly<Record<string, Buffer>> = {
  'half a header': Buffer.from([2, 0]),
  'half an entry': encodeList([u, g, o]).subarray(0, 26),
  'no owner': encodeList([g, o]),
  'no owning group': encodeList([u, o]),
  'no others': encodeList([u, g]),
  'two owners': encodeList([u, u, g, o]),
  'two masks': encodeList([u, named('bob'), g, m, m, o]),
  'entries out of order': encodeList([g, u, o]),
  'names without a mask': encodeList([u, named('bob'), g, o]),
  'a named user without a number': encodeList([u, { tag: 'namedUser', bits: 6 }, g, m, o]),
  'bits that there are not': encodeList([u, named('bob', 8), g, m, o]),
}

const rules: readonly Case[] = [
  {
    name: 'what is no list is refused and changes nothing',
    needs,
    async run(area) {
      await area.plant({ file: file('x', { mode: 0o600 }), d: directory({ mode: 0o700 }) })
      const bits: Bits = { user: 6, mask: 6, users: [['bob', 6]] }
      for (const [at, name] of [
        ['file', ACCESS],
        ['d', ACCESS],
        ['d', DEFAULT],
      ] as const) {
        await setList(area, at, bits, name)
        for (const [what, value] of Object.entries(malformed)) {
          await refuses('EINVAL', area.extras().setxattr(area.path(at), name, value), `${at} ${name}: ${what}`)
        }
        assert.deepEqual(await getList(area, at, name), listOf(bits), `${at} ${name}`)
      }
    },
  },
  {
    name: 'a list of another version is not supported',
    needs,
    async run(area) {
      await area.plant({ file: file() })
      for (const version of [0, 1, 3]) {
        const value = encodeList([u, g, o], version)
        await refuses('ENOTSUP', area.extras().setxattr(area.path('file'), ACCESS, value), `${version}`)
      }
    },
  },
  {
    name: 'the owner and root set lists, nobody else, whatever rights the list gives',
    needs,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice', mode: 0o777 }) })
      const value = encodeList(listOf({ user: 7, group: 7, mask: 7, other: 7, users: [['bob', 7]] }))
      for (const name of [ACCESS, DEFAULT]) {
        await area.extras('alice').setxattr(area.path('d'), name, value)
        for (const who of ['bob', 'carol'] as const) {
          await refuses('EPERM', area.extras(who).setxattr(area.path('d'), name, value), `${who} sets ${name}`)
          await refuses('EPERM', area.extras(who).removexattr(area.path('d'), name), `${who} removes ${name}`)
          assert.deepEqual(await area.extras(who).getxattr(area.path('d'), name), value, `${who} reads ${name}`)
        }
      }
    },
  },
  {
    name: 'only directories have default lists; links have none at all',
    needs: [...needs, 'mknod', 'symlinks'],
    async run(area) {
      await area.plant({ file: file(), fifo: node('fifo'), link: symlink('file') })
      const value = encodeList(listOf({ user: 7, mask: 7, users: [['bob', 7]] }))
      const { setxattr, getxattr } = area.extras()
      for (const at of ['file', 'fifo']) {
        await refuses('EACCES', setxattr(area.path(at), DEFAULT, value), at)
        await refuses('ENODATA', getxattr(area.path(at), DEFAULT), at)
      }
      for (const name of [ACCESS, DEFAULT]) {
        await refuses('ENOTSUP', setxattr(area.path('link'), name, value, 'any', { follow: false }), name)
      }
    },
  },
]

export const aclValues: readonly Case[] = [...modes, ...inheritance, ...rules]
