/** Snapshots in a directory of the root: to read, whoever asks; never to change; nothing beside it changes its ways. */
import { constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { superuser } from '../../src/core/mode.ts'
import { runAsync } from '../../src/op.ts'
import { fingerprint } from '../model/fingerprint.ts'

let vive: ViveFS
const root = { credentials: { uid: 0, gid: 0, groups: [] } }
beforeEach(async () => {
  vive = await ViveFS.open('memory://', { ...root, snapshotDirectory: '.snapshots' })
})
afterEach(() => vive.close())

const codeOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error) => error.code,
  )

async function populate(fs: ViveFS['fs']['promises'], mark: string): Promise<void> {
  await fs.mkdir('/a/b', { recursive: true })
  await fs.writeFile('/a/b/small', `small ${mark}`)
  await fs.writeFile('/a/big', Buffer.alloc(300_000, mark))
  await fs.setxattr('/a/big', 'user.mark', mark)
  await fs.setAcl('/a/b/small', 'u::rw,g::r,o::-,u:7:r,m::r')
  await fs.symlink('../big', '/a/b/link')
  await fs.link('/a/big', '/a/twin').catch(() => {})
  await fs.copyFile('/a/big', `/a/clone ${mark}`, constants.COPYFILE_FICLONE)
  const file = await fs.open('/a/big', 'r+')
  await file.write(Buffer.from(mark.repeat(10)), 0, 10, 70_000)
  await file.close()
}

test('a snapshot is there as it was, beside the volume as it is', async () => {
  const fs = vive.fs.promises
  await populate(fs, '1')
  await vive.snapshots.create('one')
  const before = await fingerprint(vive.snapshot('one').fsal)
  await fs.rm('/a/b/link')
  await populate(fs, '2')
  await fs.writeFile('/new', 'x')
  await vive.snapshots.create('two')
  await fs.rm('/a', { recursive: true })
  await vive.settle()
  // In both ways of looking the same.
  const { fsal } = vive
  const directory = await runAsync(fsal.lookup(superuser, fsal.root(), { name: Buffer.from('.snapshots') }))
  const one = await runAsync(fsal.lookup(superuser, directory.handle, { name: Buffer.from('one') }))
  expect(await fingerprint(fsal, one.handle)).toEqual(before)
  expect(await fs.readFile('/.snapshots/one/a/b/small', 'utf8')).toBe('small 1')
  expect(await fs.readFile('/.snapshots/one/a/b/link', 'latin1')).toBe(
    Buffer.concat([Buffer.alloc(70_000, '1'), Buffer.from('1'.repeat(10)), Buffer.alloc(229_990, '1')]).toString(
      'latin1',
    ),
  )
  expect(await fs.readFile('/.snapshots/two/a/clone 1', 'latin1')).toBe('1'.repeat(300_000))
  expect(String(await fs.getxattr('/.snapshots/two/a/big', 'user.mark'))).toBe('2')
  expect(await fs.getAcl('/.snapshots/one/a/b/small')).toEqual(
    await vive.snapshot('one').fs.promises.getAcl('/a/b/small'),
  )
  expect(await fs.readdir('/.snapshots')).toEqual(['one', 'two'])
  expect(await fs.readdir('/')).toEqual(['new'])
  expect((await fs.readdir('/.snapshots/two', { recursive: true })).sort()).toEqual(
    (await vive.snapshot('two').fs.promises.readdir('/', { recursive: true })).sort(),
  )
  expect(await codeOf(fs.stat('/.snapshots/three'))).toBe('ENOENT')
  expect(await fs.realpath('/.snapshots/one/a/b/link')).toBe('/.snapshots/one/a/big')
  expect(await fs.readFile('/.snapshots/one/../two/new', 'utf8')).toBe('x')
  expect(await fs.readdir('/.snapshots/..')).toEqual(['new'])
  const [here, there] = [await fs.stat('/.snapshots/two/new'), await fs.stat('/new')]
  expect(here.ino).not.toBe(there.ino)
  expect((await fs.stat('/.snapshots/one/a/big')).ino).toBe((await fs.stat('/.snapshots/one/a/twin')).ino)
  // The rights are those of the snapshot.
  const seven = vive.as({ uid: 8, gid: 8 }).fs.promises
  expect(await codeOf(seven.readFile('/.snapshots/one/a/b/small'))).toBe('EACCES')
  expect(vive.fs.readFileSync('/.snapshots/one/a/b/small', 'utf8')).toBe('small 1')
  expect((await vive.fsck()).findings).toEqual([])
})

