/** Libraries that work on trees: tar-stream, glob, fast-glob, graceful-fs, fs-extra. */
import nodeFs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import fastGlob from 'fast-glob'
import { glob, globSync } from 'glob'
import tar from 'tar-stream'
import { expect, test } from 'vitest'
import type { ViveFS } from 'vivefs'
import { openMemory, openSynchronous } from './volumes.ts'

const require = createRequire(import.meta.url)
const PACKAGE_FILES = 3000
const nameOf = (i: number): string => `package/lib/${i % 50}/m${i}.js`
const contentOf = (i: number): Buffer => Buffer.from(`module.exports = ${i}\n`.repeat(1 + (i % 40)))

test('tar-stream: a package of thousands of files goes in and comes out', { timeout: 60_000 }, async () => {
  const vive = await openMemory()
  const { fs } = vive
  const pack = tar.pack()
  const extract = tar.extract()
  const unpacking = pipeline(pack, extract)
  const reading = (async () => {
    for await (const entry of extract) {
      const { name, mode } = entry.header
      await fs.promises.mkdir(path.posix.dirname(`/${name}`), { recursive: true })
      await pipeline(entry, fs.createWriteStream(`/${name}`, { mode }))
    }
  })()
  for (let i = 0; i < PACKAGE_FILES; i++) pack.entry({ name: nameOf(i), mode: i % 2 ? 0o755 : 0o644 }, contentOf(i))
  pack.finalize()
  await Promise.all([unpacking, reading])

  const names = await fs.promises.readdir('/', { recursive: true })
  expect(names.filter((name) => name.endsWith('.js')).length).toBe(PACKAGE_FILES)
  const again = tar.pack()
  const packing = (async () => {
    for (let i = 0; i < PACKAGE_FILES; i++) {
      const { size, mode } = await fs.promises.stat(`/${nameOf(i)}`)
      const entry = again.entry({ name: nameOf(i), size, mode })
      await pipeline(fs.createReadStream(`/${nameOf(i)}`), entry)
    }
    again.finalize()
  })()
  let seen = 0
  const check = tar.extract()
  const flowing = pipeline(again, check)
  for await (const entry of check) {
    const pieces: Buffer[] = []
    for await (const piece of entry) pieces.push(piece as Buffer)
    expect(Buffer.concat(pieces).equals(contentOf(seen))).toBe(true)
    expect((entry.header.mode ?? 0) & 0o777).toBe(seen % 2 ? 0o755 : 0o644)
    seen++
  }
  await Promise.all([packing, flowing])
  expect(seen).toBe(PACKAGE_FILES)
  await vive.close()
})

type Fs = typeof nodeFs

/** The same tree on the host and in a volume. */
async function plant(fs: Fs, root: string): Promise<void> {
  for (const name of ['a/b/c', 'a/.hidden', 'x/y', 'empty'])
    await fs.promises.mkdir(`${root}/${name}`, { recursive: true })
  for (const name of [
    'one.js',
    'a/two.js',
    'a/b/three.ts',
    'a/b/c/four.js',
    'a/.hidden/five.js',
    '.six.js',
    'x/y/seven.md',
  ]) {
    await fs.promises.writeFile(`${root}/${name}`, name)
  }
  await fs.promises.symlink('a/b', `${root}/link`)
  await fs.promises.symlink('nowhere', `${root}/dangling`)
}

const patterns = [
  '**',
  '*',
  '**/*.js',
  'a/**',
  '{a,x}/**/*.{js,md}',
  '**/b/*',
  '!(a)/**',
  'link/**',
  '**/.*',
  './one.js',
  '**/*.{ts,md}',
]

async function bothSides<T>(run: (fs: Fs, root: string) => Promise<T>): Promise<[T, T]> {
  const root = nodeFs.mkdtempSync(path.join(nodeFs.realpathSync(os.tmpdir()), 'vivefs-clients-'))
  const vive = await openSynchronous()
  try {
    await plant(nodeFs, root)
    await vive.fs.promises.mkdir('/tree')
    const fs = vive.fs as unknown as Fs
    await plant(fs, '/tree')
    return [await run(nodeFs, root), await run(fs, '/tree')]
  } finally {
    nodeFs.rmSync(root, { recursive: true })
    await vive.close()
  }
}

test('glob finds what it finds on node:fs', async () => {
  const [theirs, ours] = await bothSides(async (fs, cwd) => {
    const found: string[][] = []
    for (const pattern of patterns) {
      for (const options of [{}, { dot: true }, { nodir: true }, { follow: true }, { mark: true }]) {
        found.push((await glob(pattern, { cwd, fs, ...options })).sort())
        found.push(globSync(pattern, { cwd, fs, ...options }).sort())
      }
    }
    return found
  })
  expect(ours).toEqual(theirs)
  expect(theirs.flat().length).toBeGreaterThan(100)
})

