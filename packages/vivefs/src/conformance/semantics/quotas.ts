/** Quotas: what counts, for whom, what is refused and what never is, after quotactl(2) as Linux's filesystems keep it. */
import assert from 'node:assert/strict'
import { constants } from 'node:fs'
import { type Area, directory, file, refuses } from '../area.ts'
import type { Case } from '../case.ts'
import { followUse, limit, limitToUse, useOf } from '../limits.ts'
import { O_TMPFILE } from '../matrix/open-cells.ts'
import { CLUB, type Person, people } from '../people.ts'

const needs = ['identities', 'quotas'] as const
const { alice, bob } = people
const KIB = 1024

/** Room for what a filesystem rounds up by, of one file. */
const BLOCK = 4 * KIB

const bytes = (length: number): Buffer => Buffer.alloc(length, 'x')

/** A directory of alice's, and limits on her: what she has already and `more`. */
async function limited(area: Area, more: { bytes?: number; inodes?: number }): Promise<void> {
  await area.plant({ d: directory({ owner: 'alice', mode: 0o777 }), 'd/old': file(bytes(BLOCK), { owner: 'alice' }) })
  await limitToUse(area, 'user', alice.uid, more)
}

/** What the inodes hold by stat, and how many they are. */
async function holdings(area: Area, paths: readonly string[]): Promise<{ bytes: number; inodes: number }> {
  const stats = await Promise.all(paths.map((path) => area.lstat(path)))
  return { bytes: stats.reduce((sum, { blocks }) => sum + Number(blocks) * 512, 0), inodes: stats.length }
}

/** Fails unless use has grown since `before` by what the inodes hold. */
async function assertUse(
  area: Area,
  who: Person,
  before: { bytes: number; inodes: number },
  paths: readonly string[],
): Promise<void> {
  const now = await useOf(area, 'user', people[who].uid)
  const held = await holdings(area, paths)
  const grown = now.bytes - before.bytes
  assert.equal(now.inodes - before.inodes, held.inodes, `inodes of ${paths.join(' ')}`)
  // stat rounds each up to 512 bytes.
  assert.ok(grown <= held.bytes && grown > held.bytes - 512 * (held.inodes + 1), `${grown} bytes of ${held.bytes}`)
}

