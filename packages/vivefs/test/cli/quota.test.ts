import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ViveFS } from '../../src/index.ts'
import { removeTemporaries, temporary } from '../transfer/tree.ts'
import { json, jsonLines, ok, vivefs } from './terminal.ts'

afterAll(removeTemporaries)

test('quota set, report, assign, off, on', async () => {
  const volume = join(temporary(), 'volume')
  await ok('mkfs', volume)
  {
    await using vive = await ViveFS.open(volume)
    await vive.users.add({ name: 'alice', uid: 1234 })
    const { promises } = vive.root.fs
    await promises.mkdir('/d')
    await promises.writeFile('/d/f', Buffer.alloc(2048))
    await promises.chown('/d/f', 1234, 1234)
  }
  expect((await vivefs('quota', 'report', volume)).err).toContain('quotas are off')
  expect(
    await json(
      'quota',
      'set',
      volume,
      '--user',
      'alice',
      '--bytes-soft',
      '1K',
      '--bytes-hard',
      '1.5M',
      '--grace-bytes',
      '2d',
    ),
  ).toMatchObject({
    kind: 'user',
    id: 1234,
    limits: { bytesSoft: 1024, bytesHard: 1_572_864, inodesSoft: 0 },
    used: { bytes: 2048, inodes: 1 },
  })
  expect(await json('quota', 'assign', `${volume}:/d`, '7')).toEqual({ changed: 2 })
  await ok('quota', 'set', volume, '--project', '7', '--inodes-hard', '2')
  const lines = await jsonLines('quota', 'report', volume)
  expect(lines.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'user 0',
    'user alice',
    'group 0',
    'group 1234',
    'project 7',
  ])
  const text = await ok('quota', 'report', volume)
  expect(text).toMatch(/^user +alice +2(\.0)? KiB +1(\.0)? KiB +1\.5 MiB +20\d\d-/m)
  expect((await vivefs('mkdir', `${volume}:/d/e`)).err).toContain('EDQUOT')
  expect(await json('quota', 'off', volume)).toEqual({ changed: true })
  await ok('mkdir', `${volume}:/d/e`)
  expect(await json('quota', 'on', volume)).toEqual({ changed: true })
  expect((await vivefs('mkdir', `${volume}:/d/g`)).err).toContain('EDQUOT')
  expect((await vivefs('quota', 'set', volume)).code).toBe(2)
  expect((await vivefs('quota', 'set', volume, '--user', '5', '--bytes-hard', 'much')).code).toBe(2)
  expect((await vivefs('quota', 'set', volume, '--user', 'nobody-here')).code).toBe(2)
  expect(await ok('quota', 'set', '--help')).toContain('Example')
  expect(await ok('fsck', volume)).toContain('clean')
})
