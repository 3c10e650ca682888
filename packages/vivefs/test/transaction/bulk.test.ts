/** Making very many entries. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from '../../src/vivefs.ts'

let vive: ViveFS
beforeEach(async () => {
  vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [], umask: 0o022 } })
})
afterEach(async () => {
  expect((await vive.fsck()).findings).toEqual([])
  await vive.close()
})

test('many small files share transactions', async () => {
  const before = vive.statistics().commits
  const bulk = vive.bulk()
  for (let d = 0; d < 10; d++) {
    await bulk.mkdir(`/d${d}`)
    for (let f = 0; f < 300; f++) await bulk.writeFile(`/d${d}/f${f}`, `${d} ${f}`)
  }
  await bulk.close()
  expect(vive.statistics().commits - before).toBeLessThan(40)
  for (const d of [0, 5, 9]) {
    expect((await vive.fs.promises.readdir(`/d${d}`)).length).toBe(300)
    expect(await vive.fs.promises.readFile(`/d${d}/f299`, 'utf8')).toBe(`${d} 299`)
  }
})

test('what it takes may be changed at once; modes, owners and times are kept', async () => {
  const data = Buffer.from('first')
  const bulk = vive.bulk()
  await bulk.writeFile('/f', data, { mode: 0o777, uid: 5, gid: 6, mtime: new Date(86_400_123) })
  data.fill('x')
  await bulk.symlink('f', '/l')
  await bulk.flush()
  expect(await vive.fs.promises.readFile('/l', 'utf8')).toBe('first')
  const stat = await vive.fs.promises.stat('/f')
  expect([stat.mode & 0o7777, stat.uid, stat.gid, stat.mtimeMs]).toEqual([0o755, 5, 6, 86_400_123])
  await bulk.close()
  await expect(bulk.writeFile('/g', '')).rejects.toMatchObject({ code: 'EBADF' })
})

test('big files go in by pieces, between the small ones', async () => {
  const big = Buffer.alloc(9_000_001, 'ViveFS')
  const bulk = vive.bulk()
  await bulk.mkdir('/d')
  await bulk.writeFile('/d/big', big)
  await bulk.writeFile('/d/small', 'x')
  await bulk.close()
  expect((await vive.fs.promises.readFile('/d/big')).equals(big)).toBe(true)
})

test('an entry that cannot be made is the only one', async () => {
  await vive.fs.promises.writeFile('/there', 'old')
  const failed: string[] = []
  const bulk = vive.bulk({ onError: (path, error) => failed.push(`${path} ${(error as { code: string }).code}`) })
  await bulk.writeFile('/a', 'a')
  await bulk.writeFile('/there', 'new')
  await bulk.writeFile('/no/such', '')
  await bulk.writeFile('/b', 'b')
  await bulk.close()
  expect(failed).toEqual(['/there EEXIST', '/no/such ENOENT'])
  expect((await vive.fs.promises.readdir('/')).sort()).toEqual(['a', 'b', 'there'])

  const telling = vive.bulk()
  await telling.writeFile('/there', 'new')
  await telling.writeFile('/c', 'c')
  await expect(telling.close()).rejects.toMatchObject({ code: 'EEXIST', syscall: 'bulk', path: '/there' })
  expect(await vive.fs.promises.readFile('/c', 'utf8')).toBe('c')
})

test('with overwrite files are replaced and directories kept', async () => {
  await vive.fs.promises.mkdir('/d')
  await vive.fs.promises.writeFile('/d/f', 'old')
  const bulk = vive.bulk({ overwrite: true })
  await bulk.mkdir('/d')
  await bulk.writeFile('/d/f', 'new')
  await bulk.writeFile('/d/f', 'newer')
  await bulk.close()
  expect(await vive.fs.promises.readFile('/d/f', 'utf8')).toBe('newer')
})