test('fast-glob finds what it finds on node:fs', async () => {
  const [theirs, ours] = await bothSides(async (fs, cwd) => {
    const found: string[][] = []
    for (const pattern of patterns) {
      for (const options of [
        {},
        { dot: true },
        { onlyDirectories: true },
        { stats: true },
        { followSymbolicLinks: false },
      ]) {
        const names = await fastGlob(pattern, { cwd, fs, ...options, suppressErrors: true })
        found.push(names.map((each) => (typeof each === 'string' ? each : (each as { path: string }).path)).sort())
        if (!('stats' in options))
          found.push(fastGlob.sync(pattern, { cwd, fs, ...options, suppressErrors: true }).sort())
      }
    }
    return found
  })
  expect(ours).toEqual(theirs)
  expect(theirs.flat().length).toBeGreaterThan(100)
})

/** A copy, so that what a client patches stays its own. */
const copyOf = ({ fs }: ViveFS): Fs => ({ ...fs, promises: { ...fs.promises } }) as unknown as Fs

test('graceful-fs makes a volume graceful', async () => {
  const vive = await openMemory()
  const gracefulFs = require('graceful-fs') as { gracefulify(fs: Fs): Fs }
  const fs = gracefulFs.gracefulify(copyOf(vive))
  const write = promisify(fs.writeFile)
  await Promise.all(Array.from({ length: 300 }, (_, i) => write(`/f${i}`, `${i}`)))
  expect((await promisify(fs.readdir)('/')).length).toBe(300)
  await promisify(fs.rename)('/f1', '/renamed')
  expect(fs.readFileSync('/renamed', 'utf8')).toBe('1')
  const stream = fs.createReadStream('/f7', 'utf8')
  expect(stream).toBeInstanceOf(fs.ReadStream)
  let text = ''
  for await (const piece of stream) text += piece
  expect(text).toBe('7')
  await pipeline(['streamed'], fs.createWriteStream('/out'))
  expect(await promisify(fs.readFile)('/out', 'utf8')).toBe('streamed')
  await expect(promisify(fs.readFile)('/none')).rejects.toMatchObject({ code: 'ENOENT', path: '/none' })
  await vive.close()
})

test('fs-extra: it takes no fs, so its graceful-fs is exchanged before it is loaded', async () => {
  const vive = await openSynchronous()
  const inner = createRequire(require.resolve('fs-extra'))
  const key = inner.resolve('graceful-fs')
  const before = require.cache[key]
  require.cache[key] = {
    ...(before ?? {}),
    id: key,
    filename: key,
    loaded: true,
    exports: copyOf(vive),
  } as NodeJS.Module
  let extra: typeof import('fs-extra')
  try {
    extra = require('fs-extra')
  } finally {
    if (before === undefined) delete require.cache[key]
    else require.cache[key] = before
    for (const name of Object.keys(require.cache)) if (/[\\/]fs-extra[\\/]/.test(name)) delete require.cache[name]
  }
  await extra.outputFile('/a/b/c.txt', 'deep')
  await extra.outputJson('/a/data.json', { n: 1 }, { spaces: 2 })
  expect(await extra.readJson('/a/data.json')).toEqual({ n: 1 })
  await extra.copy('/a', '/copy')
  expect(await extra.readFile('/copy/b/c.txt', 'utf8')).toBe('deep')
  await extra.move('/copy', '/moved/here')
  expect(await extra.pathExists('/copy')).toBe(false)
  expect(extra.readFileSync('/moved/here/b/c.txt', 'utf8')).toBe('deep')
  await extra.ensureDir('/e/f/g')
  await extra.ensureLink('/a/b/c.txt', '/e/hard')
  await extra.ensureSymlink('/a/b/c.txt', '/e/soft')
  expect(await extra.realpath('/e/soft')).toBe('/a/b/c.txt')
  extra.copySync('/a', '/sync')
  extra.emptyDirSync('/sync')
  expect(extra.readdirSync('/sync')).toEqual([])
  await extra.emptyDir('/moved')
  await extra.remove('/a')
  expect(extra.existsSync('/a')).toBe(false)
  expect((await vive.fsck()).findings).toEqual([])
  await vive.close()
})

// These two import node:fs by themselves and have no option for another one.
test.skip('rimraf 6 takes no fs: fs.promises.rm with recursive does its work', () => {})
test.skip('chokidar 5 takes no fs: fs.watch with recursive does its work', () => {})
