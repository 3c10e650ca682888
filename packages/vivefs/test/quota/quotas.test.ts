/** Limits as users meet them: hard, soft with grace, users, groups, projects; what statfs says; on, off, reopened. */
import { describe, expect, test } from 'vitest'
import { RoCompat } from '../../src/format/superblock.ts'
import { ViveFS } from '../../src/index.ts'
import type { Runtime } from '../../src/runtime.ts'
import { systemRuntime } from '../../src/runtime.ts'
import { coreOf } from '../../src/vivefs.ts'
import { memoryDatabase } from '../bare-volume.ts'

const alice = { uid: 1000, gid: 1000, groups: [] }
const bob = { uid: 2000, gid: 2000, groups: [1000] }

async function open(options: object = {}): Promise<ViveFS> {
  const vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 }, ...options })
  await vive.root.fs.promises.chmod('/', 0o777)
  return vive
}

const refused = (action: Promise<unknown>) => expect(action).rejects.toMatchObject({ code: 'EDQUOT' })
const clean = async (vive: ViveFS): Promise<void> => expect((await vive.fsck()).findings).toEqual([])

test('bytes, hard: of a user, whoever writes; what takes less is never refused', async () => {
  await using vive = await open()
  const his = vive.as(alice).fs.promises
  await his.writeFile('/before', Buffer.alloc(10_000))
  await vive.quotas.set('user', 1000, { bytesHard: 100_000 })
  expect(vive.quotas.get('user', 1000)).toMatchObject({
    used: { bytes: 10_000, inodes: 1 },
    limits: { bytesHard: 100_000, bytesSoft: 0 },
  })
  await his.writeFile('/a', Buffer.alloc(90_000))
  await refused(his.appendFile('/a', 'x'))
  await refused(his.writeFile('/b', 'x'))
  // A small file is written whole or not at all.
  await expect(his.stat('/b')).rejects.toMatchObject({ code: 'ENOENT' })
  await his.writeFile('/a', Buffer.alloc(80_000))
  await his.appendFile('/a', Buffer.alloc(10_000))
  expect(vive.quotas.get('user', 1000).used.bytes).toBe(100_000)
  await his.truncate('/a', 5)
  await his.unlink('/before')
  expect(vive.quotas.get('user', 1000).used).toEqual({ bytes: 5, inodes: 1 })
  // A long write is as long as there is room: whole pieces of 8 MiB.
  await vive.quotas.set('user', 1000, { bytesHard: 20 << 20 })
  await using handle = await his.open('/long', 'w')
  expect((await handle.write(Buffer.alloc(30 << 20))).bytesWritten).toBe(16 << 20)
  await refused(handle.write(Buffer.alloc(8 << 20)))
  await clean(vive)
})

test('inodes, hard; files that are open without a name count until they are closed', async () => {
  await using vive = await open()
  await vive.quotas.set('user', 1000, { inodesHard: 3 })
  const his = vive.as(alice).fs.promises
  await his.mkdir('/d')
  await his.symlink('x', '/l')
  const handle = await his.open('/f', 'w')
  await refused(his.mkdir('/e'))
  await his.link('/f', '/g')
  await his.unlink('/f')
  await his.unlink('/g')
  await refused(his.mkfifo('/p'))
  await handle.close()
  await his.mkfifo('/p')
  await clean(vive)
})

test('soft: above it for the time of the grace, then not any more, until it is below again', async () => {
  let ms = 1_000_000
  const system = systemRuntime()
  const runtime: Runtime = { ...system, now: () => ({ sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1e6 }) }
  await using vive = await open({ runtime })
  await vive.quotas.set('user', 1000, { bytesSoft: 1000, bytesHard: 5000, inodesSoft: 1 })
  await vive.quotas.setGrace('user', { bytesMs: 60_000, inodesMs: 10_000 })
  const his = vive.as(alice).fs.promises
  await his.writeFile('/f', Buffer.alloc(1000))
  expect(vive.quotas.get('user', 1000).graceEnds.bytesMs).toBe(undefined)
  await his.appendFile('/f', 'x')
  expect(vive.quotas.get('user', 1000).graceEnds.bytesMs).toBe(ms + 60_000)
  ms += 59_999
  await his.appendFile('/f', 'x')
  ms += 1
  await refused(his.appendFile('/f', 'x'))
  await his.truncate('/f', 1000)
  expect(vive.quotas.get('user', 1000).graceEnds.bytesMs).toBe(undefined)
  await his.appendFile('/f', 'x')
  await refused(his.appendFile('/f', Buffer.alloc(4000)))
  await his.writeFile('/g', '')
  ms += 10_000
  await refused(his.writeFile('/h', ''))
  // Raising the limit ends the matter.
  await vive.quotas.set('user', 1000, { inodesSoft: 0 })
  await his.writeFile('/h', '')
  await clean(vive)
})