test('nothing in it can be changed, moved or made', async () => {
  const fs = vive.fs.promises
  await populate(fs, '1')
  await vive.snapshots.create('one')
  const at = '/.snapshots/one/a/big'
  const refused: Record<string, () => Promise<unknown>> = {
    write: () => fs.writeFile(at, 'x'),
    append: () => fs.appendFile(at, 'x'),
    'open for writing': () => fs.open(at, 'r+'),
    create: () => fs.writeFile('/.snapshots/one/new', 'x'),
    'create beside': () => fs.writeFile('/.snapshots/new', 'x'),
    mkdir: () => fs.mkdir('/.snapshots/one/new'),
    'a snapshot by mkdir': () => fs.mkdir('/.snapshots/new'),
    symlink: () => fs.symlink('x', '/.snapshots/one/new'),
    unlink: () => fs.unlink(at),
    rmdir: () => fs.rmdir('/.snapshots/one/a/b/none').catch(() => fs.unlink('/.snapshots/one/a/twin')),
    truncate: () => fs.truncate(at, 1),
    chmod: () => fs.chmod(at, 0o600),
    chown: () => fs.chown(at, 1, 1),
    utimes: () => fs.utimes(at, 1, 1),
    xattr: () => fs.setxattr(at, 'user.x', 'y'),
    acl: () => fs.setAcl(at, 'u::rw,g::r,o::-,u:7:r,m::r'),
    rename: () => fs.rename(at, '/.snapshots/one/a/other'),
    link: () => fs.link(at, '/.snapshots/one/a/other'),
    access: () => fs.access(at, constants.W_OK),
  }
  for (const [what, change] of Object.entries(refused)) expect([what, await codeOf(change())]).toEqual([what, 'EROFS'])
  expect(await codeOf(fs.rename('/a/big', '/.snapshots/one/a/moved'))).toBe('EXDEV')
  expect(await codeOf(fs.rename(at, '/moved'))).toBe('EXDEV')
  expect(await codeOf(fs.rename('/a/big', '/.snapshots/big'))).toBe('EXDEV')
  expect(await codeOf(fs.link(at, '/linked'))).toBe('EXDEV')
  expect(await codeOf(fs.rename('/.snapshots', '/other'))).toBe('EBUSY')
  expect(await codeOf(fs.rename('/a', '/.snapshots'))).toBe('EBUSY')
  expect(await codeOf(fs.rmdir('/.snapshots'))).toBe('EBUSY')
  expect(await codeOf(fs.mkdir('/.snapshots'))).toBe('EEXIST')
  expect(await codeOf(vive.transaction((tx) => tx.fs.writeFile(at, 'x')))).toBe('EROFS')
  // What is copied out is the volume's own.
  await fs.copyFile(at, '/copy', constants.COPYFILE_FICLONE)
  expect((await fs.readFile('/copy')).length).toBe(300_000)
  expect(await codeOf(fs.copyFile(at, '/forced', constants.COPYFILE_FICLONE_FORCE))).toBe('ENOTSUP')
  await fs.rm('/forced', { force: true })
  await fs.cp('/.snapshots/one/a', '/back', { recursive: true })
  expect(await fs.readFile('/back/b/small', 'utf8')).toBe('small 1')
  // Reading leaves no access time behind that could not be written.
  await vive.sync()
  await fs.readFile(at)
  await vive.snapshots.create('after')
  expect((await vive.fsck()).findings).toEqual([])
})

