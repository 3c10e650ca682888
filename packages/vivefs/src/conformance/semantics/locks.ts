/** Locks: byte ranges of fcntl(2), whose owner is a person, and flock(2), whose owner is an open file. */
import assert from 'node:assert/strict'
import { type Area, file, refuses } from '../area.ts'
import type { Case } from '../case.ts'
import type { SuiteLocker, SuiteLockRequest } from '../extras.ts'
import type { Person } from '../people.ts'

export const lockNeeds = ['identities', 'locks'] as const

const write = (start: number, length: number): SuiteLockRequest => ({ type: 'write', start, length })
const read = (start: number, length: number): SuiteLockRequest => ({ type: 'read', start, length })
const whole: SuiteLockRequest = { type: 'write' }

/** A file that everybody may lock, opened by each of `who`. */
export async function lockersOf(area: Area, who: readonly Person[], relative = 'file'): Promise<SuiteLocker[]> {
  await area.plant({ [relative]: file('content', { mode: 0o666 }) })
  const lockers: SuiteLocker[] = []
  for (const each of who) lockers.push(await area.openLocker(relative, each))
  return lockers
}

/** What `locker` may have of the bytes 0 to `end`: for each `w`, `r` (to read only) or `.`. */
async function freeFor(locker: SuiteLocker, end: number): Promise<string> {
  let found = ''
  for (let at = 0; at < end; at++) {
    if ((await locker.test(write(at, 1))) === undefined) found += 'w'
    else found += (await locker.test(read(at, 1))) === undefined ? 'r' : '.'
  }
  return found
}

const ranges: readonly Case[] = [
  {
    name: 'a write lock excludes everybody else, a read lock excludes writers',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob, carol] = await lockersOf(area, ['alice', 'bob', 'carol'])
      await alice.lock(write(0, 10))
      await refuses('EAGAIN', bob.lock(write(0, 10)))
      await refuses('EAGAIN', bob.lock(read(9, 1)))
      await bob.lock(read(10, 10))
      await carol.lock(read(10, 10))
      await refuses('EAGAIN', alice.lock(write(15, 1)))
      await alice.lock(read(15, 1))
      await refuses('EAGAIN', bob.lock(write(10, 5)))
      await carol.unlock({ start: 10, length: 5 })
      await bob.lock(write(10, 5))
    },
  },
  {
    name: 'length 0 is to the end, however far the file grows; locks may lie beyond it',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      await alice.lock(write(1000, 0))
      await refuses('EAGAIN', bob.lock(read(2 ** 50, 1)))
      await refuses('EAGAIN', bob.lock(read(0, 0)))
      await bob.lock(write(0, 1000))
      await alice.unlock({ start: 2000 })
      await bob.lock(write(2000, 0))
      assert.deepEqual(await bob.test(read(0, 0)), { type: 'write', start: 1000, length: 1000, owner: alice.owner })
    },
  },
  {
    name: 'unlocking a part splits a lock',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      await alice.lock(write(0, 12))
      await alice.unlock({ start: 4, length: 3 })
      assert.equal(await freeFor(bob, 13), '....www.....w')
      assert.deepEqual(await bob.test(write(0, 0)), { type: 'write', start: 0, length: 4, owner: alice.owner })
      assert.deepEqual(await bob.test(write(4, 0)), { type: 'write', start: 7, length: 5, owner: alice.owner })
      await alice.unlock({})
      assert.equal(await bob.test(whole), undefined)
    },
  },
  {
    name: 'locks of one kind that touch or overlap become one',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      for (const [start, length] of [
        [0, 3],
        [8, 4],
        [3, 2],
        [4, 4],
      ])
        await alice.lock(write(start, length))
      assert.deepEqual(await bob.test(write(0, 0)), { type: 'write', start: 0, length: 12, owner: alice.owner })
    },
  },
  {
    name: 'the kind of a part changes in place',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      await alice.lock(write(0, 12))
      await alice.lock(read(3, 4))
      assert.equal(await freeFor(bob, 13), '...rrrr.....w')
      await bob.lock(read(5, 1))
      await refuses('EAGAIN', alice.lock(write(3, 4)))
      // Refused, it changed nothing.
      assert.equal(await freeFor(bob, 13), '...rrrr.....w')
      await bob.unlock({})
      await alice.lock(write(3, 4))
      assert.equal(await freeFor(bob, 13), '............w')
    },
  },
  {
    name: 'test tells the lowest lock in the way and whose it is, and takes nothing',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob, carol] = await lockersOf(area, ['alice', 'bob', 'carol'])
      await bob.lock(read(20, 5))
      assert.equal(await alice.test(read(0, 0)), undefined)
      assert.deepEqual(await alice.test(write(0, 0)), { type: 'read', start: 20, length: 5, owner: bob.owner })
      assert.equal(await alice.test(write(0, 20)), undefined)
      assert.equal(await bob.test(write(0, 0)), undefined, 'one’s own are not in the way')
      await carol.lock(write(0, 20))
      assert.deepEqual(await bob.test(read(10, 1)), { type: 'write', start: 0, length: 20, owner: carol.owner })
    },
  },
  {
    name: 'what a lock is for, the file must be open for',
    needs: lockNeeds,
    async run(area) {
      await lockersOf(area, [])
      const reader = await area.openLocker('file', 'alice', 'r')
      const writer = await area.openLocker('file', 'bob', 'a')
      await refuses('EBADF', reader.lock(whole))
      await refuses('EBADF', writer.lock({ type: 'read' }))
      await reader.lock(read(0, 5))
      await writer.lock(write(5, 5))
    },
  },
  {
    name: 'locks are of the inode: every name of it leads to them, another file does not',
    needs: [...lockNeeds, 'hardLinks'],
    async run(area) {
      const [alice] = await lockersOf(area, ['alice'])
      await lockersOf(area, [], 'other')
      await alice.lock(whole)
      await area.promises.link(area.path('file'), area.path('linked'))
      await area.promises.rename(area.path('file'), area.path('moved'))
      for (const at of ['linked', 'moved']) {
        const bob = await area.openLocker(at, 'bob')
        await refuses('EAGAIN', bob.lock(whole), at)
      }
      const other = await area.openLocker('other', 'bob')
      await other.lock(whole)
    },
  },
  {
    name: 'locks are advice: who does not ask reads, writes, renames and removes',
    needs: lockNeeds,
    async run(area) {
      const [alice] = await lockersOf(area, ['alice'])
      await alice.lock(whole)
      await alice.flock('exclusive')
      await area.as('bob').appendFile(area.path('file'), ' more')
      assert.equal((await area.as('bob').readFile(area.path('file'))).toString(), 'content more')
      await area.promises.truncate(area.path('file'), 0)
      await area.promises.unlink(area.path('file'))
    },
  },
]