test('groups; a file that changes hands takes its use along, and needs room there', async () => {
  await using vive = await open()
  await vive.quotas.set('group', 1000, { bytesHard: 50_000 })
  await vive.quotas.set('user', 2000, { bytesHard: 10_000 })
  await vive.as(alice).fs.promises.writeFile('/a', Buffer.alloc(40_000))
  const his = vive.as(bob).fs.promises
  await his.writeFile('/b', Buffer.alloc(9000))
  await his.chown('/b', 2000, 1000)
  expect(vive.quotas.get('group', 1000).used.bytes).toBe(49_000)
  await his.chown('/b', 2000, 2000)
  await vive.as(alice).fs.promises.appendFile('/a', Buffer.alloc(5000))
  await refused(his.chown('/b', 2000, 1000))
  // The superuser is not bound by the limits of users and groups.
  await vive.root.fs.promises.chown('/a', 2000, 1000)
  expect(vive.quotas.get('user', 2000).used.bytes).toBe(54_000)
  await refused(his.appendFile('/b', 'x'))
  await clean(vive)
})

describe('projects', () => {
  test('a tree with a number: what is in it counts, whoever makes it; names do not cross its border', async () => {
    await using vive = await open()
    const { promises } = vive.root.fs
    await promises.mkdir('/p/sub/deep', { recursive: true })
    await promises.mkdir('/other')
    await promises.writeFile('/p/sub/f', Buffer.alloc(5000))
    for (let n = 0; n < 600; n++) await promises.writeFile(`/p/sub/deep/${n}`, '')
    expect(await vive.quotas.assign('/p', 7)).toBe(604)
    expect(await vive.quotas.assign('/p', 7)).toBe(0)
    await vive.quotas.set('project', 7, { bytesHard: 20_000, inodesHard: 610 })
    expect(vive.quotas.get('project', 7).used).toEqual({ bytes: 5000, inodes: 604 })
    await promises.writeFile('/p/new', Buffer.alloc(15_000))
    await refused(promises.appendFile('/p/new', 'x'))
    await promises.mkdir('/p/d')
    expect(await vive.quotas.projectOf('/p/d')).toBe(7)
    await promises.writeFile('/o', '')
    await promises.mkdir('/d')
    const crosses = async (action: Promise<unknown>) => expect(action).rejects.toMatchObject({ code: 'EXDEV' })
    await crosses(promises.rename('/o', '/p/o'))
    await crosses(promises.rename('/p/new', '/new'))
    await crosses(promises.rename('/p/d', '/other/d'))
    await crosses(promises.link('/o', '/p/o'))
    await crosses(promises.link('/p/new', '/new'))
    await crosses(promises.rename('/d', '/p/d', { exchange: true }))
    await promises.rename('/p/new', '/p/sub/new')
    await promises.rename('/other', '/elsewhere')
    const { bsize, blocks, bfree, files, ffree } = await promises.statfs('/p/sub')
    expect([blocks * bsize, bfree, files, ffree]).toEqual([20_480, 0, 610, 4])
    expect((await promises.statfs('/elsewhere')).bfree).not.toBe(0)
    expect(await vive.quotas.assign('/p', 0)).toBe(606)
    expect(vive.quotas.get('project', 7).used).toEqual({ bytes: 0, inodes: 0 })
    await promises.rename('/o', '/p/o')
    await clean(vive)
  })

  test('what cannot be', async () => {
    await using vive = await open()
    await vive.root.fs.promises.writeFile('/f', '')
    await expect(vive.quotas.assign('/f', 5)).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(vive.quotas.assign('/none', 5)).rejects.toMatchObject({ code: 'ENOENT' })
    for (const [kind, id, limits] of [
      ['project', 0, {}],
      ['user', -1, {}],
      ['user', 2 ** 32 - 1, {}],
      ['people', 1, {}],
      ['user', 1, { bytesHard: -1 }],
      ['user', 1, { bytes: 1 }],
    ]) {
      await expect(vive.quotas.set(kind as never, id as number, limits as never)).rejects.toMatchObject({
        code: 'ERR_VIVEFS_OPTION',
      })
    }
    expect(vive.quotas.isOn).toBe(false)
  })
})

