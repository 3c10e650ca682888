import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exportTree, importTree, type TransferProgress, ViveFS, verifyTree } from '../../src/index.ts'
import {
  BIG_BYTES,
  below,
  isRoot,
  NOT_UTF8,
  noise,
  plantTree,
  removeTemporaries,
  SPARSE_BYTES,
  temporary,
} from './tree.ts'

const EXPORT_TOLERANCE = { mtimeToleranceNs: 2000 }

let vive: ViveFS
let source: string

beforeEach(async () => {
  vive = await ViveFS.open('memory://')
  source = temporary()
})

afterEach(async () => {
  const { clean, findings } = await vive.fsck()
  expect(findings).toEqual([])
  expect(clean).toBe(true)
  await vive.close()
})

afterAll(removeTemporaries)

describe('a tree with everything', () => {
  beforeEach(() => plantTree(source))

  it('goes in whole', async () => {
    const report = await importTree(vive, source, '/')
    expect(report.findings).toEqual([])
    expect(report).toMatchObject({ symlinks: 3, hardLinks: 3, specials: isRoot ? 3 : 1 })
    expect((await verifyTree(source, vive, '/')).findings).toEqual([])
    const { promises } = vive.root.fs
    expect(await promises.readFile('/small.txt', 'utf8')).toBe('small\n')
    expect(await promises.readFile(below('', NOT_UTF8), 'utf8')).toBe('bytes')
    expect((await promises.stat('/small.txt')).nlink).toBe(3)
    expect((await promises.stat('/small.txt')).mode & 0o7777).toBe(0o4755)
    const fifo = await promises.stat('/fifo')
    expect(fifo.isFIFO()).toBe(true)
    const times = await promises.stat('/extents.bin', { bigint: true })
    expect(times.mtimeNs).toBe(statSync(join(source, 'extents.bin'), { bigint: true }).mtimeNs)
    if (isRoot) expect((await promises.stat('/disk')).isBlockDevice()).toBe(true)
  })

  it('comes back the same', async () => {
    await importTree(vive, source, '/')
    const target = join(temporary(), 'out')
    const report = await exportTree(vive, '/', target)
    expect(report.findings).toEqual([])
    expect((await verifyTree(target, vive, '/', EXPORT_TOLERANCE)).findings).toEqual([])
    expect(
      execFileSync('diff', ['-r', '--no-dereference', '-x', 'fifo', '-x', 'null', '-x', 'disk', source, target]),
    ).toHaveLength(0)
    expect(lstatSync(join(target, 'small.txt')).ino).toBe(lstatSync(join(target, 'deep/er/harder')).ino)
    expect(readlinkSync(join(target, 'soft-bytes'), { encoding: 'buffer' })).toEqual(NOT_UTF8)
    expect(lstatSync(join(target, 'fifo')).isFIFO()).toBe(true)
    if (isRoot) expect(lstatSync(join(target, 'disk')).rdev).toBe(lstatSync(join(source, 'disk')).rdev)
    expect(Math.abs(lstatSync(target).mtimeMs - 1_400_000_001_000)).toBeLessThan(1)
    expect(Math.abs(lstatSync(join(target, 'soft')).mtimeMs - 1_100_000_000_250)).toBeLessThan(1)
  })

  it('keeps holes as holes, both ways', async () => {
    await importTree(vive, source, '/')
    const sparse = await vive.root.fs.promises.stat('/sparse.bin')
    expect(sparse.size).toBe(SPARSE_BYTES)
    expect(sparse.blocks * 512).toBeLessThanOrEqual(3 * 65_536)
    expect((await vive.root.fs.promises.stat('/sparse-small.bin')).blocks).toBe(0)
    const target = temporary()
    await exportTree(vive, '/', target)
    expect(statSync(join(target, 'sparse.bin')).size).toBe(SPARSE_BYTES)
    expect(statSync(join(target, 'sparse.bin')).blocks * 512).toBeLessThan(1024 * 1024)
    expect(readFileSync(join(target, 'sparse.bin')).equals(readFileSync(join(source, 'sparse.bin')))).toBe(true)
  })

  it('goes into and comes out of a directory of the volume', async () => {
    await importTree(vive, source, '/a/b')
    await importTree(vive, join(source, 'deep'), '/a/c')
    expect((await verifyTree(source, vive, '/a/b')).findings).toEqual([])
    const target = temporary()
    await exportTree(vive, '/a', target)
    expect(readdirSync(target).sort()).toEqual(['b', 'c'])
  })

  it.skipIf(!isRoot)('keeps owners when asked to', async () => {
    execFileSync('chown', ['1234:567', join(source, 'small.txt')])
    execFileSync('chown', ['-h', '77:88', join(source, 'soft')])
    chmodSync(join(source, 'small.txt'), 0o4755)
    await importTree(vive, source, '/')
    const stat = await vive.root.fs.promises.lstat('/small.txt')
    expect([stat.uid, stat.gid, stat.mode & 0o7777]).toEqual([1234, 567, 0o4755])
    const target = temporary()
    await exportTree(vive, '/', target)
    expect(lstatSync(join(target, 'small.txt'))).toMatchObject({ uid: 1234, gid: 567 })
    expect(lstatSync(join(target, 'small.txt')).mode & 0o7777).toBe(0o4755)
    expect(lstatSync(join(target, 'soft'))).toMatchObject({ uid: 77, gid: 88 })
    await vive.root.fs.promises.chmod('/', 0o777)
    const who = { uid: 1000, gid: 1000, groups: [], umask: 0o022 }
    const report = await importTree(vive, join(source, 'deep'), '/mine', { credentials: who })
    expect(report.findings).toEqual([])
    expect(await vive.root.fs.promises.stat('/mine/hard')).toMatchObject({ uid: 1000, gid: 1000 })
  })
})

