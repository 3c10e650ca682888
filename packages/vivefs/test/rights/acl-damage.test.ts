/** Damaged access control lists: fsck names them, a repair puts them right, nobody may more than before. */
import { expect, test } from 'vitest'
import { encodeAcl } from '../../src/acl/wire.ts'
import { aclKey } from '../../src/core/acl.ts'
import { decodeInode, encodeInode, InodeFlag } from '../../src/format/inode.ts'
import { encodeXattr } from '../../src/format/job.ts'
import { inodeKey } from '../../src/format/keys.ts'
import { ViveFS } from '../../src/vivefs.ts'
import { memoryDatabase } from '../bare-volume.ts'

type Database = ReturnType<typeof memoryDatabase>

const LIST = 'u::rwx,u:2000:rwx,g::-,m::rwx,o::-'

/** A volume with a directory that has both lists; answers its inode number. */
async function planted(database: Database): Promise<number> {
  const vive = await ViveFS.open(database, { owner: { uid: 0, gid: 0 } })
  const { promises } = vive.root.fs
  await promises.mkdir('/d')
  await promises.setAcl('/d', LIST)
  await promises.setAcl('/d', LIST, { kind: 'default' })
  const { ino } = await promises.stat('/d')
  expect((await vive.fsck()).findings).toEqual([])
  await vive.close()
  return ino
}

async function editInode(database: Database, ino: number, flags: number): Promise<void> {
  const key = inodeKey(ino)
  const verdict = decodeInode(key, (await database.get(key)) as Buffer)
  if (!verdict.ok) throw new Error(verdict.fault)
  await database.put(key, encodeInode(key, { ...verdict.value, flags }))
}

const damages: Readonly<Record<string, (database: Database, ino: number) => Promise<void>>> = {
  'the access row is gone': (database, ino) => database.del(aclKey(ino, 'access')),
  'the access row is damaged': async (database, ino) => {
    const key = aclKey(ino, 'access')
    const row = Buffer.from((await database.get(key)) as Buffer)
    row[row.length - 1]! ^= 1
    await database.put(key, row)
  },
  'the access row holds no list': (database, ino) => {
    const key = aclKey(ino, 'access')
    return database.put(key, encodeXattr(key, encodeAcl([{ tag: 'other', perm: 7 }])))
  },
  'the default row is gone': (database, ino) => database.del(aclKey(ino, 'default')),
  'the flags are gone': (database, ino) => editInode(database, ino, 0),
  'one flag is gone': (database, ino) => editInode(database, ino, InodeFlag.defaultAcl),
}

test.each(Object.entries(damages))('%s', async (name, damage) => {
  const database = memoryDatabase()
  const ino = await planted(database)
  await damage(database, ino)
  await using vive = await ViveFS.open(database)
  const found = (await vive.fsck()).findings.map(({ code }) => code)
  expect(found).toContain('ACL')
  const repaired = await vive.fsck({ repair: true })
  expect(repaired.findings.every((finding) => finding.repaired)).toBe(true)
  expect((await vive.fsck()).findings).toEqual([])
  const isLost = name.startsWith('the access row')
  const { mode } = await vive.root.fs.promises.stat('/d')
  expect(mode & 0o777).toBe(isLost ? 0o700 : 0o770)
  // The owning group had nothing before; somebody of it has nothing now.
  const member = vive.as({ uid: 7, gid: 0, groups: [] }).fs.promises
  await expect(member.readdir('/d')).rejects.toMatchObject({ code: 'EACCES' })
})

test('without its list nobody can say who may: EIO', async () => {
  const database = memoryDatabase()
  const ino = await planted(database)
  await database.del(aclKey(ino, 'access'))
  await using vive = await ViveFS.open(database)
  await expect(vive.as({ uid: 2000, gid: 5, groups: [] }).fs.promises.readdir('/d')).rejects.toMatchObject({
    code: 'EIO',
  })
})
