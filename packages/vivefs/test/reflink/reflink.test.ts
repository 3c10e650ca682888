/** Reflinks as users meet them: what is shared and what it costs, who is charged, what each change leaves to the others. */
import { constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { Incompat } from '../../src/format/superblock.ts'
import { runAsync } from '../../src/op.ts'
import { receive } from '../../src/send/open.ts'
import { coreOf, ViveFS } from '../../src/vivefs.ts'
import { root } from '../bare-volume.ts'
import { fingerprint } from '../model/fingerprint.ts'

const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE, O_RDWR } = constants
const KIB = 1024
const MIB = 1024 * KIB
const credentials = { uid: 0, gid: 0, groups: [], umask: 0o022 }

const folders: string[] = []
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

/** Bytes that say where they are. */
function pattern(length: number, salt = 0): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE((at ^ (salt * 0x9e3779b1)) >>> 0, at)
  return bytes
}

describe.each(['memory', 'lsm', 'level'] as const)('on %s', (engine) => {
  let vive: ViveFS
  let where: string
  const open = async (): Promise<ViveFS> =>
    ViveFS.open(where, { credentials, ...(engine === 'memory' ? {} : { engine }) })
  const clean = async (): Promise<void> => {
    await vive.settle()
    expect((await vive.fsck()).findings).toEqual([])
  }
  const used = (): number => vive.space().usedBytes

  beforeEach(async () => {
    where = 'memory://'
    if (engine !== 'memory') {
      const folder = await mkdtemp(join(tmpdir(), 'vivefs-reflink-'))
      folders.push(folder)
      where = join(folder, 'volume')
    }
    vive = await open()
    return () => vive.close()
  })

  test('a clone costs rows, not bytes; each file is charged, the volume counts once', async () => {
    const fs = vive.fs.promises
    const content = pattern(4 * MIB + 1000)
    await fs.writeFile('/a', content)
    expect(coreOf(vive).superblock.features.incompat & Incompat.reflinks).toBe(0)
    const before = vive.statistics().bytesWritten
    await fs.copyFile('/a', '/b', COPYFILE_FICLONE_FORCE | COPYFILE_EXCL)
    expect(vive.statistics().bytesWritten - before).toBeLessThan(20 * KIB)
    expect((await fs.readFile('/b')).equals(content)).toBe(true)
    expect((await fs.stat('/b')).blocks).toBe((await fs.stat('/a')).blocks)
    expect(used()).toBe(content.length)
    expect(coreOf(vive).superblock.features.incompat & Incompat.reflinks).not.toBe(0)
    // Of a clone of a clone, too, and of what was shared before.
    await fs.copyFile('/b', '/c', COPYFILE_FICLONE)
    await fs.copyFile('/a', '/d', COPYFILE_FICLONE)
    await fs.cp('/a', '/e', { mode: COPYFILE_FICLONE_FORCE })
    expect(used()).toBe(content.length)
    await fs.rm('/a')
    await fs.rm('/c')
    await vive.settle()
    expect(used()).toBe(content.length)
    expect((await fs.readFile('/d')).equals(content)).toBe(true)
    await clean()
    for (const name of ['b', 'd', 'e']) await fs.rm(`/${name}`)
    await clean()
    expect(used()).toBe(0)
  })

  test('a change of one is not seen by the other, whatever the change and whoever makes it', async () => {
    const fs = vive.fs.promises
    const content = pattern(10 * 64 * KIB)
    const changes: Record<string, (path: string, expected: Buffer) => Promise<Buffer>> = {
      write: async (path, expected) => {
        await using handle = await fs.open(path, 'r+')
        await handle.write(Buffer.alloc(5000, 1), 0, 5000, 100_000)
        expected.fill(1, 100_000, 105_000)
        return expected
      },
      overwrite: async (path, expected) => {
        await using handle = await fs.open(path, 'r+')
        await handle.write(Buffer.alloc(64 * KIB, 2), 0, 64 * KIB, 128 * KIB)
        return expected.fill(2, 128 * KIB, 192 * KIB)
      },
      append: async (path, expected) => {
        await fs.appendFile(path, 'more')
        return Buffer.concat([expected, Buffer.from('more')])
      },
      truncate: async (path, expected) => {
        await fs.truncate(path, 100_001)
        return expected.subarray(0, 100_001)
      },
      empty: async (path) => {
        await fs.truncate(path, 0)
        return Buffer.alloc(0)
      },
      punch: async (path, expected) => {
        await fallocate(path, 'punch', 70_000, 200_000)
        return expected.fill(0, 70_000, 270_000)
      },
      collapse: async (path, expected) => {
        await fallocate(path, 'collapse', 64 * KIB, 128 * KIB)
        return Buffer.concat([expected.subarray(0, 64 * KIB), expected.subarray(192 * KIB)])
      },
      insert: async (path, expected) => {
        await fallocate(path, 'insert', 64 * KIB, 64 * KIB)
        return Buffer.concat([expected.subarray(0, 64 * KIB), Buffer.alloc(64 * KIB), expected.subarray(64 * KIB)])
      },
    }
    const fallocate = async (path: string, mode: 'punch' | 'collapse' | 'insert', offset: number, length: number) => {
      const { fsal } = vive
      const { handle } = await runAsync(fsal.lookup(root, fsal.root(), { name: Buffer.from(path.slice(1)) }))
      await runAsync(fsal.fallocate(root, handle, { mode, offset, length }))
    }
    for (const [name, change] of Object.entries(changes)) {
      for (const changed of ['/source', '/clone']) {
        await fs.writeFile('/source', content)
        await fs.rm('/clone', { force: true })
        await fs.copyFile('/source', '/clone', COPYFILE_FICLONE_FORCE)
        const expected = await change(changed, Buffer.from(content))
        const other = changed === '/source' ? '/clone' : '/source'
        expect((await fs.readFile(changed)).equals(expected), `${name} of ${changed}`).toBe(true)
        expect((await fs.readFile(other)).equals(content), `${name} of ${changed}: ${other}`).toBe(true)
        await clean()
      }
    }
    await vive.close()
    vive = await open()
  })

  test('copyRange shares whole extents and copies edges; holes stay holes', async () => {
    const { fsal } = vive
    const fs = vive.fs.promises
    const content = pattern(20 * 64 * KIB)
    await fs.writeFile('/a', content)
    await fs.writeFile('/b', pattern(20 * 64 * KIB, 7))
    const opened = async (path: string) => {
      const { handle } = await runAsync(fsal.lookup(root, fsal.root(), { name: Buffer.from(path) }))
      return runAsync(fsal.open(root, handle, { flags: O_RDWR }))
    }
    const [a, b] = [await opened('a'), await opened('b')]
    const expected = await fs.readFile('/b')
    const before = vive.statistics().bytesWritten
    const length = 16 * 64 * KIB
    const [offset, toOffset] = [1000, 64 * KIB + 1000]
    const range = { file: a, offset, to: b, toOffset, length }
    expect(await runAsync(fsal.copyRange(root, range))).toBe(length)
    expect(vive.statistics().bytesWritten - before).toBeLessThan(3 * 64 * KIB)
    content.copy(expected, toOffset, offset, offset + length)
    expect((await fs.readFile('/b')).equals(expected)).toBe(true)
    // Within one file.
    expect(await runAsync(fsal.copyRange(root, { file: a, offset: 0, to: a, toOffset: 20 * 64 * KIB, length }))).toBe(
      length,
    )
    expect((await fs.readFile('/a')).equals(Buffer.concat([content, content.subarray(0, length)]))).toBe(true)
    // Places in their extents that differ: copied.
    expect(await runAsync(fsal.copyRange(root, { ...range, toOffset: 5 }))).toBe(length)
    const refused = runAsync(fsal.copyRange(root, { ...range, share: 'always' }))
    await expect(refused).rejects.toMatchObject({ code: 'EINVAL' })
    // A sparse file.
    await fs.truncate('/a', 100 * MIB)
    await fs.copyFile('/a', '/sparse', COPYFILE_FICLONE_FORCE)
    expect((await fs.stat('/sparse')).blocks).toBe((await fs.stat('/a')).blocks)
    expect((await fs.stat('/sparse')).size).toBe(100 * MIB)
    await runAsync(fsal.close(a))
    await runAsync(fsal.close(b))
    await clean()
  })

  test('snapshots, forks, rollback and streams have what was shared', async () => {
    const fs = vive.fs.promises
    const content = pattern(300_000)
    await fs.writeFile('/a', content)
    await vive.snapshots.create('alone')
    await fs.copyFile('/a', '/b', COPYFILE_FICLONE_FORCE)
    await vive.snapshots.create('both')
    await fs.rm('/a')
    await fs.appendFile('/b', 'x')
    await vive.settle()
    const fork = await vive.fork('both', 'f')
    await fork.fs.promises.copyFile('/b', '/c', COPYFILE_FICLONE_FORCE)
    await fork.fs.promises.rm('/a')
    await fork.fs.promises.truncate('/b', 70_000)
    expect((await fork.fs.promises.readFile('/c')).equals(content)).toBe(true)
    expect((await vive.snapshot('both').fs.promises.readFile('/a')).equals(content)).toBe(true)
    await vive.snapshots.create('one')
    expect((await fs.readFile('/b')).equals(Buffer.concat([content, Buffer.from('x')]))).toBe(true)
    await clean()
    const copy = join(await mkdtemp(join(tmpdir(), 'vivefs-reflink-copy-')), 'volume')
    folders.push(join(copy, '..'))
    for (const [to, from] of [['alone'], ['both', 'alone'], ['one', 'both']] as const) {
      await receive(copy, vive.send(to, from === undefined ? {} : { from }))
      const received = await ViveFS.open(copy, { credentials, create: false })
      expect(await fingerprint(received.fsal), to).toEqual(await fingerprint(vive.snapshot(to).fsal))
      await received.settle()
      expect((await received.fsck()).findings, to).toEqual([])
      await received.close()
    }
    const whole = `${copy}-whole`
    await receive(whole, vive.send('one'))
    const received = await ViveFS.open(whole, { credentials, create: false })
    expect(await fingerprint(received.fsal)).toEqual(await fingerprint(vive.snapshot('one').fsal))
    expect((await received.fsck()).findings).toEqual([])
    await received.close()
    await fork.close()
    await vive.forks.delete('f')
    await vive.snapshots.rollback('alone')
    expect((await fs.readFile('/a')).equals(content)).toBe(true)
    expect(await fs.readdir('/')).toEqual(['a'])
    await clean()
    await vive.snapshots.rollback('one')
    expect((await fs.readFile('/b')).equals(Buffer.concat([content, Buffer.from('x')]))).toBe(true)
    for (const { name } of vive.snapshots.list()) await vive.snapshots.delete(name)
    await clean()
    await fs.rm('/b')
    await clean()
    expect(used()).toBe(0)
  })
})

