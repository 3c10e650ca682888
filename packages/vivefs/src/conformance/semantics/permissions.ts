/** Who may do what: owner, group, supplementary group, others, the superuser. */
import assert from 'node:assert/strict'
import { constants } from 'node:fs'
import { type Area, directory, file, refuses } from '../area.ts'
import type { Case } from '../case.ts'
import { CLUB, type Person, people } from '../people.ts'

const { R_OK, W_OK, X_OK } = constants
const identities = ['identities'] as const

/** How far left the bits lie that decide about each person, for a file of alice and her group. */
export const classes: Readonly<Record<Exclude<Person, 'root'>, number>> = { alice: 6, carol: 3, dave: 3, bob: 0 }

/** Whether `action` succeeds; its refusal must be EACCES. */
export async function isGranted(action: Promise<unknown>): Promise<boolean> {
  return action.then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'EACCES')
      return false
    },
  )
}

const tables: readonly Case[] = [
  {
    name: 'every mode of a file, for everybody, by access and by open',
    needs: identities,
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice' }) })
      const path = area.path('file')
      for (let bits = 0; bits < 8; bits++) {
        for (const [who, shift] of Object.entries(classes) as [Person, number][]) {
          // All bits of all other classes: they must not help.
          await area.promises.chmod(path, (0o777 & ~(7 << shift)) | (bits << shift))
          for (const mask of [R_OK, W_OK, X_OK, R_OK | W_OK | X_OK]) {
            const granted = await isGranted(area.as(who).access(path, mask))
            assert.equal(granted, (bits & mask) === mask, `${who} ${bits} ${mask}`)
          }
          assert.equal(await isGranted(opens(area, who, 'r')), (bits & 4) !== 0, `${who} ${bits} reads`)
          assert.equal(await isGranted(opens(area, who, 'a')), (bits & 2) !== 0, `${who} ${bits} writes`)
        }
      }
    },
  },
  {
    name: 'every mode of a directory, for everybody: list, search, add',
    needs: identities,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice' }), 'd/x': file('x', { mode: 0o666 }) })
      for (let bits = 0; bits < 8; bits++) {
        for (const [who, shift] of Object.entries(classes) as [Person, number][]) {
          await area.promises.chmod(area.path('d'), (0o777 & ~(7 << shift)) | (bits << shift))
          const as = area.as(who)
          const what = `${who} ${bits}`
          assert.equal(await isGranted(as.readdir(area.path('d'))), (bits & 4) !== 0, `${what} lists`)
          assert.equal(
            await isGranted(as.stat(area.path('d/x'), { bigint: true })),
            (bits & 1) !== 0,
            `${what} searches`,
          )
          const adds = await isGranted(as.writeFile(area.path('d/new'), ''))
          assert.equal(adds, (bits & 3) === 3, `${what} adds`)
          if (adds) await as.unlink(area.path('d/new'))
        }
      }
    },
  },
  {
    name: 'root reads, writes and searches everything, and executes what somebody may execute',
    needs: identities,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice', mode: 0 }), 'd/x': file('x', { owner: 'alice', mode: 0 }) })
      assert.equal(await area.text('d/x'), 'x')
      await area.promises.appendFile(area.path('d/x'), 'y')
      await area.promises.access(area.path('d'), R_OK | W_OK | X_OK)
      await area.promises.access(area.path('d/x'), R_OK | W_OK)
      await refuses('EACCES', area.promises.access(area.path('d/x'), X_OK))
      await area.promises.chmod(area.path('d/x'), 0o001)
      await area.promises.access(area.path('d/x'), X_OK)
    },
  },
]

/** Opens `file` and closes it. */
export async function opens(area: Area, who: Person, flags: string): Promise<void> {
  const handle = await area.as(who).open(area.path('file'), flags)
  await handle.close()
}

