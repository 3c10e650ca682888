/** Extended attributes: values, names, namespaces and their rights, after xattr(7). */
import assert from 'node:assert/strict'
import { type Area, directory, file, hardLink, node, refuses, symlink } from '../area.ts'
import type { Case } from '../case.ts'
import type { NodeKind } from '../extras.ts'
import { type Person, people } from '../people.ts'
import { classes, isGranted } from './permissions.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const ITSELF = { follow: false }

const get = async (area: Area, relative: string, name: string): Promise<string> =>
  (await area.extras().getxattr(area.path(relative), name)).toString()

const values: readonly Case[] = [
  {
    name: 'a value comes back as it was, whatever its bytes and its length',
    needs: ['xattr'],
    async run(area) {
      await area.plant({ file: file() })
      const path = area.path('file')
      const all = Buffer.from(Uint8Array.from({ length: 2048 }, (_, at) => at & 0xff))
      // Shorter after longer: nothing of the old value stays behind.
      for (const value of [all, Buffer.alloc(0), Buffer.from([0]), all.subarray(3, 300), bytes('short')]) {
        await area.extras().setxattr(path, 'user.value', value)
        assert.deepEqual(await area.extras().getxattr(path, 'user.value'), value, `${value.length} bytes`)
      }
      assert.equal(await area.text('file'), 'content')
    },
  },
  {
    name: 'an empty value is an attribute',
    needs: ['xattr'],
    async run(area) {
      await area.plant({ file: file() })
      const path = area.path('file')
      await area.extras().setxattr(path, 'user.empty', Buffer.alloc(0))
      assert.deepEqual(await area.extras().listxattr(path), ['user.empty'])
      await refuses('EEXIST', area.extras().setxattr(path, 'user.empty', bytes('x'), 'create'))
    },
  },
  {
    name: 'create makes only what is new, replace changes only what is there; refused, they change nothing',
    needs: ['xattr'],
    async run(area) {
      await area.plant({ file: file() })
      const path = area.path('file')
      const { setxattr, listxattr } = area.extras()
      await refuses('ENODATA', setxattr(path, 'user.a', bytes('1'), 'replace'))
      assert.deepEqual(await listxattr(path), [])
      await setxattr(path, 'user.a', bytes('2'), 'create')
      await refuses('EEXIST', setxattr(path, 'user.a', bytes('3'), 'create'))
      assert.equal(await get(area, 'file', 'user.a'), '2')
      await setxattr(path, 'user.a', bytes('4'), 'replace')
      assert.equal(await get(area, 'file', 'user.a'), '4')
      await setxattr(path, 'user.a', bytes('5'))
      assert.equal(await get(area, 'file', 'user.a'), '5')
    },
  },
  {
    name: 'names differ by every byte; a name has up to 255 bytes, its namespace included',
    needs: ['xattr'],
    async run(area) {
      await area.plant({ file: file() })
      const path = area.path('file')
      const names = ['user.a', 'user.A', 'user.a.', 'user.aa', 'user.user.a', 'user.ä', `user.${'n'.repeat(250)}`]
      for (const name of names) await area.extras().setxattr(path, name, bytes(name))
      assert.deepEqual((await area.extras().listxattr(path)).sort(), [...names].sort())
      for (const name of names) assert.equal(await get(area, 'file', name), name)
      for (const name of names.slice(1)) await area.extras().removexattr(path, name)
      assert.deepEqual(await area.extras().listxattr(path), ['user.a'])
    },
  },
  {
    name: 'a name without anything behind its namespace is none',
    needs: ['xattr'],
    async run(area) {
      await area.plant({ file: file() })
      await refuses('EINVAL', area.extras().setxattr(area.path('file'), 'user.', bytes('x')))
      await refuses('EINVAL', area.extras().getxattr(area.path('file'), 'user.'))
    },
  },
]

