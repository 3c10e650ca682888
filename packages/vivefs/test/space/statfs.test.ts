/** What statfs says is free: where new content would go, under the limits of whoever asks, without what is kept back. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { archive, ladder, type MediaPolicy } from '@vivefs/lsm'
import { type Medium, openMemory, openSmr } from '@vivefs/media'
import { afterEach, expect, test } from 'vitest'
import { type ViveFileSystem, ViveFS } from 'vivefs'
import { runAsync } from '../../src/op.ts'

const MIB = 1 << 20
const root = { credentials: { uid: 0, gid: 0, groups: [] } }

const spaceOf = async (fs: ViveFileSystem, path = '/') => {
  const { bsize, blocks, bfree, bavail, files, ffree } = await fs.promises.statfs(path)
  return { total: blocks * bsize, free: bfree * bsize, available: bavail * bsize, files, ffree }
}

test('users, groups and projects see what their limits leave them, the tightest of all', async () => {
  await using vive = await ViveFS.open('memory://', root)
  const { promises } = vive.fs
  await promises.mkdir('/open', { mode: 0o777 })
  await promises.chmod('/open', 0o777)
  await promises.mkdir('/open/team')
  await promises.chmod('/open/team', 0o777)
  await vive.quotas.set('user', 7, { bytesHard: 64 * MIB, inodesHard: 10 })
  await vive.quotas.set('group', 70, { bytesSoft: 32 * MIB, bytesHard: 48 * MIB })
  await vive.quotas.assign('/open/team', 3)
  await vive.quotas.set('project', 3, { bytesHard: 16 * MIB, inodesHard: 6 })
  const seven = vive.as({ uid: 7, gid: 7 }).fs
  const inGroup = vive.as({ uid: 8, gid: 70 }).fs
  const both = vive.as({ uid: 7, gid: 70 }).fs
  await seven.promises.writeFile('/open/own', Buffer.alloc(MIB, 1))
  expect(await spaceOf(seven)).toEqual({ total: 64 * MIB, free: 63 * MIB, available: 63 * MIB, files: 10, ffree: 9 })
  // Soft limits count before hard ones, as on XFS.
  expect(await spaceOf(inGroup)).toMatchObject({ total: 32 * MIB, available: 32 * MIB })
  await both.promises.writeFile('/open/both', Buffer.alloc(2 * MIB, 1))
  expect(await spaceOf(both)).toMatchObject({ total: 32 * MIB, available: 30 * MIB, ffree: 8 })
  expect(await spaceOf(both, '/open/team')).toMatchObject({ total: 16 * MIB, available: 16 * MIB, files: 6, ffree: 5 })
  // Limits of users and groups do not bind the superuser, those of projects do.
  expect((await spaceOf(vive.fs)).available).toBeGreaterThan(64 * MIB)
  expect(await spaceOf(vive.fs, '/open/team')).toMatchObject({ available: 16 * MIB })
  const who = { uid: 7, gid: 7, groups: [], umask: 0 }
  expect(await runAsync(vive.fsal.statfs(who, vive.fsal.root(), undefined))).toMatchObject({ freeBytes: 61 * MIB })
  // What it says can be written.
  const { available } = await spaceOf(both, '/open/team')
  await both.promises.writeFile('/open/team/all', Buffer.alloc(available, 1))
  expect((await spaceOf(both, '/open/team')).available).toBe(0)
  await expect(both.promises.appendFile('/open/team/all', 'x')).rejects.toMatchObject({ code: 'EDQUOT' })
  await vive.quotas.off()
  expect((await spaceOf(seven)).available).toBeGreaterThan(64 * MIB)
})

const opened: Medium[] = []
afterEach(async () => {
  for (const medium of opened.splice(0)) await medium.close()
})
const kept = <M extends Medium>(medium: M): M => {
  opened.push(medium)
  return medium
}

test('on tiers: what the media take that new content goes to', async () => {
  const media = {
    flash: kept(openMemory({ zoneBytes: MIB, zoneCount: 96, durability: 'flush' })),
    smr: kept(openSmr({ zoneBytes: MIB, zoneCount: 400 })),
    old: kept(openMemory({ zoneBytes: MIB, zoneCount: 500, durability: 'flush' })),
  }
  const available = (vive: ViveFS, name: string): number =>
    vive.mediaMap()?.media.find((one) => one.name === name)?.availableBytes ?? -1
  const near = (bytes: number) => Math.floor(bytes / 4096) * 4096
  {
    await using vive = await ViveFS.open(
      { media, home: ['flash'], policy: archive({ hot: ['flash'], cold: ['smr'], tape: ['old'] }) },
      root,
    )
    // What is new goes to the hot medium, and to the cold one when that is full; never straight to what is for old things.
    expect((await spaceOf(vive.fs)).available).toBe(near(available(vive, 'flash') + available(vive, 'smr')))
    await vive.fs.promises.writeFile('/f', Buffer.alloc(8 * MIB, 1))
    await vive.settle()
    expect((await spaceOf(vive.fs)).available).toBe(near(available(vive, 'flash') + available(vive, 'smr')))
  }
  const policies: [MediaPolicy, boolean][] = [
    [ladder(['flash', 'smr']), true],
    [{ name: 'cold only', place: ({ file }) => ({ media: [file === 'log' ? 'smr' : 'flash'] }) }, false],
  ]
  for (const [policy, isBoth] of policies) {
    await using vive = await ViveFS.open({ media, home: ['flash'], policy }, root)
    const wanted = available(vive, 'smr') + (isBoth ? available(vive, 'flash') : 0)
    expect([policy.name, (await spaceOf(vive.fs)).available]).toEqual([policy.name, near(wanted)])
  }
})

test('in a directory: what is kept back for deleting is nobody’s to write', async () => {
  const place = mkdtempSync(join(tmpdir(), 'vivefs-statfs-'))
  try {
    await using vive = await ViveFS.open(place, root)
    const { bavail, bsize } = statfsSync(place)
    const { free, available } = await spaceOf(vive.fs)
    expect(available).toBe(free)
    // 12 MiB and twelve tables of at least 2 MiB (engine/reserve.ts); others use the disk as well.
    expect(available).toBeLessThan(bavail * bsize - 30 * MIB + 64 * MIB)
    expect(available).toBeGreaterThan(0)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
})