const counting: readonly Case[] = [
  {
    name: 'use is what the inodes of an owner hold, each once, until they are gone',
    needs: [...needs, 'hardLinks', 'symlinks'],
    async run(area) {
      await area.plant({ d: directory({ mode: 0o777 }) })
      await followUse(area, 'user', alice.uid)
      const before = await useOf(area, 'user', alice.uid)
      const { promises } = area.fs('alice')
      await promises.writeFile(area.path('d/a'), bytes(100_000))
      await promises.writeFile(area.path('d/empty'), '')
      await promises.mkdir(area.path('d/e'))
      await promises.symlink('a', area.path('d/l'))
      await promises.link(area.path('d/a'), area.path('d/again'))
      await area.as('bob').writeFile(area.path('d/bobs'), bytes(50_000))
      await assertUse(area, 'alice', before, ['d/a', 'd/empty', 'd/e', 'd/l'])
      await promises.truncate(area.path('d/a'), 10_000)
      await assertUse(area, 'alice', before, ['d/a', 'd/empty', 'd/e', 'd/l'])
      await promises.unlink(area.path('d/a'))
      await promises.rmdir(area.path('d/e'))
      await assertUse(area, 'alice', before, ['d/again', 'd/empty', 'd/l'])
      for (const name of ['again', 'empty', 'l']) await promises.unlink(area.path(`d/${name}`))
      await assertUse(area, 'alice', before, [])
    },
  },
  {
    name: 'holes are free; what is written into them is not',
    needs: [...needs, 'sparse'],
    async run(area) {
      await limited(area, { bytes: 64 * KIB })
      const handle = await area.open('d/old', 'r+', undefined, 'alice')
      await handle.truncate(10_000_000)
      await handle.write(bytes(KIB), 0, KIB, 5_000_000)
      const fill = async (): Promise<void> => {
        for (let at = 0; at < 128 * KIB; at += BLOCK) await handle.write(bytes(BLOCK), 0, BLOCK, 1_048_576 + at)
      }
      await refuses('EDQUOT', fill())
    },
  },
  {
    name: 'a file without a name counts until it is closed',
    needs: [...needs, 'unlinkWhileOpen'],
    async run(area) {
      await limited(area, { inodes: 1 })
      const as = area.as('alice')
      const handle = await area.open('d/new', 'w', 0o644, 'alice')
      await as.unlink(area.path('d/new'))
      await refuses('EDQUOT', as.mkdir(area.path('d/e')))
      await handle.close()
      await as.mkdir(area.path('d/e'))
    },
  },
  {
    name: 'a file made by O_TMPFILE counts',
    needs: [...needs, 'temporaryFiles'],
    async run(area) {
      await limited(area, { inodes: 0 })
      await refuses('EDQUOT', area.open('d', O_TMPFILE | constants.O_RDWR, 0o600, 'alice'))
    },
  },
  {
    name: 'use and limits outlive a remount',
    needs: [...needs, 'remount'],
    async run(area) {
      await limited(area, { bytes: 64 * KIB, inodes: 1 })
      const before = await useOf(area, 'user', alice.uid)
      await area.remount()
      assert.deepEqual(await useOf(area, 'user', alice.uid), before)
      await area.as('alice').writeFile(area.path('d/new'), bytes(10 * KIB))
      await refuses('EDQUOT', area.as('alice').writeFile(area.path('d/newer'), ''))
      await refuses('EDQUOT', area.as('alice').appendFile(area.path('d/new'), bytes(128 * KIB)))
    },
  },
]