const places: readonly Case[] = [
  {
    name: 'attributes belong to the inode: a rename keeps them, every hard link shows them, a new file has none',
    needs: ['xattr', 'hardLinks'],
    async run(area) {
      await area.plant({ one: file(), two: hardLink('one'), d: directory() })
      await area.extras().setxattr(area.path('one'), 'user.a', bytes('1'))
      assert.equal(await get(area, 'two', 'user.a'), '1')
      await area.promises.rename(area.path('one'), area.path('d/three'))
      await area.extras().setxattr(area.path('d/three'), 'user.b', bytes('2'))
      assert.deepEqual((await area.extras().listxattr(area.path('two'))).sort(), ['user.a', 'user.b'])
      await area.promises.unlink(area.path('two'))
      await area.promises.unlink(area.path('d/three'))
      await area.promises.writeFile(area.path('one'), 'again')
      assert.deepEqual(await area.extras().listxattr(area.path('one')), [])
    },
  },
  {
    name: 'attributes outlive writing, truncation and a remount',
    needs: ['xattr', 'remount'],
    async run(area) {
      await area.plant({ file: file(), d: directory() })
      for (const at of ['file', 'd']) await area.extras().setxattr(area.path(at), 'user.kept', bytes(at))
      await area.extras().setxattr(area.path('file'), 'trusted.kept', Buffer.from([0, 1]))
      await area.promises.writeFile(area.path('file'), 'other content')
      await area.promises.truncate(area.path('file'), 0)
      await area.remount()
      for (const at of ['file', 'd']) assert.equal(await get(area, at, 'user.kept'), at)
      assert.deepEqual([...(await area.extras().getxattr(area.path('file'), 'trusted.kept'))], [0, 1])
    },
  },
  {
    name: 'a path is followed to what it leads to; the link itself has attributes of its own, though none of users',
    needs: ['xattr', 'symlinks', 'identities'],
    async run(area) {
      await area.plant({ file: file(), link: symlink('file') })
      const { setxattr, getxattr, listxattr, removexattr } = area.extras()
      const link = area.path('link')
      await setxattr(link, 'user.a', bytes('file'))
      assert.equal(await get(area, 'file', 'user.a'), 'file')
      await refuses('EPERM', setxattr(link, 'user.a', bytes('link'), 'any', ITSELF))
      await refuses('ENODATA', getxattr(link, 'user.a', ITSELF))
      await refuses('EPERM', removexattr(link, 'user.a', ITSELF))
      await setxattr(link, 'trusted.a', bytes('link'), 'any', ITSELF)
      assert.deepEqual(await listxattr(link, ITSELF), ['trusted.a'])
      assert.deepEqual(await listxattr(link), ['user.a'])
      await removexattr(link, 'trusted.a', ITSELF)
      assert.deepEqual(await listxattr(link, ITSELF), [])
    },
  },
  {
    name: 'FIFOs, sockets and devices have none of users, and those of root',
    needs: ['xattr', 'mknod', 'identities'],
    async run(area) {
      for (const kind of ['fifo', 'socket', 'character', 'block'] satisfies NodeKind[]) {
        await area.plant({ [kind]: node(kind, { mode: 0o666 }) })
        const path = area.path(kind)
        await refuses('EPERM', area.extras().setxattr(path, 'user.a', bytes('x')), kind)
        await refuses('ENODATA', area.extras().getxattr(path, 'user.a'), kind)
        await area.extras().setxattr(path, 'trusted.a', bytes(kind))
        assert.equal(await get(area, kind, 'trusted.a'), kind)
      }
    },
  },
]

