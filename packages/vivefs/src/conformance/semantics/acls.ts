/** Who may do what by an access control list, after POSIX 1003.1e, 23.1.5, as Linux keeps it. */
import assert from 'node:assert/strict'
import { constants } from 'node:fs'
import { type Bits, getList, listOf, setList } from '../access-list.ts'
import { directory, file, refuses } from '../area.ts'
import type { Case } from '../case.ts'
import { CLUB, type Person, people } from '../people.ts'
import { isGranted, opens } from './permissions.ts'

const { R_OK, W_OK, X_OK } = constants
export const aclNeeds = ['identities', 'xattr', 'acl'] as const

const { alice, bob, dave } = people

/** A list in which `bits` are those of the entry that decides about `who`, and everybody else has everything. */
interface Decision {
  readonly what: string
  readonly who: Person
  readonly list: (bits: number) => Bits
}

const ALL = { user: 7, group: 7, other: 7, mask: 7 } as const

/** For a file of alice and her group; dave is of the group by supplementary membership. */
const decisions: readonly Decision[] = [
  { what: 'the owner', who: 'alice', list: (bits) => ({ ...ALL, user: bits, groups: [[CLUB, 7]] }) },
  { what: 'a named user', who: 'bob', list: (bits) => ({ ...ALL, users: [['bob', bits]] }) },
  {
    what: 'a named user, though the owning group has everything',
    who: 'carol',
    list: (bits) => ({ ...ALL, users: [['carol', bits]] }),
  },
  { what: 'the owning group', who: 'carol', list: (bits) => ({ ...ALL, group: bits, users: [['bob', 7]] }) },
  { what: 'the owning group, supplementary', who: 'dave', list: (bits) => ({ ...ALL, group: bits }) },
  { what: 'a named group', who: 'bob', list: (bits) => ({ ...ALL, groups: [[bob.gid, bits]] }) },
  { what: 'others', who: 'bob', list: (bits) => ({ ...ALL, other: bits, users: [['carol', 7]] }) },
]

const tables: readonly Case[] = decisions.map(({ what, who, list }) => ({
  name: `every bit of an entry, by access and by open: ${what} (${who})`,
  needs: aclNeeds,
  async run(area) {
    await area.plant({ file: file('content', { owner: 'alice' }) })
    for (let bits = 0; bits < 8; bits++) {
      await setList(area, 'file', list(bits))
      for (const mask of [R_OK, W_OK, X_OK, R_OK | W_OK | X_OK]) {
        const granted = await isGranted(area.as(who).access(area.path('file'), mask))
        assert.equal(granted, (bits & mask) === mask, `${bits} ${mask}`)
      }
      assert.equal(await isGranted(opens(area, who, 'r')), (bits & 4) !== 0, `${bits} reads`)
      assert.equal(await isGranted(opens(area, who, 'a')), (bits & 2) !== 0, `${bits} writes`)
    }
  },
}))

