/** What POSIX has beyond node:fs, descriptors, and the synchronous face. */
import { constants } from 'node:fs'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'

let vive: ViveFS
beforeEach(async () => {
  vive = await ViveFS.open('memory://', { durability: 'relaxed' })
})
afterEach(async () => {
  await vive.settle()
  const { findings } = await vive.fsck()
  await vive.close()
  expect(findings).toEqual([])
})

const code = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error) => error.code,
  )

describe('unnamed files', () => {
  test('O_TMPFILE: written, linked in, gone otherwise', async () => {
    const { promises } = vive.fs
    const { O_TMPFILE } = vive.fs.constants
    const { inodes } = vive.space()
    const handle = await promises.open('/', O_TMPFILE | constants.O_RDWR, 0o600)
    await handle.writeFile('content')
    expect((await handle.stat()).nlink).toBe(0)
    expect(await promises.readdir('/')).toEqual([])
    await handle.link('/named')
    expect((await handle.stat()).nlink).toBe(1)
    expect(await promises.readFile('/named', 'utf8')).toBe('content')
    await promises.unlink('/named')
    // A name that was there once does not come back.
    expect(await code(handle.link('/again'))).toBe('ENOENT')
    await handle.close()
    expect(vive.space().inodes).toBe(inodes)

    const lost = await promises.open('/', O_TMPFILE | constants.O_WRONLY)
    expect(vive.space().inodes).toBe(inodes + 1)
    await lost.close()
    expect(vive.space().inodes).toBe(inodes)

    const kept = await promises.open('/', O_TMPFILE | constants.O_WRONLY | constants.O_EXCL)
    expect(await code(kept.link('/x'))).toBe('ENOENT')
    await kept.close()
    expect(await code(promises.open('/', O_TMPFILE))).toBe('EINVAL')
    expect(await code(promises.open('/none', O_TMPFILE | constants.O_WRONLY))).toBe('ENOENT')
  })

  test('one that was linked in survives its close', async () => {
    const { promises } = vive.fs
    const handle = await promises.open('/', vive.fs.constants.O_TMPFILE | constants.O_RDWR)
    await handle.writeFile('kept')
    await handle.link('/kept')
    await handle.close()
    expect(await promises.readFile('/kept', 'utf8')).toBe('kept')
  })
})

describe('names', () => {
  test('rename: noReplace and exchange', async () => {
    const { promises } = vive.fs
    await promises.writeFile('/a', 'a')
    await promises.mkdir('/d')
    await promises.writeFile('/d/b', 'b')
    await expect(promises.rename('/a', '/d/b', { noReplace: true })).rejects.toMatchObject({
      code: 'EEXIST',
      syscall: 'rename',
      path: '/a',
      dest: '/d/b',
    })
    await promises.rename('/a', '/d', { exchange: true })
    expect(await promises.readFile('/d', 'utf8')).toBe('a')
    expect(await promises.readdir('/a')).toEqual(['b'])
    expect(await code(promises.rename('/a', '/none', { exchange: true }))).toBe('ENOENT')
    expect(await code(promises.rename('/a', '/x', { exchange: true, noReplace: true }))).toBe('EINVAL')
  })

  test('nodes', async () => {
    const { promises } = vive.as({ uid: 0, gid: 0, umask: 0o022 }).fs
    await promises.mkfifo('/fifo', 0o666)
    await promises.mknod('/dev', 'character', { mode: 0o600, major: 5, minor: 261 })
    await promises.mknod('/sock', 'socket')
    const fifo = await promises.stat('/fifo')
    expect([fifo.isFIFO(), fifo.mode & 0o777]).toEqual([true, 0o644])
    const dev = await promises.stat('/dev')
    expect([dev.isCharacterDevice(), dev.rdev]).toEqual([true, 5 * 256 + 5 + 2 ** 20])
    expect((await promises.readdir('/', { withFileTypes: true })).map((each) => [each.name, each.isSocket()])).toEqual([
      ['dev', false],
      ['fifo', false],
      ['sock', true],
    ])
    expect(await code(promises.open('/fifo'))).toBe('ENXIO')
    expect(await code(vive.as({ uid: 1000 }).fs.promises.mknod('/d2', 'block'))).toMatch(/EPERM|EACCES/)
  })

  test('extended attributes', async () => {
    const { promises } = vive.fs
    await promises.writeFile('/f', '')
    await promises.setxattr('/f', 'user.colour', 'blue')
    const handle = await promises.open('/f')
    expect(String(await promises.getxattr(handle, 'user.colour'))).toBe('blue')
    await handle.close()
    expect(await promises.listxattr('/f')).toEqual(['user.colour'])
    expect(await code(promises.setxattr('/f', 'user.colour', 'x', { mode: 'create' }))).toBe('EEXIST')
    await promises.removexattr('/f', 'user.colour')
    await expect(promises.getxattr('/f', 'user.colour')).rejects.toMatchObject({ code: 'ENODATA', path: '/f' })
  })
})

test('holes: seek, allocate, punch', async () => {
  const handle = await vive.fs.promises.open('/f', 'w+')
  await handle.write('data', 1_000_000)
  expect(await handle.seek('hole', 0)).toBe(0)
  expect(await handle.seek('data', 0)).toBe(1_000_000)
  await handle.allocate(1_000_000, 4, { mode: 'punch' })
  expect(await code(handle.seek('data', 0))).toBe('ENXIO')
  expect((await handle.stat()).size).toBe(1_000_004)
  await handle.allocate(0, 2_000_000)
  expect((await handle.stat()).size).toBe(2_000_000)
  await handle.close()
})