it('carries sockets', async () => {
  const server = createServer().listen(join(source, 'socket'))
  await new Promise((resolve) => server.on('listening', resolve))
  try {
    await importTree(vive, source, '/')
  } finally {
    server.close()
  }
  expect((await vive.root.fs.promises.stat('/socket')).isSocket()).toBe(true)
  const target = temporary()
  expect((await exportTree(vive, '/', target)).findings).toEqual([])
  expect(lstatSync(join(target, 'socket')).isSocket()).toBe(true)
})

it('imports many entries of one directory', async () => {
  for (let i = 0; i < 1500; i++) writeFileSync(join(source, `file-${i}`), noise(i))
  const report = await importTree(vive, source, '/')
  expect(report).toMatchObject({ files: 1500, directories: 1, bytes: (1500 * 1499) / 2 })
  expect((await verifyTree(source, vive, '/')).findings).toEqual([])
  const { promises } = vive.root.fs
  const names = await promises.readdir('/')
  expect(names).toHaveLength(1500)
  const inos = await Promise.all(names.map(async (name) => (await promises.stat(`/${name}`)).ino))
  expect(Math.max(...inos)).toBeLessThan(4096)
})

describe('the target', () => {
  beforeEach(() => {
    mkdirSync(join(source, 'd'))
    writeFileSync(join(source, 'd/f'), 'new')
    writeFileSync(join(source, 'g'), 'new')
  })

  it('must be empty', async () => {
    await vive.root.fs.promises.writeFile('/old', 'x')
    await expect(importTree(vive, source, '/')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    const target = temporary()
    writeFileSync(join(target, 'old'), 'x')
    await expect(exportTree(vive, '/', target)).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    expect(readdirSync(target)).toEqual(['old'])
  })

  it('is merged into with overwrite', async () => {
    const { promises } = vive.root.fs
    await promises.mkdir('/d')
    await promises.writeFile('/d/f', 'old')
    await promises.writeFile('/d/kept', 'kept')
    await promises.mkdir('/g')
    const report = await importTree(vive, source, '/', { overwrite: true })
    expect(report.findings).toMatchObject([{ kind: 'failed', path: 'g', code: 'EISDIR' }])
    expect(await promises.readFile('/d/f', 'utf8')).toBe('new')
    expect(await promises.readFile('/d/kept', 'utf8')).toBe('kept')
  })

  it('is merged into on the host, never through a link', async () => {
    await importTree(vive, source, '/')
    const target = temporary()
    const elsewhere = temporary()
    symlinkSync(elsewhere, join(target, 'd'))
    writeFileSync(join(target, 'g'), 'old')
    const report = await exportTree(vive, '/', target, { overwrite: true })
    expect(report.findings).toMatchObject([{ kind: 'failed', path: 'd', code: 'EEXIST' }])
    expect(readFileSync(join(target, 'g'), 'utf8')).toBe('new')
    expect(readdirSync(elsewhere)).toEqual([])
  })
})

describe('what goes wrong is found', () => {
  it('does not import the volume into itself', async () => {
    writeFileSync(join(source, 'a'), 'a')
    const own = await ViveFS.open(join(source, 'volume'))
    try {
      const report = await importTree(own, source, '/')
      expect(report.findings).toEqual([{ kind: 'skipped', path: 'volume', message: 'it is the volume itself' }])
      expect(await own.root.fs.promises.readdir('/')).toEqual(['a'])
      expect((await verifyTree(source, own, '/')).findings).toEqual([])
      await expect(importTree(own, join(source, 'volume'), '/x')).rejects.toMatchObject({ code: 'EINVAL' })
    } finally {
      await own.close()
    }
  })

  it('leaves out what is excluded', async () => {
    mkdirSync(join(source, 'no'))
    mkdirSync(join(source, 'yes'))
    await importTree(vive, source, '/', { exclude: [join(source, 'no')] })
    expect(await vive.root.fs.promises.readdir('/')).toEqual(['yes'])
  })

  it('goes on after an entry that the volume refuses', async () => {
    for (let i = 0; i < 20; i++) writeFileSync(join(source, `f${i}`), String(i))
    mkdirSync(join(source, 'f7x/sub'), { recursive: true })
    writeFileSync(join(source, 'f7x/sub/inner'), 'x')
    await vive.root.fs.promises.mkdir('/f3')
    await vive.root.fs.promises.writeFile('/f7x', 'in the way of a directory')
    const report = await importTree(vive, source, '/', { overwrite: true })
    expect(report.findings.map(({ path, code }) => [path, code]).sort()).toEqual([
      ['f3', 'EISDIR'],
      ['f7x', 'ENOTDIR'],
    ])
    expect(report.files).toBe(19)
    expect(await vive.root.fs.promises.readFile('/f19', 'utf8')).toBe('19')
  })

  it('every kind of difference, both ways', async () => {
    mkdirSync(join(source, 'd'))
    for (const name of ['bytes', 'size', 'mode', 'mtime', 'gone', 'a', 'b', 'c'])
      writeFileSync(join(source, name), 'content')
    symlinkSync('x', join(source, 'target'))
    await importTree(vive, source, '/')
    const { promises } = vive.root.fs
    const { mtimeNs } = lstatSync(join(source, 'bytes'), { bigint: true })
    const { atime, mtime } = lstatSync(join(source, 'size'))
    writeFileSync(join(source, 'bytes'), 'cOntent')
    writeFileSync(join(source, 'size'), 'content and more')
    utimesSync(join(source, 'size'), atime, mtime)
    chmodSync(join(source, 'mode'), 0o600)
    utimesSync(join(source, 'mtime'), 1, 1)
    unlinkSync(join(source, 'gone'))
    rmSync(join(source, 'target'))
    symlinkSync('y', join(source, 'target'))
    writeFileSync(join(source, 'only-here'), 'x')
    rmSync(join(source, 'd'), { recursive: true })
    writeFileSync(join(source, 'd'), 'a file now')
    await promises.rm('/b')
    await promises.link('/a', '/b')
    await promises.chown('/c', 5, 6)
    const report = await verifyTree(source, vive, '/')
    const kinds = new Map(report.findings.map(({ kind, path }) => [`${kind} ${path}`, true]))
    for (const each of [
      'bytes bytes',
      'size size',
      'mode mode',
      'mtime mtime',
      'extra gone',
      'missing only-here',
      'target target',
      'type d',
      'owner c',
    ]) {
      expect(kinds.has(each), each).toBe(true)
    }
    // Whichever of the two names the host lists second.
    expect(report.findingCounts.links).toBe(1)
    expect(mtimeNs).toBeGreaterThan(0n)
    expect(report.findingCount).toBe(report.findings.length)
  })

  it('lists a bounded number of findings and counts all', async () => {
    for (let i = 0; i < 30; i++) writeFileSync(join(source, `f${i}`), '')
    const report = await verifyTree(source, vive, '/', { findingsMax: 5 })
    expect(report.findings).toHaveLength(5)
    expect(report.findingCounts.missing).toBe(30)
  })

  it('a file that shrinks while it streams', async () => {
    const path = join(source, 'big')
    writeFileSync(path, noise(BIG_BYTES))
    const report = await importTree(vive, source, '/', {
      onProgress: ({ phase, loaded }) => {
        if (phase === 'import' && loaded > 0 && existsSync(path)) truncateSync(path, 3_000_000)
      },
    })
    expect(report.findingCounts.changed ?? 0).toBeLessThanOrEqual(1)
    expect(report.files).toBe(1)
  })

  it('what is not there', async () => {
    await expect(importTree(vive, join(source, 'none'), '/')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(exportTree(vive, '/none', temporary())).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(verifyTree(source, vive, '/none')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('progress and abort', () => {
  it('reports bytes of all', async () => {
    plantTree(source)
    const seen: TransferProgress[] = []
    await importTree(vive, source, '/', { onProgress: (progress) => seen.push(progress) })
    const last = seen.at(-1)!
    expect(last.phase).toBe('import')
    expect(last.total).toBeGreaterThan(BIG_BYTES)
    expect(seen.some(({ phase }) => phase === 'scan')).toBe(true)
  })

  it('stops where it is; the volume is sound', async () => {
    for (let d = 0; d < 20; d++) {
      mkdirSync(join(source, `d${d}`))
      for (let f = 0; f < 50; f++) writeFileSync(join(source, `d${d}/f${f}`), noise(5000, f))
    }
    writeFileSync(join(source, 'd5/big'), noise(20 * 1024 * 1024))
    const controller = new AbortController()
    const running = importTree(vive, source, '/', {
      signal: controller.signal,
      onProgress: ({ phase, files }) => {
        if (phase === 'import' && files > 100) controller.abort(new Error('enough'))
      },
    })
    await expect(running).rejects.toThrow('enough')
    const report = await vive.fsck()
    expect(report.clean).toBe(true)
    await expect(importTree(vive, source, '/again', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
    await expect(exportTree(vive, '/', temporary(), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})