const rules: readonly Case[] = [
  {
    name: 'the mask limits named users, the owning group and named groups, but neither the owner nor others',
    needs: aclNeeds,
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice' }) })
      const path = area.path('file')
      for (let mask = 0; mask < 8; mask++) {
        await setList(area, 'file', { user: 7, group: 7, mask, users: [['bob', 7]], groups: [[dave.gid, 7]] })
        for (const bit of [R_OK, W_OK, X_OK]) {
          for (const who of ['bob', 'carol', 'dave'] as const) {
            const granted = await isGranted(area.as(who).access(path, bit))
            assert.equal(granted, (mask & bit) !== 0, `${who} ${mask} ${bit}`)
          }
          await area.as('alice').access(path, bit)
        }
      }
      await setList(area, 'file', { mask: 0, other: 4, users: [['carol', 7]], groups: [[dave.gid, 7]] })
      await area.as('bob').access(path, R_OK)
    },
  },
  {
    name: 'an empty mask leaves who is named nothing, even where others may',
    needs: aclNeeds,
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice' }) })
      await setList(area, 'file', { user: 7, group: 7, mask: 0, other: 7, users: [['bob', 7]] })
      await refuses('EACCES', area.as('bob').access(area.path('file'), R_OK))
    },
  },
  {
    name: 'one group must grant all that is asked: what several groups grant does not add up',
    needs: aclNeeds,
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice' }) })
      const path = area.path('file')
      await setList(area, 'file', { user: 7, group: 2, mask: 7, other: 7, groups: [[dave.gid, 4]] })
      await area.as('dave').access(path, R_OK)
      await area.as('dave').access(path, W_OK)
      await refuses('EACCES', area.as('dave').access(path, R_OK | W_OK))
      await refuses('EACCES', opens(area, 'dave', 'r+'))
      // Being in a group that is named, one is none of the others.
      await refuses('EACCES', area.as('dave').access(path, X_OK))
    },
  },
  {
    name: 'lists decide about directories: list, search, add',
    needs: aclNeeds,
    async run(area) {
      await area.plant({ d: directory({ owner: 'alice', mode: 0o700 }), 'd/x': file('x', { mode: 0o666 }) })
      const as = area.as('bob')
      for (let bits = 0; bits < 8; bits++) {
        await setList(area, 'd', { user: 7, mask: 7, users: [['bob', bits]] })
        assert.equal(await isGranted(as.readdir(area.path('d'))), (bits & 4) !== 0, `${bits} lists`)
        assert.equal(await isGranted(as.readFile(area.path('d/x'))), (bits & 1) !== 0, `${bits} searches`)
        const adds = await isGranted(as.writeFile(area.path('d/new'), ''))
        assert.equal(adds, (bits & 3) === 3, `${bits} adds`)
        if (adds) await as.unlink(area.path('d/new'))
      }
    },
  },
  {
    name: 'what is open stays open whatever the list says later',
    needs: aclNeeds,
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice', mode: 0o600 }) })
      await setList(area, 'file', { user: 6, mask: 6, users: [['bob', 6]] })
      const handle = await area.open('file', 'r+', undefined, 'bob')
      await setList(area, 'file', { user: 6, mask: 6, users: [['bob', 0]] })
      assert.equal((await handle.readFile()).toString(), 'content')
      await refuses('EACCES', opens(area, 'bob', 'r'))
    },
  },
  {
    name: 'a list goes with its file: by rename, by hard link, over a remount',
    needs: [...aclNeeds, 'hardLinks', 'remount'],
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice', mode: 0o600 }), d: directory() })
      const bits: Bits = { user: 6, mask: 4, users: [['bob', 6]] }
      await setList(area, 'file', bits)
      await area.promises.rename(area.path('file'), area.path('d/moved'))
      await area.promises.link(area.path('d/moved'), area.path('linked'))
      await area.remount()
      assert.deepEqual(await getList(area, 'linked'), listOf(bits))
      assert.equal((await area.as('bob').readFile(area.path('d/moved'))).toString(), 'content')
      await refuses('EACCES', area.as('bob').appendFile(area.path('linked'), 'x'))
    },
  },
  {
    name: 'a new owner has the owner’s bits, who was it before those of whatever names him',
    needs: aclNeeds,
    async run(area) {
      await area.plant({ file: file('content', { owner: 'alice' }) })
      const path = area.path('file')
      await setList(area, 'file', { user: 6, group: 0, mask: 7, users: [['bob', 0]], groups: [[alice.gid, 4]] })
      await area.promises.chown(path, bob.uid, bob.gid)
      await area.as('bob').access(path, R_OK | W_OK)
      await area.as('alice').access(path, R_OK)
      await refuses('EACCES', area.as('alice').access(path, W_OK))
    },
  },
]

export const acls: readonly Case[] = [...tables, ...rules]
