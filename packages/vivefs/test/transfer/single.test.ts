/** Importing one file, and importing without contents. */
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { importTree, type TransferProgress, ViveFS } from '../../src/index.ts'
import { noise, removeTemporaries, temporary } from './tree.ts'

let vive: ViveFS
let source: string
const fs = () => vive.root.fs.promises

beforeEach(async () => {
  vive = await ViveFS.open('memory://')
  source = temporary()
})

afterEach(async () => {
  expect((await vive.fsck()).findings).toEqual([])
  await vive.close()
})

afterAll(removeTemporaries)

describe('one file', () => {
  it('goes to the path, with its attributes; directories above are made', async () => {
    const host = join(source, 'one')
    writeFileSync(host, 'content', { mode: 0o640 })
    const report = await importTree(vive, host, '/new/place/two')
    expect(report).toMatchObject({ files: 1, directories: 0, bytes: 7, findings: [] })
    expect(await fs().readFile('/new/place/two', 'utf8')).toBe('content')
    const [is, was] = [await fs().stat('/new/place/two', { bigint: true }), statSync(host, { bigint: true })]
    expect([is.mode, is.mtimeNs, is.uid]).toEqual([was.mode, was.mtimeNs, was.uid])
  })

  it('goes into a directory that is there under its own name, and so it does where a slash says that one is meant', async () => {
    const host = join(source, 'one')
    writeFileSync(host, '1')
    await fs().mkdir('/there')
    await importTree(vive, host, '/there')
    await importTree(vive, host, '/')
    await importTree(vive, host, '/fresh/')
    for (const path of ['/there/one', '/one', '/fresh/one']) expect(await fs().readFile(path, 'utf8')).toBe('1')
  })

  it('replaces another one with overwrite only', async () => {
    const host = join(source, 'one')
    writeFileSync(host, 'new')
    await fs().writeFile('/one', 'old')
    await expect(importTree(vive, host, '/one')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await fs().readFile('/one', 'utf8')).toBe('old')
    await importTree(vive, host, '/one', { overwrite: true })
    expect(await fs().readFile('/one', 'utf8')).toBe('new')
  })

  it('streams when it is big, and tells how far it is', async () => {
    const host = join(source, 'big')
    writeFileSync(host, noise(5_000_000, 7))
    const told: TransferProgress[] = []
    await importTree(vive, host, '/big', { onProgress: (progress) => told.push(progress) })
    expect((await fs().readFile('/big')).equals(readFileSync(host))).toBe(true)
    expect(told.at(-1)).toMatchObject({ loaded: 5_000_000, total: 5_000_000 })
  })

  it('is what a link leads to, under the name that was given', async () => {
    mkdirSync(join(source, 'real'))
    writeFileSync(join(source, 'real/one'), '1')
    symlinkSync('real/one', join(source, 'link'))
    symlinkSync('real', join(source, 'all'))
    await importTree(vive, join(source, 'link'), '/')
    await importTree(vive, join(source, 'all'), '/copy')
    expect((await fs().lstat('/link')).isFile()).toBe(true)
    expect(await fs().readFile('/copy/one', 'utf8')).toBe('1')
  })

  it('says what is wrong', async () => {
    await expect(importTree(vive, join(source, 'nothing'), '/x')).rejects.toMatchObject({ code: 'ENOENT' })
    writeFileSync(join(source, 'one'), '1')
    await fs().writeFile('/file', '')
    await expect(importTree(vive, join(source, 'one'), '/file/below')).rejects.toMatchObject({ code: 'ENOTDIR' })
  })
})

describe('without contents', () => {
  it('files are holes of their length with their attributes, and nothing is read', async () => {
    mkdirSync(join(source, 'sub'))
    writeFileSync(join(source, 'sub/text'), 'text', { mode: 0o600 })
    writeFileSync(join(source, 'vast'), '')
    truncateSync(join(source, 'vast'), 2 ** 42)
    linkSync(join(source, 'vast'), join(source, 'same'))
    symlinkSync('sub/text', join(source, 'link'))
    const report = await importTree(vive, source, '/', { contents: false })
    expect(report).toMatchObject({ files: 2, hardLinks: 1, symlinks: 1, bytes: 0, findings: [] })
    const [is, was] = [
      await fs().stat('/sub/text', { bigint: true }),
      statSync(join(source, 'sub/text'), { bigint: true }),
    ]
    expect([is.size, is.blocks, is.mode, is.mtimeNs]).toEqual([4n, 0n, was.mode, was.mtimeNs])
    expect(await fs().readFile('/link', 'utf8')).toBe('\0\0\0\0')
    expect(await fs().stat('/vast')).toMatchObject({ size: 2 ** 42, blocks: 0, nlink: 2 })
  })

  it('goes for a single file, too', async () => {
    writeFileSync(join(source, 'one'), 'content')
    await importTree(vive, join(source, 'one'), '/', { contents: false })
    expect(await fs().stat('/one')).toMatchObject({ size: 7, blocks: 0 })
  })
})

it('entries get the attributes that the caller says', async () => {
  mkdirSync(join(source, 'sub'))
  writeFileSync(join(source, 'sub/text'), 'text', { mode: 0o640 })
  await importTree(vive, source, '/', { attributes: ({ mode }) => ({ mode: mode | 0o006, uid: 70 }) })
  const stats = await fs().stat('/sub/text')
  expect([stats.mode, stats.uid, stats.isFile()]).toEqual([0o100646, 70, true])
  expect((await fs().stat('/sub')).isDirectory()).toBe(true)
})
