import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from '../src/index.ts'

let vive: ViveFS

beforeEach(async () => {
  vive = await ViveFS.open('memory://')
})
afterEach(async () => {
  expect((await vive.fsck()).clean).toBe(true)
  await vive.close()
})

test('users and groups get the next free number, or the one they ask for', async () => {
  expect(await vive.users.add({ name: 'alice' })).toEqual({ name: 'alice', uid: 1000, gid: 1000, groups: [] })
  expect(await vive.users.add({ name: 'bob', uid: 4000, gid: 7, groups: [8, 9] })).toMatchObject({ uid: 4000, gid: 7 })
  expect(await vive.users.add({ name: 'carol' })).toMatchObject({ uid: 4001 })
  expect(await vive.groups.add({ name: 'staff' })).toEqual({ name: 'staff', gid: 1000 })
  expect(await vive.users.get('bob')).toEqual({ name: 'bob', uid: 4000, gid: 7, groups: [8, 9] })
  expect(await vive.users.get(4000)).toEqual(await vive.users.get('bob'))
  expect((await vive.users.list()).map(({ name }) => name)).toEqual(['alice', 'bob', 'carol'])
})

test('names and numbers are unique; a failed add changes nothing', async () => {
  await vive.users.add({ name: 'alice', uid: 5 })
  await expect(vive.users.add({ name: 'alice', uid: 6 })).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(vive.users.add({ name: 'eve', uid: 5 })).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await vive.users.get('eve')).toBeUndefined()
  expect(await vive.users.list()).toHaveLength(1)
})

test('bad names and numbers are refused', async () => {
  for (const name of ['', 'Alice', '1st', 'with space', 'a'.repeat(33), 'nul\0']) {
    await expect(vive.users.add({ name })).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
  }
  for (const uid of [-1, 1.5, 2 ** 32, Number.NaN]) {
    await expect(vive.users.add({ name: 'x', uid })).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
  }
})

test('update replaces the record and keeps the number', async () => {
  const alice = await vive.users.add({ name: 'alice' })
  await vive.users.update({ ...alice, groups: [100] })
  expect(await vive.users.get(alice.uid)).toEqual({ ...alice, groups: [100] })
  await expect(vive.users.update({ ...alice, uid: 77 })).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(vive.users.update({ ...alice, name: 'bob' })).rejects.toMatchObject({ code: 'ENOENT' })
})

test('what is removed is gone by name and by number; files keep their owner', async () => {
  const alice = await vive.users.add({ name: 'alice' })
  await vive.root.fs.promises.writeFile('/hers', '')
  await vive.root.fs.promises.chown('/hers', alice.uid, alice.gid)
  expect(await vive.users.remove('alice')).toBe(true)
  expect(await vive.users.remove('alice')).toBe(false)
  expect(await vive.users.get('alice')).toBeUndefined()
  expect(await vive.users.get(alice.uid)).toBeUndefined()
  expect((await vive.fs.promises.stat('/hers')).uid).toBe(alice.uid)
})

test('two adds at once get two numbers', async () => {
  const added = await Promise.all(['a', 'b', 'c', 'd'].map((name) => vive.users.add({ name })))
  expect(new Set(added.map(({ uid }) => uid)).size).toBe(4)
})