test('rights are those of the view', async () => {
  await vive.root.fs.promises.mkdir('/private', { mode: 0o700 })
  await vive.root.fs.promises.writeFile('/private/f', 'secret')
  const other = vive.as({ uid: 1234, gid: 1234 }).fs.promises
  expect(await code(other.readFile('/private/f'))).toBe('EACCES')
  expect(await code(other.access('/private', constants.R_OK))).toBe('EACCES')
  expect(await code(other.writeFile('/x', ''))).toBe('EACCES')
  expect(await code(other.readdir('/private'))).toBe('EACCES')
})

describe('descriptors', () => {
  test('are the lowest that are free or newer, from 3, shared by all views', async () => {
    const { fs } = vive
    const [a, b] = [fs.openSync('/', 'r'), fs.openSync('/', 'r')]
    expect([a, b]).toEqual([3, 4])
    expect(vive.root.fs.fstatSync(b).isDirectory()).toBe(true)
    fs.closeSync(a)
    expect(fs.openSync('/', 'r')).toBe(3)
    expect(() => fs.closeSync(99)).toThrow('EBADF: bad file descriptor, close')
  })

  test('writes that are not awaited keep their order', async () => {
    const fs = vive.fs
    const fd = fs.openSync('/f', 'w+')
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => promisify(fs.write)(fd, Buffer.from(`${i % 10}`.repeat(100)), 0, 100, null)),
    )
    const content = fs.readFileSync('/f', 'latin1')
    expect(content).toBe(Array.from({ length: 50 }, (_, i) => `${i % 10}`.repeat(100)).join(''))
    const reads = await Promise.all(
      Array.from({ length: 5 }, () => promisify(fs.read)(fd, Buffer.alloc(100), 0, 100, null)),
    )
    expect(reads.map(({ bytesRead }) => bytesRead)).toEqual([0, 0, 0, 0, 0])
    fs.closeSync(fd)
  })
})

describe('at once', () => {
  test('all that a store in memory can', () => {
    const { fs } = vive
    fs.mkdirSync('/d/e', { recursive: true })
    fs.writeFileSync('/d/f', 'content')
    fs.appendFileSync('/d/f', '!')
    fs.copyFileSync('/d/f', '/d/g')
    fs.renameSync('/d/g', '/d/h')
    fs.symlinkSync('h', '/d/l')
    fs.linkSync('/d/h', '/d/i')
    expect(fs.readFileSync('/d/l', 'utf8')).toBe('content!')
    expect(fs.realpathSync('/d/l')).toBe('/d/h')
    expect(fs.readlinkSync('/d/l')).toBe('h')
    expect(fs.statSync('/d/i').nlink).toBe(2)
    expect(fs.existsSync('/d/none')).toBe(false)
    expect(fs.existsSync('/d/f')).toBe(true)
    expect(fs.statSync('/none', { throwIfNoEntry: false })).toBeUndefined()
    const fd = fs.openSync('/d/f', 'r+')
    expect(fs.writeSync(fd, 'CON')).toBe(3)
    const into = Buffer.alloc(10)
    expect(fs.readSync(fd, into)).toBe(5)
    expect(into.toString('utf8', 0, 5)).toBe('tent!')
    fs.ftruncateSync(fd, 2)
    fs.futimesSync(fd, 1, 2)
    expect(fs.fstatSync(fd).mtimeMs).toBe(2000)
    fs.unlinkSync('/d/f')
    expect(fs.fstatSync(fd).nlink).toBe(0)
    fs.closeSync(fd)
    fs.rmdirSync('/d/e')
    fs.chmodSync('/d/h', 0o600)
    fs.truncateSync('/d/h', 1)
    expect(fs.statSync('/d/h').size).toBe(1)
  })

  test('a last close reclaims behind the caller', async () => {
    const { fs } = vive
    const { inodes } = vive.space()
    fs.writeFileSync('/f', 'content')
    const fd = fs.openSync('/f', 'r')
    fs.unlinkSync('/f')
    expect(vive.space().inodes).toBe(inodes + 1)
    fs.closeSync(fd)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(vive.space().inodes).toBe(inodes)
  })

  test('where changes have to wait they throw, and nothing changed', async () => {
    const waiting = await ViveFS.open('memory://')
    const { fs } = waiting
    await fs.promises.writeFile('/f', 'content')
    const refused = expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' })
    const before = fs.statSync('/f', { bigint: true })
    for (const change of [
      () => fs.writeFileSync('/f', 'x'),
      () => fs.writeFileSync('/new', 'x'),
      () => fs.mkdirSync('/d'),
      () => fs.unlinkSync('/f'),
      () => fs.renameSync('/f', '/g'),
      () => fs.chmodSync('/f', 0),
      () => fs.truncateSync('/f'),
      () => fs.openSync('/new', 'w'),
    ]) {
      expect(change).toThrow(refused)
    }
    const fd = fs.openSync('/f', 'r+')
    expect(() => fs.writeSync(fd, 'x')).toThrow(refused)
    expect(fs.readFileSync(fd, 'utf8')).toBe('content')
    fs.closeSync(fd)
    expect(await fs.promises.readdir('/')).toEqual(['f'])
    const { size, mtimeNs, ctimeNs, nlink } = fs.statSync('/f', { bigint: true })
    expect([size, mtimeNs, ctimeNs, nlink]).toEqual([before.size, before.mtimeNs, before.ctimeNs, before.nlink])
    await waiting.close()
  })
})