test('on, off, reopened: limits stay, use is counted anew; the feature bit goes with it', async () => {
  const database = memoryDatabase()
  {
    await using vive = await ViveFS.open(database, { owner: { uid: 0, gid: 0 } })
    expect(coreOf(vive).superblock.features.roCompat).toBe(0)
    await vive.root.fs.promises.chmod('/', 0o777)
    await vive.quotas.set('user', 1000, { inodesHard: 2 })
    expect(coreOf(vive).superblock.features.roCompat).toBe(RoCompat.quotas)
    await vive.as(alice).fs.promises.writeFile('/a', 'text')
  }
  {
    await using vive = await ViveFS.open(database)
    expect(vive.quotas.isOn).toBe(true)
    expect(vive.quotas.report()).toMatchObject([
      { kind: 'user', id: 0 },
      { kind: 'user', id: 1000, used: { bytes: 4, inodes: 1 }, limits: { inodesHard: 2 } },
      { kind: 'group', id: 0 },
      { kind: 'group', id: 1000 },
    ])
    await vive.quotas.off()
    expect(coreOf(vive).superblock.features.roCompat).toBe(0)
    for (const name of ['b', 'c', 'd']) await vive.as(alice).fs.promises.writeFile(`/${name}`, name)
    await clean(vive)
  }
  {
    await using vive = await ViveFS.open(database)
    expect(vive.quotas.isOn).toBe(false)
    await vive.quotas.on()
    expect(vive.quotas.get('user', 1000)).toMatchObject({ used: { bytes: 7, inodes: 4 }, limits: { inodesHard: 2 } })
    await refused(vive.as(alice).fs.promises.mkdir('/e'))
    await clean(vive)
  }
})

test('a transaction is one: its own use counts for it, and what others take meanwhile', async () => {
  await using vive = await open()
  await vive.quotas.assign('/', 3)
  await vive.quotas.set('project', 3, { bytesHard: 1000 })
  await refused(
    vive.transaction(async (tx) => {
      await tx.fs.writeFile('/a', Buffer.alloc(600))
      await tx.fs.writeFile('/b', Buffer.alloc(600))
    }),
  )
  expect(vive.quotas.get('project', 3).used).toEqual({ bytes: 0, inodes: 1 })
  await vive.transaction(async (tx) => {
    await tx.fs.writeFile('/a', Buffer.alloc(600))
    await tx.fs.unlink('/a')
    await tx.fs.writeFile('/b', Buffer.alloc(900))
  })
  expect(vive.quotas.get('project', 3).used).toEqual({ bytes: 900, inodes: 2 })
  let runs = 0
  let go = (): void => {}
  // From outside of the transaction.
  const others = new Promise<void>((resolve) => {
    go = resolve
  }).then(() => vive.root.fs.promises.writeFile('/c', Buffer.alloc(50)))
  await refused(
    vive.transaction(async (tx) => {
      if (++runs > 3) throw new Error('runs again and again')
      await tx.fs.appendFile('/b', Buffer.alloc(80))
      go()
      await others
    }),
  )
  expect(vive.quotas.get('project', 3).used.bytes).toBe(950)
  await clean(vive)
})

test('many at once never pass a limit', async () => {
  await using vive = await open()
  await vive.quotas.set('user', 1000, { inodesHard: 50, bytesHard: 20_000 })
  const his = vive.as(alice).fs.promises
  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, (_, n) => his.writeFile(`/${n}`, Buffer.alloc(1000))),
  )
  expect(outcomes.every((each) => each.status === 'fulfilled' || each.reason.code === 'EDQUOT')).toBe(true)
  const { used } = vive.quotas.get('user', 1000)
  expect(used).toEqual({ bytes: 20_000, inodes: 20 })
  const made = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => his.mkdir(`/d${n}`)))
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(30)
  await clean(vive)
})

test('a refusal names the call that node would meet it in', async () => {
  await using vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
  await vive.fs.promises.mkdir('/d')
  await vive.fs.promises.chmod('/d', 0o777)
  await vive.quotas.set('user', 7, { bytesHard: 10_000, inodesHard: 2 })
  const { promises } = vive.as({ uid: 7, gid: 7 }).fs
  const written = promises.writeFile('/d/f', Buffer.alloc(20_000, 1))
  await expect(written).rejects.toMatchObject({ code: 'EDQUOT', message: 'EDQUOT: disk quota exceeded, write' })
  await promises.writeFile('/d/f', Buffer.alloc(9000, 1))
  const appended = promises.appendFile('/d/f', Buffer.alloc(9000, 1))
  await expect(appended).rejects.toMatchObject({ syscall: 'write', message: 'EDQUOT: disk quota exceeded, write' })
  await promises.writeFile('/d/g', '')
  const third = promises.writeFile('/d/h', 'x')
  await expect(third).rejects.toMatchObject({ code: 'EDQUOT', syscall: 'open', path: '/d/h' })
  const missing = promises.writeFile('/none/h', 'x')
  await expect(missing).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open', path: '/none/h' })
})