const owners: readonly Case[] = [
  {
    name: 'two open files of one person are one owner: their locks join and replace each other',
    needs: lockNeeds,
    async run(area) {
      const [one, two, bob] = await lockersOf(area, ['alice', 'alice', 'bob'])
      await one.lock(write(0, 10))
      await two.lock(read(0, 5))
      await two.lock(write(10, 5))
      assert.equal(await two.test(whole), undefined)
      assert.equal(await freeFor(bob, 16), 'rrrrr..........w')
      await one.unlock({})
      assert.equal(await bob.test(whole), undefined)
    },
  },
  {
    name: 'any close of the file by the person lets go of all that the person has in it, and of nothing else',
    needs: lockNeeds,
    async run(area) {
      const [one, two, bob] = await lockersOf(area, ['alice', 'alice', 'bob'])
      await lockersOf(area, [], 'other')
      const other = await area.openLocker('other', 'alice')
      await one.lock(write(0, 10))
      await other.lock(whole)
      await bob.lock(write(10, 10))
      await two.close()
      await bob.lock(write(0, 10))
      await refuses('EAGAIN', one.lock(write(15, 1)))
      const bobs = await area.openLocker('other', 'bob')
      await refuses('EAGAIN', bobs.lock(whole))
    },
  },
]

const nameless: Case = {
  name: 'a file without a name keeps its locks while it is open, and a close lets go of them as of any other’s',
  needs: [...lockNeeds, 'unlinkWhileOpen'],
  async run(area) {
    const [one, two, bob] = await lockersOf(area, ['alice', 'alice', 'bob'])
    await one.lock(whole)
    await area.promises.unlink(area.path('file'))
    await refuses('EAGAIN', bob.lock(read(0, 1)))
    const [other] = await lockersOf(area, ['bob'])
    await other.lock(whole)
    await two.close()
    await bob.lock(whole)
  },
}

const flocks: readonly Case[] = [
  {
    name: 'flock: many share or one has it; two open files of one person stand in each other’s way',
    needs: lockNeeds,
    async run(area) {
      const [one, two, bob] = await lockersOf(area, ['alice', 'alice', 'bob'])
      await one.flock('exclusive')
      await refuses('EAGAIN', two.flock('shared'))
      await refuses('EAGAIN', bob.flock('exclusive'))
      await one.flock('unlock')
      await two.flock('shared')
      await bob.flock('shared')
      await refuses('EAGAIN', one.flock('exclusive'))
      await one.flock('shared')
    },
  },
  {
    name: 'flock: it changes its kind in place, needs no right to write, and goes with its own close only',
    needs: lockNeeds,
    async run(area) {
      await lockersOf(area, [])
      const alice = await area.openLocker('file', 'alice', 'r')
      const same = await area.openLocker('file', 'alice', 'r')
      const bob = await area.openLocker('file', 'bob', 'r')
      await alice.flock('exclusive')
      await alice.flock('shared')
      await bob.flock('shared')
      await bob.flock('unlock')
      await alice.flock('exclusive')
      await same.close()
      await refuses('EAGAIN', bob.flock('shared'))
      await alice.close()
      await bob.flock('exclusive')
    },
  },
  {
    name: 'flock and byte ranges do not see each other',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      await alice.flock('exclusive')
      await bob.lock(whole)
      await refuses('EAGAIN', alice.lock(read(0, 1)))
      await refuses('EAGAIN', bob.flock('shared'))
      assert.deepEqual(await alice.test(read(0, 1)), { type: 'write', start: 0, length: 0, owner: bob.owner })
      assert.equal(await bob.test(whole), undefined)
    },
  },
]

export const locks: readonly Case[] = [...ranges, ...owners, nameless, ...flocks]