const refusals: readonly Case[] = [
  {
    name: 'bytes: what would go above the hard limit is refused; use never is above it',
    needs,
    async run(area) {
      await limited(area, { bytes: 64 * KIB })
      const as = area.as('alice')
      const { bytes: used } = await useOf(area, 'user', alice.uid)
      await as.writeFile(area.path('d/new'), bytes(32 * KIB))
      await refuses('EDQUOT', as.appendFile(area.path('d/old'), bytes(48 * KIB)), 'of one file with another')
      // A part of it may have been written.
      assert.ok((await useOf(area, 'user', alice.uid)).bytes <= used + 64 * KIB)
      await as.truncate(area.path('d/old'), BLOCK)
      await as.appendFile(area.path('d/new'), bytes(32 * KIB))
      const handle = await area.open('d/new', 'a', undefined, 'alice')
      await refuses('EDQUOT', handle.write(bytes(BLOCK), 0, BLOCK, null))
      assert.equal((await area.stat('d/new')).size, BigInt(64 * KIB))
      assert.equal((await useOf(area, 'user', alice.uid)).bytes, used + 64 * KIB)
    },
  },
  {
    name: 'at the limit: overwriting in place, reading, renaming, chmod and removing go on',
    needs,
    async run(area) {
      await limited(area, { bytes: 0, inodes: 0 })
      const as = area.as('alice')
      const handle = await area.open('d/old', 'r+', undefined, 'alice')
      await handle.write(Buffer.alloc(BLOCK, 'y'), 0, BLOCK, 0)
      assert.equal((await area.text('d/old'))[0], 'y')
      await as.rename(area.path('d/old'), area.path('d/moved'))
      await as.chmod(area.path('d/moved'), 0o600)
      await as.utimes(area.path('d/moved'), 1, 1)
      await as.unlink(area.path('d/moved'))
    },
  },
  {
    name: 'a limit below what is used takes nothing away: nothing grows, everything may shrink',
    needs,
    async run(area) {
      await limited(area, {})
      const as = area.as('alice')
      await as.writeFile(area.path('d/big'), bytes(100 * KIB))
      await limit(area, 'user', alice.uid, { bytesHard: KIB, inodesHard: 1 })
      await refuses('EDQUOT', as.appendFile(area.path('d/big'), bytes(BLOCK)))
      await refuses('EDQUOT', as.mkdir(area.path('d/e')))
      await as.truncate(area.path('d/big'), 50 * KIB)
      assert.equal((await as.readFile(area.path('d/big'))).length, 50 * KIB)
      await as.unlink(area.path('d/big'))
    },
  },
  {
    name: 'what a truncation or a removal gives back can be used again, and a limit that is raised as well',
    needs,
    async run(area) {
      await limited(area, { bytes: 64 * KIB, inodes: 1 })
      const as = area.as('alice')
      await as.writeFile(area.path('d/new'), bytes(60 * KIB))
      await refuses('EDQUOT', as.appendFile(area.path('d/old'), bytes(40 * KIB)))
      await as.truncate(area.path('d/new'), 0)
      await as.appendFile(area.path('d/old'), bytes(40 * KIB))
      // The old content goes before the new one comes.
      await as.writeFile(area.path('d/old'), bytes(60 * KIB))
      await refuses('EDQUOT', as.mkdir(area.path('d/e')))
      await as.unlink(area.path('d/new'))
      await as.mkdir(area.path('d/e'))
      await refuses('EDQUOT', as.mkdir(area.path('d/f')))
      await limit(area, 'user', alice.uid, { inodesHard: 0 })
      await as.mkdir(area.path('d/f'))
    },
  },
  {
    name: 'inodes: whatever would be one more is refused; one more name is none',
    needs: [...needs, 'hardLinks', 'symlinks', 'mknod'],
    async run(area) {
      await limited(area, { inodes: 0 })
      const as = area.as('alice')
      const at = area.path('d/new')
      await refuses('EDQUOT', as.writeFile(at, ''), 'writeFile')
      await refuses('EDQUOT', as.mkdir(at), 'mkdir')
      await refuses('EDQUOT', as.symlink('target', at), 'symlink')
      await refuses('EDQUOT', area.extras('alice').mknod(at, 'fifo', { mode: 0o644 }), 'mknod')
      await refuses('EDQUOT', as.copyFile(area.path('d/old'), at), 'copyFile')
      assert.deepEqual(await as.readdir(area.path('d')), ['old'])
      await as.link(area.path('d/old'), at)
    },
  },
  {
    name: 'a soft limit may be passed until the grace is over; below it, the grace begins anew',
    needs,
    async run(area) {
      await limited(area, {})
      const as = area.as('alice')
      const path = area.path('d/old')
      area.afterwards(() => area.extras().setQuotaGrace('user', { bytesMs: 7 * 86_400_000 }))
      await area.extras().setQuotaGrace('user', { bytesMs: 3_600_000 })
      const { bytes: used } = await useOf(area, 'user', alice.uid)
      await limit(area, 'user', alice.uid, { bytesSoft: used + BLOCK, bytesHard: used + 1024 * KIB })
      await as.appendFile(path, bytes(2 * BLOCK))
      await as.appendFile(path, bytes(BLOCK))
      await as.truncate(path, BLOCK)
      await area.extras().setQuotaGrace('user', { bytesMs: 1 })
      await as.appendFile(path, bytes(2 * BLOCK))
      await refuses('EDQUOT', appendUntil(area, path, 3000), 'the grace is over')
      await as.truncate(path, BLOCK)
      await as.appendFile(path, bytes(2 * BLOCK))
      await refuses('EDQUOT', as.appendFile(path, bytes(1024 * KIB)), 'the hard limit has no grace')
    },
  },
]