test('quotas: who clones is charged as for a copy', async () => {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
  await vive.root.fs.promises.chmod('/', 0o777)
  await vive.quotas.set('user', 1000, { bytesHard: 1_500_000 })
  const his = vive.as({ uid: 1000, gid: 1000, groups: [] }).fs.promises
  await his.writeFile('/a', Buffer.alloc(1_000_000, 1))
  await expect(his.copyFile('/a', '/b', COPYFILE_FICLONE_FORCE)).rejects.toMatchObject({ code: 'EDQUOT' })
  await expect(his.stat('/b')).rejects.toMatchObject({ code: 'ENOENT' })
  await vive.quotas.set('user', 1000, { bytesHard: 2_500_000 })
  await his.copyFile('/a', '/b', COPYFILE_FICLONE_FORCE)
  expect(vive.quotas.get('user', 1000).used.bytes).toBe(2_000_000)
  expect(vive.space().usedBytes).toBe(1_000_000)
  await his.unlink('/a')
  await vive.settle()
  expect(vive.quotas.get('user', 1000).used.bytes).toBe(1_000_000)
  expect(vive.space().usedBytes).toBe(1_000_000)
  expect((await vive.fsck()).findings).toEqual([])
})

test('one transaction clones, changes and deletes, or none of it', async () => {
  await using vive = await ViveFS.open('memory://', { credentials, extentBytes: 4096 })
  const fs = vive.fs.promises
  const content = pattern(50_000)
  await fs.writeFile('/a', content)
  const attempt = vive.transaction(async (tx) => {
    await tx.fs.copyFile('/a', '/b', COPYFILE_FICLONE_FORCE)
    await tx.fs.unlink('/a')
    throw new Error('no')
  })
  await expect(attempt).rejects.toThrow('no')
  expect(await fs.readdir('/')).toEqual(['a'])
  await vive.transaction(async (tx) => {
    await tx.fs.copyFile('/a', '/b', COPYFILE_FICLONE_FORCE)
    await tx.fs.appendFile('/a', 'x')
    await tx.fs.copyFile('/b', '/c', COPYFILE_FICLONE_FORCE)
    await tx.fs.unlink('/b')
  })
  expect((await fs.readFile('/c')).equals(content)).toBe(true)
  expect((await fs.readFile('/a')).length).toBe(50_001)
  await vive.settle()
  expect((await vive.fsck()).findings).toEqual([])
})

