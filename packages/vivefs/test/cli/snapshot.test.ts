import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { ViveFS } from '../../src/index.ts'
import { removeTemporaries, temporary } from '../transfer/tree.ts'
import { json, jsonLines, ok, vivefs } from './terminal.ts'

afterAll(removeTemporaries)

it('snapshots and forks on the command line', async () => {
  const volume = join(temporary(), 'volume')
  const write = async (path: string, text: string): Promise<void> => {
    await using vive = await ViveFS.open(volume)
    await vive.root.fs.promises.writeFile(path, text)
  }
  await write('/a', 'one')
  expect(await ok('snapshot', 'create', volume, 'monday')).toBe('snapshot monday: 2 inodes\n')
  await write('/a', 'two')
  await write('/b', 'new')
  expect(await json('snapshot', 'create', volume, 'tuesday')).toMatchObject({
    name: 'tuesday',
    inodes: 3,
    dataBytes: 6,
  })
  await write('/c', 'later')
  expect((await jsonLines('snapshot', 'list', volume)).map(({ name }) => name)).toEqual(['monday', 'tuesday'])
  expect(await ok('snapshot', 'list', volume)).toMatch(/^snapshot +created +inodes +data\nmonday /)
  const lines = (await ok('snapshot', 'diff', volume, 'monday', 'tuesday')).trim().split('\n').sort()
  expect(lines).toEqual(['added     /b', 'modified  /', 'modified  /a'])
  expect(await jsonLines('snapshot', 'diff', volume, 'tuesday')).toContainEqual(
    expect.objectContaining({ kind: 'added', path: '/c', isDirectory: false }),
  )
  // What reads, reads a snapshot too.
  expect(await ok('cat', `${volume}:/a`, '--snapshot', 'monday')).toBe('one')
  expect(await ok('ls', volume, '--snapshot', 'monday')).toBe('a\n')
  expect(await ok('ls', volume)).toBe('a\nb\nc\n')
  expect(await json('stat', `${volume}:/a`, '--snapshot', 'tuesday')).toMatchObject({ size: 3 })
  expect(await ok('find', volume, '--name', 'b', '--snapshot', 'tuesday')).toBe('/b\n')
  expect(await ok('tree', volume, '--snapshot', 'monday')).toContain('0 directories, 1 files')
  const restored = join(temporary(), 'restored')
  await ok('export', volume, restored, '--snapshot', 'monday')
  expect(readdirSync(restored)).toEqual(['a'])
  expect(readFileSync(join(restored, 'a'), 'utf8')).toBe('one')
  expect((await vivefs('cat', `${volume}:/a`, '--snapshot', 'sunday')).err).toContain('ENOENT')
  await ok('fork', 'create', volume, 'trial', '--from', 'monday')
  expect(await jsonLines('fork', 'list', volume)).toMatchObject([{ name: 'trial', from: 'monday' }])
  expect((await vivefs('snapshot', 'delete', volume, 'monday')).err).toContain('EBUSY')
  await ok('snapshot', 'rollback', volume, 'monday')
  expect(await ok('cat', `${volume}:/a`)).toBe('one')
  expect((await vivefs('cat', `${volume}:/b`)).code).toBe(1)
  await ok('fork', 'delete', volume, 'trial')
  for (const name of ['monday', 'tuesday']) await ok('snapshot', 'delete', volume, name)
  expect((await vivefs('snapshot', 'delete', volume, 'monday')).err).toContain('ENOENT')
  expect((await vivefs('snapshot', 'create', volume, 'a/b')).err).toContain('ERR_VIVEFS_OPTION')
  expect((await vivefs('snapshot')).code).toBe(2)
  expect(await json('fsck', volume)).toMatchObject({ clean: true })
  expect(await ok('snapshot', 'diff', '--help')).toContain('Examples:')
})