/** Lets a file of alice's grow, little by little, until that is refused or the time is over. */
async function appendUntil(area: Area, path: string, ms: number): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    await area.as('alice').appendFile(path, bytes(BLOCK))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const owners: readonly Case[] = [
  {
    name: 'the owner’s limit binds whoever writes; one has nothing to do with another’s',
    needs,
    async run(area) {
      await limited(area, { bytes: 0, inodes: 0 })
      await area.promises.chmod(area.path('d/old'), 0o666)
      await refuses('EDQUOT', area.as('bob').appendFile(area.path('d/old'), bytes(BLOCK)))
      await area.as('bob').writeFile(area.path('d/bobs'), bytes(64 * KIB))
    },
  },
  {
    name: 'root is above the limits of users and groups, and what it does counts',
    needs,
    async run(area) {
      await limited(area, { bytes: 0, inodes: 0 })
      await limitToUse(area, 'group', alice.gid, { bytes: 0, inodes: 0 })
      const before = await useOf(area, 'user', alice.uid)
      await area.promises.appendFile(area.path('d/old'), bytes(64 * KIB))
      await area.promises.writeFile(area.path('roots'), bytes(KIB))
      await area.promises.chown(area.path('roots'), alice.uid, alice.gid)
      const after = await useOf(area, 'user', alice.uid)
      assert.equal(after.inodes - before.inodes, 1)
      assert.ok(after.bytes - before.bytes >= 64 * KIB)
    },
  },
  {
    name: 'a file that changes hands takes its use along',
    needs,
    async run(area) {
      await area.plant({ file: file(bytes(100_000), { owner: 'alice' }) })
      await followUse(area, 'user', alice.uid)
      const alices = await useOf(area, 'user', alice.uid)
      const bobs = await useOf(area, 'user', bob.uid)
      const groups = await useOf(area, 'group', bob.gid)
      await area.promises.chown(area.path('file'), bob.uid, bob.gid)
      assert.equal(alices.inodes - (await useOf(area, 'user', alice.uid)).inodes, 1)
      await assertUse(area, 'bob', bobs, ['file'])
      const grown = (await useOf(area, 'group', bob.gid)).bytes - groups.bytes
      assert.equal(grown, (await useOf(area, 'user', bob.uid)).bytes - bobs.bytes)
    },
  },
  {
    name: 'a group’s limit binds its members; handing a file to the group needs room there',
    needs,
    async run(area) {
      await area.plant({
        d: directory({ mode: 0o777 }),
        'd/club': file('x', { owner: 'alice', gid: CLUB }),
        'd/mine': file(bytes(64 * KIB), { owner: 'alice' }),
      })
      await limitToUse(area, 'group', CLUB, { bytes: 32 * KIB, inodes: 1 })
      const as = area.as('alice')
      await refuses('EDQUOT', as.appendFile(area.path('d/club'), bytes(64 * KIB)))
      await refuses('EDQUOT', as.chown(area.path('d/mine'), alice.uid, CLUB))
      assert.equal((await area.stat('d/mine')).gid, BigInt(alice.gid))
      await as.truncate(area.path('d/mine'), 0)
      await as.chown(area.path('d/mine'), alice.uid, CLUB)
      await refuses('EDQUOT', as.appendFile(area.path('d/mine'), bytes(64 * KIB)))
    },
  },
  {
    name: 'what is made in a setgid directory counts for its group',
    needs,
    async run(area) {
      await area.plant({ d: directory({ gid: CLUB, mode: 0o2777 }) })
      await limitToUse(area, 'group', CLUB, { inodes: 1 })
      await area.as('bob').writeFile(area.path('d/one'), '')
      await refuses('EDQUOT', area.as('bob').writeFile(area.path('d/two'), ''))
      await area.as('bob').unlink(area.path('d/one'))
      await area.as('bob').mkdir(area.path('d/two'))
    },
  },
]

export const quotas: readonly Case[] = [...counting, ...refusals, ...owners]