test('a fork lets go of the one extent whose loan lies in the history', async () => {
  await using vive = await ViveFS.open('memory://', { credentials, extentBytes: 4096 })
  const fs = vive.fs.promises
  await fs.writeFile('/a', pattern(4096))
  await fs.copyFile('/a', '/b', COPYFILE_FICLONE_FORCE)
  await vive.snapshots.create('s')
  await fs.copyFile('/a', '/c', COPYFILE_FICLONE_FORCE)
  const fork = await vive.fork('s', 'f')
  await fork.fs.promises.truncate('/a', 0)
  expect((await fork.fs.promises.readFile('/b')).equals(pattern(4096))).toBe(true)
  // The check finishes what the fork has begun.
  await fork.close()
  expect((await vive.fsck()).findings).toEqual([])
})

test('edges of one byte are copied, wherever they are', async () => {
  await using vive = await ViveFS.open('memory://', { credentials, extentBytes: 4096 })
  const { fsal } = vive
  const content = pattern(20_000)
  const before = pattern(20_000, 3)
  await vive.fs.promises.writeFile('/a', content)
  const opened = async (path: string) => {
    const { handle } = await runAsync(fsal.lookup(root, fsal.root(), { name: Buffer.from(path) }))
    return runAsync(fsal.open(root, handle, { flags: O_RDWR }))
  }
  const file = await opened('a')
  for (const [offset, toOffset, length] of [
    [3, 9, 1],
    [4095, 4095, 4097],
    [0, 4096, 4097],
    [4095, 8191, 8194],
  ] as const) {
    await vive.fs.promises.writeFile('/b', before)
    const to = await opened('b')
    expect(await runAsync(fsal.copyRange(root, { file, offset, to, toOffset, length }))).toBe(length)
    const expected = Buffer.from(before)
    content.copy(expected, toOffset, offset, offset + length)
    expect((await vive.fs.promises.readFile('/b')).equals(expected), `${offset} ${toOffset} ${length}`).toBe(true)
    // What does not lie alike is not shared.
    for (const [one, other] of [
      [0, 100],
      [100, 0],
    ] as const) {
      const range = { file, offset: one, to, toOffset: other, length: 8192, share: 'always' } as const
      await expect(runAsync(fsal.copyRange(root, range))).rejects.toMatchObject({ code: 'EINVAL' })
    }
    await runAsync(fsal.close(to))
  }
  await runAsync(fsal.close(file))
  await vive.settle()
  expect((await vive.fsck()).findings).toEqual([])
})