const rights: readonly Case[] = [
  {
    name: 'every mode, for everybody: who may read the file reads them, who may write it sets and removes them',
    needs: ['xattr', 'identities'],
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice' }) })
      const path = area.path('file')
      await area.extras().setxattr(path, 'user.a', bytes('value'))
      for (let bits = 0; bits < 8; bits++) {
        for (const [who, shift] of Object.entries(classes) as [Person, number][]) {
          await area.promises.chmod(path, (0o777 & ~(7 << shift)) | (bits << shift))
          const { setxattr, getxattr, listxattr, removexattr } = area.extras(who)
          const what = `${who} ${bits}`
          assert.equal(await isGranted(getxattr(path, 'user.a')), (bits & 4) !== 0, `${what} reads`)
          assert.equal(await isGranted(setxattr(path, 'user.b', bytes('x'))), (bits & 2) !== 0, `${what} sets`)
          // The names are everybody's who finds the file.
          assert.deepEqual(await listxattr(path), (bits & 2) !== 0 ? ['user.a', 'user.b'] : ['user.a'], what)
          if ((bits & 2) !== 0) await removexattr(path, 'user.b')
          else await refuses('EACCES', removexattr(path, 'user.a'), what)
        }
      }
    },
  },
  {
    name: 'the trusted ones are root’s: to others, the owner included, they are not there',
    needs: ['xattr', 'identities'],
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice', mode: 0o666 }) })
      const path = area.path('file')
      await area.extras().setxattr(path, 'trusted.secret', bytes('x'))
      for (const who of ['alice', 'bob'] as const) {
        const { setxattr, getxattr, listxattr, removexattr } = area.extras(who)
        assert.deepEqual(await listxattr(path), [])
        await refuses('ENODATA', getxattr(path, 'trusted.secret'), who)
        await refuses('EPERM', setxattr(path, 'trusted.secret', bytes('y')), who)
        await refuses('EPERM', removexattr(path, 'trusted.secret'), who)
      }
      assert.equal(await get(area, 'file', 'trusted.secret'), 'x')
    },
  },
  {
    name: 'the security ones are read by everybody and set by root',
    needs: ['xattr', 'identities'],
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice', mode: 0o600 }) })
      const path = area.path('file')
      await area.extras().setxattr(path, 'security.label', bytes('x'))
      assert.equal((await area.extras('bob').getxattr(path, 'security.label')).toString(), 'x')
      assert.deepEqual(await area.extras('bob').listxattr(path), ['security.label'])
      for (const who of ['alice', 'bob'] as const) {
        await refuses('EPERM', area.extras(who).setxattr(path, 'security.label', bytes('y')), who)
        await refuses('EPERM', area.extras(who).removexattr(path, 'security.label'), who)
      }
    },
  },
  {
    name: 'the capabilities of a file are read by everybody, and go when it is written to or changes hands',
    needs: ['xattr', 'identities'],
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice', mode: 0o666 }) })
      const path = area.path('file')
      const name = 'security.capability'
      // Version 2, effective; CAP_NET_BIND_SERVICE permitted.
      const capabilities = Buffer.from('0100000200040000000000000000000000000000', 'hex')
      const { setxattr, getxattr } = area.extras()
      const changes = [
        () => area.as('bob').appendFile(path, 'x'),
        () => area.as('bob').truncate(path, 3),
        () => area.promises.chown(path, people.bob.uid, people.bob.gid),
      ]
      for (const change of changes) {
        await setxattr(path, name, capabilities)
        await area.promises.utimes(path, 1, 1)
        assert.deepEqual(await area.extras('bob').getxattr(path, name), capabilities)
        await change()
        await refuses('ENODATA', getxattr(path, name), String(change))
      }
      await refuses('EINVAL', setxattr(path, name, bytes('nonsense')))
      await setxattr(path, name, capabilities)
      for (const who of ['alice', 'bob'] as const) {
        await refuses('EPERM', area.extras(who).setxattr(path, name, capabilities), who)
        await refuses('EPERM', area.extras(who).removexattr(path, name), who)
      }
      assert.deepEqual(await getxattr(path, name), capabilities)
    },
  },
  {
    name: 'in a sticky directory only its owner and root set them',
    needs: ['xattr', 'identities'],
    async run(area) {
      await area.plant({
        tmp: directory({ owner: 'alice', mode: 0o1777 }),
        open: directory({ owner: 'alice', mode: 0o777 }),
      })
      await area.extras('bob').setxattr(area.path('open'), 'user.a', bytes('x'))
      await refuses('EPERM', area.extras('bob').setxattr(area.path('tmp'), 'user.a', bytes('x')))
      await area.extras('alice').setxattr(area.path('tmp'), 'user.a', bytes('x'))
      await refuses('EPERM', area.extras('bob').removexattr(area.path('tmp'), 'user.a'))
      assert.equal((await area.extras('bob').getxattr(area.path('tmp'), 'user.a')).toString(), 'x')
      await area.extras().removexattr(area.path('tmp'), 'user.a')
    },
  },
  {
    name: 'an unknown namespace is not supported, and neither is the unknown in `system.`',
    needs: ['xattr'],
    async run(area) {
      await area.plant({ file: file() })
      const { setxattr, getxattr, removexattr } = area.extras()
      for (const name of ['color', 'color.a', 'users.a', 'System.a', 'system.color']) {
        await refuses('ENOTSUP', setxattr(area.path('file'), name, bytes('x')), name)
        await refuses('ENOTSUP', getxattr(area.path('file'), name), name)
        await refuses('ENOTSUP', removexattr(area.path('file'), name), name)
      }
    },
  },
]

export const xattrs: readonly Case[] = [...values, ...places, ...rights]
