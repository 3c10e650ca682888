/** Snapshots and forks through the public face. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type SnapshotChange, ViveFS } from '../../src/index.ts'

const folders: string[] = []
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

async function place(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vivefs-snapshot-'))
  folders.push(folder)
  return join(folder, 'volume')
}

const changesOf = async (changes: AsyncIterable<SnapshotChange>): Promise<string[]> => {
  const lines: string[] = []
  for await (const { kind, path, isDirectory } of changes) lines.push(`${kind} ${path}${isDirectory ? ' dir' : ''}`)
  return lines.sort()
}

describe.each(['memory', 'level', 'lsm'] as const)('on %s', (engine) => {
  let vive: ViveFS
  let where: string

  const open = async (): Promise<ViveFS> =>
    ViveFS.open(where, { credentials: { uid: 0, gid: 0 }, ...(engine === 'memory' ? {} : { engine }) })

  beforeEach(async () => {
    where = engine === 'memory' ? 'memory://' : await place()
    vive = await open()
    return () => vive.close()
  })

  test('a view stays what it was, and cannot be changed', async () => {
    const fs = vive.fs.promises
    await fs.mkdir('/d')
    await fs.writeFile('/d/a', 'one')
    await fs.symlink('d/a', '/l')
    const made = await vive.snapshots.create('s')
    expect(made).toMatchObject({ name: 's', inodes: 4, dataBytes: 3 })
    await fs.writeFile('/d/a', 'two!')
    await fs.rename('/d', '/e')
    await fs.writeFile('/new', Buffer.alloc(200_000, 7))
    const { fs: old } = vive.snapshot('s')
    expect(await old.promises.readFile('/l', 'utf8')).toBe('one')
    expect((await old.promises.readdir('/')).sort()).toEqual(['d', 'l'])
    expect((await old.promises.statfs('/')).files).toBeGreaterThan(0)
    expect((await old.promises.stat('/d')).dev).not.toBe((await fs.stat('/e')).dev)
    for (const change of [old.promises.writeFile('/x', ''), old.promises.unlink('/l'), old.promises.chmod('/d', 0)]) {
      await expect(change).rejects.toMatchObject({ code: 'EROFS' })
    }
    if (engine === 'lsm') expect(old.readFileSync('/d/a', 'utf8')).toBe('one')
    expect(await fs.readFile('/e/a', 'utf8')).toBe('two!')
    const someone = vive.snapshot('s').as({ uid: 1000, gid: 1000 })
    await expect(someone.fs.promises.readFile('/nothing')).rejects.toMatchObject({ code: 'ENOENT' })
    await vive.snapshots.delete('s')
    await expect(old.promises.stat('/')).rejects.toMatchObject({ code: 'ERR_VIVEFS_CLOSED' })
    expect(() => vive.snapshot('s')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    await vive.settle()
    expect((await vive.fsck()).findings).toEqual([])
  })

  test('names: EEXIST, ENOENT, and what is no name', async () => {
    await vive.snapshots.create('s')
    await expect(vive.snapshots.create('s')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(vive.snapshots.delete('t')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(vive.snapshots.rollback('t')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(vive.fork('t', 'f')).rejects.toMatchObject({ code: 'ENOENT' })
    for (const name of ['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256), 7 as never]) {
      await expect(vive.snapshots.create(name)).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
    }
    expect(vive.snapshots.list().map(({ name }) => name)).toEqual(['s'])
  })

  test('diff tells what came, went and changed', async () => {
    const fs = vive.fs.promises
    await fs.mkdir('/keep/deep', { recursive: true })
    await fs.mkdir('/gone')
    for (const path of ['/keep/a', '/keep/deep/b', '/gone/c', '/same']) await fs.writeFile(path, path)
    await vive.snapshots.create('s')
    await fs.appendFile('/keep/deep/b', 'more')
    await fs.readFile('/same')
    await fs.rm('/gone', { recursive: true })
    await fs.rename('/keep/a', '/moved')
    await fs.mkdir('/new/er', { recursive: true })
    await fs.writeFile('/new/er/d', '')
    await vive.snapshots.create('t')
    const expected = [
      'added /moved',
      'added /new dir',
      'added /new/er dir',
      'added /new/er/d',
      'modified / dir',
      'modified /keep dir',
      'modified /keep/deep/b',
      'modified /moved',
      'removed /gone dir',
      'removed /gone/c',
      'removed /keep/a',
    ]
    expect(await changesOf(vive.snapshots.diff('s', 't'))).toEqual(expected)
    expect(await changesOf(vive.snapshots.diff('s'))).toEqual(expected)
    await fs.rm('/new', { recursive: true })
    await fs.writeFile('/same', 'not the same')
    expect(await changesOf(vive.snapshots.diff('s', 't'))).toEqual(expected)
    expect(await changesOf(vive.snapshots.diff('t', 't'))).toEqual([])
    const backwards = await changesOf(vive.snapshots.diff('t', 's'))
    expect(backwards.filter((line) => !line.startsWith('modified'))).toEqual(
      expected
        .filter((line) => !line.startsWith('modified'))
        .map((line) => (line.startsWith('added') ? line.replace('added', 'removed') : line.replace('removed', 'added')))
        .sort(),
    )
    await expect(changesOf(vive.snapshots.diff('s', 'x'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('rollback, with files open', async () => {
    const fs = vive.fs.promises
    await fs.writeFile('/a', Buffer.alloc(300_000, 1))
    const kept = await fs.open('/a', 'r+')
    await vive.snapshots.create('s')
    await fs.truncate('/a', 10)
    await fs.unlink('/a')
    const newer = await fs.open('/b', 'w+')
    await newer.write('new')
    await vive.snapshots.create('later')
    await vive.snapshots.rollback('s')
    expect(await fs.readdir('/')).toEqual(['a'])
    expect(Buffer.alloc(300_000, 1).equals((await kept.readFile()) as Buffer)).toBe(true)
    await expect(newer.stat()).rejects.toMatchObject({ code: 'ESTALE' })
    await newer.close()
    await kept.close()
    expect(await vive.snapshot('later').fs.promises.readFile('/b', 'utf8')).toBe('new')
    await vive.snapshots.rollback('later')
    expect(await fs.readFile('/b', 'utf8')).toBe('new')
    expect((await vive.fsck()).findings).toEqual([])
  })

  test('forks go their own way', async () => {
    const fs = vive.fs.promises
    await fs.writeFile('/a', Buffer.alloc(200_000, 1))
    await vive.snapshots.create('s')
    await fs.writeFile('/a', 'changed')
    const old = await vive.fork('s', 'old')
    const now = await vive.fork(undefined, 'now')
    await old.fs.promises.appendFile('/a', 'more')
    await old.fs.promises.writeFile('/only', 'here')
    await now.fs.promises.rm('/a')
    expect((await old.fs.promises.stat('/a')).size).toBe(200_004)
    expect(await now.fs.promises.readdir('/')).toEqual([])
    expect(await fs.readFile('/a', 'utf8')).toBe('changed')
    expect(vive.forks.list()).toMatchObject([{ name: 'old', from: 's' }, { name: 'now' }])
    await expect(vive.snapshots.delete('s')).rejects.toMatchObject({ code: 'EBUSY' })
    await expect(vive.fork(undefined, 'now')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await vive.fork(undefined, 'third')).toBeDefined()
    expect((await vive.fsck()).findings).toEqual([])
    for (const name of ['old', 'now', 'third']) await vive.forks.delete(name)
    await expect(old.fs.promises.stat('/a')).rejects.toMatchObject({ code: 'ERR_VIVEFS_CLOSED' })
    await vive.snapshots.delete('s')
    await vive.settle()
    expect((await vive.fsck()).findings).toEqual([])
  })

  test.runIf(engine !== 'memory')('all of it is there after a restart', async () => {
    const fs = vive.fs.promises
    await fs.writeFile('/a', 'one')
    await vive.snapshots.create('s')
    const fork = await vive.fork('s', 'f')
    await fork.fs.promises.writeFile('/b', 'fork')
    await fs.writeFile('/a', 'two')
    await vive.close()
    vive = await open()
    expect(await vive.snapshot('s').fs.promises.readFile('/a', 'utf8')).toBe('one')
    expect(await (await vive.forks.open('f')).fs.promises.readFile('/b', 'utf8')).toBe('fork')
    expect(await vive.fs.promises.readFile('/a', 'utf8')).toBe('two')
    await vive.close()
    vive = await ViveFS.open(where, { readOnly: true, credentials: { uid: 0, gid: 0 } })
    expect(await vive.snapshot('s').fs.promises.readFile('/a', 'utf8')).toBe('one')
    await expect(vive.snapshots.create('t')).rejects.toMatchObject({ code: 'EROFS' })
    await expect(vive.snapshots.rollback('s')).rejects.toMatchObject({ code: 'EROFS' })
  })

  test('snapshots while others write: all or nothing of every transaction', async () => {
    const fs = vive.fs.promises
    await fs.mkdir('/pairs')
    let stop = false
    const writer = async (n: number): Promise<void> => {
      for (let round = 0; !stop; round++) {
        await vive.transaction(async (tx) => {
          await tx.fs.writeFile(`/pairs/${n}a`, String(round))
          await tx.fs.writeFile(`/pairs/${n}b`, String(round))
        })
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const writers = [1, 2, 3].map(writer)
    for (let n = 0; n < 10; n++) {
      await vive.snapshots.create(`s${n}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    stop = true
    await Promise.all(writers)
    for (let n = 0; n < 10; n++) {
      const view = vive.snapshot(`s${n}`).fs.promises
      for (const name of new Set((await view.readdir('/pairs')).map((each) => each.slice(0, -1)))) {
        expect(await view.readFile(`/pairs/${name}a`, 'utf8')).toBe(await view.readFile(`/pairs/${name}b`, 'utf8'))
      }
    }
    expect((await vive.fsck()).findings).toEqual([])
  })
})