test('cloned and changed over and over: data epochs are merged, what is lent stays', async () => {
  await using vive = await ViveFS.open('memory://', { credentials, extentBytes: 4096 })
  const { fsal } = vive
  const fs = vive.fs.promises
  const content = pattern(20 * 4096)
  await fs.writeFile('/a', content)
  await fs.writeFile('/c', '')
  const opened = async (path: string) => {
    const { handle } = await runAsync(fsal.lookup(root, fsal.root(), { name: Buffer.from(path) }))
    return runAsync(fsal.open(root, handle, { flags: O_RDWR }))
  }
  const [file, to] = [await opened('a'), await opened('c')]
  const kept: Buffer[] = []
  for (let n = 0; n < 40; n++) {
    await using handle = await fs.open('/a', 'r+')
    content.fill(n, (n % 20) * 4096, (n % 20) * 4096 + 4096)
    await handle.write(content, (n % 20) * 4096, 4096, (n % 20) * 4096)
    if (n % 2 === 0) await fs.copyFile('/a', `/clone${n}`, COPYFILE_FICLONE_FORCE)
    else {
      const range = { file, offset: 0, to, toOffset: 0, length: content.length, share: 'always' } as const
      expect(await runAsync(fsal.copyRange(root, range))).toBe(content.length)
    }
    kept.push(Buffer.from(content))
  }
  for (let n = 0; n < 40; n += 2) expect((await fs.readFile(`/clone${n}`)).equals(kept[n]!), `clone${n}`).toBe(true)
  expect((await fs.readFile('/c')).equals(content)).toBe(true)
  await runAsync(fsal.close(file))
  await runAsync(fsal.close(to))
  await fs.rm('/a')
  await vive.settle()
  expect((await vive.fsck()).findings).toEqual([])
  for (const name of await fs.readdir('/')) await fs.rm(`/${name}`)
  await vive.settle()
  expect((await vive.fsck()).findings).toEqual([])
  expect(vive.space().usedBytes).toBe(0)
})