const rules: readonly Case[] = [
  {
    name: 'search permission is asked of every directory on the way',
    needs: identities,
    async run(area) {
      await area.plant({ a: directory(), 'a/b': directory(), 'a/b/c': directory(), 'a/b/c/x': file('x') })
      for (const path of ['a', 'a/b', 'a/b/c']) {
        await area.promises.chmod(area.path(path), 0o766)
        await refuses('EACCES', area.as('bob').readFile(area.path('a/b/c/x')), path)
        await area.promises.chmod(area.path(path), 0o711)
        assert.equal((await area.as('bob').readFile(area.path('a/b/c/x'))).toString(), 'x')
      }
    },
  },
  {
    name: 'in a sticky directory one removes what is one’s own, the directory’s owner everything',
    needs: identities,
    async run(area) {
      await area.plant({
        tmp: directory({ owner: 'carol', mode: 0o1777 }),
        'tmp/a': file('a', { owner: 'alice', mode: 0o666 }),
        'tmp/b': file('b', { owner: 'bob' }),
        'tmp/c': file('c', { owner: 'alice' }),
      })
      await refuses('EPERM', area.as('bob').unlink(area.path('tmp/a')))
      await refuses('EPERM', area.as('bob').rename(area.path('tmp/a'), area.path('tmp/z')))
      await refuses('EPERM', area.as('bob').rename(area.path('tmp/b'), area.path('tmp/a')))
      await area.as('bob').unlink(area.path('tmp/b'))
      await area.as('alice').rename(area.path('tmp/a'), area.path('tmp/z'))
      await area.as('carol').unlink(area.path('tmp/z'))
      await area.promises.unlink(area.path('tmp/c'))
    },
  },
  {
    name: 'a file may be removed without any right on the file itself',
    needs: identities,
    async run(area) {
      await area.plant({ open: directory({ mode: 0o777 }), 'open/theirs': file('x', { owner: 'alice', mode: 0 }) })
      await area.as('bob').unlink(area.path('open/theirs'))
    },
  },
  {
    name: 'an owner hands a file to his own groups; he keeps what he may already do',
    needs: identities,
    async run(area) {
      const { alice } = people
      await area.plant({ mine: file('x', { owner: 'alice' }) })
      const path = area.path('mine')
      await area.as('alice').chown(path, alice.uid, CLUB)
      assert.equal((await area.stat('mine')).gid, BigInt(CLUB))
      await area.as('alice').chown(path, alice.uid, CLUB)
      await area.as('alice').chown(path, alice.uid, alice.gid)
      await refuses('EPERM', area.as('alice').chown(path, people.bob.uid, alice.gid))
    },
  },
  {
    name: 'the umask takes bits from what is made',
    needs: identities,
    async run(area) {
      await area.promises.chmod(area.directory, 0o777)
      await area.as('alice').mkdir(area.path('d'), 0o777)
      const handle = await area.as('alice').open(area.path('f'), 'w', 0o666)
      await handle.close()
      assert.equal((await area.stat('d')).mode & 0o7777n, 0o755n)
      assert.equal((await area.stat('f')).mode & 0o7777n, 0o644n)
    },
  },
  {
    name: 'a user may set his own setgid and sticky bits',
    needs: identities,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice' }) })
      await area.as('alice').chmod(area.path('d'), 0o3770)
      assert.equal((await area.stat('d')).mode & 0o7777n, 0o3770n)
    },
  },
  {
    name: 'extended attributes: everybody who may read the file reads them, root has namespaces of its own',
    needs: ['identities', 'xattr'],
    async run(area) {
      await area.plant({ file: file('x', { owner: 'alice', mode: 0o644 }) })
      const path = area.path('file')
      await area.extras('alice').setxattr(path, 'user.color', Buffer.from('red'))
      await area.extras().setxattr(path, 'trusted.secret', Buffer.from([0, 255]))
      assert.equal((await area.extras('bob').getxattr(path, 'user.color')).toString(), 'red')
      await refuses('EACCES', area.extras('bob').setxattr(path, 'user.color', Buffer.from('blue')))
      assert.deepEqual(await area.extras('bob').listxattr(path), ['user.color'])
      assert.deepEqual((await area.extras().listxattr(path)).sort(), ['trusted.secret', 'user.color'])
      assert.deepEqual([...(await area.extras().getxattr(path, 'trusted.secret'))], [0, 255])
      await area.extras('alice').setxattr(path, 'user.color', Buffer.alloc(0), 'replace')
      assert.equal((await area.extras().getxattr(path, 'user.color')).length, 0)
      await area.extras('alice').removexattr(path, 'user.color')
      assert.deepEqual(await area.extras('alice').listxattr(path), [])
    },
  },
]

export const permissions: readonly Case[] = [...tables, ...rules]