test('what is deleted is gone, for whoever has it open as well; later ones appear', async () => {
  const fs = vive.fs.promises
  expect(await fs.readdir('/.snapshots')).toEqual([])
  await populate(fs, '1')
  await vive.snapshots.create('one')
  const file = await fs.open('/.snapshots/one/a/big')
  expect((await file.read(Buffer.alloc(10), 0, 10, 0)).bytesRead).toBe(10)
  const { nlink } = await fs.stat('/.snapshots')
  expect(nlink).toBe(3)
  await vive.snapshots.delete('one')
  expect(await codeOf(file.stat())).toBe('ESTALE')
  await file.close()
  expect(await codeOf(fs.stat('/.snapshots/one'))).toBe('ENOENT')
  expect(await fs.readdir('/.snapshots')).toEqual([])
  await vive.snapshots.create('one')
  expect((await fs.readFile('/.snapshots/one/a/big')).length).toBe(300_000)
  await vive.snapshots.rollback('one')
  expect(await fs.readdir('/.snapshots')).toEqual(['one'])
  const fork = await vive.fork('one', 'fork')
  expect(await codeOf(fork.fs.promises.stat('/.snapshots'))).toBe('ENOENT')
  expect(await codeOf(vive.snapshot('one').fs.promises.stat('/.snapshots'))).toBe('ENOENT')
  await fork.close()
})

test('many snapshots and many names are listed by pages; the root can list it, too', async () => {
  const listing = await ViveFS.open('memory://', { ...root, snapshotDirectory: { name: '@', isListed: true } })
  const fs = listing.fs.promises
  for (let n = 0; n < 30; n++) {
    await fs.writeFile(`/f${n}`, 'x')
    await listing.snapshots.create(`s${n}`)
  }
  expect(await fs.readdir('/')).toEqual(['@', ...Array.from({ length: 30 }, (_, n) => `f${n}`)].sort())
  const { fsal } = listing
  const who = { uid: 0, gid: 0, groups: [], umask: 0 }
  for (const [path, count] of [
    ['', 31],
    ['@', 30],
    ['@/s29', 30],
  ] as const) {
    let { handle } = await runAsync(fsal.lookup(who, fsal.root(), { name: Buffer.from('.') }))
    for (const part of path.split('/').filter(Boolean)) {
      handle = (await runAsync(fsal.lookup(who, handle, { name: Buffer.from(part) }))).handle
    }
    const names: string[] = []
    for (let cookie = 0n, eof = false; !eof; ) {
      const page = await runAsync(fsal.readdir(who, handle, { cookie, limit: 4, plus: true }))
      for (const { name } of page.lines) names.push(String(name))
      cookie = page.lines.at(-1)?.cookie ?? cookie
      eof = page.eof
    }
    expect([path, names.length, new Set(names).size]).toEqual([path, count, count])
  }
  // A handle says what it said, and can be read by.
  const directory = (await runAsync(fsal.lookup(who, fsal.root(), { name: Buffer.from('@') }))).handle
  const one = (await runAsync(fsal.lookup(who, directory, { name: Buffer.from('s3') }))).handle
  const f3 = (await runAsync(fsal.lookup(who, one, { name: Buffer.from('f3') }))).handle
  const into = Buffer.alloc(4)
  expect(await runAsync(fsal.read(who, f3, { offset: 0, into }))).toBe(1)
  expect(await codeOf(runAsync(fsal.write(who, f3, { offset: 0, data: into })))).toBe('EROFS')
  expect((await listing.fsck()).findings).toEqual([])
  await listing.close()
})

test('the name must be free, and a name', async () => {
  for (const name of ['', '.', '..', 'a/b', 'x'.repeat(256)]) {
    expect(await codeOf(ViveFS.open('memory://', { snapshotDirectory: name }))).toBe('ERR_VIVEFS_OPTION')
  }
})

test('in a directory, over restarts', { timeout: 120_000 }, async () => {
  const place = mkdtempSync(join(tmpdir(), 'vivefs-snapshot-directory-'))
  try {
    const first = await ViveFS.open(place, root)
    await first.fs.promises.writeFile('/.snapshots', 'mine')
    await first.close()
    expect(await codeOf(ViveFS.open(place, { ...root, snapshotDirectory: '.snapshots' }))).toBe('ERR_VIVEFS_EXISTS')
    // The numbers of what it shows are the same after a restart, so handles are good.
    const second = await ViveFS.open(place, { ...root, snapshotDirectory: '@' })
    await second.snapshots.create('one')
    const { ino } = await second.fs.promises.stat('/@/one/.snapshots')
    await second.close()
    const third = await ViveFS.open(place, { ...root, snapshotDirectory: '@', readOnly: true })
    expect((await third.fs.promises.stat('/@/one/.snapshots')).ino).toBe(ino)
    expect(await third.fs.promises.readFile('/@/one/.snapshots', 'utf8')).toBe('mine')
    await third.close()
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
})
