import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ViveFS } from '../../src/index.ts'
import { removeTemporaries, temporary } from '../transfer/tree.ts'
import { jsonLines, ok, vivefs } from './terminal.ts'

afterAll(removeTemporaries)

test('getfacl and setfacl', async () => {
  const volume = join(temporary(), 'volume')
  await ok('mkfs', volume)
  {
    await using vive = await ViveFS.open(volume)
    await vive.users.add({ name: 'alice', uid: 1234 })
    const { promises } = vive.root.fs
    await promises.mkdir('/d')
    await promises.chmod('/d', 0o750)
    await promises.writeFile('/d/f', '')
    await promises.chmod('/d/f', 0o640)
    await promises.symlink('f', '/d/l')
  }
  await ok('setfacl', `${volume}:/d/f`, '-m', 'u:alice:rwx,g:50:r')
  expect(await ok('getfacl', `${volume}:/d/f`)).toBe(
    '# file: /d/f\n# owner: 0\n# group: 0\nuser::rw-\nuser:alice:rwx\ngroup::r--\ngroup:50:r--\nmask::rwx\nother::---\n\n',
  )
  await ok('setfacl', `${volume}:/d/f`, '-m', 'm::r')
  expect(await ok('getfacl', `${volume}:/d/f`)).toContain('user:alice:rwx\t#effective:r--\n')
  await ok('setfacl', `${volume}:/d/f`, '-x', 'g:50', '-n')
  expect(await ok('getfacl', `${volume}:/d/f`)).not.toContain('group:50')
  await ok('setfacl', `${volume}:/d`, '-R', '-d', '-m', 'g:50:rwx')
  expect(await jsonLines('getfacl', `${volume}:/d`)).toMatchObject([
    { path: '/d', access: { length: 3 }, default: { length: 5 } },
  ])
  await ok('setfacl', `${volume}:/d`, '-R', '-b')
  expect(await jsonLines('getfacl', `${volume}:/d`, `${volume}:/d/f`)).toMatchObject([
    { path: '/d', access: { length: 3 }, default: null },
    { path: '/d/f', access: { length: 3 }, default: null },
  ])
  expect((await vivefs('setfacl', `${volume}:/d`)).code).toBe(2)
  expect((await vivefs('setfacl', `${volume}:/d`, '-m', 'u:nobody-here:r')).code).toBe(2)
  expect((await vivefs('setfacl', `${volume}:/d/f`, '-d', '-m', 'u:5:r')).code).toBe(1)
  expect(await ok('fsck', volume)).toContain('clean')
})
